#include "data/splits.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static char folder[] = "/tmp/reprise-splits-XXXXXX";

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    struct error err;
    return file_remove(folder, &err);
}

static void write_part(const char *name, const int64_t *indices, int64_t count)
{
    struct error err = {0};
    char *path = file_join(folder, name, &err);
    assert_int_equal(npy_write(path, NPY_I64, 1, &count, indices, &err), 0);
    free(path);
}

static void splits_reads_what_was_written(void **state)
{
    (void)state;
    const int64_t train[3] = {4, 0, 2}, val[2] = {1, 3};
    struct splits splits;
    struct error err = {0};
    write_part("train.npy", train, 3);
    write_part("val.npy", val, 2);
    assert_int_equal(splits_open(folder, 5, &splits, &err), 0);
    assert_int_equal(splits.train.count, 3);
    assert_memory_equal(splits.train.data, train, sizeof(train));
    assert_memory_equal(splits.val.data, val, sizeof(val));
    splits_release(&splits);
}

static void expect_refusal(int64_t images, const char *message)
{
    struct splits splits;
    struct error err = {0};
    assert_int_equal(splits_open(folder, images, &splits, &err), -1);
    if (strstr(err.message, message) == NULL)
        fail_msg("'%s' lacks '%s'", err.message, message);
}

static void splits_refuses_indices_out_of_range(void **state)
{
    (void)state;
    const int64_t train[2] = {0, 5}, val[1] = {1};
    write_part("train.npy", train, 2);
    write_part("val.npy", val, 1);
    expect_refusal(5, "train.npy': index 5 is outside the 5 images");
}

static void splits_refuses_an_image_in_both_parts(void **state)
{
    (void)state;
    const int64_t train[2] = {0, 3}, val[1] = {3};
    write_part("train.npy", train, 2);
    write_part("val.npy", val, 1);
    expect_refusal(5, "val.npy': image 3 occurs twice in the split");
}

static void splits_refuses_an_empty_part(void **state)
{
    (void)state;
    const int64_t train[2] = {0, 3};
    write_part("train.npy", train, 2);
    write_part("val.npy", train, 0);
    expect_refusal(5, "val.npy' has no indices");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(splits_reads_what_was_written),
        cmocka_unit_test(splits_refuses_indices_out_of_range),
        cmocka_unit_test(splits_refuses_an_image_in_both_parts),
        cmocka_unit_test(splits_refuses_an_empty_part),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
