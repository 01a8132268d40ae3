#include "runner/hold.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const struct timespec pause_between = {0, 50 * 1000 * 1000};

/* What the holders of the file have in common, as hexadecimal digits. */
static int values_of(const struct project *project, char hex[DIGEST_HEX_SIZE], struct error *err)
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

static bool holds_values(int fd, const char *hex)
{
    char found[DIGEST_HEX_SIZE] = "";
    return pread(fd, found, DIGEST_HEX_SIZE - 1, 0) == DIGEST_HEX_SIZE - 1 &&
           strcmp(found, hex) == 0;
}

/* What stands behind the values while a run is at work, and when the last one has ended. */
static const char at_work = 'r', ended = '.';

/* True where the file is held with these values. Alone with it, we write ours; the values are
 * written under the exclusive lock alone, so what a shared lock shows stays. */
static bool try_hold(int fd, const char *hex, bool *after_kill)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
        struct stat st;
        char state = at_work;
        bool fresh = fstat(fd, &st) == 0 && st.st_size == 0;
        bool known = pread(fd, &state, 1, DIGEST_HEX_SIZE - 1) == 1 && state == ended;
        *after_kill = *after_kill || !(fresh || known);
        bool written = pwrite(fd, &at_work, 1, DIGEST_HEX_SIZE - 1) == 1 &&
                       pwrite(fd, hex, DIGEST_HEX_SIZE - 1, 0) == DIGEST_HEX_SIZE - 1;
        /* On the way from one lock to the other another run may get it. */
        return written && flock(fd, LOCK_SH | LOCK_NB) == 0 && holds_values(fd, hex);
    }
    if (flock(fd, LOCK_SH | LOCK_NB) == 0 && holds_values(fd, hex)) {
        *after_kill = false; /* others are at work */
        return true;
    }
    flock(fd, LOCK_UN);
    return false;
}

int hold_take(const struct project *project, const struct watcher *watcher, struct hold *hold,
              struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    bool told = false;
    *hold = (struct hold){.fd = -1};
    if (values_of(project, hex, err) < 0)
        return -1;
    char *path = file_join(store_folder(project->store), "run.lock", err);
    if (path == NULL)
        return -1;
    hold->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (hold->fd < 0) {
        error_errno(err, "cannot make the lock '%s'", path);
        free(path);
        return -1;
    }
    free(path);
    while (!try_hold(hold->fd, hex, &hold->after_kill)) {
        if (!told)
            watcher->noted(watcher->self, NULL,
                           "waiting: a run under another profile or other sets is at work here");
        told = true;
        nanosleep(&pause_between, NULL);
    }
    return 0;
}

void hold_release(struct hold *hold)
{
    /* The last one out says that all has ended. Where that cannot be written, the next run looks
     * for what is not there, and nothing else. */
    if (hold->fd >= 0 && flock(hold->fd, LOCK_EX | LOCK_NB) == 0 &&
        pwrite(hold->fd, &ended, 1, DIGEST_HEX_SIZE - 1) != 1)
        hold->after_kill = true;
    if (hold->fd >= 0)
        close(hold->fd);
    hold->fd = -1;
}
