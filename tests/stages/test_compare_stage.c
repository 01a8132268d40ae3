/* compare finds the pictures whose answer changed, and writes a page of the whole. */
#include "stage_run.h"

#include "base/file.h"
#include "base/json.h"
#include "data/dataset.h"
#include "nn/history.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { SIDE = 4, TEST = 5, CLASSES = 3 };

static char names[][8] = {"cat", "<dog>", "fish"};
static char *classes[] = {names[0], names[1], names[2]};

static char *below(const struct stage_run *run, const char *name)
{
    struct error err = {0};
    char *path = file_join(run->folder, name, &err);
    assert_non_null(path);
    return path;
}

static void put_dataset(const struct stage_run *run)
{
    struct error err = {0};
    const struct dataset_origin origin = {.source = "made", .sha256 = "", .generated = true};
    struct dataset dataset = {
        .classes = classes, .class_count = CLASSES, .height = SIDE, .width = SIDE};
    const int64_t images[] = {TEST, SIDE, SIDE, 3}, labels[] = {TEST};
    char *path = below(run, "dataset");
    assert_int_equal(npy_new(NPY_U8, 4, images, &dataset.train_images, &err), 0);
    assert_int_equal(npy_new(NPY_U8, 4, images, &dataset.test_images, &err), 0);
    assert_int_equal(npy_new(NPY_U16, 1, labels, &dataset.train_labels, &err), 0);
    assert_int_equal(npy_new(NPY_U16, 1, labels, &dataset.test_labels, &err), 0);
    for (int64_t i = 0; i < TEST; i++) {
        memset((uint8_t *)dataset.test_images.data + i * SIDE * SIDE * 3, (int)(i * 50),
               SIDE * SIDE * 3);
        ((uint16_t *)dataset.test_labels.data)[i] = (uint16_t)(i % CLASSES);
    }
    if (dataset_write(path, &dataset, &origin, &err) < 0)
        fail_msg("%s", err.message);
    npy_release(&dataset.train_images);
    npy_release(&dataset.test_images);
    npy_release(&dataset.train_labels);
    npy_release(&dataset.test_labels);
    free(path);
}

/* Each picture is taken for the class that `says` has, with 0.6 of 1. */
static void put_predictions(const struct stage_run *run, const char *name, const int *says,
                            int64_t count)
{
    struct error err = {0};
    float values[TEST * CLASSES];
    const int64_t shape[] = {count, CLASSES};
    char *path = below(run, name);
    for (int64_t i = 0; i < count * CLASSES; i++)
        values[i] = i % CLASSES == says[i / CLASSES] ? 0.6f : 0.2f;
    assert_int_equal(npy_write(path, NPY_F32, 2, shape, values, &err), 0);
    free(path);
}

static void put_history(const struct stage_run *run, const char *name, double accuracy)
{
    struct error err = {0};
    struct history history = {.best_epoch = 0, .kept_epoch = 0, .checkpoint_epoch = 0};
    const struct history_summary summary = {.phase = "phase1", .shard = HISTORY_SHARD};
    const struct epoch_record record = {1, accuracy, 1, accuracy, 0.1};
    char *path = below(run, name);
    assert_int_equal(history_add(&history, &record, &err), 0);
    assert_int_equal(history_write_json(path, &history, &summary, &err), 0);
    history_release(&history);
    free(path);
}

static json_t *difference(void)
{
    json_t *json = json_loads(
        "{\"a\": {\"name\": \"run <1>\", \"started\": \"\", \"profile\": \"\", \"sets\": {}},"
        " \"b\": {\"name\": \"run 2\", \"started\": \"\", \"profile\": \"\", \"sets\": {}},"
        " \"params\": [{\"name\": \"rate\", \"a\": \"1\", \"b\": \"2\", \"stages\": [\"phase1\"]}],"
        " \"metrics\": [{\"stage\": \"evaluate\", \"metric\": \"metrics.test_accuracy\", \"a\": "
        "0.25,"
        "   \"b\": 0.5, \"difference\": 0.25, \"better\": true}], \"stages\": []}",
        0, NULL);
    assert_non_null(json);
    return json;
}

static void begin(struct stage_run *run)
{
    static const int a[] = {0, 0, 2, 1, 0}, b[] = {0, 1, 1, 2, 0};
    char *folder;
    stage_run_init(run, "compare");
    put_dataset(run);
    put_predictions(run, "a.npy", a, TEST);
    put_predictions(run, "b.npy", b, TEST);
    put_history(run, "a.json", 0.5);
    put_history(run, "b.json", 0.75);
    folder = run->folder;
    stage_run_param(run, "difference", difference());
    stage_run_param(run, "pictures",
                    json_pack("{s:s+, s:s+, s:s+}", "dataset", folder, "/dataset", "a", folder,
                              "/a.npy", "b", folder, "/b.npy"));
    stage_run_param(run, "curves",
                    json_pack("[{s:s, s:s+, s:s+}]", "name", "phase1", "a", folder, "/a.json", "b",
                              folder, "/b.json"));
    stage_run_out(run, "pictures", "pictures.json");
    stage_run_out(run, "page", "page.html");
}

static void flips_are_sorted_by_who_is_right(void **state)
{
    struct stage_run run;
    struct error err = {0};
    json_t *json;
    (void)state;
    begin(&run);
    if (stage_run_execute(&run) != 0)
        fail_msg("%s", run.messages);
    char *path = below(&run, "pictures.json");
    assert_int_equal(json_read(path, &json, &err), 0);
    free(path);
    /* truth 0 1 2 0 1: picture 1 is fixed, 2 broken, 3 wrong in another way, 4 wrong as before */
    json_t *expected =
        json_loads("{\"schema\": 1, \"pictures\": {\"tested\": 5, \"right\": {\"a\": 2, \"b\": 2}, "
                   "\"fixed\": 1, \"broken\": 1,"
                   " \"moved\": 1, \"list\": ["
                   "{\"kind\": \"fixed\", \"picture\": 1, \"truth\": \"<dog>\", "
                   "\"a\": \"cat\", \"b\": \"<dog>\"},"
                   "{\"kind\": \"broken\", \"picture\": 2, \"truth\": \"fish\", "
                   "\"a\": \"fish\", \"b\": \"<dog>\"},"
                   "{\"kind\": \"moved\", \"picture\": 3, \"truth\": \"cat\", "
                   "\"a\": \"<dog>\", \"b\": \"fish\"}]}}",
                   0, NULL);
    assert_true(json_equal(json, expected));
    json_decref(json);
    json_decref(expected);
    stage_run_release(&run);
}

static bool has(const char *page, const char *text)
{
    return strstr(page, text) != NULL;
}

static void page_says_what_changed_and_what_it_did(void **state)
{
    struct stage_run run;
    size_t size;
    (void)state;
    begin(&run);
    if (stage_run_execute(&run) != 0)
        fail_msg("%s", run.messages);
    char *page = stage_run_read(&run, "page.html", &size);
    assert_true(has(page, "<div class=\"verdict good\">"));
    assert_true(has(page, "evaluate.<wbr>metrics.<wbr>test_accuracy: 0.25 \xe2\x86\x92 0.5"));
    assert_true(has(page, "run &lt;1&gt;") && !has(page, "run <1>"));
    assert_true(has(page, "Right only in b: 1") && has(page, "Right only in a: 1"));
    assert_true(has(page, "<b class=\"a\">a</b> &lt;dog&gt; 60%") && !has(page, "<dog>"));
    assert_true(has(page, "aria-label=\"Accuracy of phase1 by epoch"));
    assert_false(has(page, "http"));
    free(page);
    stage_run_release(&run);
}

static void predictions_of_another_data_set_are_not_compared(void **state)
{
    static const int says[] = {0, 0, 0};
    struct stage_run run;
    size_t size;
    (void)state;
    begin(&run);
    put_predictions(&run, "b.npy", says, 3);
    if (stage_run_execute(&run) != 0)
        fail_msg("%s", run.messages);
    char *json = stage_run_read(&run, "pictures.json", &size);
    char *page = stage_run_read(&run, "page.html", &size);
    assert_true(has(json, "b.npy' has 3 pictures of 3 classes, the data set 5 of 3"));
    assert_true(has(json, "\"pictures\": null") && has(page, "Accuracy of phase1 by epoch"));
    assert_true(has(page, "Not compared: ") && has(page, "has 3 pictures of 3 classes"));
    free(json);
    free(page);
    stage_run_release(&run);
}

static void history_of_another_form_is_left_out(void **state)
{
    struct stage_run run;
    struct error err = {0};
    size_t size;
    (void)state;
    begin(&run);
    char *path = below(&run, "b.json");
    assert_int_equal(file_write(path, "epoch,loss\n1,2\n", 15, &err), 0);
    free(path);
    if (stage_run_execute(&run) != 0)
        fail_msg("%s", run.messages);
    char *page = stage_run_read(&run, "page.html", &size);
    assert_true(has(page, "Right only in b: 1") && !has(page, "phase1 by epoch"));
    free(page);
    stage_run_release(&run);
}

static void level_line_of_a_large_loss_is_drawn(void **state)
{
    static const char history[] =
        "{\"schema\": 1, \"phase\": \"phase1\", \"epochs\": [{\"epoch\": 1, \"loss\": 1e12, "
        "\"accuracy\": 0.5, \"val_loss\": 1e12, \"val_accuracy\": 0.5, \"learning_rate\": 0.1}], "
        "\"best_epoch\": 1, \"checkpoint_epoch\": 1, \"kept_epoch\": 1, \"stopped_early\": false, "
        "\"trainable_parameters\": 1, \"frozen_parameters\": 1}";
    static const char *const sides[] = {"a.json", "b.json"};
    struct stage_run run;
    struct error err = {0};
    size_t size;
    (void)state;
    begin(&run);
    for (int i = 0; i < 2; i++) {
        char *path = below(&run, sides[i]);
        assert_int_equal(file_write(path, history, strlen(history), &err), 0);
        free(path);
    }
    if (stage_run_execute(&run) != 0)
        fail_msg("%s", run.messages);
    char *page = stage_run_read(&run, "page.html", &size);
    assert_true(has(page, "Loss of phase1 by epoch") && !has(page, "nan"));
    free(page);
    stage_run_release(&run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flips_are_sorted_by_who_is_right),
        cmocka_unit_test(page_says_what_changed_and_what_it_did),
        cmocka_unit_test(predictions_of_another_data_set_are_not_compared),
        cmocka_unit_test(history_of_another_form_is_left_out),
        cmocka_unit_test(level_line_of_a_large_loss_is_drawn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
