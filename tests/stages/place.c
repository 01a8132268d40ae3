#include "place.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "data/dataset.h"
#include "data/npy.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "training_params.h"

enum { SIZE = 8, PICTURE = SIZE * SIZE * 3, TRAIN = 60, VAL = 12 };

static const char *const class_names[] = {"red", "green", "blue"};

const char *place_path(struct place *place, const char *name)
{
    struct error err;
    char **path = &place->paths[place->next++ % 2];
    free(*path);
    assert_non_null(*path = file_join(place->folder, name, &err));
    return *path;
}

/* Pictures whose class is their brightest channel. */
static void fill(struct npy *images, struct npy *labels, int64_t count, uint32_t noise)
{
    struct error err;
    const int64_t shape[] = {count, SIZE, SIZE, 3};
    assert_int_equal(npy_new(NPY_U8, 4, shape, images, &err), 0);
    assert_int_equal(npy_new(NPY_U16, 1, shape, labels, &err), 0);
    uint8_t *pixels = images->data;
    uint16_t *label = labels->data;
    for (int64_t i = 0; i < count * PICTURE; i++) {
        noise = noise * 1664525 + 1013904223;
        pixels[i] = (uint8_t)((i % 3 == i / PICTURE % PLACE_CLASSES ? 140 : 40) + (noise >> 25));
    }
    for (int64_t i = 0; i < count; i++)
        label[i] = (uint16_t)(i % PLACE_CLASSES);
}

static void write_data(struct place *place)
{
    const struct dataset_origin origin = {"made by a test", "", true};
    const int64_t train = TRAIN - VAL, val = VAL;
    struct dataset dataset = {.class_count = PLACE_CLASSES, .height = SIZE, .width = SIZE};
    struct error err;
    int64_t indices[TRAIN];
    char *names[PLACE_CLASSES];
    for (int i = 0; i < PLACE_CLASSES; i++)
        names[i] = (char *)class_names[i];
    dataset.classes = names;
    fill(&dataset.train_images, &dataset.train_labels, TRAIN, 1);
    fill(&dataset.test_images, &dataset.test_labels, PLACE_TEST_COUNT, 2);
    if (dataset_write(place_path(place, "dataset"), &dataset, &origin, &err) < 0)
        fail_msg("%s", err.message);
    npy_release(&dataset.train_images);
    npy_release(&dataset.train_labels);
    npy_release(&dataset.test_images);
    npy_release(&dataset.test_labels);
    for (int i = 0; i < TRAIN; i++)
        indices[i] = i;
    assert_int_equal(file_make_folders(place_path(place, "splits"), &err), 0);
    assert_int_equal(
        npy_write(place_path(place, "splits/train.npy"), NPY_I64, 1, &train, indices, &err), 0);
    assert_int_equal(
        npy_write(place_path(place, "splits/val.npy"), NPY_I64, 1, &val, indices + train, &err), 0);
}

int place_make(void **state)
{
    struct place *place = calloc(1, sizeof(*place));
    place->folder = strdup("/tmp/reprise-training-XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    write_data(place);
    *state = place;
    return 0;
}

int place_free(void **state)
{
    struct place *place = *state;
    struct error err;
    file_remove(place->folder, &err);
    free(place->folder);
    free(place->paths[0]);
    free(place->paths[1]);
    free(place);
    return 0;
}

/* ---- running a stage ---- */

static const char pretrain_params[] =
    "{\"seed\": 1, " MODEL(16) ", " AUGMENT ", \"train\": {" BATCHES ", " SCHEDULE "}}";
static const char phase1_params[] =
    "{\"seed\": 1, " MODEL(16) ", " AUGMENT ", " TRAINING
                               ", \"phase\": {\"trainable\": [], " SCHEDULE "}}";
static const char phase2_params[] =
    "{\"seed\": 1, " MODEL(16) ", " AUGMENT ", " TRAINING
                               ", \"phase\": {\"trainable\": [\"conv4\"], " SCHEDULE "}}";

static json_t *paths(const struct place *place, const char *folder, const char *const *pairs)
{
    json_t *object = json_object();
    for (size_t i = 0; pairs[i] != NULL; i++) {
        const char *equals = strchr(pairs[i], '=');
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)(equals - pairs[i]), pairs[i]);
        json_object_set_new(
            object, name,
            json_sprintf("%s/%s%s%s", place->folder, folder, *folder ? "/" : "", equals + 1));
    }
    return object;
}

static void describe(struct place *place, const struct call *call)
{
    struct error err;
    char folder[160];
    snprintf(folder, sizeof(folder), "%s/%s/checkpoint", place->folder, call->folder);
    assert_int_equal(file_make_folders(folder, &err), 0);
    json_t *params = json_loads(call->params, 0, NULL);
    assert_non_null(params);
    json_t *value =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:s, s:{s:i}, s:s}", "stage", call->stage, "key",
                  "none", "params", params, "deps", paths(place, "", call->deps), "outs",
                  paths(place, call->folder, call->outs), "checkpoint", folder, "resources",
                  "threads", call->threads > 0 ? call->threads : 1, "device", "cpu");
    assert_non_null(value);
    if (call->memory > 0)
        json_object_set_new(json_object_get(value, "resources"), "memory",
                            json_integer(call->memory));
    snprintf(folder, sizeof(folder), "%s/%s/stage.json", place->folder, call->folder);
    assert_int_equal(json_write(folder, value, &err), 0);
    json_decref(value);
}

pid_t place_start(struct place *place, const struct call *call)
{
    char executable[128], description[160], log[160];
    const char *build = getenv("BUILD");
    describe(place, call);
    snprintf(executable, sizeof(executable), "%s/stages/%s", build != NULL ? build : "build",
             call->stage);
    snprintf(description, sizeof(description), "%s/%s/stage.json", place->folder, call->folder);
    snprintf(log, sizeof(log), "%s/log", place->folder);
    if (!file_exists(executable))
        skip_because("the stages are not built");
    pid_t child = fork();
    if (child == 0) {
        int fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0666);
        dup2(fd, 1);
        dup2(fd, 2);
        const struct rlimit limit = {(rlim_t)call->memory, (rlim_t)call->memory};
        if (call->limited != 0 && setrlimit(call->limited, &limit) != 0)
            _exit(126);
        if (call->option != NULL)
            execl(executable, executable, call->option, description, (char *)NULL);
        else
            execl(executable, executable, description, (char *)NULL);
        _exit(127);
    }
    return child;
}

int place_finish(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void place_assert_log(struct place *place, const char *text)
{
    struct error err;
    char *log;
    size_t size;
    assert_int_equal(file_read(place_path(place, "log"), 65536, &log, &size, &err), 0);
    if (strstr(log, text) == NULL)
        fail_msg("'%s' is not in: %s", text, log);
    free(log);
}

void place_run(struct place *place, const struct call *call)
{
    int status = place_finish(place_start(place, call));
    if (status != 0)
        place_assert_log(place, "no failure");
}

void place_assert_equal(struct place *place, const char *a, const char *b)
{
    struct digest first, second;
    struct error err;
    assert_int_equal(digest_of_file(place_path(place, a), &first, &err), 0);
    assert_int_equal(digest_of_file(place_path(place, b), &second, &err), 0);
    assert_true(digest_equal(&first, &second));
}

json_t *place_read_json(struct place *place, const char *name)
{
    struct error err;
    json_t *value = NULL;
    assert_int_equal(json_read(place_path(place, name), &value, &err), 0);
    return value;
}

const struct call call_pretrain = {.stage = "pretrain",
                                   .folder = "pretrain",
                                   .params = pretrain_params,
                                   .deps = {"dataset=dataset"},
                                   .outs = {"weights=w.safetensors", "history=history.json"}};
const struct call call_phase1 = {
    .stage = "phase1",
    .folder = "phase1",
    .params = phase1_params,
    .deps = {"dataset=dataset", "splits=splits", "weights=pretrain/w.safetensors"},
    .outs = {"model=model.safetensors", "history=history.json", "history_csv=history.csv",
             "preflight=preflight.json"}};
const struct call call_phase2 = {
    .stage = "phase2",
    .folder = "phase2",
    .params = phase2_params,
    .deps = {"dataset=dataset", "splits=splits", "model=phase1/model.safetensors"},
    .outs = {"model=model.safetensors", "history=history.json"}};
const struct call call_evaluate = {
    .stage = "evaluate",
    .folder = "evaluate",
    .params = "{}",
    .deps = {"dataset=dataset", "model=phase2/model.safetensors"},
    .outs = {"metrics=metrics.json", "predictions=predictions.npy", "report=report.txt"}};
const struct call call_curves = {
    .stage = "curves",
    .folder = "curves",
    .params = "{}",
    .deps = {"phase1_history=phase1/history.json", "phase2_history=phase2/history.json",
             "metrics=evaluate/metrics.json"},
    .outs = {"phase1=phase1.png", "phase2=phase2.png", "confusion_matrix=confusion.png"}};

char *params_changed(const char *params, const char *from, const char *to)
{
    const char *at = strstr(params, from);
    assert_non_null(at);
    size_t size = strlen(params) + strlen(to) + 1;
    char *copy = malloc(size);
    snprintf(copy, size, "%.*s%s%s", (int)(at - params), params, to, at + strlen(from));
    return copy;
}
