/* What reprise init writes runs: in a folder of class folders, from its base (with random weights,
 * in Keras' layout) to the report, and what the run wrote there is none of the pictures.
 */
#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "figure/png_file.h"
#include "nn/export.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "tap.h"

enum { SIDE = 40, EACH = 15 };

static const char *const classes[] = {"cat", "dog"};

/* A folder with a project to be, and beside it the file of the base. */
struct place {
    char folder[64];
    char said[1 << 16]; /* by the last command */
};

static void put_pictures(const struct place *place)
{
    struct error err = {0};
    static uint32_t pixels[SIDE * SIDE];
    for (uint32_t i = 0; i < 2 * EACH; i++) {
        char path[128];
        snprintf(path, sizeof(path), "%s/project/%s/%u.png", place->folder, classes[i % 2], i);
        for (uint32_t p = 0; p < SIDE * SIDE; p++)
            pixels[p] = (i % 2 ? 0xff804020 : 0xff2040a0) + ((p * (2 * i + 1) * 2654435761u) >> 27);
        if (file_make_parents(path, &err) < 0 ||
            png_file_write(path, pixels, SIDE, SIDE, SIDE, 72, &err) < 0)
            fail_msg("%s", err.message);
    }
}

static int make(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    *place = (struct place){.folder = "/tmp/reprise-init-XXXXXX"};
    assert_non_null(mkdtemp(place->folder));
    put_pictures(place);
    *state = place;
    return 0;
}

static int unmake(void **state)
{
    struct place *place = *state;
    struct error err;
    file_remove(place->folder, &err);
    free(place);
    return 0;
}

/* A network in Keras' own format; the template's sizes but for `image_size`. */
static void put_base(const struct place *place, const char *architecture, double alpha)
{
    struct architecture a = {.alpha = alpha, .image_size = 32, .classes = 3};
    const struct preprocess preprocess = {PREPROCESS_TF, 255};
    struct error err = {0};
    struct model *model;
    char path[128];
    snprintf(a.name, sizeof(a.name), "%s", architecture);
    snprintf(path, sizeof(path), "%s/base.keras", place->folder);
    if (model_new(&a, &preprocess, 5, &model, &err) < 0 || export_keras(model, path, &err) < 0)
        fail_msg("%s", err.message);
    model_free(model);
}

/* `reprise WORDS` in the project; its exit status. */
static int reprise(struct place *place, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int reprise(struct place *place, const char *format, ...)
{
    struct error err = {0};
    struct text command = {0};
    char words[1024], said[96], *text;
    const char *build = getenv("BUILD");
    char *program = realpath(build != NULL ? build : "build", NULL);
    size_t size;
    va_list args;
    va_start(args, format);
    vsnprintf(words, sizeof(words), format, args);
    va_end(args);
    snprintf(said, sizeof(said), "%s/said", place->folder);
    text_addf(&command, "cd %s/project && %s/reprise %s > %s 2>&1", place->folder, program, words,
              said);
    int status = system(text_string(&command));
    assert_int_equal(file_read(said, sizeof(place->said) - 1, &text, &size, &err), 0);
    snprintf(place->said, sizeof(place->said), "%s", text);
    free(text);
    text_release(&command);
    free(program);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The command does what it should. */
#define must_run(place, ...)                                                                       \
    do {                                                                                           \
        if (reprise(place, __VA_ARGS__) != 0)                                                      \
            fail_msg("%s", (place)->said);                                                         \
    } while (0)
#define must_say(place, ...)                                                                       \
    do {                                                                                           \
        if (strstr((place)->said, __VA_ARGS__) == NULL)                                            \
            fail_msg("'%s' is not in: %s", __VA_ARGS__, (place)->said);                            \
    } while (0)
#define SMALL                                                                                      \
    "run --device cpu --set model.image_size=32 --set import.image_size=32 --set "                 \
    "phase1.epochs=1 --set phase2.epochs=1"

static void assert_there(const struct place *place, const char *name)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/project/%s", place->folder, name);
    if (!file_exists(path))
        fail_msg("there is no %s: %s", name, place->said);
}

/* Runs what init wrote, twice, and asks the model. */
static void run_it(struct place *place, const char *sets)
{
    must_run(place, SMALL "%s", sets);
    must_say(place, "executed, 0 cached");
    assert_there(place, "reports/index.html");
    assert_there(place, "artifacts/evaluate/metrics.json");
    must_run(place, SMALL "%s", sets);
    must_say(place, "0 executed, ");
    must_run(place, "predict phase2.model cat");
    must_say(place, "cat/0.png,");
}

static void mobilenet_of_a_pinned_address_runs_in_the_pictures_own_folder(void **state)
{
    struct place *place = *state;
    struct error err = {0};
    struct digest digest;
    char base[128], hex[DIGEST_HEX_SIZE];
    put_base(place, "mobilenet", 0.25);
    snprintf(base, sizeof(base), "%s/base.keras", place->folder);
    assert_int_equal(digest_of_file(base, &digest, &err), 0);
    digest_to_hex(&digest, hex);
    must_run(place, "init --weights file://%s#sha256=%s", base, hex);
    must_say(place, "found 30 pictures of 2 classes");
    must_say(place, "next: reprise run");
    run_it(place, "");
}

/* With ResNet18, whose layers have the same names, in a third of the time. */
static void notebook_runs_with_a_file_of_weights(void **state)
{
    struct place *place = *state;
    put_base(place, "resnet18", 1);
    must_run(place, "init --template notebook --weights ../base.keras");
    run_it(place, " --set model.architecture=resnet18");
}

/* All of its own parameters are right, too: each stage is asked before anything would run. */
static void each_text_is_accepted_by_the_stages(void **state)
{
    static const char *const ways[] = {"", "--offline", "--template notebook", "--template stages"};
    struct place *place = *state;
    struct error err = {0};
    char path[128];
    snprintf(path, sizeof(path), "%s/project/pipeline.yaml", place->folder);
    for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        must_run(place, "init %s", ways[i]);
        must_run(place, "run -n --device cpu");
        assert_int_equal(file_remove(path, &err), 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        TEST(mobilenet_of_a_pinned_address_runs_in_the_pictures_own_folder),
        TEST(notebook_runs_with_a_file_of_weights),
        TEST(each_text_is_accepted_by_the_stages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
