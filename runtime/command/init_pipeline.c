#include "command/init_pipeline.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 20000, SMALL = 64 };

/* What the network starts from. */
enum base { BASE_MOBILENET, BASE_URL, BASE_FILE, BASE_SHAPES, BASE_NONE };

long long init_pipeline_number(const json_t *found, const char *dotted)
{
    return json_integer_value(json_at(found, dotted)); /* 0 of what is no integer */
}

const char *init_pipeline_pin(const char *weights)
{
    static const char pin[] = "#sha256=";
    const char *found = strstr(weights, "://") != NULL ? strstr(weights, pin) : NULL;
    return found != NULL ? found + strlen(pin) : NULL;
}

static enum base choose(const json_t *found, const char *weights, bool offline)
{
    const long long side = init_pipeline_number(found, "width.median"),
                    count = init_pipeline_number(found, "pictures");
    if (weights != NULL)
        return init_pipeline_pin(weights) != NULL ? BASE_URL : BASE_FILE;
    if (count >= MANY && side < SMALL)
        return BASE_NONE;
    return offline || side < SMALL ? BASE_SHAPES : BASE_MOBILENET;
}

/* A text of YAML in double quotes is one of JSON. */
static void add_quoted(struct text *text, const char *word)
{
    struct error ignored;
    json_t *string = json_string(word);
    char *json = string == NULL ? NULL : json_to_text(string, true, &ignored);
    if (json == NULL)
        text->failed = true;
    else
        text_add(text, json);
    free(json);
    json_decref(string);
}

static const char mobilenet_model[] =
    "{architecture: mobilenet, alpha: 0.25, image_size: 160, preprocess: tf, pixel_range: 255, "
    "hidden: 0, dropout: 0.2}";

static const struct {
    const char *why, *model, *side, *from, *trainable, *phase1, *phase2;
} bases[] = {
    [BASE_MOBILENET] = {"  # The base: MobileNet trained on ImageNet, by its pinned address; it "
                        "needs the network once.\n"
                        "  # Few pictures do best on a base that has seen many. Without a network: "
                        "reprise init --offline\n",
                        mobilenet_model, "160", "download.weights", "[\"\"]", "5", "15"},
    [BASE_URL] = {"  # The base: what you named by its pinned address, as of MobileNet (alpha "
                  "0.25). For another network change `model`.\n",
                  mobilenet_model, "160", "download.weights", "[\"\"]", "5", "15"},
    [BASE_FILE] = {"  # The base: a file of yours, as of MobileNet (alpha 0.25). For another "
                   "network change `model`.\n",
                   mobilenet_model, "160", NULL, "[\"\"]", "5", "15"},
    [BASE_SHAPES] =
        {"  # The base: a small ResNet that the stage pretrain trains on generated shapes. It "
         "needs no network,\n"
         "  # and knows edges and textures, no photographs: pictures of 64 pixels and more do "
         "better on MobileNet.\n",
         "{architecture: resnet8, alpha: 1.0, image_size: 32, preprocess: tf, pixel_range: 255, "
         "hidden: 64, dropout: 0.1}",
         "32", "pretrain.weights", "[conv3, conv4]", "10", "20"},
    [BASE_NONE] =
        {"  # No base: a small ResNet from random weights. There are small pictures enough to "
         "learn all from them.\n",
         "{architecture: resnet20, alpha: 1.0, image_size: 32, preprocess: tf, pixel_range: 255, "
         "hidden: 0, dropout: 0.0}",
         "32", NULL, "[\"\"]", "30", "10"},
};

static void add_vars(const json_t *found, enum base base, struct text *text)
{
    text_add(
        text,
        "# Written by reprise init. `reprise run` runs it, `reprise status` says what would run.\n"
        "vars:\n  pictures: ");
    add_quoted(text, json_string_value(json_at(found, "path")));
    text_addf(text,
              "\n  seed: 42\n"
              "  target: null                # the test accuracy that you need: run fails below\n"
              "  import:                     # how pictures are read\n"
              "    image_size: %s\n"
              "    fit: crop                 # crop, pad or squash\n"
              "    test_size: 0.2            # held out where there is no test part\n"
              "    seed: 42\n"
              "    skip_broken: %s        # true: what can't be read is left out and listed\n",
              bases[base].side,
              init_pipeline_number(found, "broken_count") > 0 ? "true " : "false");
    const json_t *group = json_at(found, "columns.group");
    if (json_is_string(group)) {
        text_add(text, "    group: ");
        add_quoted(text, json_string_value(group));
        text_add(text, "            # equal values stay on one side of every split\n");
    }
    text_addf(
        text,
        "\n%s  model: %s\n"
        "  augment: {flip: true, rotation: 0.05, zoom: 0.1, cutout: 0, mixup: 0.0, crop: null}\n"
        "  train:\n    {batch: 32, shard: auto, norm: %s, preflight: %s, steps_per_epoch: null, "
        "precision: auto,\n"
        "     optimizer: null, label_smoothing: 0.0, class_weight: null, sampling: shuffle}   # "
        "class_weight: "
        "balanced, where classes differ in size\n"
        "  stop: {patience: 5, min_delta: 0.0, monitor: val_loss, mode: auto}\n"
        "  slow: {factor: 0.5, patience: 3, minimum: 1.0e-6, min_delta: 1.0e-4, cooldown: 0}\n"
        "  phase1: {trainable: %s, epochs: %s, learning_rate: 1.0e-3}   # the head on a frozen "
        "base\n"
        "  phase2: {trainable: %s, epochs: %s, learning_rate: %s}   # layers by part of their "
        "name\n\nstages:\n",
        bases[base].why, bases[base].model, base == BASE_SHAPES ? "inference" : "batch",
        base == BASE_NONE ? "off" : "stop", base == BASE_NONE ? "[\"\"]" : "[]", bases[base].phase1,
        bases[base].trainable, bases[base].phase2, base == BASE_NONE ? "1.0e-4" : "1.0e-3");
}

static const char mobilenet_weights[] =
    "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/"
    "mobilenet_2_5_224_tf_no_top.h5"
    "#sha256=dbdb03ee2a22fd895301636cd328b234bb3a9952358f436d82f46b81e0d5b0bf";

/* `pinned` is as init_pipeline_pin() knows it. */
static void add_download(const char *pinned, struct text *text)
{
    struct text url = {0};
    const char *sha256 = init_pipeline_pin(pinned);
    text_append(&url, pinned, (size_t)(strstr(pinned, "#sha256=") - pinned));
    text_add(text, "  download:\n    desc: the base, by its pinned digest\n    cmd: download\n    "
                   "network: true\n    params:\n      weights:\n        url: ");
    if (strpbrk(text_string(&url), " #\"'\\") == NULL)
        text_add(text, text_string(&url));
    else
        add_quoted(text, text_string(&url));
    text_addf(text, "\n        sha256: %s\n    outs: {weights: weights.safetensors}\n\n", sha256);
    text->failed = text->failed || url.failed;
    text_release(&url);
}

static void add_base_stages(enum base base, const char *weights, struct text *text)
{
    if (base == BASE_MOBILENET || base == BASE_URL)
        add_download(base == BASE_URL ? weights : mobilenet_weights, text);
    if (base == BASE_SHAPES)
        text_add(
            text,
            "  shapes:\n    desc: generated pictures for the base\n    cmd: download\n"
            "    params:\n      pretrain:\n        url: \"sample:shapes\"\n"
            "        sha256: 30fa2f5aa79ebc21760eafa95167ce14bdc61a0af2e1d72a084ceea92780a21e\n"
            "    outs: {pretrain_dataset: pretrain_dataset}\n\n"
            "  pretrain:\n    desc: train the base\n    cmd: pretrain\n"
            "    resources: {threads: all, gpu: 1}\n    deps: {dataset: shapes.pretrain_dataset}\n"
            "    params:\n      {seed: \"${seed}\", model: \"${model}\", augment: \"${augment}\",\n"
            "       train: {batch: 64, shard: auto, steps_per_epoch: null, precision: auto, "
            "optimizer: null, "
            "label_smoothing: 0.0, class_weight: null,\n"
            "               sampling: shuffle, augment: true, epochs: 8, learning_rate: 2.0e-3, "
            "cosine_decay: null, early_stopping: null,\n"
            "               reduce_learning_rate: \"${slow}\"}}\n"
            "    outs: {weights: weights.safetensors, history: history.json}\n\n");
}

static void add_phase1(enum base base, const char *weights, struct text *text)
{
    text_add(text, "  phase1:\n    desc: train the head\n    cmd: phase1\n"
                   "    resources: {threads: all, gpu: 1}\n"
                   "    deps: {dataset: import.dataset, splits: split.splits");
    if (base == BASE_FILE) {
        text_add(text, ", weights: ");
        add_quoted(text, weights);
    } else if (bases[base].from != NULL)
        text_addf(text, ", weights: %s", bases[base].from);
    text_add(text, "}\n"
                   "    params:\n"
                   "      {seed: \"${seed}\", model: \"${model}\", augment: \"${augment}\", train: "
                   "\"${train}\",\n"
                   "       phase: {trainable: \"${phase1.trainable}\", augment: true, epochs: "
                   "\"${phase1.epochs}\", "
                   "learning_rate: \"${phase1.learning_rate}\",\n"
                   "               cosine_decay: null, early_stopping: \"${stop}\", "
                   "reduce_learning_rate: \"${slow}\"}}\n"
                   "    outs: {model: model.safetensors, history: history.json, preflight: "
                   "preflight.json}\n\n");
}

static const char after_phase1[] =
    "  phase2:\n    desc: unfreeze and fine-tune\n    cmd: phase2\n    resources: {threads: all, "
    "gpu: 1}\n"
    "    deps: {dataset: import.dataset, splits: split.splits, model: phase1.model}\n"
    "    params:\n"
    "      {seed: \"${seed}\", model: \"${model}\", augment: \"${augment}\", train: \"${train}\",\n"
    "       phase: {trainable: \"${phase2.trainable}\", augment: true, epochs: "
    "\"${phase2.epochs}\", "
    "learning_rate: \"${phase2.learning_rate}\",\n"
    "               cosine_decay: null, early_stopping: \"${stop}\", reduce_learning_rate: "
    "\"${slow}\"}}\n"
    "    outs: {model: model.safetensors, history: history.json, preflight: preflight.json}\n\n"
    "  evaluate:\n    desc: accuracy on the test pictures\n    cmd: evaluate\n"
    "    resources: {threads: all, gpu: 1}\n"
    "    deps: {dataset: import.dataset, model: phase2.model}\n"
    "    outs: {metrics: metrics.json, predictions: predictions.npy, report: "
    "classification_report.txt}\n"
    "    metrics: [metrics]\n    require: {metrics.test_accuracy: \">= ${target}\"}\n\n"
    "  curves:\n    desc: figures of training and evaluation\n    cmd: curves\n"
    "    deps: {phase1_history: phase1.history, phase2_history: phase2.history, metrics: "
    "evaluate.metrics}\n"
    "    outs: {phase1: phase1_curves.png, phase2: phase2_curves.png, confusion_matrix: "
    "confusion_matrix.png}\n\n"
    "  gradcam:\n    desc: what the network looked at\n    cmd: gradcam\n"
    "    resources: {threads: all, gpu: 1}\n"
    "    deps: {dataset: import.dataset, model: phase2.model, predictions: evaluate.predictions}\n"
    "    params: {gradcam: {preprocess: model, alpha: 0.4, pairs: null}}\n"
    "    outs: {samples: samples.png, confusion: confusion.png, heatmaps: heatmaps.npy, metrics: "
    "metrics.json}\n"
    "    metrics: [metrics]\n\n"
    "  report:\n    desc: one page with everything, reports/index.html\n    cmd: report\n    "
    "lineage: true\n"
    "    deps:\n      phase1_history: phase1.history\n      phase1_curves: curves.phase1\n"
    "      phase1_preflight: phase1.preflight\n"
    "      phase2_history: phase2.history\n      phase2_curves: curves.phase2\n"
    "      phase2_preflight: phase2.preflight\n"
    "      metrics: evaluate.metrics\n      classification: evaluate.report\n"
    "      confusion_matrix: curves.confusion_matrix\n      gradcam: gradcam.metrics\n"
    "      gradcam_samples: gradcam.samples\n      gradcam_confusion: gradcam.confusion\n"
    "      dataset: import.dataset\n      splits: split.splits\n"
    "    params: {target: \"${target}\", title: Your own pictures}\n"
    "    outs: {report: {path: report, publish: reports}}\n";

void init_pipeline_pictures(const json_t *found, const char *weights, bool offline,
                            struct text *text)
{
    const enum base base = choose(found, weights, offline);
    add_vars(found, base, text);
    text_add(text,
             "  import:\n    desc: the pictures as a data set\n    cmd: import\n"
             "    resources: {threads: all}\n    deps: {pictures: \"${pictures}\"}\n"
             "    params: ${import}\n    outs: {dataset: dataset}\n\n"
             "  split:\n    desc: stratified split into training and validation\n    cmd: split\n"
             "    deps: {dataset: import.dataset}\n"
             "    params: {test_size: 0.2, seed: \"${seed}\"}\n    outs: {splits: splits}\n\n");
    add_base_stages(base, weights, text);
    add_phase1(base, weights, text);
    text_add(text, after_phase1);
}

void init_pipeline_stages(struct text *text)
{
    text_add(
        text,
        "# Written by reprise init. `reprise run` runs it, `reprise status` says what would run.\n"
        "vars: {count: 10}\n\nstages:\n  numbers:\n    desc: a stage is any command\n"
        "    cmd: sh -c 'seq \"$1\" > \"$2\"' sh ${count} ${outs.numbers}\n"
        "    outs: {numbers: numbers.txt}\n\n"
        "  sorted:\n    desc: it runs again where what it depends on changed\n"
        "    cmd: sh -c 'sort -rn \"$1\" > \"$2\"' sh ${deps.numbers} ${outs.sorted}\n"
        "    deps: {numbers: numbers.numbers}\n    outs: {sorted: sorted.txt}\n");
}
