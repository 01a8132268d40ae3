#include "faults/campaign.h"

#include "faults/command.h"
#include "faults/files.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ENDINGS = 9, KINDS = 64, SHOWN = 8, JOBS_MOST = 16 };
static const char *const ending_names[ENDINGS] = {"0",   "1",     "2",      "102", "104",
                                                  "130", "other", "killed", "hung"};

/* Shared by the workers. */
struct tally {
    atomic_long next, points, missed, runs, wrongs, endings[ENDINGS];
};

static struct tally *tally;
static char wrongs_path[512];
static volatile sig_atomic_t stopping;
static long checked_points, checked_wrongs, tap_number, tap_failed;

void bail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("Bail out! ", stdout);
    vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
    fflush(stdout);
    _exit(99);
}

void count_point(bool injected)
{
    atomic_fetch_add(injected ? &tally->points : &tally->missed, 1);
}

void count_run(int code)
{
    int which = 6;
    for (int i = 0; i < 6; i++)
        if (code >= 0 && code == (int)strtol(ending_names[i], NULL, 10))
            which = i;
    if (code == OUTCOME_HANG)
        which = 8;
    else if (code >= OUTCOME_SIGNAL)
        which = 7;
    if (tally == NULL)
        return;
    atomic_fetch_add(&tally->runs, 1);
    atomic_fetch_add(&tally->endings[which], 1);
}

void wrong(const char *kind, const char *format, ...)
{
    char line[2048];
    int used = snprintf(line, sizeof(line), "%s\t", kind);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line + used, sizeof(line) - (size_t)used - 1, format, arguments);
    va_end(arguments);
    for (char *at = line; *at != '\0'; at++)
        if (*at == '\n' || *at == '\r' || *at == '\033')
            *at = ' ';
    FILE *file = fopen(wrongs_path, "ae");
    if (file == NULL)
        bail("cannot note what is wrong: %s", line);
    fprintf(file, "%s\n", line); /* one write: the workers' lines do not mix */
    fclose(file);
    atomic_fetch_add(&tally->wrongs, 1);
}

struct dice dice_of(const struct campaign *campaign, uint64_t stream, long index)
{
    return (struct dice){campaign->seed * 0x9e3779b97f4a7c15U + stream * 0xbf58476d1ce4e5b9U +
                         (uint64_t)index * 0x94d049bb133111ebU};
}

/* splitmix64 (Steele, Lea, Flood 2014). */
uint64_t dice_roll(struct dice *dice, uint64_t sides)
{
    uint64_t z = dice->state += 0x9e3779b97f4a7c15U;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
    return (z ^ (z >> 31)) % sides;
}

/* ---- begin ---- */

static long number_of(const char *name, long otherwise)
{
    const char *text = getenv(name);
    return text == NULL || text[0] == '\0' ? otherwise : strtol(text, NULL, 10);
}

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

static const char *place(bool on_disk)
{
    struct statfs room;
    const char *disk = getenv("TMPDIR");
    if (!on_disk && access("/dev/shm", W_OK) == 0 && statfs("/dev/shm", &room) == 0 &&
        (uint64_t)room.f_bavail * (uint64_t)room.f_bsize > 500000000U)
        return "/dev/shm";
    return disk != NULL && disk[0] == '/' ? disk : "/tmp";
}

void campaign_begin(struct campaign *campaign, const char *name, bool on_disk)
{
    const char *build = getenv("BUILD"), *reprise = getenv("REPRISE"), *form = getenv("FAULTS");
    char path[512], found[PATH_MAX], program[PATH_MAX];
    build = build == NULL || build[0] == '\0' ? "build" : build;
    snprintf(path, sizeof(path), "%s/reprise", build);
    if (realpath(reprise != NULL && reprise[0] != '\0' ? reprise : path, found) == NULL)
        bail("there is no '%s'", path);
    *campaign = (struct campaign){.name = name,
                                  .longer = form != NULL && strcmp(form, "long") == 0,
                                  .seed = (uint64_t)number_of("SEED", 1),
                                  .points_most = number_of("POINTS", 0),
                                  .jobs = (int)number_of("JOBS", sysconf(_SC_NPROCESSORS_ONLN))};
    if (campaign->jobs > JOBS_MOST)
        campaign->jobs = JOBS_MOST; /* one more only waits for the disk */
    memcpy(program, found, sizeof(program));
    if (realpath(build, found) == NULL)
        bail("there is no '%s'", build);
    snprintf(campaign->build, sizeof(campaign->build), "%s", found);
    snprintf(campaign->root, sizeof(campaign->root), "%s/faults-XXXXXX", place(on_disk));
    if (mkdtemp(campaign->root) == NULL)
        bail("cannot make '%s': %s", campaign->root, strerror(errno));
    snprintf(campaign->reprise, sizeof(campaign->reprise), "%s/reprise", campaign->root);
    files_copy_file(program, campaign->reprise, 0755);
    snprintf(wrongs_path, sizeof(wrongs_path), "%s/wrong", campaign->root);
    tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (tally == MAP_FAILED)
        bail("out of memory");
    command_become_reaper();
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    printf("# %s: seed %llu, %s form\n", name, (unsigned long long)campaign->seed,
           campaign->longer ? "long" : "short");
    fflush(stdout);
}

void campaign_skip(struct campaign *campaign, const char *promise, const char *reason)
{
    printf("ok 1 - %s # SKIP %s\n1..1\n", promise, reason);
    files_remove(campaign->root);
    exit(0);
}

/* ---- points ---- */

static void give_up(struct campaign *campaign)
{
    kill_descendants();
    files_remove(campaign->root);
    bail("stopped");
}

long campaign_count(const struct campaign *campaign, long all, long short_count)
{
    long most = campaign->points_most > 0 ? campaign->points_most
                : campaign->longer        ? all
                                          : short_count;
    return all < most ? all : most;
}

long campaign_nth(long all, long count, long index)
{
    return count <= 0 ? 0 : (long)((double)index * (double)all / (double)count);
}

static void work(struct campaign *campaign, int worker, long count, campaign_point *point,
                 void *context)
{
    char folder[512];
    snprintf(folder, sizeof(folder), "%s/worker-%d", campaign->root, worker);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    command_become_reaper();
    long index;
    while ((index = atomic_fetch_add(&tally->next, 1)) < count) {
        files_remove(folder);
        point(campaign, folder, index, context);
    }
    files_remove(folder);
    fflush(stdout);
    _exit(0);
}

void campaign_each(struct campaign *campaign, long count, campaign_point *point, void *context)
{
    int jobs = count < campaign->jobs ? (int)count : campaign->jobs, status;
    pid_t workers[JOBS_MOST];
    bool broken = false;
    atomic_store(&tally->next, 0);
    fflush(stdout);
    for (int worker = 0; worker < jobs; worker++) {
        workers[worker] = fork();
        if (workers[worker] < 0)
            bail("cannot start a worker: %s", strerror(errno));
        if (workers[worker] == 0)
            work(campaign, worker, count, point, context);
    }
    for (int worker = 0; worker < jobs; worker++) {
        while (waitpid(workers[worker], &status, 0) < 0 && errno == EINTR)
            if (stopping)
                give_up(campaign);
        broken |= status != 0;
    }
    if (broken)
        wrong("the campaign itself broke off", "a worker died");
}

/* ---- report ---- */

/* What is wrong, by kind: how often, and the first few. */
static void show_wrongs(void)
{
    struct {
        char name[128];
        long count;
    } kinds[KINDS] = {0};
    size_t known = 0;
    char line[2048];
    FILE *file = fopen(wrongs_path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        size_t length = strcspn(line, "\t"), k = 0;
        line[length] = '\0';
        while (k < known && strncmp(kinds[k].name, line, sizeof(kinds[k].name) - 1) != 0)
            k++;
        if (k == KINDS)
            continue;
        if (k == known)
            snprintf(kinds[known++].name, sizeof(kinds[0].name), "%.127s", line);
        if (++kinds[k].count <= SHOWN)
            printf("# %s: %s", kinds[k].name, line + length + 1);
    }
    if (file != NULL)
        fclose(file);
    for (size_t k = 0; k < known; k++)
        printf("# %ld times: %s\n", kinds[k].count, kinds[k].name);
    unlink(wrongs_path);
}

void campaign_check(struct campaign *campaign, const char *promise, long at_least)
{
    long points = atomic_load(&tally->points) - checked_points;
    long wrongs = atomic_load(&tally->wrongs) - checked_wrongs;
    bool good = wrongs == 0 && points >= at_least && points > 0;
    (void)campaign;
    if (wrongs > 0)
        show_wrongs();
    if (points < at_least || points <= 0)
        printf("# %ld faults were injected, at least %ld were to be\n", points,
               at_least > 0 ? at_least : 1);
    printf("%s %ld - %s # %ld points\n", good ? "ok" : "not ok", ++tap_number, promise, points);
    fflush(stdout);
    tap_failed += !good;
    checked_points += points;
    checked_wrongs += wrongs;
}

int campaign_end(struct campaign *campaign)
{
    printf("1..%ld\n# %s: %ld points, %ld not reached, %ld runs; ended", tap_number, campaign->name,
           atomic_load(&tally->points), atomic_load(&tally->missed), atomic_load(&tally->runs));
    for (int i = 0; i < ENDINGS; i++)
        if (atomic_load(&tally->endings[i]) > 0)
            printf(" %s: %ld,", ending_names[i], atomic_load(&tally->endings[i]));
    printf(" wrong: %ld\n", checked_wrongs);
    files_remove(campaign->root);
    return tap_failed > 0;
}
