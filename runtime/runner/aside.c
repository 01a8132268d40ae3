#include "runner/aside.h"

#include "base/file.h"
#include "store/content.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* "<cache>/aside/20260131T120000Z-1234-0/<name>", a path that is free. */
static int free_place(const struct project *project, const char *name, char place[PATH_MAX],
                      struct error *err)
{
    char stamp[32];
    time_t now = time(NULL);
    struct tm utc;
    struct stat st;
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", gmtime_r(&now, &utc));
    for (int turn = 0;; turn++) {
        int size = snprintf(place, PATH_MAX, "%s/aside/%s-%ld-%d/%s", store_folder(project->store),
                            stamp, (long)getpid(), turn, name);
        if (size < 0 || size >= PATH_MAX)
            return error_set(err, ERR_IO, "'%s' is too long for a path", name);
        if (lstat(place, &st) < 0)
            return file_make_parents(place, err);
    }
}

static int move(const struct project *project, const char *path, struct text *notes,
                struct error *err)
{
    char place[PATH_MAX];
    const char *name = path + strlen(project->plan->folder) + 1;
    if (free_place(project, name, place, err) < 0)
        return -1;
    if (rename(path, place) < 0)
        return error_errno(err, "'%s' is in the way of an artifact and cannot move to '%s'", path,
                           place);
    text_addf(notes,
              "'%s' was in the way of an artifact, and is no result that is known: moved to '%s'\n",
              name, place);
    return 0;
}

/* True where replacing it loses nothing. */
static bool is_known(const struct project *project, const char *stage, const char *path,
                     const char *full)
{
    const struct lock *lock;
    struct content there;
    struct error ignored;
    if (content_hash(project->store, full, STORE_BY_STAT, &there, &ignored) < 0)
        return false;
    if (content_is_good(project->store, &there, STORE_BY_STAT, NULL))
        return true;
    if (lock_reader_get(project->lock, &lock, &ignored) < 0 || lock == NULL)
        return false;
    for (size_t i = 0; i < lock->count; i++) {
        const struct lock_stage *entry = lock_find_stage(lock->sections[i], stage);
        for (size_t o = 0; entry != NULL && o < entry->outs.count; o++)
            if (strcmp(entry->outs.list[o].path, path) == 0 &&
                digest_equal(&entry->outs.list[o].content.digest, &there.digest))
                return true;
    }
    return false;
}

int aside_clear(const struct project *project, const char *stage, const char *path,
                struct text *notes, struct error *err)
{
    char full[PATH_MAX];
    struct stat st;
    int size = snprintf(full, sizeof(full), "%s/%s/%s", project->artifacts, stage, path);
    if (size < 0 || size >= PATH_MAX)
        return error_set(err, ERR_IO, "'%s' is too long for a path", path);
    for (char *slash = full + strlen(project->artifacts) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = '\0';
        bool there = lstat(full, &st) == 0;
        if (there && !S_ISDIR(st.st_mode) && move(project, full, notes, err) < 0)
            return -1;
        *slash = '/';
        if (!there)
            return 0;
    }
    if (lstat(full, &st) < 0)
        return errno == ENOENT || errno == ENOTDIR ? 0
                                                   : error_errno(err, "cannot look at '%s'", full);
    return is_known(project, stage, path, full) ? 0 : move(project, full, notes, err);
}
