/* Names that somebody exchanges while they are taken into the store and removed: more than a stage
 * can do, of which nothing lives by then. Nothing from outside gets in, and nothing outside is
 * touched. FAULTS=long: 10,000 rounds of each. */
#include "base/file.h"
#include "store/content.h"
#include "store/scratch.h"

#include "tap.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static const char secret[] = "a secret of somebody else\n";

static int rounds(void)
{
    const char *form = getenv("FAULTS");
    return form != NULL && strcmp(form, "long") == 0 ? 10000 : 1000;
}

/* Makes a file where there is none, as a stage does again and again. */
static void make(int folder, const char *name)
{
    int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd >= 0) {
        if (write(fd, "own\n", 4) < 0)
            _exit(1);
        close(fd);
    }
}

/* In a child: what lies below `work` under these names is now its own, now a link outside. */
_Noreturn static void exchange_for_ever(int work, const char *victim, atomic_long *swaps)
{
    static const char *const names[][2] = {
        {"outs/x", "outs/x-link"}, {"outs/f", "outs/f-link"}, {"deps/x", "deps/x-link"}};
    char file[300];
    snprintf(file, sizeof(file), "%s/in", victim);
    for (;;) {
        mkdirat(work, "outs", 0755);
        mkdirat(work, "deps", 0755);
        mkdirat(work, "outs/f", 0755);
        mkdirat(work, "deps/x", 0755);
        make(work, "outs/x");
        make(work, "outs/f/in");
        make(work, "deps/x/in");
        (void)!symlinkat(file, work, "outs/x-link");
        (void)!symlinkat(victim, work, "outs/f-link");
        (void)!symlinkat(victim, work, "deps/x-link");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            if (renameat2(work, names[i][0], work, names[i][1], RENAME_EXCHANGE) == 0)
                atomic_fetch_add(swaps, 1);
    }
}

struct race {
    struct scratch *scratch;
    pid_t child;
    int work;
    atomic_long *swaps;
    char folder[256], victim[256];
};

static void start_race(struct race *race, struct scratch *scratch)
{
    struct error err;
    *race = (struct race){.scratch = scratch};
    scratch_write(scratch, "victim/in", secret);
    scratch_path(scratch, "victim", race->victim);
    scratch_path(scratch, "w", race->folder);
    assert_int_equal(file_make_folders(race->folder, &err), 0);
    race->work = open(race->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    race->swaps =
        mmap(NULL, sizeof(*race->swaps), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(race->work >= 0 && race->swaps != MAP_FAILED);
    race->child = fork();
    if (race->child == 0)
        exchange_for_ever(race->work, race->victim, race->swaps);
}

/* The victim is as it was, and its bytes are no blob. */
static void expect_no_escape(struct race *race)
{
    struct digest digest;
    struct error err;
    char path[300], object[STORE_PATH_SIZE], *data;
    size_t size;
    snprintf(path, sizeof(path), "%s/in", race->victim);
    assert_int_equal(file_read(path, 100, &data, &size, &err), 0);
    assert_string_equal(data, secret);
    free(data);
    assert_int_equal(digest_of_bytes(secret, strlen(secret), &digest, &err), 0);
    store_object_path(race->scratch->store, &digest, object);
    assert_false(file_exists(object));
}

static void end_race(struct race *race)
{
    long swaps = atomic_load(race->swaps);
    kill(race->child, SIGKILL);
    waitpid(race->child, NULL, 0);
    expect_no_escape(race);
    /* Else nothing was attacked. */
    assert_true(swaps >= rounds());
    munmap(race->swaps, sizeof(*race->swaps));
    close(race->work);
}

/* Until as many names were exchanged as there are rounds: then each has met one. */
static bool goes_on(const struct race *race, int round)
{
    return round < rounds() || atomic_load(race->swaps) < rounds();
}

static void outs_that_are_exchanged_while_they_are_stored_bring_nothing_from_outside(void **state)
{
    struct race race;
    struct error err;
    long stored = 0;
    start_race(&race, *state);
    /* And until something was stored: on a busy machine links alone may be met for long. */
    for (int i = 0; goes_on(&race, i) || (stored == 0 && i < 100 * rounds()); i++) {
        struct content content;
        stored +=
            content_put(race.scratch->store, race.work, "outs/x", i % 2 == 0, &content, &err) == 0;
        stored +=
            content_put(race.scratch->store, race.work, "outs/f", i % 2 == 0, &content, &err) == 0;
    }
    end_race(&race);
    assert_true(stored > 0);
}

static void folders_that_are_exchanged_while_they_are_removed_take_nothing_outside(void **state)
{
    struct race race;
    struct error err;
    char outs[300];
    start_race(&race, *state);
    snprintf(outs, sizeof(outs), "%s/outs", race.folder);
    for (int i = 0; goes_on(&race, i); i++)
        (void)file_remove(outs, &err); /* while others write there it may fail */
    end_race(&race);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            outs_that_are_exchanged_while_they_are_stored_bring_nothing_from_outside,
            scratch_set_up, scratch_tear_down),
        cmocka_unit_test_setup_teardown(
            folders_that_are_exchanged_while_they_are_removed_take_nothing_outside, scratch_set_up,
            scratch_tear_down),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP); /* for tests/faults/run, too */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
