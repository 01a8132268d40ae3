/* Random damage to cache, artifacts, published files, records and lock: bits, lengths, whole files,
 * modes, and other things in their place. A run repairs it, or stops with a message that names it;
 * verify never passes a damaged artifact or lock; nothing damaged is called up to date. */
#include "faults/files.h"
#include "faults/scenario.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHORT_POINTS = 60, LONG_POINTS = 2500, FILES_MOST = 1024 };

enum damage {
    FLIP,
    FLIP_KEEP_TIME,
    CUT,
    EXTEND,
    ZERO,
    SWAP,
    DELETE,
    MODE,
    FOLDER_IN_PLACE,
    FULL_FOLDER_IN_PLACE,
    LINK_IN_PLACE,
    FIFO_IN_PLACE,
    DELETE_FOLDER,
    DAMAGES
};
static const char *const damage_names[DAMAGES] = {"a bit flipped",
                                                  "a bit flipped, times kept",
                                                  "cut",
                                                  "extended",
                                                  "zeroed",
                                                  "swapped with another",
                                                  "deleted",
                                                  "mode changed",
                                                  "an empty folder in its place",
                                                  "a full folder in its place",
                                                  "a link in its place",
                                                  "a fifo in its place",
                                                  "its folder deleted"};

struct target {
    char *paths[FILES_MOST];
    size_t count;
};

static bool damageable(const char *path)
{
    return (strncmp(path, "cache/", 6) == 0 || strncmp(path, "artifacts/", 10) == 0 ||
            strncmp(path, "reports/", 8) == 0 || strcmp(path, "pipeline.lock") == 0);
}

static void gather(const char *root, const char *path, void *context)
{
    struct target *target = context;
    char whole[FILES_PATH];
    struct stat st;
    snprintf(whole, sizeof(whole), "%s/%s", root, path);
    if (!damageable(path) || lstat(whole, &st) < 0 || !S_ISREG(st.st_mode) ||
        target->count == FILES_MOST)
        return;
    if ((target->paths[target->count++] = strdup(path)) == NULL)
        bail("out of memory");
}

static void rewrite(const char *path, const char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size)
        bail("cannot damage '%s'", path);
    close(fd);
}

static void change_bytes(const char *path, enum damage damage, const char *other, struct dice *dice)
{
    size_t size, other_size;
    char *bytes = files_read(path, &size),
         *swapped = damage == SWAP ? files_read(other, &other_size) : NULL;
    if (bytes == NULL)
        bail("cannot read '%s'", path);
    if (damage == SWAP && swapped != NULL)
        rewrite(path, swapped, other_size);
    else if (damage == CUT && size > 0)
        rewrite(path, bytes, dice_roll(dice, size));
    else if (damage == ZERO) {
        memset(bytes, 0, size);
        rewrite(path, bytes, size);
    } else if (damage == EXTEND || size == 0) {
        char *longer = realloc(bytes, size + 1);
        if (longer == NULL)
            bail("out of memory");
        bytes = longer;
        bytes[size] = 'x';
        rewrite(path, bytes, size + 1);
    } else {
        bytes[dice_roll(dice, size)] ^= (char)(1U << dice_roll(dice, 8));
        rewrite(path, bytes, size);
    }
    free(bytes);
    free(swapped);
}

static void put_in_place(const char *path, enum damage damage, struct dice *dice)
{
    static const char *const targets[] = {"/etc/passwd", "nowhere", "/", "."};
    bool good = unlink(path) == 0;
    if (damage == FOLDER_IN_PLACE || damage == FULL_FOLDER_IN_PLACE)
        good = good && mkdir(path, 0755) == 0;
    if (damage == FULL_FOLDER_IN_PLACE)
        files_write(path, "something/inside", "x\n", 0644);
    if (damage == LINK_IN_PLACE)
        good = good && symlink(targets[dice_roll(dice, 4)], path) == 0;
    if (damage == FIFO_IN_PLACE)
        good = good && mkfifo(path, 0644) == 0;
    if (!good)
        bail("cannot damage '%s'", path);
}

/* Its mode, and with it the mode of whoever may read it, changes. */
static void inflict(const char *folder, const char *victim, enum damage damage, const char *other,
                    struct dice *dice)
{
    static const mode_t modes[] = {0, 0777, 0200, 0644, 04755};
    char path[FILES_PATH], other_path[FILES_PATH];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", folder, victim);
    snprintf(other_path, sizeof(other_path), "%s/%s", folder, other);
    if (lstat(path, &st) < 0)
        bail("'%s' is gone", path);
    if (damage == MODE) {
        chmod(path, modes[dice_roll(dice, 5)]);
        return;
    }
    if (damage == DELETE_FOLDER) {
        *strrchr(path, '/') = '\0';
        if (strcmp(path, folder) == 0)
            snprintf(path, sizeof(path), "%s/%s", folder, victim);
        files_remove(path);
        return;
    }
    if (damage >= DELETE) {
        put_in_place(path, damage, dice);
        return;
    }
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    chmod(path, 0644);
    change_bytes(path, damage, other_path, dice);
    chmod(path, st.st_mode & 07777);
    if (damage == FLIP_KEEP_TIME)
        utimensat(AT_FDCWD, path, times, 0);
}

/* The lock has a comment that says nothing. */
static bool lock_means_the_same(const char *folder, const char *before)
{
    char path[FILES_PATH];
    size_t size;
    snprintf(path, sizeof(path), "%s/pipeline.lock", folder);
    char *now = files_read(path, &size);
    const char *start = now == NULL ? NULL : strchr(now, '\n'), *good = strchr(before, '\n');
    bool same = start != NULL && now[0] == '#' && strcmp(start, good) == 0 && strlen(now) == size;
    free(now);
    return same;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* Whether a run may stop here: the lock, and a place outside artifacts and cache that holds what is
 * not ours. */
static bool may_refuse(const char *victim, enum damage damage)
{
    return strcmp(victim, "pipeline.lock") == 0 ||
           (strncmp(victim, "reports/", 8) == 0 && damage >= FOLDER_IN_PLACE);
}

static void check_verify(struct campaign *campaign, const char *folder, bool must_fail,
                         const char *name)
{
    struct outcome outcome;
    project_run(campaign, folder, &outcome, "verify", NULL);
    check_ending(&outcome, false, name);
    if (outcome.code == 0 && must_fail)
        wrong("verify passes what is damaged", "%s", name);
    outcome_release(&outcome);
}

/* The way out that the message shows: the lock is taken from git, what lies in the way is moved. */
static void clear_the_way(const char *folder, const char *victim, const char *lock)
{
    char path[FILES_PATH];
    snprintf(path, sizeof(path), "%s/%s", folder, victim);
    files_remove(path);
    if (strcmp(victim, "pipeline.lock") == 0)
        files_write(folder, victim, lock, 0644);
}

static void judge(struct campaign *campaign, const char *folder, const struct scenario *scenario,
                  const char *victim, enum damage damage, const char *lock, const char *name)
{
    struct outcome run;
    bool is_lock = strcmp(victim, "pipeline.lock") == 0;
    char *before = reference_difference(&scenario->reference, folder);
    bool must_fail = before != NULL && damage != MODE && strncmp(victim, "cache/", 6) != 0 &&
                     !(is_lock && lock_means_the_same(folder, lock));
    free(before);
    check_verify(campaign, folder, must_fail, name);
    project_run(campaign, folder, &run, "run", "--json", NULL);
    check_ending(&run, false, name);
    if (run.code == 0) {
        char *difference = reference_difference(&scenario->reference, folder);
        /* A section of the lock that names another profile is not ours to remove. */
        if (difference != NULL && !is_lock)
            wrong("called done, and something else is there", "%s: %s", name, difference);
        free(difference);
        check_verify(campaign, folder, false, name);
    } else if (!may_refuse(victim, damage))
        wrong("not repaired", "%s: exit %d: %s", name, run.code, run.err);
    else if (strstr(run.err, last_part(victim)) == NULL)
        wrong("stops without naming what is in the way", "%s: %s", name, run.err);
    if (run.code != 0 || is_lock)
        clear_the_way(folder, victim, lock);
    outcome_release(&run);
    aftermath(campaign, folder, &scenario->reference, name);
}

static void point(struct campaign *campaign, const char *folder, long index, void *context)
{
    const struct scenario *scenario = context;
    struct dice dice = dice_of(campaign, 7, index);
    struct target target = {.count = 0};
    struct outcome outcome;
    char name[512], path[FILES_PATH];
    size_t size;
    scenario_copy(scenario, folder);
    /* So that what the runner remembers of these files is of these files. */
    project_run(campaign, folder, &outcome, "run", "-q", NULL);
    outcome_release(&outcome);
    files_walk(folder, gather, &target);
    snprintf(path, sizeof(path), "%s/pipeline.lock", folder);
    char *lock = files_read(path, &size);
    /* Every eighth hits the lock, else one of the many blobs would always be the victim. */
    const char *victim =
        dice_roll(&dice, 8) == 0 ? "pipeline.lock" : target.paths[dice_roll(&dice, target.count)];
    const char *other = target.paths[dice_roll(&dice, target.count)];
    enum damage damage = (enum damage)dice_roll(&dice, DAMAGES);
    snprintf(name, sizeof(name), "damage %ld: %s: %s%s%s", index, victim, damage_names[damage],
             damage == SWAP ? ": " : "", damage == SWAP ? other : "");
    inflict(folder, victim, damage, other, &dice);
    count_point(true);
    judge(campaign, folder, scenario, victim, damage, lock, name);
    for (size_t i = 0; i < target.count; i++)
        free(target.paths[i]);
    free(lock);
}

int main(void)
{
    struct campaign campaign;
    campaign_begin(&campaign, "damage", false);
    scenarios_prepare(&campaign);
    struct scenario *scenario = &scenarios[SCENARIO_UP_TO_DATE];
    scenario->reference.blobs_damaged = true;
    campaign_each(&campaign, campaign_count(&campaign, LONG_POINTS, SHORT_POINTS), point, scenario);
    campaign_check(&campaign, "damage_is_repaired_or_named_and_never_called_up_to_date",
                   campaign_count(&campaign, LONG_POINTS, SHORT_POINTS));
    return campaign_end(&campaign);
}
