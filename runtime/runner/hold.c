#include "runner/hold.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "runner/lock_entry.h"
#include "runner/tidy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char lock_name[] = "run.lock";
static const struct timespec pause_between = {0, 50 * 1000 * 1000};

_Static_assert((int)HOLD_VALUES == (int)DIGEST_HEX_SIZE, "values are told by their digest");

enum { ABOUT_AT = HOLD_VALUES, ABOUT_LIMIT = 1 << 16, PATIENCE = 20 };

/* The values as text, for those who wait. */
static json_t *about(const struct project *project)
{
    const struct plan *plan = project->plan;
    return json_pack("{s:s, s:s, s:O, s:s}", "file", plan->file, "profile", plan->profile, "sets",
                     plan->sets, "device", project->settings.device);
}

int hold_values(const struct project *project, char hex[HOLD_VALUES], struct error *err)
{
    struct digest digest;
    struct text text = {0};
    char *sets = json_to_text(project->plan->sets, true, err);
    if (sets == NULL)
        return -1;
    text_addf(&text, "%s\n%s\n%s\n%s", project->plan->file, project->plan->profile, sets,
              project->settings.device);
    free(sets);
    int result = text_check(&text, err);
    if (result == 0)
        result = digest_of_bytes(text.data, text.size, &digest, err);
    text_release(&text);
    if (result == 0)
        digest_to_hex(&digest, hex);
    return result;
}

/* What stands behind the values while a run is at work, and when the last one has ended. */
static const char at_work = 'r', ended = '.';

static int failed(const char *what, struct error *err)
{
    return error_errno(err, "cannot %s the lock of the project", what);
}

/* Before the values, so that nobody takes it for that of others. */
static int write_about(const struct hold *hold, const struct project *project, struct error *err)
{
    json_t *object = about(project);
    char *text = object == NULL ? NULL : json_to_text(object, true, err);
    json_decref(object);
    if (text == NULL)
        return error_set(err, ERR_MEMORY, "out of memory for the lock of the project");
    size_t size = strlen(text) <= ABOUT_LIMIT ? strlen(text) : 0;
    bool written = ftruncate(hold->fd, ABOUT_AT) == 0 &&
                   pwrite(hold->fd, text, size, ABOUT_AT) == (ssize_t)size;
    free(text);
    return written ? 0 : failed("write", err);
}

/* Alone with the file: writes our values. They are written under the exclusive lock alone, so
 * what a shared lock shows stays. `project` is NULL where the same are there. */
static int write_values(struct hold *hold, const char *hex, const struct project *project,
                        bool *after_kill, struct error *err)
{
    struct stat st;
    char state = at_work;
    if (fstat(hold->fd, &st) < 0 || pread(hold->fd, &state, 1, DIGEST_HEX_SIZE - 1) < 0)
        return failed("read", err);
    *after_kill = st.st_size > 0 && state != ended;
    if (project != NULL && write_about(hold, project, err) < 0)
        return -1;
    if (pwrite(hold->fd, &at_work, 1, DIGEST_HEX_SIZE - 1) != 1 ||
        pwrite(hold->fd, hex, DIGEST_HEX_SIZE - 1, 0) != DIGEST_HEX_SIZE - 1)
        return failed("write", err);
    return 0;
}

/* NULL where it is not known. */
static json_t *read_about(const struct hold *hold)
{
    struct error ignored;
    char *text = memory_new(ABOUT_LIMIT, 1, &ignored);
    ssize_t size = text == NULL ? -1 : pread(hold->fd, text, ABOUT_LIMIT, ABOUT_AT);
    json_t *object = size > 0 ? json_loadb(text, (size_t)size, 0, NULL) : NULL;
    free(text);
    return object;
}

static bool differs(const json_t *a, const json_t *b, const char *name)
{
    return !json_equal(json_object_get(a, name), json_object_get(b, name));
}

/* What the run that holds the project has that this one has not; false where nothing is known. */
static bool describe_other(const struct hold *hold, const struct project *project,
                           struct text *line)
{
    json_t *theirs = read_about(hold), *ours = about(project);
    const char *profile = json_string_value(json_object_get(theirs, "profile"));
    const char *file = json_string_value(json_object_get(theirs, "file"));
    const char *device = json_string_value(json_object_get(theirs, "device"));
    bool known = ours != NULL && profile != NULL && file != NULL && device != NULL;
    text_add(line, "waiting: a run ");
    if (known && differs(ours, theirs, "file"))
        text_addf(line, "of '%s' ", file);
    else if (known && differs(ours, theirs, "profile"))
        text_addf(line, profile[0] != '\0' ? "under profile '%s' " : "without a profile ", profile);
    else if (known && differs(ours, theirs, "sets")) {
        text_add(line, "with");
        lock_add_sets(json_object_get(theirs, "sets"), line);
        text_add(line, " ");
    } else if (known && differs(ours, theirs, "device"))
        text_addf(line, "with --device %s ", device);
    else
        known = false;
    text_add(line, "is at work here");
    json_decref(theirs);
    json_decref(ours);
    return known && !line->failed;
}

/* Runs with the same values never wait for each other but for a moment, as one of them begins or
 * ends. */
static bool tell_waiting(const struct hold *hold, const struct project *project, int turn,
                         const struct watcher *watcher)
{
    struct text line = {0};
    bool known = describe_other(hold, project, &line);
    if (known)
        watcher->noted(watcher->self, NULL, text_string(&line));
    else if (turn >= PATIENCE)
        watcher->noted(watcher->self, NULL, "waiting: another run is beginning or ending here");
    text_release(&line);
    return known || turn >= PATIENCE;
}

/* *held where the file is held with these values; not where others hold it with others. */
static int try_hold(const struct project *project, struct hold *hold, const char *hex, bool *held,
                    struct error *err)
{
    char found[DIGEST_HEX_SIZE] = "";
    bool alone = flock(hold->fd, LOCK_EX | LOCK_NB) == 0;
    if (!alone && errno != EWOULDBLOCK && errno != EINTR)
        return failed("take", err);
    bool after_kill = false;
    if (alone && write_values(hold, hex, project, &after_kill, err) < 0)
        return -1;
    /* While nobody else can begin. After a power loss the file may say what it said before. */
    if (alone)
        file_remove_stale(store_folder(project->store));
    if (alone && (after_kill || store_has_leftovers(project->store)))
        tidy_after_kill(project);
    /* On the way from one lock to the other another run may get it. */
    *held = flock(hold->fd, LOCK_SH | LOCK_NB) == 0;
    if (!*held && errno != EWOULDBLOCK && errno != EINTR)
        return failed("take", err);
    if (*held && pread(hold->fd, found, DIGEST_HEX_SIZE - 1, 0) < 0)
        return failed("read", err);
    *held = *held && strcmp(found, hex) == 0;
    if (!*held)
        flock(hold->fd, LOCK_UN);
    return 0;
}

int hold_take(const struct project *project, const struct watcher *watcher, struct hold *hold,
              struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    bool told = false;
    *hold = (struct hold){.fd = -1};
    if (hold_values(project, hex, err) < 0)
        return -1;
    char *path = file_join(store_folder(project->store), lock_name, err);
    if (path == NULL)
        return -1;
    hold->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (hold->fd < 0) {
        error_errno(err, "cannot make the lock '%s'", path);
        free(path);
        return -1;
    }
    free(path);
    bool held = false;
    for (int turn = 0;; turn++) {
        if (try_hold(project, hold, hex, &held, err) < 0) {
            close(hold->fd);
            hold->fd = -1;
            return -1;
        }
        if (held)
            return 0;
        told = told || tell_waiting(hold, project, turn, watcher);
        nanosleep(&pause_between, NULL);
    }
}

bool hold_at_once(const char *path, const char *values, struct hold *hold)
{
    struct error ignored;
    char found[DIGEST_HEX_SIZE] = "";
    bool after_kill = false;
    struct hold made = {.fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
    if (made.fd < 0)
        return false;
    /* Under other values it is for hold_take, which says what they are. */
    bool alone = flock(made.fd, LOCK_EX | LOCK_NB) == 0;
    bool held =
        pread(made.fd, found, DIGEST_HEX_SIZE - 1, 0) == DIGEST_HEX_SIZE - 1 &&
        strcmp(found, values) == 0 &&
        (!alone || (write_values(&made, values, NULL, &after_kill, &ignored) == 0 && !after_kill));
    if (held && flock(made.fd, LOCK_SH | LOCK_NB) == 0 &&
        pread(made.fd, found, DIGEST_HEX_SIZE - 1, 0) == DIGEST_HEX_SIZE - 1 &&
        strcmp(found, values) == 0) {
        *hold = made;
        return true;
    }
    close(made.fd);
    return false;
}

/* A run that begins just then waits for the moment that it takes. */
bool hold_is_taken(const char *store_folder)
{
    struct error ignored;
    char *path = file_join(store_folder, lock_name, &ignored);
    int fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    bool taken = fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
    free(path);
    if (fd >= 0)
        close(fd);
    return taken;
}

void hold_release(struct hold *hold, bool tidy)
{
    /* The last one out says that all has ended. Where that cannot be written, the next run looks
     * for what is not there, and nothing else. */
    if (hold->fd >= 0 && tidy && flock(hold->fd, LOCK_EX | LOCK_NB) == 0 &&
        pwrite(hold->fd, &ended, 1, DIGEST_HEX_SIZE - 1) < 0)
        tidy = false;
    if (hold->fd >= 0)
        close(hold->fd);
    hold->fd = -1;
}
