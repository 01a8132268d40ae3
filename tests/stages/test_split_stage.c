#include "stage_run.h"

#include "base/file.h"
#include "base/json.h"
#include "data/dataset.h"
#include "data/splits.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { IMAGES = 60, SIDE = 2, CLASSES = 3 };

/* 60 pictures of three classes, 30, 20 and 10 of them. */
static void write_dataset(const struct stage_run *run, char **folder)
{
    static const char *const names[CLASSES] = {"one", "two", "three"};
    static const struct dataset_origin origin = {
        "sample:test", "0000000000000000000000000000000000000000000000000000000000000000", true};
    const int64_t pictures[4] = {IMAGES, SIDE, SIDE, 3}, labels[1] = {IMAGES};
    struct dataset dataset = {.class_count = CLASSES, .height = SIDE, .width = SIDE};
    struct error err = {0};
    dataset.classes = calloc(CLASSES, sizeof(char *));
    for (int i = 0; i < CLASSES; i++)
        dataset.classes[i] = strdup(names[i]);
    assert_int_equal(npy_new(NPY_U8, 4, pictures, &dataset.train_images, &err), 0);
    assert_int_equal(npy_new(NPY_U8, 4, pictures, &dataset.test_images, &err), 0);
    assert_int_equal(npy_new(NPY_U16, 1, labels, &dataset.train_labels, &err), 0);
    assert_int_equal(npy_new(NPY_U16, 1, labels, &dataset.test_labels, &err), 0);
    for (int i = 0; i < IMAGES; i++)
        ((uint16_t *)dataset.train_labels.data)[i] = i % 6 < 3 ? 0 : i % 6 < 5 ? 1 : 2;
    *folder = file_join(run->folder, "dataset", &err);
    if (dataset_write(*folder, &dataset, &origin, &err) < 0)
        fail_msg("%s", err.message);
    dataset_release(&dataset);
}

static void init_run(struct stage_run *run)
{
    char *folder;
    stage_run_init(run, "split");
    write_dataset(run, &folder);
    stage_run_dep(run, "dataset", folder);
    stage_run_out(run, "splits", "splits");
    stage_run_param(run, "test_size", json_real(0.2));
    stage_run_param(run, "seed", json_integer(42));
    free(folder);
}

static void split_stage_writes_a_stratified_split(void **state)
{
    (void)state;
    struct stage_run run;
    struct splits splits;
    struct error err = {0};
    json_t *summary;
    init_run(&run);
    if (stage_run_execute(&run) != 0)
        fail_msg("%s", run.messages);
    char *folder = file_join(run.folder, "splits", &err);
    char *path = file_join(folder, "split.json", &err);
    assert_int_equal(splits_open(folder, IMAGES, &splits, &err), 0);
    assert_int_equal(splits.train.count, 48);
    assert_int_equal(splits.val.count, 12);
    assert_int_equal(json_read(path, &summary, &err), 0);
    char *text = json_to_text(summary, true, &err);
    assert_string_equal(text, "{\"n\":60,\"seed\":42,\"test_size\":0.2,\"train\":48,"
                              "\"train_counts\":[24,16,8],\"val\":12,\"val_counts\":[6,4,2]}");
    free(text);
    json_decref(summary);
    splits_release(&splits);
    free(path);
    free(folder);
    stage_run_release(&run);
}

static void split_stage_takes_a_number_of_images(void **state)
{
    (void)state;
    struct stage_run run;
    struct splits splits;
    struct error err = {0};
    init_run(&run);
    stage_run_param(&run, "test_size", json_integer(24));
    stage_run_param(&run, "train_size", json_integer(30));
    assert_int_equal(stage_run_execute(&run), 0);
    char *folder = file_join(run.folder, "splits", &err);
    assert_int_equal(splits_open(folder, IMAGES, &splits, &err), 0);
    assert_int_equal(splits.train.count, 30);
    assert_int_equal(splits.val.count, 24);
    splits_release(&splits);
    free(folder);
    stage_run_release(&run);
}

static void expect_refusal(json_t *test_size, json_t *seed, int status, const char *message)
{
    struct stage_run run;
    init_run(&run);
    stage_run_param(&run, "test_size", test_size);
    stage_run_param(&run, "seed", seed);
    assert_int_equal(stage_run_execute(&run), status);
    if (strstr(run.messages, message) == NULL)
        fail_msg("'%s' lacks '%s'", run.messages, message);
    stage_run_release(&run);
}

static void split_stage_refuses_sizes_and_seeds(void **state)
{
    (void)state;
    expect_refusal(json_real(1.5), json_integer(1), 2,
                   "stage 'split': test_size=1.5 should be either positive and smaller than");
    expect_refusal(json_real(0.01), json_integer(1), 2,
                   "the test_size = 1 should be greater or equal to the number of classes = 3");
    expect_refusal(json_string("a fifth"), json_integer(1), 2,
                   "parameter 'test_size' must be a fraction such as 0.2 or a number of images");
    expect_refusal(json_real(0.2), json_integer(-1), 2, "parameter 'seed' is -1, outside 0 to");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(split_stage_writes_a_stratified_split),
        cmocka_unit_test(split_stage_takes_a_number_of_images),
        cmocka_unit_test(split_stage_refuses_sizes_and_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
