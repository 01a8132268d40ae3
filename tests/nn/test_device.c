/* Which device is taken, and what it says of itself. */
#include "nn/device.h"

#include "base/file.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tap.h"

static void fingerprint_names_device_library_and_instructions(void **state)
{
    (void)state;
    struct error err = {0};
    const char *devices[] = {"cpu", "auto"};
    for (int i = 0; i < 2; i++) {
        char *text = NULL;
        size_t size = 0;
        FILE *stream = open_memstream(&text, &size);
        assert_int_equal(device_fingerprint(devices[i], stream, &err), 0);
        fclose(stream);
        assert_int_equal(strncmp(text, "device cpu\nonednn ", 18), 0);
        assert_non_null(strstr(text, "\nisa "));
        assert_int_equal(text[size - 1], '\n');
        assert_null(strstr(text, "thread"));
        /* Which device auto takes depends on whether there is an object to load. */
        bool uses =
            strstr(text, "\nuses /") != NULL && strstr(text, "/libreprise-cuda.so\n") != NULL;
        assert_int_equal(uses, i == 1);
        free(text);
    }
}

static void cuda_that_is_absent_is_an_error_and_auto_takes_the_cpu(void **state)
{
    (void)state;
    struct error err = {0};
    struct device *device = NULL;
    assert_int_equal(device_open("cuda", 1, &device, &err), -1);
    assert_int_equal(err.kind, ERR_DEVICE);
    assert_string_equal(err.message,
                        "device 'cuda': this build has no GPU backend, use device 'cpu' or 'auto'");
    assert_null(device);
    assert_int_equal(device_fingerprint("cuda", stdout, &err), -1);
    assert_int_equal(err.kind, ERR_DEVICE);
    assert_string_equal(err.message,
                        "device 'cuda': this build has no GPU backend, use device 'cpu' or 'auto'");
    assert_int_equal(device_open("auto", 1, &device, &err), 0);
    assert_string_equal(device->name, "cpu");
    assert_int_equal(strncmp(device->description, "cpu, oneDNN ", 12), 0);
    assert_string_equal(device->no_gpu, "this build has no GPU backend");
    device_close(device);
    assert_int_equal(device_open("cpu", 1, &device, &err), 0);
    assert_string_equal(device->no_gpu, "");
    device_close(device);
}

/* The runner runs copies; beside the original lies what it loads. */
static void gpu_backend_is_found_beside_the_original_of_a_copy(void **state)
{
    (void)state;
    struct error err = {0};
    struct device *device = NULL;
    char folder[] = "/tmp/reprise-original-XXXXXX", path[128], original[128], own[512];
    assert_non_null(mkdtemp(folder));
    const ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
    assert_true(length > 0);
    own[length] = '\0';
    snprintf(path, sizeof(path), "%s/lib", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof(path), "%s/lib/libreprise-cuda.so", folder);
    assert_int_equal(file_write(path, "x", 1, &err), 0);
    snprintf(original, sizeof(original), "%s/stages%s", folder, strrchr(own, '/'));
    setenv("REPRISE_PROGRAM", original, 1);
    assert_int_equal(device_open("cuda", 1, &device, &err), -1);
    assert_non_null(strstr(err.message, "cannot load the GPU backend: "));
    assert_non_null(strstr(err.message, path));
    setenv("REPRISE_PROGRAM", "/usr/bin/nice", 1); /* another program that starts this one */
    assert_int_equal(device_open("cuda", 1, &device, &err), -1);
    assert_non_null(strstr(err.message, "no GPU backend"));
    unsetenv("REPRISE_PROGRAM");
    assert_int_equal(file_remove(folder, &err), 0);
}

static void unknown_device_is_a_usage_error(void **state)
{
    (void)state;
    struct error err = {0};
    struct device *device = NULL;
    assert_int_equal(device_open("tpu", 1, &device, &err), -1);
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.message, "'tpu'"));
}

/* auto is what the device prefers: f32 on a CPU; bf16 only where there is bf16, with the reason.
 */
static void precision_is_what_the_device_has(void **state)
{
    (void)state;
    struct error err = {0};
    enum dtype dtype = DTYPE_BF16;
    struct device *device = NULL;
    assert_int_equal(device_open("cpu", 1, &device, &err), 0);
    assert_int_equal(device_precision(device, PRECISION_AUTO, &dtype, &err), 0);
    assert_int_equal(dtype, DTYPE_F32);
    device_close(device);
    struct device card = {.name = "card", .preferred = DTYPE_BF16};
    const enum dtype known[] = {DTYPE_BF16, DTYPE_F32, DTYPE_BF16};
    for (int i = PRECISION_AUTO; i <= PRECISION_BF16; i++) {
        assert_int_equal(device_precision(&card, (enum precision)i, &dtype, &err), 0);
        assert_int_equal(dtype, known[i]);
    }
    card.no_bf16 = "it is old";
    dtype = DTYPE_F32;
    assert_int_equal(device_precision(&card, PRECISION_BF16, &dtype, &err), -1);
    assert_int_equal(err.kind, ERR_DEVICE);
    assert_int_equal(dtype, DTYPE_F32);
    assert_string_equal(err.message, "'bf16' on device 'card': it is old; take 'auto' or 'f32'");
    assert_int_equal(device_precision(&card, PRECISION_F32, &dtype, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fingerprint_names_device_library_and_instructions),
        cmocka_unit_test(cuda_that_is_absent_is_an_error_and_auto_takes_the_cpu),
        cmocka_unit_test(gpu_backend_is_found_beside_the_original_of_a_copy),
        cmocka_unit_test(unknown_device_is_a_usage_error),
        cmocka_unit_test(precision_is_what_the_device_has),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
