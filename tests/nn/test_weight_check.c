/* Weights that cannot work are refused where they are read and where they would be written; a model
 * keeps the names of its classes. */
#include "nn/weight_check.h"

#include "base/file.h"
#include "data/class_names.h"
#include "data/safetensors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static const struct preprocess caffe = {PREPROCESS_CAFFE, 255};
static const struct architecture small = {
    .name = "resnet8", .alpha = 1, .image_size = 16, .classes = 3, .hidden = 8, .dropout = 0};

static char folder[] = "/tmp/reprise-weights-XXXXXX", file[64], base[64];

static int make_folder(void **state)
{
    (void)state;
    memcpy(folder + sizeof(folder) - 7, "XXXXXX", 6);
    if (mkdtemp(folder) == NULL)
        return -1;
    snprintf(file, sizeof(file), "%s/model.safetensors", folder);
    snprintf(base, sizeof(base), "%s/base.safetensors", folder);
    return 0;
}

static int remove_folder(void **state)
{
    struct error err;
    (void)state;
    return file_remove(folder, &err);
}

static struct model *new_model(void)
{
    struct model *model;
    struct error err = {0};
    if (model_new(&small, &caffe, 1, &model, &err) != 0)
        fail_msg("%s", err.message);
    return model;
}

static struct parameter *find(const struct model *model, const char *name)
{
    for (size_t p = 0; p < model->count; p++)
        if (strcmp(model->parameters[p].name, name) == 0)
            return &model->parameters[p];
    fail_msg("no '%s'", name);
    return NULL;
}

/* The files of the model as they would be with this value, past the check of writing. */
static void write_damaged(const char *name, int64_t index, float value)
{
    struct error err = {0};
    const char *const paths[] = {file, base};
    struct model *model = new_model();
    assert_int_equal(model_write(model, file, &err), 0);
    assert_int_equal(model_write_base(model, base, &err), 0);
    for (int i = 0; i < 2; i++) {
        struct safetensors set = {0};
        assert_int_equal(safetensors_read(paths[i], &set, &err), 0);
        for (size_t t = 0; t < set.count; t++)
            if (strcmp(set.tensors[t].name, name) == 0)
                set.tensors[t].data[index] = value;
        assert_int_equal(safetensors_write(paths[i], &set, &err), 0);
        safetensors_release(&set);
    }
    model_free(model);
}

static const struct wrong {
    const char *name;
    int64_t index;
    float value;
    const char *said;
    bool may_pass;
} wrongs[] = {
    {"conv1_conv/kernel", 0, NAN, "tensor 'conv1_conv/kernel': value 0, nan, is not finite", false},
    {"conv4_block1_2_conv/kernel", 77, -INFINITY, "value 77, -inf, is not finite", false},
    {"conv1_bn/gamma", 3, INFINITY, "tensor 'conv1_bn/gamma': value 3, inf, is not finite", false},
    {"conv1_bn/moving_variance", 15, -1e-6f, "value 15, -1e-06, is a variance below 0", false},
    {"conv1_bn/moving_variance", 1, 2e12f, "value 1, 2e+12, is a variance above 1e12", false},
    {"conv1_conv/kernel", 5, 1.5e6f, "value 5, 1.5e+06, is above 1e6 in magnitude", true},
    {"conv1_bn/gamma", 0, -2e6f, "value 0, -2e+06, is above 1e6 in magnitude", true},
    {"conv1_bn/beta", 2, 3e7f, "value 2, 3e+07, is above 1e6 in magnitude", true},
    {"conv1_bn/moving_mean", 9, -4e6f, "value 9, -4e+06, is above 1e6 in magnitude", true},
};
enum { WRONGS = sizeof(wrongs) / sizeof(wrongs[0]) };

static int notes;
static void count_note(void *arg, const char *text)
{
    (void)text;
    notes += arg == &notes;
}

static void weights_that_cannot_work_are_refused_when_read(void **state)
{
    const struct weight_check lenient = {true, count_note, &notes};
    (void)state;
    for (int i = 0; i < WRONGS; i++) {
        const struct wrong *w = &wrongs[i];
        struct error err = {0};
        struct model *read = NULL, *fresh = new_model();
        write_damaged(w->name, w->index, w->value);
        assert_int_equal(model_read(file, NULL, &read, &err), -1);
        if (strstr(err.message, w->said) == NULL || strstr(err.message, file) == NULL)
            fail_msg("%s lacks %s", err.message, w->said);
        assert_int_equal(model_load_base(fresh, base, NULL, NULL, &err), -1);
        assert_non_null(strstr(err.message, w->said));
        notes = 0;
        assert_int_equal(model_read(file, &lenient, &read, &err), w->may_pass ? 0 : -1);
        assert_int_equal(model_load_base(fresh, base, &lenient, NULL, &err), w->may_pass ? 0 : -1);
        assert_int_equal(notes, w->may_pass ? 2 : 0);
        /* What was let in may go out. */
        assert_int_equal(w->may_pass ? model_write(read, file, &err) : 0, 0);
        model_free(read);
        model_free(fresh);
    }
}

static void weights_that_cannot_work_are_not_written(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * WRONGS; i++) {
        const struct wrong *w = &wrongs[i / 2];
        struct error err = {0};
        struct model *model = new_model();
        find(model, w->name)->value[w->index] = w->value;
        assert_int_equal((i % 2 ? model_write_base : model_write)(model, file, &err), -1);
        assert_non_null(strstr(err.message, w->said));
        assert_non_null(strstr(err.message, "is not written"));
        assert_false(file_exists(file));
        model_free(model);
    }
}

static void large_value_that_passes_hides_none_that_may_not(void **state)
{
    const struct weight_check lenient = {true, NULL, NULL};
    float values[] = {1, 2e6f, 3, NAN};
    struct error err = {0};
    (void)state;
    assert_int_equal(weight_check(&lenient, "x", WEIGHT_VALUE, values, 3, &err), 0);
    assert_int_equal(weight_check(&lenient, "x", WEIGHT_VALUE, values, 4, &err), -1);
    assert_non_null(strstr(err.message, "value 3, nan"));
    assert_int_equal(weight_check(NULL, "x", WEIGHT_VALUE, values, 3, &err), -1);
    assert_non_null(strstr(err.message, "value 1, 2e+06"));
}

static void limits_themselves_are_sound(void **state)
{
    const float values[] = {1e6f, -1e6f, 0, -0.0f}, variances[] = {1e12f, 0, -0.0f, 1e-30f};
    struct error err = {0};
    (void)state;
    assert_int_equal(weight_check(NULL, "x", WEIGHT_VALUE, values, 4, &err), 0);
    assert_int_equal(weight_check(NULL, "x", WEIGHT_VARIANCE, variances, 4, &err), 0);
    assert_int_equal(weight_kind_of_name("bn/moving_variance"), WEIGHT_VARIANCE);
    assert_int_equal(weight_kind_of_name("layer1.0.bn1.running_var"), WEIGHT_VARIANCE);
    assert_int_equal(weight_kind_of_name("bn/moving_mean"), WEIGHT_VALUE);
}

static void model_keeps_the_names_of_its_classes(void **state)
{
    static const char *const names[] = {"ship", "日本語", "Ünïcödé"},
                             *const turned[] = {"日本語", "ship", "Ünïcödé"},
                             *const other[] = {"ship", "日本語", "cat"};
    struct error err = {0};
    struct model *model = new_model(), *read;
    (void)state;
    assert_int_equal(model_write(model, file, &err), 0); /* nobody said them */
    assert_int_equal(model_read(file, NULL, &read, &err), 0);
    assert_null(read->class_names);
    model_free(read);
    assert_int_equal(model_name_classes(model, names, &err), 0);
    assert_int_equal(model_write(model, file, &err), 0);
    assert_int_equal(model_read(file, NULL, &read, &err), 0);
    const char *const *own = (const char *const *)read->class_names;
    assert_int_equal(class_names_compare(own, names, 3, &err), 0);
    assert_int_equal(class_names_compare(own, turned, 3, &err), -1);
    assert_non_null(strstr(err.message, "in another order: class 1 is 'ship' in the model and "
                                        "'日本語' in the data set"));
    assert_int_equal(class_names_compare(own, other, 3, &err), -1);
    assert_non_null(strstr(err.message, "class 3 is 'Ünïcödé' in the model and 'cat'"));
    model_free(read);
    model_free(model);
}

static void model_with_wrong_class_names_is_refused(void **state)
{
    static const char *const lists[][2] = {
        {"[\"a\", \"b\"]", "must name its 3 classes"},
        {"[\"a\", \"b\", 3]", "class_names 3: the class has no name"},
        {"[\"a\", \"b\", \"a\"]", "class_names 3: the class name 'a' is there twice"},
        {"[\"a\", \"b\", \"\\u001b\"]", "U+001B"},
        {"3", "must name its 3 classes"},
    };
    struct error err = {0};
    struct model *model = new_model(), *read = NULL;
    (void)state;
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct safetensors set = {0};
        char text[512];
        assert_int_equal(model_write(model, file, &err), 0);
        assert_int_equal(safetensors_read(file, &set, &err), 0);
        snprintf(text, sizeof(text), "{\"class_names\": %s, %s", lists[i][0],
                 safetensors_description(&set, "reprise") + 1);
        assert_int_equal(safetensors_describe(&set, "reprise", text, &err), 0);
        assert_int_equal(safetensors_write(file, &set, &err), 0);
        safetensors_release(&set);
        assert_int_equal(model_read(file, NULL, &read, &err), -1);
        if (strstr(err.message, lists[i][1]) == NULL)
            fail_msg("%s lacks %s", err.message, lists[i][1]);
    }
    model_free(model);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(weights_that_cannot_work_are_refused_when_read),
        IN_FOLDER(weights_that_cannot_work_are_not_written),
        cmocka_unit_test(large_value_that_passes_hides_none_that_may_not),
        cmocka_unit_test(limits_themselves_are_sound),
        IN_FOLDER(model_keeps_the_names_of_its_classes),
        IN_FOLDER(model_with_wrong_class_names_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
