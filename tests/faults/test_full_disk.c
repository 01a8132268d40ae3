/* A disk that is full: the cache, the artifacts, what is published, or all on a tmpfs of each size
 * from nothing to enough. The run fails with a message or succeeds rightly; with room again, the
 * next run is right.
 *
 * root: mounts images and small file systems. */
#include "faults/files.h"
#include "faults/mounted.h"
#include "faults/scenario.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

enum {
    STEP_KIB = 4,
    MOST_KIB = 4096,
    ENOUGH_KIB = 32768,
    SIZES = 170,
    PLACES = 5,
    SHORT_POINTS = 40
};
static const char *const places[PLACES] = {"cache", "artifacts", "reports", "cache artifacts", "."};

struct disk {
    char template[512];
    struct reference reference;
    long count;
};

/* Large enough outs that a disk is full in the middle of one. */
static void make_project(const char *folder)
{
    files_write(folder, "pipeline.yaml",
                "stages:\n"
                "  a: {cmd: /bin/sh stages/a.sh, outs: {f: f, d: d}}\n"
                "  b: {cmd: /bin/sh stages/b.sh, deps: {f: a.f}, outs: {r: {path: rep, publish: "
                "reports}}}\n"
                "  c: {cmd: /bin/sh stages/c.sh, deps: {r: b.r}, outs: {s: s}}\n",
                0644);
    files_write(folder, "stages/a.sh",
                "head -c 700000 /dev/zero | tr '\\0' a > outs/f || exit 1\nmkdir outs/d || exit 1\n"
                "for i in 1 2 3 4 5 6 7 8 9; do head -c 20000 /dev/zero | tr '\\0' $i > outs/d/$i "
                "|| exit 1; done\n",
                0644);
    files_write(folder, "stages/b.sh",
                "mkdir outs/rep && cp deps/f/f outs/rep/copy && head -c 300000 /dev/zero | tr "
                "'\\0' z > outs/rep/z\n",
                0644);
    files_write(folder, "stages/c.sh", "cksum < deps/r/rep/z > outs/s\n", 0644);
}

/* 4 KiB steps first, where the small files are; then wider. */
static long size_of(long step)
{
    return step < 100 ? (step + 1) * STEP_KIB : 400 + (step - 99) * 51;
}

static void mount_all(const char *folder, const char *words, long kib)
{
    char path[FILES_PATH], part[64];
    for (const char *at = words; *at != '\0'; at += strspn(at, " ")) {
        size_t length = strcspn(at, " ");
        snprintf(part, sizeof(part), "%.*s", (int)length, at);
        snprintf(path, sizeof(path), "%s/%s", folder, part);
        mkdir(path, 0755);
        if (kib > 0 && !mounted_tmpfs(path, kib))
            bail("cannot mount '%s': %s", path, strerror(errno));
        if (kib == 0)
            mounted_grow(path, ENOUGH_KIB);
        if (kib < 0)
            mounted_release(path);
        at += length;
    }
}

static void try_disk(struct campaign *campaign, const char *folder, const struct disk *disk,
                     const char *name)
{
    struct outcome outcome;
    const char *argv[] = {campaign->reprise, "run", NULL};
    command_run(folder, argv, NULL, RUN_LIMIT_S, &outcome);
    check_ending(&outcome, false, name);
    check_processes(0.2, name);
    if (outcome.code == 0)
        check_success(campaign, folder, &disk->reference, name);
    /* Honest: the disk was full only where the run did not succeed. */
    count_point(outcome.code != 0);
    outcome_release(&outcome);
}

static void point(struct campaign *campaign, const char *folder, long index, void *context)
{
    const struct disk *disk = context;
    long nth = campaign_nth(PLACES * SIZES, disk->count, index), kib = size_of(nth % SIZES);
    const char *words = places[nth / SIZES];
    bool whole = strcmp(words, ".") == 0;
    char name[128];
    snprintf(name, sizeof(name), "%s of %ld KiB", whole ? "the project" : words, kib);
    mkdir(folder, 0755);
    if (!whole)
        files_copy(disk->template, folder);
    mount_all(folder, words, whole && kib < 40 ? 40 : kib);
    if (whole)
        files_copy(disk->template, folder);
    try_disk(campaign, folder, disk, name);
    mount_all(folder, words, 0);
    aftermath(campaign, folder, &disk->reference, name);
    mount_all(folder, words, -1);
}

int main(void)
{
    struct campaign campaign;
    struct disk disk = {0};
    struct outcome outcome;
    const char *reason, *promise = "a_full_disk_is_reported_and_costs_nothing_but_the_run";
    char calm[512];
    campaign_begin(&campaign, "full disk", false);
    if (!mounted_begin(&reason))
        campaign_skip(&campaign, promise, reason);
    snprintf(disk.template, sizeof(disk.template), "%s/template", campaign.root);
    snprintf(calm, sizeof(calm), "%s/calm", campaign.root);
    mkdir(disk.template, 0755);
    make_project(disk.template);
    files_copy(disk.template, calm);
    project_run(&campaign, calm, &outcome, "run", NULL);
    if (outcome.code != 0)
        bail("an undisturbed run fails: %s", outcome.err);
    outcome_release(&outcome);
    reference_take(calm, &disk.reference);
    disk.count = campaign_count(&campaign, PLACES * SIZES, SHORT_POINTS);
    campaign_each(&campaign, disk.count, point, &disk);
    campaign_check(&campaign, promise, disk.count / 8);
    return campaign_end(&campaign);
}
