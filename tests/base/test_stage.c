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
static const char *known_outs; /* of the stage; NULL: not checked */

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
    char path[128];
    snprintf(path, 64, "%s/stage.json", folder);
    assert_int_equal(file_write(path, json, strlen(json), &err), 0);
    const struct stage_kind kind = {
        .name = "test", .summary = "a test", .run = run, .outs = known_outs};
    char *argv[] = {(char *)"test", path, NULL};
    /* The message goes to stderr, which would be no TAP. */
    int saved = dup(STDERR_FILENO);
    snprintf(path + 64, 64, "%s/said", folder);
    assert_non_null(freopen(path + 64, "w", stderr));
    int status = stage_main(2, argv, &kind);
    fflush(stderr);
    dup2(saved, STDERR_FILENO);
    close(saved);
    return status;
}

/* What the last stage wrote to stderr. */
static const char *last_message(void)
{
    static char said[1100];
    struct error err = {0};
    char path[64], *data;
    size_t size;
    snprintf(path, sizeof(path), "%s/said", folder);
    assert_int_equal(file_read(path, sizeof(said) - 1, &data, &size, &err), 0);
    memcpy(said, data, size + 1);
    free(data);
    return said;
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
/* ---- stage.json ---- */

static int look_at_paths(struct stage *stage, struct error *err)
{
    char expected[64];
    const char *dep = stage_dep(stage, "data", err), *far = stage_dep(stage, "far", err);
    const char *out = stage_out(stage, "o", err);
    assert_true(dep != NULL && out != NULL && far != NULL);
    snprintf(expected, sizeof(expected), "%s/deps/data/x", folder);
    assert_string_equal(dep, expected);
    assert_string_equal(far, "/far/away");
    snprintf(expected, sizeof(expected), "%s/o", folder);
    assert_string_equal(out, expected);
    snprintf(expected, sizeof(expected), "%s/../checkpoint", folder);
    assert_string_equal(stage_checkpoint(stage), expected);
    snprintf(expected, sizeof(expected), "%s/../..", folder);
    assert_string_equal(stage_project(stage), expected);
    assert_null(stage_scratch(stage));
    assert_null(stage_scratch_out(stage));
    return file_write(out, "x", 1, err);
}

static void paths_are_relative_to_the_folder_of_stage_json(void **state)
{
    (void)state;
    assert_int_equal(
        run_stage("{\"schema\": 2, \"deps\": {\"data\": \"deps/data/x\", \"far\": \"/far/away\"}, "
                  "\"outs\": {\"o\": \"o\"}, \"params\": {}, \"checkpoint\": \"../checkpoint\", "
                  "\"project\": \"../..\"}",
                  look_at_paths),
        0);
}

/* What an earlier run left is read, what a later one may find is written elsewhere. */
static int use_scratch(struct stage *stage, struct error *err)
{
    char expected[64], *path = NULL, *data = NULL;
    size_t size;
    snprintf(expected, sizeof(expected), "%s/earlier", folder);
    assert_string_equal(stage_scratch(stage), expected);
    snprintf(expected, sizeof(expected), "%s/new", folder);
    assert_string_equal(stage_scratch_out(stage), expected);
    assert_non_null(path = file_join(stage_scratch(stage), "kernel", err));
    assert_int_equal(file_read(path, 100, &data, &size, err), 0);
    free(path);
    assert_non_null(path = file_join(stage_scratch_out(stage), "kernel", err));
    assert_int_equal(file_write(path, data, size, err), 0);
    free(path);
    free(data);
    return 0;
}

static void scratch_is_read_from_one_folder_and_written_to_another(void **state)
{
    (void)state;
    struct error err = {0};
    char path[64], *data;
    size_t size;
    snprintf(path, sizeof(path), "%s/earlier", folder);
    assert_int_equal(file_make_folders(path, &err), 0);
    snprintf(path, sizeof(path), "%s/new", folder);
    assert_int_equal(file_make_folders(path, &err), 0);
    snprintf(path, sizeof(path), "%s/earlier/kernel", folder);
    assert_int_equal(file_write(path, "compiled", 8, &err), 0);
    assert_int_equal(run_stage("{\"schema\": 2, \"deps\": {}, \"outs\": {}, \"params\": {}, "
                               "\"scratch\": \"earlier\", \"scratch_out\": \"new\"}",
                               use_scratch),
                     0);
    snprintf(path, sizeof(path), "%s/new/kernel", folder);
    assert_int_equal(file_read(path, 100, &data, &size, &err), 0);
    assert_string_equal(data, "compiled");
    free(data);
}

static int never(struct stage *stage, struct error *err)
{
    (void)stage;
    return error_set(err, ERR_STAGE, "this stage ran");
}

static void schema_of_another_version_is_refused_in_one_line(void **state)
{
    (void)state;
    const char *said;
    assert_int_equal(
        run_stage("{\"schema\": 3, \"deps\": {}, \"outs\": {}, \"params\": {}}", never), 1);
    said = last_message();
    assert_non_null(strstr(said, "stage.json: its schema is 3, this program reads schema 2\n"));
    assert_int_equal(
        run_stage("{\"schema\": \"2\", \"deps\": {}, \"outs\": {}, \"params\": {}}", never), 1);
    assert_non_null(strstr(last_message(), "its schema is \"2\""));
}

static void missing_map_and_near_names_are_told(void **state)
{
    (void)state;
    assert_int_equal(
        run_stage("{\"deps\": {}, \"outs\": {}, \"params\": {\"split\": 3}}", read_parameters), 2);
    assert_string_equal(seen.message, "parameter 'split' must be a map, not 3");
    assert_int_equal(
        run_stage("{\"deps\": {}, \"outs\": {}, \"params\": {\"split\": {\"sead\": 3}}}",
                  read_parameters),
        2);
    assert_string_equal(seen.message, "parameter 'split.seed' is missing, is it meant by 'sead'?");
}

static int write_model(struct stage *stage, struct error *err)
{
    const char *path = stage_out(stage, "model", err);
    assert_false(stage_has_out(stage, "curves"));
    return path == NULL ? -1 : file_write(path, "x", 1, err);
}

static void out_of_an_older_version_is_left_out_with_a_note_where_no_schema_is_named(void **state)
{
    (void)state;
    known_outs = "model csv?";
    int old = run_stage("{\"deps\": {}, \"outs\": {\"model\": \"m\", \"curves\": \"c.png\"}, "
                        "\"params\": {}}",
                        write_model);
    assert_non_null(strstr(last_message(), "this program does not write 'curves': left out"));
    int current = run_stage("{\"schema\": 2, \"deps\": {}, \"outs\": {\"model\": \"m\", "
                            "\"curves\": \"c.png\"}, \"params\": {}}",
                            write_model);
    assert_non_null(strstr(last_message(), "there is no 'curves' among the outs"));
    int lacking =
        run_stage("{\"deps\": {}, \"outs\": {\"curves\": \"c.png\"}, \"params\": {}}", write_model);
    assert_non_null(strstr(last_message(), "no 'model' in outs"));
    known_outs = NULL;
    assert_int_equal(old, 0);
    assert_int_equal(current, 2);
    assert_int_equal(lacking, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(parameters_are_read),
        TEST(parameters_that_are_wrong_are_named),
        TEST(missing_dep_and_missing_out_fail),
        TEST(progress_is_a_json_object_a_line),
        TEST(stop_request_ends_with_130),
        TEST(paths_are_relative_to_the_folder_of_stage_json),
        TEST(scratch_is_read_from_one_folder_and_written_to_another),
        TEST(schema_of_another_version_is_refused_in_one_line),
        TEST(missing_map_and_near_names_are_told),
        TEST(out_of_an_older_version_is_left_out_with_a_note_where_no_schema_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
