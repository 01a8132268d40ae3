/* predict says of pictures what evaluate says of the same in a data set, and names what is broken.
 */
#include "stage_run.h"

#include "base/file.h"
#include "base/json.h"
#include "data/npy.h"
#include "data/picture.h"
#include "figure/png_file.h"
#include "nn/model.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { SIDE = 8, TRAIN = 12, TEST = 70, WIDE = 12 };

static const char *const classes[] = {"cat", "dog, small"};

static char *below(const struct stage_run *run, const char *name)
{
    struct error err = {0};
    char *path = file_join(run->folder, name, &err);
    assert_non_null(path);
    return path;
}

/* All pixels are different, so that no order of them is another's. */
static void put_picture(const struct stage_run *run, const char *name, uint32_t number,
                        size_t width, size_t height)
{
    struct error err = {0};
    uint32_t pixels[WIDE * WIDE];
    char *path = below(run, name);
    for (size_t i = 0; i < width * height; i++)
        pixels[i] = 0xff000000 | ((number + (uint32_t)i) * 2654435761u >> 8);
    assert_int_equal(file_make_parents(path, &err), 0);
    if (png_file_write(path, pixels, width, height, width, 72, &err) < 0)
        fail_msg("%s", err.message);
    free(path);
}

/* `fit` NULL: of pictures that had one shape. */
static void put_model(const struct stage_run *run, const char *fit)
{
    const struct architecture architecture = {
        .name = "resnet8", .alpha = 1, .image_size = SIDE, .classes = 2, .hidden = 4};
    const struct preprocess preprocess = {PREPROCESS_TF, 255};
    struct model *model;
    struct error err = {0};
    char *path = below(run, "model.safetensors");
    if (model_new(&architecture, &preprocess, 3, &model, &err) < 0 ||
        model_name_classes(model, classes, &err) < 0)
        fail_msg("%s", err.message);
    for (int i = 0; i < 3 && fit != NULL; i++)
        if (strcmp(fit, picture_fit_names[i]) == 0)
            model->pictures = (struct model_pictures){picture_fit_names[i], SIDE, SIDE + 1};
    if (model_write(model, path, &err) < 0)
        fail_msg("%s", err.message);
    model_free(model);
    free(path);
}

static void execute(struct stage_run *run)
{
    if (stage_run_execute(run) != 0)
        fail_msg("%s", run->messages);
}

/* `made` receives own/train, own/test, dataset and model.safetensors. */
static void make_all(struct stage_run *made, const char *fit)
{
    const size_t width = fit != NULL ? WIDE : SIDE, height = fit != NULL ? SIDE - 1 : SIDE;
    stage_run_init(made, "import");
    for (int half = 0; half < 2; half++)
        for (int c = 0; c < 2; c++)
            for (int i = 0; i < (half == 0 ? TRAIN : TEST / 2); i++) {
                char name[96];
                snprintf(name, sizeof(name), "own/%s/%s/%03d.png", half == 0 ? "train" : "test",
                         classes[c], i);
                put_picture(made, name, (uint32_t)(half * 10000 + c * 1000 + i) * 64, width,
                            height);
            }
    char *own = below(made, "own");
    stage_run_dep(made, "pictures", own);
    stage_run_out(made, "dataset", "dataset");
    free(own);
    if (fit != NULL) {
        stage_run_param(made, "fit", json_string(fit));
        stage_run_param(made, "image_size", json_pack("[i,i]", SIDE, SIDE + 1));
    }
    execute(made);
    put_model(made, fit);
}

static void add_dep(struct stage_run *run, const char *name, const struct stage_run *made,
                    const char *file)
{
    char *path = below(made, file);
    stage_run_dep(run, name, path);
    free(path);
}

static void init_predict(struct stage_run *run, const struct stage_run *made, const char *pictures)
{
    stage_run_init(run, "predict");
    add_dep(run, "model", made, "model.safetensors");
    add_dep(run, "pictures", made, pictures);
    stage_run_out(run, "predictions", "predictions");
}

static void compare_with_evaluate(const char *fit)
{
    struct stage_run made, evaluate, predict;
    struct error err = {0};
    struct npy expected;
    json_t *found;
    make_all(&made, fit);
    stage_run_init(&evaluate, "evaluate");
    add_dep(&evaluate, "dataset", &made, "dataset");
    add_dep(&evaluate, "model", &made, "model.safetensors");
    stage_run_out(&evaluate, "metrics", "metrics.json");
    stage_run_out(&evaluate, "predictions", "predictions.npy");
    stage_run_out(&evaluate, "report", "report.txt");
    execute(&evaluate);
    init_predict(&predict, &made, "own/test");
    stage_run_param(&predict, "top", json_integer(5));
    stage_run_param(&predict, "format", json_string("json"));
    execute(&predict);
    char *npy = below(&evaluate, "predictions.npy"), *path = below(&predict, "predictions");
    if (npy_read_as(npy, NPY_F32, 2, &expected, &err) < 0 || json_read(path, &found, &err) < 0)
        fail_msg("%s", err.message);
    const json_t *list = json_at(found, "predictions");
    assert_int_equal(json_array_size(list), TEST);
    for (size_t i = 0; i < TEST; i++) {
        const float *scores = (const float *)expected.data + 2 * i;
        const json_t *one = json_array_get(list, i), *ranked = json_at(one, "classes");
        char name[64];
        snprintf(name, sizeof(name), "%s/%03zu.png", classes[i / (TEST / 2)], i % (TEST / 2));
        assert_string_equal(json_string_value(json_at(one, "path")), name);
        assert_int_equal(json_array_size(ranked), 2);
        for (size_t rank = 0; rank < 2; rank++) {
            const json_t *entry = json_array_get(ranked, rank);
            const size_t class =
                strcmp(json_string_value(json_at(entry, "class")), classes[1]) == 0;
            assert_true((scores[1] > scores[0]) == (class == (rank == 0)));
            assert_true((float)json_real_value(json_at(entry, "probability")) == scores[class]);
        }
    }
    json_decref(found);
    npy_release(&expected);
    free(npy);
    free(path);
    stage_run_release(&made);
    stage_run_release(&evaluate);
    stage_run_release(&predict);
}

static void answers_are_those_of_evaluate(void **state)
{
    (void)state;
    compare_with_evaluate(NULL);
}

static void pictures_become_what_those_of_the_data_set_became(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++)
        compare_with_evaluate(picture_fit_names[i]);
}

static void csv_quotes_and_sizes_may_differ(void **state)
{
    (void)state;
    struct stage_run made, predict;
    size_t size;
    stage_run_init(&made, "import");
    put_model(&made, NULL);
    put_picture(&made, "new/a, \"b\".png", 1, WIDE, SIDE + 2);
    put_picture(&made, "new/c/d.png", 2, SIDE - 2, WIDE);
    put_picture(&made, "new/c/.hidden.png", 2, SIDE, SIDE);
    init_predict(&predict, &made, "new");
    execute(&predict);
    char *text = stage_run_read(&predict, "predictions", &size);
    static const char first[] = "path,class,probability\r\n\"a, \"\"b\"\".png\",";
    assert_int_equal(strncmp(text, first, strlen(first)), 0);
    char *second = strstr(text, "\r\nc/d.png,");
    assert_non_null(second);
    assert_ptr_equal(strstr(second + 2, "\r\n"), text + size - 2);
    free(text);
    stage_run_release(&made);
    stage_run_release(&predict);
}

static void a_broken_picture_stops_or_is_named(void **state)
{
    (void)state;
    struct stage_run made, predict;
    struct error err = {0};
    size_t size;
    stage_run_init(&made, "import");
    put_model(&made, NULL);
    put_picture(&made, "new/b.png", 1, SIDE, SIDE);
    char *path = below(&made, "new/a.png");
    assert_int_equal(file_write(path, "x", 1, &err), 0);
    free(path);
    init_predict(&predict, &made, "new");
    stage_run_out(&predict, "broken", "broken.json");
    assert_int_equal(stage_run_execute(&predict), 1);
    assert_non_null(strstr(predict.messages, "a.png' is neither a PNG nor a JPEG picture"));
    stage_run_param(&predict, "skip_broken", json_true());
    execute(&predict);
    char *text = stage_run_read(&predict, "predictions", &size),
         *broken = stage_run_read(&predict, "broken.json", &size);
    assert_null(strstr(text, "a.png"));
    assert_non_null(strstr(text, "\r\nb.png,"));
    assert_non_null(strstr(broken, "\"path\": \"a.png\""));
    assert_non_null(strstr(broken, "\"why\": \"'a.png' is neither a PNG nor a JPEG picture\""));
    free(text);
    free(broken);
    stage_run_release(&made);
    stage_run_release(&predict);
}

static void wrong_parameters_are_refused_before_anything_runs(void **state)
{
    (void)state;
    static const struct {
        const char *name, *json, *message;
    } wrong[] = {{"top", "0", "top"},
                 {"format", "\"xml\"", "format"},
                 {"pictures", "\"a.png\"", "must be a list of files and folders"},
                 {"pictures", "[1]", "'pictures[0]' must be a path"},
                 {"skip_broken", "1", "skip_broken"},
                 {"tops", "1", "tops"}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct stage_run run;
        stage_run_init(&run, "predict");
        stage_run_dep(&run, "model", "model.safetensors");
        stage_run_out(&run, "predictions", "predictions");
        stage_run_param(&run, wrong[i].name, json_loads(wrong[i].json, JSON_DECODE_ANY, NULL));
        assert_int_equal(stage_run_check(&run), 2);
        if (strstr(run.messages, wrong[i].message) == NULL)
            fail_msg("'%s' is not in: %s", wrong[i].message, run.messages);
        stage_run_release(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_those_of_evaluate),
        cmocka_unit_test(pictures_become_what_those_of_the_data_set_became),
        cmocka_unit_test(csv_quotes_and_sizes_may_differ),
        cmocka_unit_test(a_broken_picture_stops_or_is_named),
        cmocka_unit_test(wrong_parameters_are_refused_before_anything_runs),
    };
    return cmocka_run_group_tests_name("predict", tests, NULL, NULL);
}
