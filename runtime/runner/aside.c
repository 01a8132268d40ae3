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

static bool is_known(const struct project *project, const char *stage, const char *path,
                     const char *full);

/* A folder that was none of an out's own, around what is known. */
static bool holds_what_is_known(const struct project *project, const char *stage, const char *path,
                                const char *full)
{
    struct error ignored;
    struct stat st;
    char **names;
    size_t count;
    if (lstat(full, &st) < 0 || !S_ISDIR(st.st_mode) ||
        file_list(full, &names, &count, &ignored) < 0)
        return false;
    bool known = count > 0;
    for (size_t i = 0; i < count && known; i++) {
        char *inner = file_join(path, names[i], &ignored),
             *place = file_join(full, names[i], &ignored);
        known = inner != NULL && place != NULL && is_known(project, stage, inner, place);
        free(inner);
        free(place);
    }
    file_free_names(names, count);
    return known;
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
    if (content_is_good(project->store, &there, STORE_BY_STAT, NULL) ||
        holds_what_is_known(project, stage, path, full))
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
    size_t own = strlen(project->artifacts) + strlen(stage) + 2; /* where the stage's names begin */
    for (char *slash = full + strlen(project->artifacts) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = '\0';
        bool there = lstat(full, &st) == 0;
        const char *inner = strlen(full) > own ? full + own : "";
        if (there && !S_ISDIR(st.st_mode) &&
            (is_known(project, stage, inner, full) ? file_remove(full, err)
                                                   : move(project, full, notes, err)) < 0)
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
