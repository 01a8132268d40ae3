/* The stage itself, run as the runner runs it, on a dataset of flat colours. */
#include "figure/drawn.h"

#include "base/file.h"
#include "data/dataset.h"
#include "data/npy.h"
#include "tap.h"

#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum { CLASSES = 3, TRAIN = 12, TEST = 6, SIDE = 8, PIXELS = SIDE * SIDE * 3 };

static const char *const outs[] = {"sample_images", "class_distribution", "augmentation_examples"};

/* Picture i is of class i % 3, and of a colour of its own. */
static void colour_of(size_t i, uint8_t rgb[3])
{
    rgb[0] = (uint8_t)(100 + i);
    rgb[1] = (uint8_t)(i % CLASSES * 40);
    rgb[2] = 5;
}

static void fill(uint8_t *images, uint16_t *labels, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        labels[i] = (uint16_t)(i % CLASSES);
        for (size_t p = 0; p < PIXELS; p += 3)
            colour_of(i, images + i * PIXELS + p);
    }
}

static void make_data(void)
{
    struct error err = {0};
    uint8_t train[TRAIN * PIXELS], test[TEST * PIXELS];
    uint16_t train_labels[TRAIN], test_labels[TEST];
    const char *names[CLASSES] = {"red", "sand", "leaf"};
    fill(train, train_labels, TRAIN);
    fill(test, test_labels, TEST);
    struct dataset dataset = {
        .train_images = {NPY_U8, 4, {TRAIN, SIDE, SIDE, 3}, TRAIN * PIXELS, train},
        .train_labels = {NPY_U16, 1, {TRAIN}, TRAIN, train_labels},
        .test_images = {NPY_U8, 4, {TEST, SIDE, SIDE, 3}, TEST * PIXELS, test},
        .test_labels = {NPY_U16, 1, {TEST}, TEST, test_labels},
        .classes = (char **)names,
        .class_count = CLASSES,
        .height = SIDE,
        .width = SIDE};
    const struct dataset_origin origin = {"file:none", "", true};
    if (dataset_write(drawn_path(0, "dataset"), &dataset, &origin, &err) < 0)
        fail_msg("%s", err.message);
    /* Of the classes 0, 1, 2 the pictures 6, 4 and 2 come first. */
    const int64_t indices[] = {4, 6, 1, 2, 0, 5, 7, 8}, rest[] = {3, 9, 10, 11};
    const int64_t counts[] = {8, 4};
    assert_int_equal(file_make_folders(drawn_path(0, "splits"), &err), 0);
    const char *path = drawn_path(0, "splits/train.npy");
    assert_int_equal(npy_write(path, NPY_I64, 1, &counts[0], indices, &err), 0);
    path = drawn_path(0, "splits/val.npy");
    assert_int_equal(npy_write(path, NPY_I64, 1, &counts[1], rest, &err), 0);
}

/* Runs the stage with the outs in `folder`; returns its exit status. */
static int run_stage(const char *folder, const char *augment)
{
    char json[4096], root[200], executable[300];
    extern char **environ;
    struct error err = {0};
    const char *build = getenv("BUILD");
    int status;
    pid_t child;
    snprintf(root, sizeof(root), "%s", drawn_path(0, ""));
    assert_int_equal(file_make_folders(drawn_path(0, folder), &err), 0);
    int used =
        snprintf(json, sizeof(json),
                 "{\"stage\":\"explore\",\"key\":\"\",\"params\":{\"seed\":3,\"augment\":%s},"
                 "\"deps\":{\"dataset\":\"%sdataset\",\"splits\":\"%ssplits\"},\"outs\":{",
                 augment, root, root);
    for (size_t i = 0; i < 3; i++)
        used += snprintf(json + used, sizeof(json) - (size_t)used, "%s\"%s\":\"%s%s/%s.png\"",
                         i > 0 ? "," : "", outs[i], root, folder, outs[i]);
    snprintf(json + used, sizeof(json) - (size_t)used,
             "},\"resources\":{\"threads\":1},\"device\":\"cpu\"}");
    const char *path = drawn_path(0, "stage.json");
    assert_int_equal(file_write(path, json, strlen(json), &err), 0);
    snprintf(executable, sizeof(executable), "%s/stages/explore", build != NULL ? build : "build");
    char *const argv[] = {executable, (char *)path, NULL};
    assert_int_equal(posix_spawn(&child, executable, NULL, NULL, argv, environ), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static const char *const plain =
    "{\"flip\":true,\"rotation\":0.0,\"zoom\":0.0,\"cutout\":0,\"mixup\":0.0}";
static const char *const rich =
    "{\"flip\":true,\"rotation\":0.1,\"zoom\":0.1,\"cutout\":3,\"mixup\":0.4}";

static void explore_shows_the_first_of_each_class_in_the_shuffled_split(void **state)
{
    (void)state;
    struct drawn drawn;
    static const bool shown[TRAIN] = {[2] = true, [4] = true, [6] = true};
    make_data();
    assert_int_equal(run_stage("out", plain), 0);
    drawn_read(drawn_path(0, "out/sample_images.png"), &drawn);
    for (size_t i = 0; i < TRAIN; i++) {
        uint8_t rgb[3];
        size_t box[4];
        colour_of(i, rgb);
        assert_int_equal(drawn_find(&drawn, rgb, 0, box) > 1000, shown[i]);
    }
    drawn_release(&drawn);
}

static void explore_shows_each_example_with_its_augmentations(void **state)
{
    (void)state;
    struct drawn drawn;
    make_data();
    assert_int_equal(run_stage("out", plain), 0);
    drawn_read(drawn_path(0, "out/augmentation_examples.png"), &drawn);
    for (size_t i = 2; i <= 6; i += 2) {
        uint8_t rgb[3];
        size_t box[4];
        colour_of(i, rgb);
        /* A flat colour flipped is itself: eight equal pictures of 80 units in a row. */
        assert_true(drawn_find(&drawn, rgb, 0, box) > 8 * 155 * 155);
        assert_in_range(box[3] - box[1], 155, 160);
        assert_true(box[2] - box[0] > 8 * 160);
    }
    drawn_release(&drawn);
}

static void explore_gives_the_same_bytes_again(void **state)
{
    (void)state;
    make_data();
    assert_int_equal(run_stage("first", rich), 0);
    assert_int_equal(run_stage("second", rich), 0);
    for (size_t i = 0; i < 3; i++) {
        char first[128], second[128];
        snprintf(first, sizeof(first), "first/%s.png", outs[i]);
        snprintf(second, sizeof(second), "second/%s.png", outs[i]);
        drawn_assert_equal_files(drawn_path(0, first), drawn_path(1, second));
    }
}

static void explore_refuses_wrong_parameters(void **state)
{
    (void)state;
    make_data();
    assert_int_not_equal(run_stage("out", "{\"flip\":1}"), 0);
    assert_int_not_equal(run_stage("out", "{\"flip\":true,\"rotation\":7,\"zoom\":0.0,\"cutout\":0,"
                                          "\"mixup\":0.0}"),
                         0);
    assert_int_not_equal(run_stage("out",
                                   "{\"flip\":true,\"rotation\":0.0,\"zoom\":0.0,\"cutout\":0,"
                                   "\"mixup\":0.0,\"zooom\":1}"),
                         0);
}

#define IN_FOLDER(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, drawn_make_folder, drawn_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(explore_shows_the_first_of_each_class_in_the_shuffled_split),
        IN_FOLDER(explore_shows_each_example_with_its_augmentations),
        IN_FOLDER(explore_gives_the_same_bytes_again),
        IN_FOLDER(explore_refuses_wrong_parameters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
