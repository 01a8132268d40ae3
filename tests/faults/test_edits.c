/* Edits that hide: of the same size, with the old times put back, by another file in place, through
 * a mapping, within the tick of the run before, with times in the future. What comes out is what a
 * new project with these files gives. */
#include "faults/files.h"
#include "faults/scenario.h"

#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SHORT_POINTS = 24, LONG_POINTS = 600 };
enum edit { IN_PLACE, REPLACED, MAPPED, FUTURE, EDITS };
static const char *const edit_names[EDITS] = {"in place", "another file in its place",
                                              "through a mapping", "with times in the future"};
/* A file and a byte of it that decides an out, in place of which another may stand. */
static const struct {
    const char *path, *from, *to;
} targets[] = {
    {"input.txt", "hello", "jello"},         {"data/sub/two", "2", "3"},
    {"stages/a.sh", "echo x >", "echo z >"}, {"stages/b.sh", "5}", "7}"},
    {"pipeline.yaml", "seed: 1", "seed: 8"},
};

static void change(char *bytes, const char *from, const char *to)
{
    char *place = strstr(bytes, from);
    if (place == NULL)
        bail("'%s' is not where an edit looks for it", from);
    memcpy(place, to, strlen(to));
}

static void edit(const char *folder, size_t which, enum edit how, bool keep_times)
{
    char path[FILES_PATH], other[FILES_PATH + 8];
    struct stat st;
    size_t size;
    snprintf(path, sizeof(path), "%s/%s", folder, targets[which].path);
    snprintf(other, sizeof(other), "%s.other", path);
    char *bytes = files_read(path, &size);
    if (bytes == NULL || lstat(path, &st) < 0)
        bail("cannot read '%s'", path);
    change(bytes, targets[which].from, targets[which].to);
    const char *target = how == REPLACED ? other : path;
    int fd = open(target, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    char *mapped = fd >= 0 && how == MAPPED
                       ? mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                       : NULL;
    if (fd < 0 || mapped == MAP_FAILED ||
        (mapped == NULL && pwrite(fd, bytes, size, 0) != (ssize_t)size))
        bail("cannot edit '%s'", path);
    if (mapped != NULL) {
        memcpy(mapped, bytes, size);
        munmap(mapped, size);
    }
    close(fd);
    free(bytes);
    if (how == FUTURE)
        st.st_mtim.tv_sec += 100000;
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    if (keep_times || how == FUTURE)
        utimensat(AT_FDCWD, target, times, 0);
    if (how == REPLACED && rename(other, path) < 0)
        bail("cannot edit '%s'", path);
}

/* What a new project with these files, without cache and lock, gives. */
static void expect(struct campaign *campaign, const char *folder, size_t which,
                   struct reference *reference)
{
    char fresh[600];
    struct outcome outcome;
    snprintf(fresh, sizeof(fresh), "%s.fresh", folder);
    files_remove(fresh);
    files_copy(scenarios[SCENARIO_COLD].template, fresh);
    edit(fresh, which, IN_PLACE, false);
    project_run(campaign, fresh, &outcome, "run", "-q", NULL);
    if (outcome.code != 0)
        bail("a new project with an edited file fails: %s", outcome.err);
    outcome_release(&outcome);
    reference_take(fresh, reference);
    files_remove(fresh);
}

static void point(struct campaign *campaign, const char *folder, long index, void *context)
{
    struct dice dice = dice_of(campaign, 13, index);
    size_t which = dice_roll(&dice, sizeof(targets) / sizeof(targets[0]));
    enum edit how = (enum edit)dice_roll(&dice, EDITS);
    bool keep_times = dice_roll(&dice, 2) == 1, twice = dice_roll(&dice, 2) == 1;
    struct reference reference;
    struct outcome outcome;
    char name[160];
    (void)context;
    snprintf(name, sizeof(name), "%ld: %s edited %s%s%s", index, targets[which].path,
             edit_names[how], keep_times ? ", times kept" : "", twice ? ", after two runs" : "");
    expect(campaign, folder, which, &reference);
    scenario_copy(&scenarios[SCENARIO_COLD], folder);
    for (int i = 0; i <= twice; i++) {
        project_run(campaign, folder, &outcome, "run", "-q", NULL);
        outcome_release(&outcome);
    }
    edit(folder, which, how, keep_times); /* at once: within the tick */
    count_point(true);
    aftermath(campaign, folder, &reference, name);
    reference_release(&reference);
}

int main(void)
{
    struct campaign campaign;
    campaign_begin(&campaign, "edits", false);
    scenarios_prepare(&campaign);
    long count = campaign_count(&campaign, LONG_POINTS, SHORT_POINTS);
    campaign_each(&campaign, count, point, NULL);
    campaign_check(&campaign, "an_edit_that_hides_is_seen", count);
    return campaign_end(&campaign);
}
