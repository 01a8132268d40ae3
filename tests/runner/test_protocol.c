/* The runner and base/stage.h talk to each other: this program is the test
 * and, started by the runner, also the stage. */
#include "base/file.h"
#include "base/json.h"
#include "base/stage.h"
#include "base/text.h"

#include "tap.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the stage ---- */

/* Counts to `epochs` through checkpoints; is killed once on the way where `die` says so. */
static int run_stage(struct stage *stage, struct error *err)
{
    int64_t epochs, die;
    size_t size = 0;
    char path[4096], *done = NULL;
    if (stage_int(stage, "count.epochs", 1, 100, &epochs, err) < 0 ||
        stage_int(stage, "count.die", 0, 100, &die, err) < 0 || stage_params_done(stage, err) < 0)
        return -1;
    const char *out = stage_out(stage, "total", err);
    if (out == NULL)
        return -1;
    snprintf(path, sizeof(path), "%s/done", stage_checkpoint(stage));
    bool resumed = file_exists(path);
    if (resumed && file_read(path, 100, &done, &size, err) < 0)
        return -1;
    for (size_t epoch = size; epoch < (size_t)epochs; epoch++) {
        char written[128];
        memset(written, 'x', epoch + 1);
        if (file_write(path, written, epoch + 1, err) < 0)
            return -1;
        stage_progress(stage, "epoch", (int64_t)epoch + 1, epochs, "epoch");
        if (!resumed && (int64_t)epoch + 1 == die)
            raise(SIGKILL);
    }
    free(done);
    if (resumed)
        stage_note(stage, "resumed");
    if (file_read(path, 200, &done, &size, err) < 0)
        return -1;
    int result = file_write(out, done, size, err);
    free(done);
    return result;
}

static int print_fingerprint(const char *device, struct error *err)
{
    if (strcmp(device, "cuda") == 0)
        return error_set(err, ERR_DEVICE, "no such device here");
    printf("device %s\nlibrary.Sans-Bold 1.2\n", device);
    return 0;
}

static const struct stage_kind stage_kind = {.name = "count",
                                             .summary = "counts through checkpoints",
                                             .run = run_stage,
                                             .fingerprint = print_fingerprint};

/* ---- the test ---- */

struct fixture {
    char folder[64], program[4096], runner[4096];
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct error err;
    struct text yaml = {0};
    char path[256];
    const char *build = getenv("BUILD");
    snprintf(fixture->folder, sizeof(fixture->folder), "/tmp/reprise-protocol-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    ssize_t size = readlink("/proc/self/exe", fixture->program, sizeof(fixture->program) - 1);
    assert_true(size > 0);
    snprintf(path, sizeof(path), "%s/reprise", build != NULL ? build : "build");
    assert_non_null(realpath(path, fixture->runner));
    /* A copy in the project: only what is named by its path is asked for a fingerprint. */
    snprintf(path, sizeof(path), "cp '%.120s' '%.60s/count'", fixture->program, fixture->folder);
    assert_int_equal(system(path), 0);
    text_add(&yaml, "vars: {die: 0}\n"
                    "stages:\n"
                    "  count:\n"
                    "    cmd: ./count\n"
                    "    params: {count: {epochs: 5, die: \"${die}\"}}\n"
                    "    outs: {total: total.txt}\n");
    snprintf(path, sizeof(path), "%s/pipeline.yaml", fixture->folder);
    assert_int_equal(file_write(path, yaml.data, yaml.size, &err), 0);
    text_release(&yaml);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct error err;
    struct fixture *fixture = *state;
    assert_int_equal(file_remove(fixture->folder, &err), 0);
    free(fixture);
    return 0;
}

static int reprise(const struct fixture *fixture, const char *arguments)
{
    struct text command = {0};
    text_addf(&command, "cd '%s' && '%s' %s > out 2> err", fixture->folder, fixture->runner,
              arguments);
    int status = system(text_string(&command));
    text_release(&command);
    return WEXITSTATUS(status);
}

static bool contains(const struct fixture *fixture, const char *name, const char *part)
{
    char path[256], *data;
    size_t size;
    struct error err;
    snprintf(path, sizeof(path), "%s/%s", fixture->folder, name);
    if (file_read(path, 1 << 20, &data, &size, &err) < 0)
        return false;
    bool found = strstr(data, part) != NULL;
    free(data);
    return found;
}

static void stage_runs_and_its_fingerprint_is_in_the_key(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(reprise(fixture, "why count"), 0);
    assert_true(contains(fixture, "out", "fingerprint device auto"));
    assert_true(contains(fixture, "out", "fingerprint library.Sans-Bold 1.2"));
    assert_int_equal(reprise(fixture, "run"), 0);
    assert_true(contains(fixture, "artifacts/count/total.txt", "xxxxx"));
    assert_int_equal(reprise(fixture, "status --device cpu"), 1);
    assert_true(contains(fixture, "out", "would run: fingerprint device: auto -> cpu"));
}

static void stage_whose_fingerprint_fails_has_no_key(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(reprise(fixture, "run --device cuda"), 1);
    assert_true(contains(fixture, "err", "count --fingerprint': no such device"));
    assert_false(contains(fixture, "artifacts/count/total.txt", "x"));
    assert_int_equal(reprise(fixture, "status --device cuda"), 1);
    assert_true(contains(fixture, "out", "no such device here"));
}

static void killed_stage_resumes_from_its_checkpoint(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(reprise(fixture, "run --set die=3"), 1);
    assert_true(contains(fixture, "err", "killed by signal 9"));
    assert_int_equal(reprise(fixture, "run --set die=3"), 0);
    assert_true(contains(fixture, "err", "resumed"));
    assert_true(contains(fixture, "artifacts/count/total.txt", "xxxxx"));
}

static void stage_runs_by_hand_on_what_keep_work_leaves(void **state)
{
    struct fixture *fixture = *state;
    char command[512];
    assert_int_equal(reprise(fixture, "run --keep-work"), 0);
    snprintf(command, sizeof(command), "cd '%s' && ./count cache/work/*/run/stage.json 2> err",
             fixture->folder);
    assert_int_equal(system(command), 0);
}

static void wrong_param_is_named_by_the_stage(void **state)
{
    struct fixture *fixture = *state;
    assert_int_equal(reprise(fixture, "run --set die=101"), 1);
    assert_true(contains(fixture, "err", "count.die"));
}

int main(int argc, char **argv)
{
    if (getenv("REPRISE_STAGE") != NULL || argc > 1)
        return stage_main(argc, argv, &stage_kind);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stage_runs_and_its_fingerprint_is_in_the_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(stage_whose_fingerprint_fails_has_no_key, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(killed_stage_resumes_from_its_checkpoint, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(stage_runs_by_hand_on_what_keep_work_leaves, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(wrong_param_is_named_by_the_stage, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
