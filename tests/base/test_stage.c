#include "base/file.h"
#include "base/json.h"
#include "base/stage.h"
#include "tap.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each test describes a stage in JSON and runs it in this process; what the stage reports goes to
 * files. */
static char folder[] = "/tmp/reprise-test-XXXXXX";
static struct error seen;

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    struct error err;
    return file_remove(folder, &err);
}

static int run_stage(const char *json, int (*run)(struct stage *, struct error *))
{
    struct error err = {0};
    char path[64];
    snprintf(path, sizeof(path), "%s/stage.json", folder);
    assert_int_equal(file_write(path, json, strlen(json), &err), 0);
    const struct stage_kind kind = {.name = "test", .summary = "a test", .run = run};
    char *argv[] = {(char *)"test", path, NULL};
    /* The message goes to stderr, which would be no TAP. */
    int saved = dup(STDERR_FILENO);
    assert_non_null(freopen("/dev/null", "w", stderr));
    int status = stage_main(2, argv, &kind);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    return status;
}

static int read_parameters(struct stage *stage, struct error *err)
{
    int64_t seed, steps = -1;
    double rate;
    bool flip;
    const char *text, *nothing = "untouched";
    static const char *const modes[] = {"stop", "warn"};
    int mode;
    int result = 0;
    if (stage_int(stage, "split.seed", 0, 100, &seed, err) < 0 ||
        stage_real(stage, "rate", 0, 1, &rate, err) < 0 ||
        stage_bool(stage, "flip", &flip, err) < 0 || stage_text(stage, "name", &text, err) < 0 ||
        stage_int_or_null(stage, "steps", 0, 10, &steps, err) < 0 ||
        stage_text_or_null(stage, "absent", &nothing, err) < 0 ||
        stage_choice(stage, "mode", modes, 2, &mode, err) < 0 || stage_params_done(stage, err) < 0)
        result = -1;
    if (result == 0) {
        assert_int_equal(seed, 42);
        assert_true(rate == 0.5 && flip && steps == -1 && mode == 1);
        assert_string_equal(text, "x");
        assert_string_equal(nothing, "untouched");
        assert_int_equal(stage_threads(stage), 2);
        assert_string_equal(stage_device(stage), "auto");
        assert_null(stage_checkpoint(stage));
    }
    seen = *err;
    return result;
}

#define PARAMS(more)                                                                               \
    "{\"stage\": \"t\", \"resources\": {\"threads\": 2}, \"deps\": {}, \"outs\": {}, \"params\": " \
    "{"                                                                                            \
    "\"split\": {\"seed\": 42}, \"rate\": 0.5, \"flip\": true, \"name\": \"x\", \"steps\": "       \
    "null, " more "}}"

static void parameters_are_read(void **state)
{
    (void)state;
    assert_int_equal(run_stage(PARAMS("\"mode\": \"warn\""), read_parameters), 0);
}

static void parameters_that_are_wrong_are_named(void **state)
{
    (void)state;
    assert_int_equal(run_stage(PARAMS("\"mode\": \"Warn\""), read_parameters), 2);
    assert_string_equal(seen.message, "parameter 'mode' is 'Warn', not one of stop, warn");
    assert_int_equal(run_stage(PARAMS("\"mode\": 3"), read_parameters), 2);
    assert_string_equal(seen.message, "parameter 'mode' must be a text, not 3");
    assert_int_equal(run_stage(PARAMS("\"other\": 3"), read_parameters), 2);
    assert_string_equal(seen.message, "parameter 'mode' is missing");
    assert_int_equal(run_stage(PARAMS("\"mode\": \"stop\", \"flipp\": 1"), read_parameters), 2);
    assert_string_equal(seen.message, "unknown parameter 'flipp', did you mean 'flip'?");
}

static int want_dep(struct stage *stage, struct error *err)
{
    int result = stage_dep(stage, "data", err) != NULL ? 0 : -1;
    seen = *err;
    return result;
}

static void missing_dep_and_missing_out_fail(void **state)
{
    (void)state;
    assert_int_equal(run_stage("{\"deps\": {}, \"outs\": {}, \"params\": {}}", want_dep), 2);
    assert_string_equal(seen.message, "no 'data' in deps: name it in pipeline.yaml");
    assert_int_equal(
        run_stage(
            "{\"deps\": {\"data\": \"/x\"}, \"outs\": {\"o\": \"/nowhere/o\"}, \"params\": {}}",
            want_dep),
        1);
    assert_int_equal(run_stage("{\"deps\": {}, \"outs\": {}}", want_dep), 1);
}

static int wait_for_stop(struct stage *stage, struct error *err)
{
    (void)stage;
    raise(SIGTERM);
    return stage_stop_requested() ? stage_interrupted(err) : 0;
}

static void stop_request_ends_with_130(void **state)
{
    (void)state;
    assert_int_equal(run_stage("{\"deps\": {}, \"outs\": {}, \"params\": {}}", wait_for_stop), 130);
}

static int report_progress(struct stage *stage, struct error *err)
{
    (void)err;
    stage_progress(stage, "epoch 1/2", 3, 3, "image");
    stage_metric(stage, "loss", (double)NAN, 1);
    stage_note(stage, "a \"note\"");
    return 0;
}

static void progress_is_a_json_object_a_line(void **state)
{
    (void)state;
    struct error err = {0};
    char path[64], json[160], *data;
    size_t size;
    snprintf(path, sizeof(path), "%s/progress", folder);
    FILE *stream = fopen(path, "w");
    assert_non_null(stream);
    snprintf(json, sizeof(json),
             "{\"deps\": {}, \"outs\": {}, \"params\": {}, \"progress_fd\": %d}", fileno(stream));
    assert_int_equal(run_stage(json, report_progress), 0);
    assert_int_equal(file_read(path, 10000, &data, &size, &err), 0);
    assert_string_equal(data, "{\"done\":3,\"event\":\"progress\",\"total\":3,\"unit\":\"image\","
                              "\"what\":\"epoch 1/2\"}\n"
                              "{\"event\":\"metric\",\"name\":\"loss\",\"step\":1,\"value\":null}\n"
                              "{\"event\":\"note\",\"text\":\"a \\\"note\\\"\"}\n");
    free(data);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parameters_are_read),
        TEST(parameters_that_are_wrong_are_named),
        TEST(missing_dep_and_missing_out_fail),
        TEST(progress_is_a_json_object_a_line),
        TEST(stop_request_ends_with_130),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
