/* What the stage curves writes for TensorBoard and as Vega-Lite. */
#include "stage_run.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "data/event_file.h"
#include "figure/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define FIXTURES "tests/stages/report/"

static void init_run(struct stage_run *run)
{
    stage_run_init(run, "curves");
    stage_run_dep(run, "phase1_history", FIXTURES "phase1_history.json");
    stage_run_dep(run, "phase2_history", FIXTURES "phase2_history.json");
    stage_run_dep(run, "metrics", FIXTURES "metrics.json");
    stage_run_out(run, "tensorboard", "tensorboard");
    stage_run_out(run, "vega", "vega");
}

static void execute(struct stage_run *run)
{
    if (stage_run_execute(run) != 0)
        fail_msg("%s", run->messages);
}

static json_t *read_json(const struct stage_run *run, const char *path)
{
    struct error err = {0};
    char full[256];
    json_t *value = NULL;
    snprintf(full, sizeof(full), "%s/%s", run->folder, path);
    if (json_read(full, &value, &err) < 0)
        fail_msg("%s", err.message);
    return value;
}

/* A file of the test's own as a dep. */
static void put_dep(struct stage_run *run, const char *dep, json_t *value)
{
    struct error err = {0};
    char full[256];
    snprintf(full, sizeof(full), "%s/%s.json", run->folder, dep);
    assert_non_null(value);
    assert_int_equal(json_write(full, value, &err), 0);
    json_decref(value);
    stage_run_dep(run, dep, full);
}

static void expect_events(const struct stage_run *run, const char *name,
                          const struct text *expected)
{
    char path[256];
    size_t size;
    snprintf(path, sizeof(path), "tensorboard/%s/" EVENT_FILE_NAME, name);
    char *found = stage_run_read(run, path, &size);
    assert_int_equal(size, expected->size);
    assert_memory_equal(found, expected->data, size);
    free(found);
}

/* ---- TensorBoard ---- */

static void add(struct text *events, const char *tag, const json_t *epoch, const char *name)
{
    const int64_t step = json_integer_value(json_object_get(epoch, "epoch"));
    double value = NAN;
    assert_true(json_measurement(json_object_get(epoch, name), &value));
    event_file_scalar(events, tag, step, (float)value);
}

static void tensorboard_has_each_value_of_each_history(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    struct text train = {0}, validation = {0};
    json_t *history = NULL, *epoch;
    size_t i;
    init_run(&run);
    execute(&run);
    assert_int_equal(json_read(FIXTURES "phase2_history.json", &history, &err), 0);
    event_file_begin(&train);
    event_file_begin(&validation);
    json_array_foreach (json_object_get(history, "epochs"), i, epoch) {
        add(&train, "epoch_accuracy", epoch, "accuracy");
        add(&train, "epoch_loss", epoch, "loss");
        add(&train, "epoch_learning_rate", epoch, "learning_rate");
        add(&validation, "epoch_accuracy", epoch, "val_accuracy");
        add(&validation, "epoch_loss", epoch, "val_loss");
    }
    expect_events(&run, "phase2/train", &train);
    expect_events(&run, "phase2/validation", &validation);
    json_decref(history);
    text_release(&validation);
    text_release(&train);
    stage_run_release(&run);
}

static void tensorboard_shows_hyperparameters_beside_the_test(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    struct text events = {0};
    json_t *metrics = NULL, *flat = json_pack("{s:s, s:f, s:s, s:i}", "model.architecture",
                                              "resnet8", "model.dropout", 0.1, "phase.trainable",
                                              "[\"conv3\",\"conv4\"]", "seed", 7);
    init_run(&run);
    stage_run_param(&run, "hyperparameters",
                    json_pack("{s:{s:s, s:f}, s:{s:n, s:[s, s]}, s:i}", "model", "architecture",
                              "resnet8", "dropout", 0.1, "phase", "cosine_decay", "trainable",
                              "conv3", "conv4", "seed", 7));
    execute(&run);
    assert_int_equal(json_read(FIXTURES "metrics.json", &metrics, &err), 0);
    event_file_begin(&events);
    event_file_hyperparameters(&events, flat);
    event_file_scalar(&events, "test_accuracy", 0,
                      (float)json_number_value(json_object_get(metrics, "test_accuracy")));
    event_file_scalar(&events, "test_loss", 0,
                      (float)json_number_value(json_object_get(metrics, "test_loss")));
    expect_events(&run, "test", &events);
    json_decref(metrics);
    json_decref(flat);
    text_release(&events);
    stage_run_release(&run);
}

/* ---- Vega-Lite ---- */

static const json_t *values_of(const json_t *chart)
{
    const json_t *values = json_at(chart, "data.values");
    assert_string_equal(json_text(chart, "$schema"),
                        "https://vega.github.io/schema/vega-lite/v5.json");
    assert_true(json_is_array(values));
    return values;
}

static void vega_has_the_data_of_histories_and_metrics_inside(void **state)
{
    (void)state;
    struct stage_run run;
    init_run(&run);
    execute(&run);
    json_t *chart = read_json(&run, "vega/training_curves.vl.json");
    const json_t *third = json_array_get(values_of(chart), 3); /* epoch 2, validation */
    assert_string_equal(json_text(third, "part"), "validation");
    assert_int_equal(json_integer_value(json_object_get(third, "epoch")), 2);
    assert_true(json_real_value(json_object_get(third, "accuracy")) == 0.61014);
    json_decref(chart);
    chart = read_json(&run, "vega/confusion_matrix.vl.json");
    assert_int_equal(json_array_size(values_of(chart)), 100);
    const json_t *cell = json_array_get(values_of(chart), 2); /* airplanes taken for birds */
    assert_string_equal(json_text(cell, "true"), "airplane");
    assert_string_equal(json_text(cell, "predicted"), "bird");
    assert_int_equal(json_integer_value(json_object_get(cell, "images")), 3);
    assert_true(json_real_value(json_object_get(cell, "share")) == 0.015);
    json_decref(chart);
    chart = read_json(&run, "vega/classes.vl.json");
    assert_int_equal(json_array_size(values_of(chart)), 10);
    const json_t *first = json_array_get(values_of(chart), 0);
    assert_string_equal(json_text(first, "class"), "airplane");
    assert_true(json_real_value(json_object_get(first, "f1")) > 0.946);
    json_decref(chart);
    stage_run_release(&run);
}

static json_t *metrics_of_many(size_t classes)
{
    json_t *names = json_array(), *confusion = json_array();
    for (size_t i = 0; i < classes; i++) {
        char name[32];
        json_t *row = json_array();
        snprintf(name, sizeof(name), "class %zu", i);
        json_array_append_new(names, json_string(name));
        for (size_t j = 0; j < classes; j++)
            json_array_append_new(row, json_integer(i == j ? 9 : j == (i * i + 1) % classes));
        json_array_append_new(confusion, row);
    }
    return json_pack("{s:o, s:o}", "classes", names, "confusion", confusion);
}

static void vega_of_many_classes_shows_the_most_confused_and_has_all_scores(void **state)
{
    (void)state;
    struct stage_run run;
    init_run(&run);
    put_dep(&run, "metrics", metrics_of_many(FIGURE_ALL_CLASSES + 1));
    execute(&run);
    json_t *chart = read_json(&run, "vega/confusion_matrix.vl.json");
    assert_int_equal(json_array_size(values_of(chart)),
                     FIGURE_MOST_CONFUSED * FIGURE_MOST_CONFUSED);
    assert_non_null(strstr(json_text(chart, "title"), "the 40 most confused of 61 classes"));
    json_decref(chart);
    chart = read_json(&run, "vega/classes.vl.json");
    assert_int_equal(json_array_size(values_of(chart)), FIGURE_ALL_CLASSES + 1);
    assert_true(json_is_null(json_object_get(json_array_get(values_of(chart), 0), "f1")));
    json_decref(chart);
    stage_run_release(&run);
}

static void vega_leaves_a_gap_where_a_value_is_not_finite(void **state)
{
    (void)state;
    struct stage_run run;
    init_run(&run);
    put_dep(&run, "phase1_history",
            json_pack("{s:[{s:s, s:f, s:n, s:f, s:f}], s:i, s:n, s:s, s:i, s:i}", "epochs", "loss",
                      "inf", "accuracy", 0.5, "val_loss", "val_accuracy", 0.5, "learning_rate",
                      1e-3, "best_epoch", 1, "checkpoint_epoch", "phase", "phase1",
                      "trainable_parameters", 1, "frozen_parameters", 1));
    execute(&run);
    json_t *chart = read_json(&run, "vega/training_curves.vl.json");
    assert_true(json_is_null(json_object_get(json_array_get(values_of(chart), 0), "loss")));
    assert_true(json_is_null(json_object_get(json_array_get(values_of(chart), 1), "loss")));
    json_decref(chart);
    stage_run_release(&run);
}

/* ---- both ---- */

static void curves_writes_what_the_deps_allow(void **state)
{
    (void)state;
    struct stage_run run;
    char path[256];
    init_run(&run);
    stage_run_dep(&run, "metrics", NULL);
    stage_run_dep(&run, "phase2_history", NULL);
    execute(&run);
    static const char *const absent[] = {"tensorboard/phase2", "tensorboard/test",
                                         "vega/confusion_matrix.vl.json", "vega/classes.vl.json"};
    for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", run.folder, absent[i]);
        assert_false(file_exists(path));
    }
    snprintf(path, sizeof(path), "%s/tensorboard/phase1/validation", run.folder);
    assert_true(file_exists(path));
    stage_run_dep(&run, "phase1_history", NULL);
    assert_int_equal(stage_run_execute(&run), 2);
    assert_non_null(strstr(run.messages, "out 'tensorboard' needs a history or metrics"));
    stage_run_release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tensorboard_has_each_value_of_each_history),
        cmocka_unit_test(tensorboard_shows_hyperparameters_beside_the_test),
        cmocka_unit_test(vega_has_the_data_of_histories_and_metrics_inside),
        cmocka_unit_test(vega_of_many_classes_shows_the_most_confused_and_has_all_scores),
        cmocka_unit_test(vega_leaves_a_gap_where_a_value_is_not_finite),
        cmocka_unit_test(curves_writes_what_the_deps_allow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
