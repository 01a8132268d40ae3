/* What goes wrong on a card: calls that fail, a card that is lost, memory that is too small. */
#include "twin.h"

#include "formula.h"
#include "nn/network.h"

#include "tap.h"

#include <stdlib.h>
#include <string.h>

enum { SIZE_8 = 8, FEW_CLASSES = 4, AT_ONCE = 4 };

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

static struct model *make_model(const char *pattern)
{
    struct error err = {0};
    struct model *model = formula_model("resnet8", SIZE_8, FEW_CLASSES, 8, 0.2);
    ok(model_set_trainable(model, &pattern, pattern != NULL, &err), &err);
    return model;
}

/* All that a network is asked for, on the twin alone; 0 or the error. */
static int use(struct error *err)
{
    const struct network_options options = {.batch = 2, .shard = 2, .seed = 3};
    struct device *device;
    struct network *network = NULL;
    struct pictures pictures;
    struct train_step steps[2] = {{2, 1e-3f}, {1, 1e-3f}};
    struct batch_result results[2];
    struct model *model = make_model(NULL);
    double seen[2][64];
    size_t done;
    int status = -1;
    formula_pictures(&pictures, 3, SIZE_8, FEW_CLASSES);
    if (twin_open(2, &device, err) == 0) {
        if (network_new(model, device, &options, &network, err) == 0 &&
            network_remember(network, &pictures.feed, 1 << 16, err) == 0 &&
            network_observe(network, &pictures.feed, pictures.samples, 3, 1, seen[0], seen[1],
                            err) == 0 &&
            network_train_steps(network, &pictures.feed, pictures.samples, steps, 2, 0, 0, results,
                                &done, err) == 0 &&
            network_infer(network, &pictures.feed, pictures.samples, 3, NULL, NULL, -1, NULL,
                          results, err) == 0)
            status = network_store(network, model, err);
        network_free(network);
        device_close(device);
    }
    model_free(model);
    formula_release(&pictures);
    return status;
}

static void every_call_that_fails_is_told(void **state)
{
    struct error err = {0};
    (void)state;
    twin_fail_at(0);
    ok(use(&err), &err);
    const size_t calls = twin_fail_at(0);
    assert_true(calls > 100);
    print_message("# %zu calls, each of which fails once\n", calls);
    for (size_t k = 1; k <= calls; k++) {
        err = (struct error){0};
        twin_fail_at(k);
        const int status = use(&err);
        twin_fail_at(0);
        assert_int_equal(twin_held(), 0);
        if (status == 0 && k > calls - 2) /* freeing waits for both streams and tells nobody */
            continue;
        assert_int_equal(status, -1);
        assert_int_equal(err.kind, ERR_DEVICE);
        assert_non_null(strstr(err.message, "injected"));
    }
}

static void a_card_that_is_lost_is_told(void **state)
{
    struct error err = {0};
    (void)state;
    twin_lose_at(0);
    ok(use(&err), &err);
    const size_t pieces = twin_lose_at(0);
    print_message("# %zu pieces of work, of which one in 9 loses the card\n", pieces);
    for (size_t k = 1; k <= pieces; k += 9) {
        err = (struct error){0};
        twin_lose_at(k);
        assert_int_equal(use(&err), -1);
        assert_int_equal(err.kind, ERR_DEVICE);
        assert_non_null(strstr(err.message, "injected"));
        twin_lose_at(0);
        assert_int_equal(twin_held(), 0);
    }
}

static void what_does_not_fit_names_what_does(void **state)
{
    struct network_options options = {.batch = 256, .shard = 256, .norm = NORM_BATCH};
    struct device *device;
    struct network *network;
    struct error err = {0};
    (void)state;
    twin_set_memory((size_t)5 << 20);
    struct model *model = make_model("");
    ok(twin_open(AT_ONCE, &device, &err), &err);
    assert_int_equal(network_new(model, device, &options, &network, &err), -1);
    assert_int_equal(err.kind, ERR_MEMORY);
    const char *fits = strstr(err.message, "; one of ");
    assert_non_null(fits);
    assert_non_null(strstr(err.message, "with a batch of 256"));
    options.batch = options.shard = strtol(fits + 9, NULL, 10);
    assert_in_range(options.batch, 1, 128);
    ok(network_new(model, device, &options, &network, &err), &err);
    network_free(network);
    model_free(model);
    device_close(device);
    twin_set_memory((size_t)1 << 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_that_fails_is_told),
        cmocka_unit_test(a_card_that_is_lost_is_told),
        cmocka_unit_test(what_does_not_fit_names_what_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
