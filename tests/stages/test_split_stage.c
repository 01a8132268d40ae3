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
    assert_string_equal(text, "{\"n\":60,\"schema\":1,\"seed\":42,\"test_size\":0.2,\"train\":48,"
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

/* One more array of the data set that init_run() wrote. */
static void put_numbers(const struct stage_run *run, const char *name, enum npy_type type,
                        const void *numbers, int64_t count)
{
    struct error err = {0};
    char *path = file_join(run->folder, name, &err);
    assert_int_equal(npy_write(path, type, 1, &count, numbers, &err), 0);
    free(path);
}

static void open_splits(const struct stage_run *run, struct splits *splits)
{
    struct error err = {0};
    char *folder = file_join(run->folder, "splits", &err);
    assert_int_equal(splits_open(folder, IMAGES, splits, &err), 0);
    free(folder);
}

static void split_stage_keeps_groups_whole(void **state)
{
    (void)state;
    struct stage_run run;
    struct splits splits;
    int64_t groups[IMAGES];
    int sides[IMAGES / 6] = {0};
    for (int i = 0; i < IMAGES; i++)
        groups[i] = i / 6; /* each of all classes */
    init_run(&run);
    put_numbers(&run, "dataset/train_groups.npy", NPY_I64, groups, IMAGES);
    if (stage_run_execute(&run) != 0)
        fail_msg("%s", run.messages);
    open_splits(&run, &splits);
    assert_int_equal(splits.val.count, 12);
    for (int64_t i = 0; i < splits.val.count; i++)
        sides[((const int64_t *)splits.val.data)[i] / 6] |= 1;
    for (int64_t i = 0; i < splits.train.count; i++)
        sides[((const int64_t *)splits.train.data)[i] / 6] |= 2;
    for (int g = 0; g < IMAGES / 6; g++)
        assert_in_range(sides[g], 1, 2);
    splits_release(&splits);
    stage_run_param(&run, "train_size", json_real(0.5));
    assert_int_equal(stage_run_execute(&run), 2);
    assert_non_null(strstr(run.messages, "train_size can't be kept"));
    put_numbers(&run, "dataset/train_groups.npy", NPY_I64, groups, IMAGES - 1);
    assert_int_equal(stage_run_execute(&run), 1);
    assert_non_null(strstr(run.messages, "train_groups.npy has 59 numbers for 60 pictures"));
    stage_run_release(&run);
}

static void split_stage_obeys_who_says_what_validates(void **state)
{
    (void)state;
    struct stage_run run;
    struct splits splits;
    uint8_t validates[IMAGES] = {[3] = 1, [50] = 1};
    init_run(&run);
    put_numbers(&run, "dataset/train_validation.npy", NPY_U8, validates, IMAGES);
    if (stage_run_execute(&run) != 0)
        fail_msg("%s", run.messages);
    open_splits(&run, &splits);
    assert_int_equal(splits.val.count, 2);
    assert_int_equal(((const int64_t *)splits.val.data)[1], 50);
    splits_release(&splits);
    validates[7] = 2;
    put_numbers(&run, "dataset/train_validation.npy", NPY_U8, validates, IMAGES);
    assert_int_equal(stage_run_execute(&run), 1);
    assert_non_null(strstr(run.messages, "2 at 7 is not 0 or 1"));
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
        cmocka_unit_test(split_stage_keeps_groups_whole),
        cmocka_unit_test(split_stage_obeys_who_says_what_validates),
        cmocka_unit_test(split_stage_refuses_sizes_and_seeds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
