/* The stages that train and evaluate, as executables on a small dataset: what
 * they write, that they repeat their bits, stop on SIGTERM and go on, and how
 * they refuse.
 */
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "data/dataset.h"
#include "data/npy.h"
#include "data/safetensors.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "place.h"
#include "tap.h"

static void stages_run_one_after_the_other(void **state)
{
    struct place *place = *state;
    struct npy predictions = {0};
    struct error err;
    place_run(place, &call_pretrain);
    place_run(place, &call_phase1);
    place_run(place, &call_phase2);
    place_run(place, &call_evaluate);
    place_run(place, &call_curves);
    json_t *metrics = place_read_json(place, "evaluate/metrics.json");
    assert_int_equal(json_integer_value(json_at(metrics, "n")), PLACE_TEST_COUNT);
    assert_int_equal(json_array_size(json_at(metrics, "confusion")), PLACE_CLASSES);
    assert_true(json_is_number(json_at(metrics, "test_loss")));
    assert_true(json_is_number(json_at(metrics, "macro.f1")));
    json_decref(metrics);
    json_t *history = place_read_json(place, "phase2/history.json");
    assert_string_equal(json_string_value(json_at(history, "phase")), "phase2");
    assert_int_equal(json_array_size(json_at(history, "epochs")), 2);
    json_decref(history);
    assert_int_equal(
        npy_read_as(place_path(place, "evaluate/predictions.npy"), NPY_F32, 2, &predictions, &err),
        0);
    assert_int_equal(predictions.shape[0], PLACE_TEST_COUNT);
    assert_int_equal(predictions.shape[1], PLACE_CLASSES);
    npy_release(&predictions);
}

/* Model files of the next tests: phase2 of the place, with one thing in it changed. */
static void spoil_model(struct place *place, const char *tensor, int64_t index, float value,
                        const char *to)
{
    struct safetensors set = {0};
    struct error err;
    char path[160];
    snprintf(path, sizeof(path), "%s/phase2/model.safetensors", place->folder);
    assert_int_equal(safetensors_read(path, &set, &err), 0);
    float *data = NULL;
    for (size_t i = 0; i < set.count; i++)
        if (strcmp(set.tensors[i].name, tensor) == 0)
            data = set.tensors[i].data;
    assert_non_null(data);
    data[index] = value;
    assert_int_equal(safetensors_write(place_path(place, to), &set, &err), 0);
    safetensors_release(&set);
}

static void train_both_phases(struct place *place)
{
    place_run(place, &call_pretrain);
    place_run(place, &call_phase1);
    place_run(place, &call_phase2);
}

static void evaluate_refuses_weights_that_cannot_work(void **state)
{
    struct place *place = *state;
    struct call bad = call_evaluate;
    bad.deps[1] = "model=bad.safetensors";
    train_both_phases(place);
    spoil_model(place, "conv1_conv/kernel", 0, NAN, "bad.safetensors");
    assert_int_equal(place_finish(place_start(place, &bad)), 1);
    place_assert_log(place, "tensor 'conv1_conv/kernel': value 0, nan, is not finite");
    spoil_model(place, "conv1_bn/moving_variance", 3, -1, "bad.safetensors");
    assert_int_equal(place_finish(place_start(place, &bad)), 1);
    place_assert_log(place, "value 3, -1, is a variance below 0");
    assert_false(file_exists(place_path(place, "evaluate/metrics.json")));
}

static void weights_check_warn_lets_large_weights_pass_with_a_note(void **state)
{
    struct place *place = *state;
    struct call large = call_evaluate;
    large.deps[1] = "model=large.safetensors";
    train_both_phases(place);
    spoil_model(place, "dense/kernel", 2, 3e6f, "large.safetensors");
    assert_int_equal(place_finish(place_start(place, &large)), 1);
    place_assert_log(place, "tensor 'dense/kernel': value 2, 3e+06, is above 1e6 in magnitude");
    large.params = "{\"weights\": {\"check\": \"warn\"}}";
    assert_int_equal(place_finish(place_start(place, &large)), 0);
    place_assert_log(place, "is above 1e6 in magnitude (weights.check: warn lets it pass)");
    spoil_model(place, "dense/kernel", 2, INFINITY, "large.safetensors");
    assert_int_equal(place_finish(place_start(place, &large)), 1);
    large.params = "{\"weights\": {\"check\": \"no\"}}";
    assert_int_equal(place_finish(place_start(place, &large)), 2);
    place_assert_log(place, "parameter 'weights.check' is 'no', not one of stop, warn");
}

static void write_names(struct place *place, const char *names)
{
    struct error err;
    assert_int_equal(
        file_write(place_path(place, "dataset/classes.txt"), names, strlen(names), &err), 0);
}

static void stages_refuse_a_data_set_with_other_names_or_another_order(void **state)
{
    struct place *place = *state;
    train_both_phases(place);
    write_names(place, "green\nred\nblue\n");
    assert_int_equal(place_finish(place_start(place, &call_evaluate)), 1);
    place_assert_log(place,
                     "in another order: class 1 is 'red' in the model and 'green' in the data");
    assert_int_equal(place_finish(place_start(place, &call_phase2)), 1);
    write_names(place, "red\ngreen\nviolet\n");
    assert_int_equal(place_finish(place_start(place, &call_evaluate)), 1);
    place_assert_log(place, "class 3 is 'blue' in the model and 'violet' in the data set");
    write_names(place, "red\ngr\xfcn\nblue\n");
    assert_int_equal(place_finish(place_start(place, &call_evaluate)), 1);
    place_assert_log(place, "classes.txt:2: the class name is not UTF-8: byte 0xfc at 3");
}

/* As a notebook's rate would: nothing is stored, and the message says where and what to try. */
static void training_that_diverges_fails_and_stores_nothing(void **state)
{
    struct place *place = *state;
    char *wild =
        params_changed(call_phase2.params, "\"learning_rate\": 0.003", "\"learning_rate\": 900");
    struct call diverges = call_phase2;
    place_run(place, &call_pretrain);
    place_run(place, &call_phase1);
    diverges.params = wild;
    assert_int_equal(place_finish(place_start(place, &diverges)), 1);
    place_assert_log(place, "training stopped in epoch ");
    place_assert_log(place, "first that is bad: ");
    place_assert_log(place, "learning rate 900; ");
    place_assert_log(place, "nothing is stored");
    assert_false(file_exists(place_path(place, "phase2/model.safetensors")));
    free(wild);
}

static void stages_repeat_their_bits_on_other_threads(void **state)
{
    struct place *place = *state;
    struct call again = call_phase1;
    again.folder = "again";
    again.threads = 3;
    place_run(place, &call_pretrain);
    place_run(place, &call_phase1);
    place_run(place, &again);
    place_assert_equal(place, "phase1/model.safetensors", "again/model.safetensors");
    place_assert_equal(place, "phase1/history.json", "again/history.json");
    place_assert_equal(place, "phase1/history.csv", "again/history.csv");
}

/* ---- more epochs on top ---- */

static const struct call *const trainers[] = {&call_pretrain, &call_phase1, &call_phase2};

/* A call with other epochs, in a folder of its own; free() its parameters. */
static struct call with_epochs(const struct call *call, int epochs, const char *folder)
{
    char text[32];
    struct call made = *call;
    snprintf(text, sizeof(text), "\"epochs\": %d", epochs);
    made.params = params_changed(call->params, "\"epochs\": 2", text);
    made.folder = folder;
    return made;
}

static void add_path(const char **pairs, const char *pair)
{
    while (*pairs != NULL)
        pairs++;
    *pairs = pair;
}

static void run_and_free(struct place *place, struct call *call)
{
    place_run(place, call);
    free((char *)(uintptr_t)call->params);
}

/* 2 epochs as the next stages expect them, 3 more on top, and 5 at once. */
static void stages_go_on_from_a_state_with_the_bits_of_all_epochs_at_once(void **state)
{
    struct place *place = *state;
    char dep[64], a[64], b[64];
    for (size_t i = 0; i < sizeof(trainers) / sizeof(trainers[0]); i++) {
        struct call first = *trainers[i];
        add_path(first.outs, "state=training.state");
        place_run(place, &first);
        struct call second = with_epochs(trainers[i], 3, "on_top");
        snprintf(dep, sizeof(dep), "state=%s/training.state", first.folder);
        add_path(second.deps, dep);
        run_and_free(place, &second);
        place_assert_log(place, "going on after the 2 epochs of the state");
        struct call straight = with_epochs(trainers[i], 5, "at_once");
        run_and_free(place, &straight);
        for (const char *const *out = trainers[i]->outs; *out != NULL; out++) {
            snprintf(a, sizeof(a), "on_top/%s", strchr(*out, '=') + 1);
            snprintf(b, sizeof(b), "at_once/%s", strchr(*out, '=') + 1);
            place_assert_equal(place, a, b);
        }
        json_t *history = place_read_json(place, "on_top/history.json");
        assert_int_equal(json_array_size(json_at(history, "epochs")), 5);
        json_decref(history);
    }
}

/* Before preflight and training: nothing is written. */
static void stage_refuses_the_state_of_another_training(void **state)
{
    struct place *place = *state;
    struct call first = call_phase1, second = call_phase2;
    add_path(first.outs, "state=training.state");
    place_run(place, &call_pretrain);
    place_run(place, &first);
    add_path(second.deps, "state=phase1/training.state");
    assert_int_equal(place_finish(place_start(place, &second)), 1);
    place_assert_log(place, "dep 'state': it is of another training: weights that train: ");
    second.deps[3] = "state=phase1/model.safetensors";
    assert_int_equal(place_finish(place_start(place, &second)), 1);
    place_assert_log(place, "model.safetensors' is no state of a training, or of another version");
    assert_false(file_exists(place_path(place, "phase2/model.safetensors")));
    first.folder = "again";
    add_path(first.deps, "state=phase1/training.state");
    write_names(place, "red\ngreen\nviolet\n");
    assert_int_equal(place_finish(place_start(place, &first)), 1);
    place_assert_log(place, "dep 'state': it is of another training: names of classes: red, green, "
                            "blue there, red, green, violet here");
}

/* ---- precision ---- */

static bool log_says(struct place *place, const char *text)
{
    struct error err;
    char *log;
    size_t size;
    assert_int_equal(file_read(place_path(place, "log"), 65536, &log, &size, &err), 0);
    bool says = strstr(log, text) != NULL;
    free(log);
    return says;
}

/* A call whose parameters name a precision, in a folder of that name behind the stage's. */
static struct call in_precision(const struct call *call, const char *precision, char *folder,
                                size_t size)
{
    struct call made = *call;
    char from[64];
    snprintf(folder, size, "%s_%s", call->folder, precision);
    snprintf(from, sizeof(from), "\"steps_per_epoch\": null, \"precision\": \"%s\"", precision);
    made.params = params_changed(call->params, "\"steps_per_epoch\": null", from);
    made.folder = folder;
    return made;
}

static void run_in_precision(struct place *place, const struct call *call, const char *precision)
{
    char folder[64];
    struct call made = in_precision(call, precision, folder, sizeof(folder));
    place_run(place, &made);
    free((char *)(uintptr_t)made.params);
}

static void precision_auto_is_f32_on_a_cpu(void **state)
{
    struct place *place = *state;
    place_run(place, &call_pretrain);
    place_run(place, &call_phase1);
    place_assert_log(place, "precision f32, taken by auto");
    run_in_precision(place, &call_phase1, "auto");
    place_assert_log(place, "precision f32, taken by auto");
    run_in_precision(place, &call_phase1, "f32");
    place_assert_log(place, "precision f32\n");
    place_assert_equal(place, "phase1/model.safetensors", "phase1_auto/model.safetensors");
    place_assert_equal(place, "phase1/model.safetensors", "phase1_f32/model.safetensors");
    place_assert_equal(place, "phase1/history.json", "phase1_f32/history.json");
    json_t *history = place_read_json(place, "phase1_f32/history.json");
    assert_null(json_at(history, "precision"));
    json_decref(history);
}

/* All stages; the model is f32, so evaluate and gradcam take it as any other. */
static void stages_train_in_bf16_and_say_so(void **state)
{
    struct place *place = *state;
    char folder[64];
    struct call narrow = in_precision(&call_pretrain, "bf16", folder, sizeof(folder));
    int status = place_finish(place_start(place, &narrow));
    free((char *)(uintptr_t)narrow.params);
    if (status != 0 && log_says(place, "neither avx512_bf16 nor amx_bf16")) {
        skip_because("this processor has no bf16");
        return;
    }
    assert_int_equal(status, 0);
    place_assert_log(place, "precision bf16\n");
    place_run(place, &call_pretrain);
    run_in_precision(place, &call_phase1, "bf16");
    struct call second = call_phase2;
    second.deps[2] = "model=phase1_bf16/model.safetensors";
    run_in_precision(place, &second, "bf16");
    struct call third = second;
    third.folder = "threads";
    third.threads = 3;
    run_in_precision(place, &third, "bf16");
    place_assert_equal(place, "phase2_bf16/model.safetensors", "threads_bf16/model.safetensors");
    place_assert_equal(place, "phase2_bf16/history.json", "threads_bf16/history.json");
    json_t *history = place_read_json(place, "phase2_bf16/history.json");
    assert_string_equal(json_string_value(json_at(history, "precision")), "bf16");
    json_decref(history);
    struct call judged = call_evaluate;
    judged.deps[1] = "model=phase2_bf16/model.safetensors";
    place_run(place, &judged);
    const struct call explained = {
        .stage = "gradcam",
        .folder = "gradcam",
        .params = "{\"gradcam\": {\"preprocess\": \"model\", \"alpha\": 0.4, \"pairs\": null}}",
        .deps = {"dataset=dataset", "model=phase2_bf16/model.safetensors",
                 "predictions=evaluate/predictions.npy"},
        .outs = {"samples=s.png", "confusion=c.png", "heatmaps=h.npy", "metrics=metrics.json"}};
    place_run(place, &explained);
}

/* The library is told that the processor has no bf16; what it then would do would be slower than
 * f32. */
static void bf16_is_refused_with_a_reason_where_the_processor_has_none(void **state)
{
    struct place *place = *state;
    char folder[64];
    place_run(place, &call_pretrain);
    struct call call = in_precision(&call_phase1, "bf16", folder, sizeof(folder));
    setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
    int status = place_finish(place_start(place, &call));
    unsetenv("ONEDNN_MAX_CPU_ISA");
    free((char *)(uintptr_t)call.params);
    assert_int_equal(status, 1);
    place_assert_log(place,
                     "parameter 'train.precision': 'bf16' on device 'cpu': this processor has "
                     "neither avx512_bf16 nor amx_bf16");
    assert_false(file_exists(place_path(place, "phase1_bf16/model.safetensors")));
}

static void curves_draws_what_it_is_asked_and_refuses_what_it_cannot_read(void **state)
{
    struct place *place = *state;
    struct error err;
    static const char history[] =
        "{\"epochs\": [{\"epoch\": 1, \"loss\": 1.5, \"accuracy\": 0.25, \"val_loss\": null, "
        "\"val_accuracy\": 0.5, \"learning_rate\": 0.001}], \"best_epoch\": 1, "
        "\"checkpoint_epoch\": 1, \"stopped_early\": false, \"phase\": \"phase1\", "
        "\"trainable_parameters\": 1, \"frozen_parameters\": 1}";
    static const char *const wrong[] = {"{\"classes\": [], \"confusion\": []}",
                                        "{\"classes\": [\"a\"], \"confusion\": [[1, 2]]}",
                                        "{\"classes\": [\"a\"], \"confusion\": [[-1]]}",
                                        "{\"classes\": [1], \"confusion\": [[1]]}"};
    struct call one = call_curves;
    one.deps[0] = "phase1_history=history.json";
    one.deps[1] = NULL;
    one.outs[1] = NULL;
    assert_int_equal(file_write(place_path(place, "history.json"), history, strlen(history), &err),
                     0);
    place_run(place, &one);
    assert_true(file_exists(place_path(place, "curves/phase1.png")));
    assert_false(file_exists(place_path(place, "curves/phase2.png")));
    struct call twice = one;
    twice.folder = "twice";
    place_run(place, &twice);
    place_assert_equal(place, "curves/phase1.png", "twice/phase1.png");
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct call matrix = call_curves;
        matrix.deps[0] = "metrics=metrics.json";
        matrix.deps[1] = NULL;
        matrix.outs[0] = "confusion_matrix=confusion.png";
        matrix.outs[1] = NULL;
        assert_int_equal(
            file_write(place_path(place, "metrics.json"), wrong[i], strlen(wrong[i]), &err), 0);
        assert_int_equal(place_finish(place_start(place, &matrix)), 1);
        place_assert_log(place, "dep 'metrics' lacks");
    }
}

static void stage_stopped_by_sigterm_goes_on(void **state)
{
    struct place *place = *state;
    const struct timespec nap = {0, 2000000};
    struct call stopped = call_pretrain;
    char *params = params_changed(call_pretrain.params, "\"epochs\": 2", "\"epochs\": 60");
    stopped.params = params;
    pid_t child = place_start(place, &stopped);
    for (int i = 0;
         i < 2000 && !file_exists(place_path(place, "pretrain/checkpoint/fit.checkpoint")); i++)
        nanosleep(&nap, NULL);
    kill(child, SIGTERM);
    assert_int_equal(place_finish(child), 130);
    place_assert_log(place, "interrupted");
    place_run(place, &stopped);
    place_assert_log(place, "resuming after");
    struct call straight = stopped;
    straight.folder = "straight";
    place_run(place, &straight);
    place_assert_equal(place, "pretrain/w.safetensors", "straight/w.safetensors");
    place_assert_equal(place, "pretrain/history.json", "straight/history.json");
    free(params);
}

static void assert_refused(struct place *place, const char *from, const char *to, int status,
                           const char *message)
{
    struct call call = call_phase1;
    char *params = params_changed(call_phase1.params, from, to);
    call.params = params;
    assert_int_equal(place_finish(place_start(place, &call)), status);
    place_assert_log(place, message);
    free(params);
}

static void phase1_refuses_wrong_parameters(void **state)
{
    struct place *place = *state;
    assert_refused(place, "\"zoom\"", "\"zom\": 1, \"zoom\"", 2,
                   "unknown parameter 'augment.zom', did you mean 'augment.zoom'?");
    assert_refused(place, "\"batch\": 16", "\"batch\": 0", 2, "parameter 'train.batch' is 0");
    assert_refused(place, "\"norm\": \"inference\"", "\"norm\": \"frozen\"", 2,
                   "not one of inference, batch");
    assert_refused(place, "\"trainable\": []", "\"trainable\": \"conv5\"", 2,
                   "'phase.trainable' must be a list of texts");
    assert_refused(place, "{\"patience\": 5}", "{\"patiense\": 5}", 2,
                   "'phase.early_stopping.patience' is missing");
    assert_refused(place, "{\"patience\": 5}", "{\"patience\": 5, \"min_delta\": -1}", 2,
                   "'phase.early_stopping.min_delta' is -1");
    assert_refused(place, "{\"patience\": 5}", "{\"patience\": 5, \"monitor\": \"loss\"}", 2,
                   "not one of val_loss, val_accuracy");
    assert_refused(place, "{\"patience\": 5}", "{\"patience\": 5, \"mode\": \"max\"}", 2,
                   "but val_loss is better the less: 'min'");
    assert_refused(place, "\"factor\"", "\"cooldown\": -1, \"factor\"", 2,
                   "'phase.reduce_learning_rate.cooldown' is -1");
    assert_refused(place, "\"factor\"", "\"cooldwn\": 1, \"factor\"", 2,
                   "did you mean 'phase.reduce_learning_rate.cooldown'?");
    assert_refused(place, "\"resnet8\"", "\"resnet9\"", 2, "resnet8");
    assert_refused(place, "\"shard\"", "\"precision\": \"f16\", \"shard\"", 2,
                   "'train.precision' is 'f16', not one of auto, f32, bf16");
    assert_refused(place, "\"shard\"", "\"precison\": \"f32\", \"shard\"", 2,
                   "did you mean 'train.precision'?");
}

/* The base knows [-1,1]; pixels scaled twice are a defect that only `warn` lets through. */
static void phase1_stops_at_a_defect(void **state)
{
    struct place *place = *state;
    struct call call = call_phase1;
    char *params = params_changed(call_pretrain.params, "\"epochs\": 2", "\"epochs\": 60");
    struct call longer = call_pretrain;
    longer.params = params;
    place_run(place, &longer);
    free(params);
    assert_refused(place, "\"pixel_range\": 255", "\"pixel_range\": 1", 1,
                   "preflight: pixels look scaled twice");
    place_assert_log(place, "(train.preflight: warn trains anyway)");
    char *stop;
    params = params_changed(call_phase1.params, "\"pixel_range\": 255", "\"pixel_range\": 1");
    assert_non_null(stop = strstr(params, "\"stop\""));
    memcpy(stop, "\"warn\"", 6);
    call.params = params;
    place_run(place, &call);
    free(params);
    json_t *preflight = place_read_json(place, "phase1/preflight.json");
    assert_string_equal(json_string_value(json_at(preflight, "verdict")), "defect");
    json_decref(preflight);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_make, place_free)

/* auto is 8 on a CPU, and told; a number is obeyed, and named where it is another. */
static void shard_auto_is_the_device_s(void **state)
{
    static const char *const shards[] = {"\"auto\"", "8", "4"};
    struct place *place = *state;
    struct call calls[3];
    place_run(place, &call_pretrain);
    for (int i = 0; i < 3; i++) {
        char to[32];
        snprintf(to, sizeof(to), "\"shard\": %s", shards[i]);
        calls[i] = call_phase1;
        calls[i].folder = (const char *const[]){"auto", "eight", "four"}[i];
        calls[i].params = params_changed(call_phase1.params, "\"shard\": 4", to);
        place_run(place, &calls[i]);
        if (i == 0)
            place_assert_log(place, "shard 8, taken by auto");
        free((char *)(uintptr_t)calls[i].params);
    }
    place_assert_equal(place, "auto/model.safetensors", "eight/model.safetensors");
    place_assert_equal(place, "auto/history.json", "eight/history.json");
    json_t *history = place_read_json(place, "four/history.json");
    assert_int_equal(json_integer_value(json_at(history, "shard")), 4);
    json_decref(history);
    assert_refused(place, "\"shard\": 4", "\"shard\": \"some\"", 2,
                   "parameter 'train.shard' must be 'auto' or an integer");
}

/* MiB that the last run's log says it needs. */
static int64_t needed(struct place *place)
{
    char line[512];
    long long mebibytes = 0;
    FILE *log = fopen(place_path(place, "log"), "r");
    assert_non_null(log);
    while (fgets(line, sizeof(line), log) != NULL) {
        const char *says = strstr(line, "it needs ");
        if (says != NULL)
            (void)sscanf(says, "it needs %lld MiB of memory, and 'resources' gives it", &mebibytes);
    }
    fclose(log);
    assert_true(mebibytes > 0);
    return mebibytes;
}

static void stages_refuse_less_memory_than_they_need_and_name_the_figure(void **state)
{
    struct place *place = *state;
    place_run(place, &call_pretrain);
    place_run(place, &call_phase1);
    place_assert_log(place, "memory ");
    struct call small = call_phase1;
    small.folder = "small";
    small.memory = 1 << 20;
    assert_int_equal(place_finish(place_start(place, &small)), 2);
    place_assert_log(place, "fewer layers to train need less, or say memory: ");
    assert_false(file_exists(place_path(place, "small/model.safetensors")));
    /* The figure is enough, for the same bits; what is remembered may be the less for it. */
    small.memory = needed(place) << 20;
    place_run(place, &small);
    place_assert_equal(place, "phase1/model.safetensors", "small/model.safetensors");
    place_assert_equal(place, "phase1/history.json", "small/history.json");
    place_run(place, &call_phase2);
    struct call evaluate = call_evaluate;
    evaluate.memory = 1 << 20;
    assert_int_equal(place_finish(place_start(place, &evaluate)), 2);
    place_assert_log(place, "fewer 'threads' there need less, or say memory: ");
    evaluate.memory = needed(place) << 20;
    place_run(place, &evaluate);
}

static void assert_keeps_the_limit_that_it_names(struct place *place, struct call limited)
{
    for (limited.memory = 64 << 20;; limited.memory += 32 << 20) { /* enough to start */
        const int status = place_finish(place_start(place, &limited));
        if (status == 0)
            skip_because("what it needs to start is all that it needs");
        if (status == 2)
            break;
        assert_in_range(limited.memory, 1, (int64_t)2 << 30);
    }
    limited.memory = needed(place) << 20;
    place_run(place, &limited);
    limited.memory -= 8 << 20; /* and less is refused */
    assert_int_equal(place_finish(place_start(place, &limited)), 2);
}

/* Of a limit that the kernel keeps, as a runner sets it, too: with threads, which may reserve
 * addresses, and with preflight, whose network is in f32 where the training's is smaller. */
static void stage_given_the_memory_that_it_named_keeps_the_limit(void **state)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip_because("a sanitizer has an address space of its own");
#endif
    struct place *place = *state;
    char folder[64];
    struct call large = call_phase1;
    large.deps[2] = NULL;
    large.params = params_changed(call_phase1.params, "resnet8", "resnet18");
    large.threads = 3;
    struct call narrow = in_precision(&large, "bf16", folder, sizeof(folder));
    large.limited = RLIMIT_AS;
    assert_keeps_the_limit_that_it_names(place, large);
    large.limited = RLIMIT_DATA;
    large.threads = 24;
    assert_keeps_the_limit_that_it_names(place, large);
    if (place_finish(place_start(place, &narrow)) == 0) {
        narrow.limited = RLIMIT_AS;
        assert_keeps_the_limit_that_it_names(place, narrow);
    } else
        assert_true(log_says(place, "neither avx512_bf16 nor amx_bf16"));
    free((char *)(uintptr_t)large.params);
    free((char *)(uintptr_t)narrow.params);
}

/* What the notebook's second phase would compute, without computing it. */
static void stage_prints_its_program(void **state)
{
    struct place *place = *state;
    place_run(place, &call_pretrain);
    place_run(place, &call_phase1);
    struct call asked = call_phase2;
    asked.option = "--print-program";
    place_run(place, &asked);
    place_assert_log(place, "15 nodes in f32, batch norm by moving statistics\n");
    place_assert_log(place, "the suffix begins at 'conv4_block1_0_conv'\ntraining: ");
    assert_false(file_exists(place_path(place, "phase2/model.safetensors")));
    asked.deps[2] = "model=phase1/gone.safetensors";
    assert_int_equal(place_finish(place_start(place, &asked)), 1);
    asked = call_evaluate; /* trains nothing */
    asked.option = "--print-program";
    assert_int_equal(place_finish(place_start(place, &asked)), 2);
}

/* Of all operations together 100, but for what two digits leave out. */
static double sum_of_shares(struct place *place, int *rows)
{
    char line[512];
    double all = 0, calls, ms, share;
    FILE *log = fopen(place_path(place, "log"), "r");
    assert_non_null(log);
    *rows = -1; /* the table has not begun */
    while (fgets(line, sizeof(line), log) != NULL) {
        if (strncmp(line, "operation, a step", 17) == 0)
            *rows = 0;
        else if (strncmp(line, "all, of all threads", 19) == 0)
            break;
        else if (*rows >= 0 && sscanf(line + 33, "%lf %lf %lf", &calls, &ms, &share) == 3) {
            assert_true(calls > 0 && ms >= 0);
            all += share;
            ++*rows;
        }
    }
    fclose(log);
    return all;
}

static void stage_prints_where_the_time_of_its_steps_goes(void **state)
{
    struct place *place = *state;
    int rows;
    place_run(place, &call_pretrain);
    place_run(place, &call_phase1);
    struct call asked = call_phase2;
    asked.option = "--profile-ops";
    asked.threads = 2;
    place_run(place, &asked);
    place_assert_log(place, "3 steps of 16 pictures in shards of ");
    place_assert_log(place, "\nconvolution backward, weights ");
    place_assert_log(place, "\noptimizer ");
    place_assert_log(place, "\nlayer, all of it ");
    const double all = sum_of_shares(place, &rows);
    assert_in_range(rows, 8, 60);
    assert_true(fabs(all - 100) <= 0.01 * rows);
    assert_false(file_exists(place_path(place, "phase2/model.safetensors")));
    asked = call_evaluate; /* trains nothing */
    asked.option = "--profile-ops";
    assert_int_equal(place_finish(place_start(place, &asked)), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(stages_run_one_after_the_other),
        TEST(evaluate_refuses_weights_that_cannot_work),
        TEST(weights_check_warn_lets_large_weights_pass_with_a_note),
        TEST(stages_refuse_a_data_set_with_other_names_or_another_order),
        TEST(training_that_diverges_fails_and_stores_nothing),
        TEST(stages_repeat_their_bits_on_other_threads),
        TEST(stages_refuse_less_memory_than_they_need_and_name_the_figure),
        TEST(stage_given_the_memory_that_it_named_keeps_the_limit),
        TEST(stage_prints_its_program),
        TEST(stage_prints_where_the_time_of_its_steps_goes),
        TEST(shard_auto_is_the_device_s),
        TEST(stage_stopped_by_sigterm_goes_on),
        TEST(phase1_refuses_wrong_parameters),
        TEST(phase1_stops_at_a_defect),
        TEST(stages_go_on_from_a_state_with_the_bits_of_all_epochs_at_once),
        TEST(stage_refuses_the_state_of_another_training),
        TEST(precision_auto_is_f32_on_a_cpu),
        TEST(stages_train_in_bf16_and_say_so),
        TEST(bf16_is_refused_with_a_reason_where_the_processor_has_none),
        TEST(curves_draws_what_it_is_asked_and_refuses_what_it_cannot_read),
    };
    return cmocka_run_group_tests_name("training", tests, NULL, NULL);
}
