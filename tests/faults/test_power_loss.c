/* Power loss: an XFS on a loop device is shut down without its log at the n-th call that changes
 * something, or some time after the run; the program goes on into errors, and what was on disk at
 * that moment is mounted again. What the run had reported as done is there; what it had not is made
 * by the next run; nothing false is claimed.
 *
 * root: mounts images and small file systems. */
#include "faults/files.h"
#include "faults/mounted.h"
#include "faults/scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/types.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHORT_POINTS = 8, LONG_POINTS = 300, NO_LOG_FLUSH = 2, IMAGE_MIB = 400 };
#define SHUTDOWN _IOR('X', 125, __u32) /* XFS_IOC_GOINGDOWN of xfs_fs.h */

struct disk {
    const struct scenario *scenario;
    int reflink;
    long count;
};

static bool run_tool(const char *const *argv)
{
    struct outcome outcome;
    command_run("/", argv, NULL, RUN_LIMIT_S, &outcome);
    bool good = outcome.code == 0;
    outcome_release(&outcome);
    return good;
}

static bool make_image(const char *image, int reflink)
{
    char features[32];
    snprintf(features, sizeof(features), "reflink=%d", reflink);
    const char *argv[] = {"/sbin/mkfs.xfs", "-q", "-f", "-m", features, image, NULL};
    int fd = open(image, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool good = fd >= 0 && ftruncate(fd, (off_t)IMAGE_MIB << 20) == 0;
    if (fd >= 0)
        close(fd);
    return good && run_tool(argv);
}

static void pull_the_plug(void *context)
{
    const __u32 how = NO_LOG_FLUSH;
    int fd = open(context, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, SHUTDOWN, &how) < 0)
        bail("cannot shut down '%s': %s", (const char *)context, strerror(errno));
    close(fd);
}

static void sync_all(const char *folder)
{
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || syncfs(fd) < 0)
        bail("cannot flush '%s': %s", folder, strerror(errno));
    close(fd);
}

/* The run has ended with 0 before the power went: all that it named must be there, without another
 * run. */
static void check_done(struct campaign *campaign, const char *project, const struct disk *disk,
                       const char *name)
{
    struct outcome outcome;
    char *difference = reference_difference(&disk->scenario->reference, project);
    if (difference != NULL)
        wrong("a run that had ended was lost with the power", "%s: %s", name, difference);
    free(difference);
    project_run(campaign, project, &outcome, "verify", NULL);
    if (outcome.code != 0)
        wrong("verify after a run that had ended, and a power loss", "%s: exit %d: %s", name,
              outcome.code, outcome.err);
    outcome_release(&outcome);
}

static void point(struct campaign *campaign, const char *folder, long index, void *context)
{
    const struct disk *disk = context;
    char image[600], mounted[600], project[600], name[256];
    long calls = disk->scenario->calls.changing,
         at = campaign_nth(calls + calls / 4 + 1, disk->count, index) + 1;
    bool ended = at > calls;
    struct trace trace = {.strike = ended ? STRIKE_NONE : STRIKE_TELL,
                          .call = TRACE_CHANGING,
                          .at = at,
                          .tell = pull_the_plug,
                          .context = mounted};
    struct outcome outcome;
    snprintf(image, sizeof(image), "%s.image", folder);
    snprintf(mounted, sizeof(mounted), "%s", folder);
    snprintf(project, sizeof(project), "%s/project", folder);
    mkdir(mounted, 0755);
    if (!make_image(image, disk->reflink) || !mounted_image(image, mounted))
        bail("cannot mount an image again: %s", strerror(errno));
    scenario_copy(disk->scenario, project);
    sync_all(mounted);
    command_trace(project, scenario_argv(campaign, disk->scenario->words), &trace, RUN_LIMIT_S,
                  &outcome);
    if (ended) {
        usleep((useconds_t)(at - calls) * 5000);
        pull_the_plug(mounted);
    }
    snprintf(name, sizeof(name), "reflink=%d, power lost %s %ld (%s), the run ended with %d",
             disk->reflink, ended ? "5 ms times" : "at call", ended ? at - calls : at, trace.where,
             outcome.code);
    count_point(ended || trace.struck);
    if (outcome.code == OUTCOME_HANG || outcome.code >= OUTCOME_SIGNAL)
        wrong("hangs or dies on a broken disk", "%s", name);
    bool done = outcome.code == 0;
    outcome_release(&outcome);
    check_processes(1.0, name);
    mounted_release(mounted);
    if (!mounted_image(image, mounted))
        bail("cannot mount after a power loss");
    if (done && (ended || trace.struck))
        check_done(campaign, project, disk, name);
    aftermath(campaign, project, &disk->scenario->reference, name);
    mounted_release(mounted);
    unlink(image);
}

static bool can_mount_xfs(struct campaign *campaign)
{
    char image[512], folder[512];
    snprintf(image, sizeof(image), "%s/probe.image", campaign->root);
    snprintf(folder, sizeof(folder), "%s/probe", campaign->root);
    mkdir(folder, 0755);
    bool good = make_image(image, 1) && mounted_image(image, folder);
    if (good)
        mounted_release(folder);
    unlink(image);
    return good;
}

int main(void)
{
    const char *reason, *promise = "after_a_power_loss_what_was_reported_is_there";
    struct campaign campaign;
    campaign_begin(&campaign, "power loss", false);
    if (!command_can_trace())
        campaign_skip(&campaign, promise, "the tracer knows x86-64 only");
    if (geteuid() != 0 || !mounted_begin(&reason))
        campaign_skip(&campaign, promise, "needs root to mount an image");
    if (access("/sbin/mkfs.xfs", X_OK) < 0)
        campaign_skip(&campaign, promise, "there is no mkfs.xfs (ci/install faults)");
    if (!can_mount_xfs(&campaign))
        campaign_skip(&campaign, promise, "this kernel mounts no XFS image");
    scenarios_prepare(&campaign);
    static const int tried[] = {SCENARIO_COLD, SCENARIO_CHANGED};
    /* What was not flushed may be there without its bytes, and is a miss: only the run after it is
     * judged. */
    for (int i = 0; i < SCENARIOS; i++)
        scenarios[i].reference.blobs_damaged = true;
    for (int i = 0; i < 4; i++) {
        struct disk disk = {&scenarios[tried[i / 2]], i % 2, 0};
        char name[128];
        disk.count = campaign_count(&campaign, LONG_POINTS, SHORT_POINTS);
        campaign_each(&campaign, disk.count, point, &disk);
        snprintf(name, sizeof(name), "%s (%s, reflink=%d)", promise, disk.scenario->name,
                 disk.reflink);
        campaign_check(&campaign, name, disk.count / 2);
    }
    return campaign_end(&campaign);
}
