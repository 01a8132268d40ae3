/* `EXE --check stage.json` of every stage: what is wrong with its parameters is said before any
 * work, and nothing is read or written but stage.json.
 */
#include "base/file.h"
#include "base/json.h"
#include "stage_run.h"
#include "tap.h"
#include "training_params.h"

#include <stdlib.h>
#include <string.h>

#define HEX "d9a84653c459ea0b067067cfeb10f3c037d296710931051c18c98fdf252d0b72"

static const struct {
    const char *stage, *params, *deps, *outs;
} stages[] = {
    {"download",
     "{\"dataset\": {\"url\": \"https://host/x\", \"sha256\": \"" HEX
     "\", \"train_limit\": null, \"test_limit\": 5}, \"weights\": {\"url\": null, \"sha256\": "
     "null}, "
     "\"pretrain\": {\"url\": \"sample:shapes\", \"sha256\": \"" HEX "\"}}",
     "", "dataset pretrain_dataset"},
    {"split", "{\"test_size\": 0.2, \"seed\": 7}", "dataset", "splits"},
    {"explore", "{\"seed\": 7, " AUGMENT "}", "dataset splits",
     "sample_images class_distribution augmentation_examples"},
    {"pretrain",
     "{\"seed\": 1, " MODEL(32) ", " AUGMENT ", \"train\": {" BATCHES ", " SCHEDULE "}}", "dataset",
     "weights history"},
    {"phase1",
     "{\"seed\": 1, " MODEL(32) ", " AUGMENT ", " TRAINING
                                ", \"phase\": {\"trainable\": [\"conv4\"], " SCHEDULE "}}",
     "dataset splits", "model history"},
    {"phase2",
     "{\"seed\": 1, " MODEL(32) ", " AUGMENT ", " TRAINING
                                ", \"phase\": {\"trainable\": [], " SCHEDULE "}}",
     "dataset splits model state", "model history history_csv preflight state"},
    {"evaluate", "{}", "dataset model", "metrics predictions report"},
    {"curves", "{}", "phase1_history", "phase1"},
    {"gradcam", "{\"gradcam\": {\"preprocess\": \"model\", \"alpha\": 0.4, \"pairs\": [[1, 2]]}}",
     "dataset model predictions", "samples confusion heatmaps metrics"},
    {"report",
     "{\"target\": 0.5, \"title\": \"T\", \"published\": {\"source\": \"s\", \"test_accuracy\": "
     "0.4}}",
     "metrics", "report"},
};
enum { STAGES = sizeof(stages) / sizeof(stages[0]) };

static json_t *load(const char *text)
{
    json_t *value = json_loads(text, 0, NULL);
    assert_non_null(value);
    return value;
}

/* {"a": "deps/a", ...} of "a b". */
static json_t *paths(const char *names, const char *folder)
{
    json_t *object = json_object();
    while (*names != '\0') {
        int length = (int)strcspn(names, " ");
        char name[64];
        snprintf(name, sizeof(name), "%.*s", length, names);
        json_object_set_new(object, name, json_sprintf("%s/%s", folder, name));
        names += length + (names[length] != '\0');
    }
    return object;
}

static void init(struct stage_run *run, size_t stage)
{
    stage_run_init(run, stages[stage].stage);
    json_object_set_new(run->description, "schema", json_integer(2));
    json_object_set_new(run->description, "params", load(stages[stage].params));
    json_object_set_new(run->description, "deps", paths(stages[stage].deps, "deps"));
    json_object_set_new(run->description, "outs", paths(stages[stage].outs, "outs"));
}

static size_t index_of(const char *stage)
{
    size_t i = 0;
    while (i < STAGES && strcmp(stages[i].stage, stage) != 0)
        i++;
    assert_in_range(i, 0, STAGES - 1);
    return i;
}

/* The folder holds stage.json and what the test itself caught of the two streams. */
static void expect_untouched(const struct stage_run *run)
{
    struct error err = {0};
    char **names;
    size_t count;
    assert_int_equal(file_list(run->folder, &names, &count, &err), 0);
    file_free_names(names, count);
    assert_int_equal(count, 3);
}

static void check_accepts_right_parameters_and_touches_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < STAGES; i++) {
        struct stage_run run;
        init(&run, i);
        if (stage_run_check(&run) != 0)
            fail_msg("%s: %s", stages[i].stage, run.messages);
        assert_string_equal(run.messages, "");
        expect_untouched(&run);
        json_object_del(run.description, "deps");
        json_object_del(run.description, "outs");
        if (stage_run_check(&run) != 0)
            fail_msg("%s without deps and outs: %s", stages[i].stage, run.messages);
        stage_run_release(&run);
    }
}

/* Told before anything runs, where oneDNN is told that the processor has no bf16; with it, or asked
 * for f32 or auto, nothing is. */
static void check_refuses_bf16_where_the_processor_has_none(void **state)
{
    static const char *const names[] = {"pretrain", "phase1", "phase2"};
    static const char *const precisions[] = {"f32", "auto", "bf16"};
    (void)state;
    for (int i = 0; i < 9; i++) {
        struct stage_run run;
        init(&run, index_of(names[i / 3]));
        json_t *params = json_object_get(run.description, "params");
        json_object_set_new(json_object_get(params, "train"), "precision",
                            json_string(precisions[i % 3]));
        setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
        int status = stage_run_check(&run);
        unsetenv("ONEDNN_MAX_CPU_ISA");
        assert_int_equal(status, i % 3 == 2 ? 2 : 0);
        if (i % 3 == 2)
            assert_non_null(strstr(run.messages, "parameter 'train.precision': 'bf16' on device "
                                                 "'cpu': this processor has neither avx512_bf16 "
                                                 "nor amx_bf16"));
        stage_run_release(&run);
    }
}

/* Sets the parameter at a dotted name; NULL removes it. */
static void set(json_t *params, const char *name, const char *value)
{
    size_t length = strcspn(name, ".");
    char part[64];
    snprintf(part, sizeof(part), "%.*s", (int)length, name);
    if (name[length] == '.')
        set(json_object_get(params, part), name + length + 1, value);
    else if (value == NULL)
        json_object_del(params, part);
    else
        json_object_set_new(params, part, json_loads(value, JSON_DECODE_ANY, NULL));
}

/* A list, an empty one, null; and nothing, which the other tests have. */
static void check_takes_pooled_layers(void **state)
{
    static const char *const names[] = {"pretrain", "phase1", "phase2"};
    static const char *const lists[] = {"[\"conv3_block1_out\", \"conv1_relu\"]", "[]", "null"};
    (void)state;
    for (int i = 0; i < 9; i++) {
        struct stage_run run;
        init(&run, index_of(names[i / 3]));
        set(json_object_get(run.description, "params"), "model.pooled_layers", lists[i % 3]);
        if (stage_run_check(&run) != 0)
            fail_msg("%s %s: %s", names[i / 3], lists[i % 3], run.messages);
        stage_run_release(&run);
    }
}

/* As if they were left out. */
static void check_takes_empty_maps_and_null(void **state)
{
    static const char *const names[] = {"augment", "train", "phase.cosine_decay",
                                        "phase.early_stopping"};
    (void)state;
    for (int i = 0; i < 7; i++) {
        struct stage_run run;
        init(&run, index_of("phase1"));
        json_t *params = json_object_get(run.description, "params");
        set(params, "phase.reduce_learning_rate", "null");
        set(params, names[i / 2], i % 2 == 0 ? "null" : "{}");
        if (stage_run_check(&run) != 0)
            fail_msg("%s: %s", names[i / 2], run.messages);
        stage_run_release(&run);
    }
}

static void report_takes_no_published_numbers(void **state)
{
    (void)state;
    struct stage_run run;
    init(&run, index_of("report"));
    json_t *params = json_object_get(run.description, "params");
    json_object_set_new(params, "published", json_null());
    assert_int_equal(stage_run_check(&run), 0);
    json_object_del(params, "published");
    assert_int_equal(stage_run_check(&run), 0);
    stage_run_release(&run);
}

static void check_names_the_metrics_to_come(void **state)
{
    (void)state;
    for (size_t i = 0; i < STAGES; i++) {
        struct stage_run run;
        size_t size;
        bool evaluate = strcmp(stages[i].stage, "evaluate") == 0;
        bool gradcam = strcmp(stages[i].stage, "gradcam") == 0;
        init(&run, i);
        assert_int_equal(stage_run_check(&run), 0);
        char *said = stage_run_read(&run, "answer", &size);
        assert_int_equal(evaluate || gradcam, size > 0);
        if (evaluate)
            assert_non_null(strstr(said, "metric test_accuracy\n"));
        if (evaluate)
            assert_non_null(strstr(said, "metric macro.f1\n"));
        if (gradcam)
            assert_non_null(strstr(said, "metric boxes.fraction\n"));
        free(said);
        stage_run_release(&run);
    }
}

static const struct wrong {
    const char *stage, *name, *value, *message;
} wrongs[] = {
    {"phase1", "phase.epochs", "\"five\"",
     "parameter 'phase.epochs' must be an integer, not \"five\""},
    {"phase1", "phase.epochs", "0", "parameter 'phase.epochs' is 0, outside 1 to 100000"},
    {"phase1", "phase.epochs", "2.0", "parameter 'phase.epochs' must be an integer, not 2.0"},
    {"phase1", "model.architecture", "\"resnet18x\"",
     "parameter 'model': unknown architecture 'resnet18x', did you mean 'resnet18'?"},
    {"phase1", "model.pooled_layers", "[\"conv3_block1_ou\"]",
     "parameter 'model': pooled_layers: 'resnet8' has no layer 'conv3_block1_ou', did you mean "
     "'conv3_block1_out'? (docs/recipes.md lists the layers)"},
    {"phase2", "model.pooled_layers", "[\"conv1_relu\", \"conv1_relu\"]",
     "parameter 'model': pooled_layers: 'conv1_relu' is named twice"},
    {"pretrain", "model.pooled_layers", "[\"avg_pool\"]",
     "parameter 'model': pooled_layers: 'avg_pool' has no map of features"},
    {"phase1", "model.pooled_layers", "[\"conv1_relu\", 5]",
     "parameter 'model.pooled_layers' must be a list of texts, or null"},
    {"phase1", "model.pooled_layers", "\"conv1_relu\"",
     "parameter 'model.pooled_layers' must be a list of texts, or null"},
    {"phase1", "model.pooled_layer", "[\"conv1_relu\"]",
     "unknown parameter 'model.pooled_layer', did you mean"},
    {"phase1", "model.image_size", "4", "parameter 'model': architecture 'resnet8': image_size 4"},
    {"phase1", "model", "5", "parameter 'model' must be a map, not 5"},
    {"phase1", "model.preprocess", "\"Caffe\"", "not one of caffe, tf, torch, unit, lite"},
    {"phase1", "phase.trainable", "[\"conv9\"]",
     "parameter 'phase.trainable': no layer of 'resnet8' has 'conv9' in its name"},
    {"phase1", "phase.trainable", "[5]", "parameter 'phase.trainable' must be a list of texts"},
    {"phase1", "phase.early_stopping", "5",
     "parameter 'phase.early_stopping' must be a map, not 5"},
    {"phase1", "train.norm", "\"frozen\"", "not one of inference, batch"},
    {"phase1", "train.batsh", "1", "unknown parameter 'train.batsh', did you mean 'train.batch'?"},
    {"phase1", "phase.epochs", NULL, "parameter 'phase.epochs' is missing"},
    {"phase1", "model.preprocess", NULL, "parameter 'model.preprocess' is missing"},
    {"phase1", "phase.early_stopping", "{}",
     "parameter 'phase.early_stopping.patience' is missing: a number, or null"},
    {"phase1", "augmentation", "{}", "unknown parameter 'augmentation'"},
    {"phase2", "phase.learning_rate", "\"fast\"",
     "parameter 'phase.learning_rate' must be a number, not \"fast\""},
    {"phase2", "phase.trainable", "[\"conv9\"]",
     "parameter 'phase.trainable': no layer of 'resnet8' has 'conv9' in its name"},
    {"phase2", "augment.zoom", "1.5", "parameter 'augment.zoom' is 1.5, outside 0 to 0.99"},
    {"phase1", "train.optimizer", "{\"name\": \"adm\"}", "not one of adam, adamw, sgd"},
    {"phase1", "train.optimizer", "{\"name\": \"adam\", \"momentum\": 0.9}",
     "unknown parameter 'train.optimizer.momentum'"},
    {"phase1", "train.optimizer", "{\"name\": \"sgd\", \"nesterov\": true}",
     "parameter 'train.optimizer.nesterov' needs a momentum above 0"},
    {"phase1", "train.optimizer",
     "{\"name\": \"adamw\", \"exclude_from_weight_decay\": [\"biases\"]}",
     "must be a list of 'kernel', 'bias', 'gamma', 'beta'"},
    {"phase1", "train.label_smoothing", "1.0", "parameter 'train.label_smoothing' is 1"},
    {"phase1", "train.class_weight", "\"even\"",
     "parameter 'train.class_weight' must be null, 'balanced', or a list"},
    {"phase1", "train.class_weight", "[1, -1]",
     "parameter 'train.class_weight' must be null, 'balanced', or a list"},
    {"phase1", "train.class_weight", "[0, 1e-46]", "for each class, not all of them 0"},
    {"phase1", "train.class_weight", "[]", "for each class, not all of them 0"},
    {"phase1", "train.label_smoothing", "0.9999999999",
     "parameter 'train.label_smoothing' is 0.9999999999, outside 0 to 0.999999"},
    {"phase1", "phase.learning_rate", "1e-46",
     "parameter 'phase.learning_rate' is 1e-46, so small that it would be 0"},
    {"phase1", "train.sampling", "\"equal\"", "not one of shuffle, balanced"},
    {"phase1", "phase.cosine_decay", "{}",
     "parameter 'phase.cosine_decay' gives each step its learning rate: set "
     "'phase.reduce_learning_rate' to null"},
    {"phase1", "phase.cosine_decay", "{\"warmup_steps\": 5}",
     "warmup_steps and warmup_target are set together"},
    {"phase1", "augment.crop", "{\"padding\": 2, \"padding_mode\": \"mirror\"}",
     "not one of constant, edge, reflect, symmetric"},
    {"evaluate", "evaluate", "{\"flip\": 1}", "parameter 'evaluate.flip' must be true or false"},
    {"pretrain", "train.shard", "-1", "parameter 'train.shard' is -1"},
    {"pretrain", "model.architecture", "\"mobilnet\"", "did you mean 'mobilenet'?"},
    {"split", "seed", "\"abc\"", "parameter 'seed' must be an integer, not \"abc\""},
    {"split", "test_size", "1.5", "test_size=1.5 should be either positive"},
    {"split", "train_size", "0.9", "the sum of test_size and train_size"},
    {"explore", "augment.flip", "1", "parameter 'augment.flip' must be true or false, not 1"},
    {"evaluate", "alpha", "1", "unknown parameter 'alpha'"},
    {"curves", "title", "\"x\"", "unknown parameter 'title'"},
    {"curves", "hyperparameters", "[1]", "parameter 'hyperparameters' must be a map or null"},
    {"curves", "hyperparameters", "{\"a\": 1}", "there is no out 'tensorboard' for it"},
    {"gradcam", "gradcam.alpha", "2", "parameter 'gradcam.alpha' is 2, outside 0 to 1"},
    {"gradcam", "gradcam.colormap", "\"hot\"",
     "parameter 'gradcam.colormap' is 'hot', not one of viridis, jet"},
    {"gradcam", "gradcam.pairs", "[[1, 1]]", "entry 1 must be two different classes"},
    {"gradcam", "gradcam.pairs", "\"all\"", "parameter 'gradcam.pairs' must be null or a list"},
    {"report", "target", "\"high\"", "parameter 'target' must be a number, not \"high\""},
    {"report", "published.test_accurracy", "0.4",
     "unknown parameter 'published.test_accurracy', did you mean 'published.test_accuracy'?"},
    {"report", "published", "[1]", "parameter 'published' must be a map, not [1]"},
    {"report", "card", "{\"licence\": \"mit\"}",
     "unknown parameter 'card.licence', did you mean 'card.license'?"},
    {"report", "card", "{\"datasets\": \"cifar10\"}",
     "parameter 'card.datasets' must be null or a list of names"},
    {"report", "card", "{\"license\": \"mit\"}", "there is no out 'card' for it"},
    {"download", "dataset.sha256", "\"12\"", "parameter 'dataset.sha256' must pin"},
    {"download", "dataset.url", "\"ftp://host/x\"",
     "'ftp://host/x' is not an https:, http: or file: URL"},
    {"download", "dataset.url", "\"https://user:S3CRET@host/x\"",
     "parameter 'dataset.url' holds a user, a password or a token"},
    {"download", "dataset.url", "\"https://\"", "'https://' is no URL: "},
    {"download", "dataset.url", "\"https://ho st/x\"", "'https://ho st/x' is no URL: "},
    {"download", "dataset.url", "\"https://host/x?token=S3CRET\"", "put it into .netrc"},
    {"download", "pretrain.url", "\"sample:shape\"", "sample:shape"},
    {"download", "weights.url", "\"https://host/w\"", "there is no out 'weights' for it"},
};

static void check_names_what_is_wrong_in_one_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        struct stage_run run;
        init(&run, index_of(wrongs[i].stage));
        set(json_object_get(run.description, "params"), wrongs[i].name, wrongs[i].value);
        int status = stage_run_check(&run);
        if (status != 2 || strstr(run.messages, wrongs[i].message) == NULL)
            fail_msg("%s %s: exit %d, '%s'", wrongs[i].stage, wrongs[i].name, status, run.messages);
        assert_null(strstr(run.messages, "S3CRET"));
        assert_ptr_equal(strchr(run.messages, '\n'), run.messages + strlen(run.messages) - 1);
        expect_untouched(&run);
        stage_run_release(&run);
    }
}

/* No rule stands twice: what check refuses, the stage itself refuses in the same words. */
static void run_refuses_what_check_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(wrongs) / sizeof(wrongs[0]); i++) {
        struct stage_run run;
        init(&run, index_of(wrongs[i].stage));
        set(json_object_get(run.description, "params"), wrongs[i].name, wrongs[i].value);
        assert_int_equal(stage_run_check(&run), 2);
        char *checked = strdup(run.messages);
        assert_int_equal(stage_run_execute(&run), 2);
        assert_non_null(strstr(run.messages, checked));
        free(checked);
        stage_run_release(&run);
    }
}

static void check_knows_the_names_of_deps_and_outs(void **state)
{
    (void)state;
    struct stage_run run;
    init(&run, index_of("evaluate"));
    json_t *outs = json_object_get(run.description, "outs");
    json_object_set_new(outs, "metric", json_string("outs/m"));
    assert_int_equal(stage_run_check(&run), 2);
    assert_string_equal(run.messages,
                        "there is no 'metric' among the outs of this program, did you "
                        "mean 'metrics'?\n");
    assert_int_equal(stage_run_execute(&run), 2);
    json_object_del(outs, "metric");
    json_object_set_new(outs, "pictures", json_string("outs/p"));
    assert_int_equal(stage_run_check(&run), 2);
    assert_string_equal(run.messages, "there is no 'pictures' among the outs of this program, "
                                      "which are metrics, predictions, report\n");
    json_object_del(outs, "pictures");
    json_object_del(outs, "report");
    assert_int_equal(stage_run_check(&run), 2);
    assert_string_equal(run.messages, "no 'report' in outs: name it in pipeline.yaml\n");
    stage_run_release(&run);
    init(&run, index_of("gradcam"));
    json_object_del(json_object_get(run.description, "deps"), "predictions");
    assert_int_equal(stage_run_check(&run), 2);
    assert_string_equal(run.messages, "no 'predictions' in deps: name it in pipeline.yaml\n");
    stage_run_release(&run);
}

static void every_executable_names_what_it_answers(void **state)
{
    (void)state;
    static const char *const words[] = {"--check", "--fingerprint", "REPRISE_STAGE"};
    const char *build = getenv("BUILD");
    for (size_t i = 0; i < STAGES; i++) {
        struct error err = {0};
        char path[256], *data;
        size_t size;
        snprintf(path, sizeof(path), "%s/stages/%s", build != NULL ? build : "build",
                 stages[i].stage);
        assert_int_equal(file_read(path, 256u << 20, &data, &size, &err), 0);
        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++)
            assert_non_null(memmem(data, size, words[w], strlen(words[w])));
        free(data);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(check_accepts_right_parameters_and_touches_nothing),
        cmocka_unit_test(check_refuses_bf16_where_the_processor_has_none),
        cmocka_unit_test(check_takes_pooled_layers),
        cmocka_unit_test(check_takes_empty_maps_and_null),
        cmocka_unit_test(report_takes_no_published_numbers),
        cmocka_unit_test(check_names_the_metrics_to_come),
        cmocka_unit_test(check_names_what_is_wrong_in_one_line),
        cmocka_unit_test(run_refuses_what_check_refuses),
        cmocka_unit_test(check_knows_the_names_of_deps_and_outs),
        cmocka_unit_test(every_executable_names_what_it_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
