#include "data/event_file.h"

#include "base/file.h"
#include "data/crc32c.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* RFC 3720, B.4, and the check value that catalogues of checksums have. */
static void crc32c_is_that_of_rfc_3720(void **state)
{
    (void)state;
    unsigned char bytes[32];
    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x8a9136aa);
    memset(bytes, 0xff, sizeof(bytes));
    assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x62a8ab43);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (unsigned char)i;
    assert_int_equal(crc32c(bytes, sizeof(bytes)), 0x46dd794e);
    assert_int_equal(crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(crc32c("", 0), 0);
}

/* What TensorBoard has no values for, is not in the golden file. */
static json_t *some_hyperparameters(void)
{
    return json_pack("{s:b, s:n, s:s, s:[], s:f, s:i, s:s, s:b}", "augment", 1, "cosine_decay",
                     "model.architecture", "resnet8", "phase1.classes", "phase1.learning_rate",
                     1e-3, "seed", 7, "train.norm", "caf\xc3\xa9", "z", 0);
}

static void event_file_has_the_bytes_of_tensorboards_writer(void **state)
{
    (void)state;
    struct error err = {0};
    struct text file = {0};
    char *golden;
    size_t size;
    json_t *values = some_hyperparameters();
    assert_non_null(values);
    event_file_begin(&file);
    event_file_hyperparameters(&file, values);
    event_file_scalar(&file, "epoch_loss", 1, 0.7515625f);
    event_file_scalar(&file, "epoch_loss", 2, INFINITY);
    event_file_scalar(&file, "epoch_accuracy", 300, 0.1f);
    assert_int_equal(text_check(&file, &err), 0);
    if (file_read("tests/golden/tensorboard/events.bin", 1 << 20, &golden, &size, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(file.size, size);
    assert_memory_equal(file.data, golden, size);
    free(golden);
    json_decref(values);
    text_release(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc32c_is_that_of_rfc_3720),
        cmocka_unit_test(event_file_has_the_bytes_of_tensorboards_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
