#include "command/init_pipeline.h"

#include "base/json.h"

#include <stdlib.h>
#include <string.h>

enum { MANY = 20000, SMALL = 64 };

/* What the network starts from. */
enum base { BASE_MOBILENET, BASE_RESNET50, BASE_SHAPES, BASE_NONE };

#define KERAS "https://storage.googleapis.com/tensorflow/keras-applications/"

static const struct recipe {
    const char *base, *why, *weights; /* the address of the base, pinned; NULL: none */
    const char *model, *side, *augment, *train, *phase1, *phase2;
} recipes[] = {
    [BASE_MOBILENET] =
        {"MobileNet of ImageNet, from the network",
         "  # The base: MobileNet trained on ImageNet, by its pinned address; it needs the network "
         "once.\n"
         "  # Few pictures do best on a base that has seen many. Without a network: reprise init "
         "--offline\n",
         KERAS "mobilenet/mobilenet_2_5_224_tf_no_top.h5"
               "#sha256=dbdb03ee2a22fd895301636cd328b234bb3a9952358f436d82f46b81e0d5b0bf",
         "{architecture: mobilenet, alpha: 0.25, image_size: 160, preprocess: tf, dropout: 0.2}",
         "160", "{flip: true, rotation: 0.05, zoom: 0.1}", "norm: batch", "epochs: 5",
         "epochs: 15, trainable: [\"\"]"},
    [BASE_RESNET50] =
        {"ResNet50 of ImageNet, from the network",
         "  # The notebook's recipe: ResNet50 trained on ImageNet, frozen, then its last layers "
         "fine-tuned.\n"
         "  # What went wrong there is done right here:\n"
         "  # - it divided pixels by 255, and then subtracted means that are of 0 to 255, so that "
         "all pictures\n"
         "  #   looked alike: accuracy 0.10. Here pixels are scaled once, by preprocess: caffe;\n"
         "  # - batch norms of unfrozen layers ran on each batch in training and on moving means "
         "in validation,\n"
         "  #   whose accuracy swung. norm: inference is the moving means in both;\n"
         "  # - Grad-CAM saw pictures that had skipped the preprocessing. Here it sees what the "
         "model sees.\n",
         KERAS "resnet/resnet50_weights_tf_dim_ordering_tf_kernels_notop.h5"
               "#sha256=66c8b43daff3fcc15bc4f30e3d2a167e21a14d9c9598a5394e5516471f4af504",
         "{architecture: resnet50, image_size: 224, preprocess: caffe, hidden: 256, dropout: 0.3}",
         "224", "{flip: true, rotation: 0.1, zoom: 0.1}", "norm: inference", "epochs: 20",
         "epochs: 30, trainable: [conv5], learning_rate: 1.0e-4"},
    [BASE_SHAPES] =
        {"a small ResNet, pretrained here on generated shapes",
         "  # The base: a small ResNet that the stage pretrain trains on generated shapes. It "
         "needs no network,\n"
         "  # and knows edges and textures, no photographs: pictures of 64 pixels and more do "
         "better on MobileNet.\n",
         NULL, "{architecture: resnet8, image_size: 32, preprocess: tf, hidden: 64, dropout: 0.1}",
         "32", "{flip: true, rotation: 0.05, zoom: 0.1}", "norm: inference", "epochs: 10",
         "epochs: 20, trainable: [conv3, conv4]"},
    [BASE_NONE] =
        {"none, a small ResNet from random weights",
         "  # No base: a small ResNet from random weights. There are small pictures enough to "
         "learn all from them.\n",
         NULL, "{architecture: resnet20, image_size: 32, preprocess: tf}", "32",
         "{flip: true, rotation: 0.05, zoom: 0.1}", "norm: batch, preflight: off",
         "epochs: 30, trainable: [\"\"]", "epochs: 10, learning_rate: 1.0e-4"},
};

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

static enum base choose(const json_t *found, const struct init_wishes *wishes)
{
    const long long side = init_pipeline_number(found, "width.median"),
                    count = init_pipeline_number(found, "pictures");
    if (wishes->notebook)
        return BASE_RESNET50;
    if (wishes->weights != NULL)
        return BASE_MOBILENET;
    if (count >= MANY && side < SMALL)
        return BASE_NONE;
    return wishes->offline || side < SMALL ? BASE_SHAPES : BASE_MOBILENET;
}

/* A text of YAML in double quotes is one of JSON; "${" in a name is no variable. */
static void add_quoted(struct text *text, const char *word)
{
    struct error ignored;
    struct text literal = {0};
    for (const char *at = word; *at != '\0'; at++) {
        text_add(&literal, strncmp(at, "${", 2) == 0 ? "\\" : "");
        text_append(&literal, at, 1);
    }
    json_t *string = json_string(text_string(&literal));
    char *json = string == NULL ? NULL : json_to_text(string, true, &ignored);
    if (json == NULL || literal.failed)
        text->failed = true;
    else
        text_add(text, json);
    text_release(&literal);
    free(json);
    json_decref(string);
}

/* ---- what a person would change ---- */

static void add_import(const json_t *found, const struct recipe *recipe, struct text *text)
{
    const json_t *group = json_at(found, "columns.group");
    text_add(text, "vars:\n  pictures: ");
    add_quoted(text, json_string_value(json_at(found, "path")));
    text_addf(text, "\n  import: {image_size: %s, skip_broken: %s", recipe->side,
              init_pipeline_number(found, "broken_count") > 0 ? "true" : "false");
    if (json_is_string(group)) {
        text_add(text, ", group: ");
        add_quoted(text, json_string_value(group));
    }
    text_add(text, "}   # true: what can't be read is left out and listed\n"
                   "  target: null   # the test accuracy that you need: run fails "
                   "below\n\n");
}

/* A file, or a pinned address. */
static void add_weights(const char *weights, struct text *text)
{
    const char *sha256 = init_pipeline_pin(weights);
    text_add(text, "  weights:");
    if (sha256 == NULL) {
        text_add(text, " ");
        add_quoted(text, weights);
    } else {
        struct text url = {0};
        text_append(&url, weights, (size_t)(strstr(weights, "#sha256=") - weights));
        text_add(text, "\n    url: ");
        add_quoted(text, text_string(&url));
        text_addf(text, "\n    sha256: %s", sha256);
        text->failed = text->failed || url.failed;
        text_release(&url);
    }
    text_add(text, "\n");
}

/* `theirs`: the weights are what a person named. */
static void add_vars(const json_t *found, const struct recipe *recipe, const char *weights,
                     bool theirs, struct text *text)
{
    text_add(text, "# Written by reprise init. `reprise run` runs it, `reprise status` says what "
                   "would run.\n"
                   "# docs/stages.md lists all that a stage takes, and what it is where nothing is "
                   "said.\n");
    add_import(found, recipe, text);
    text_add(
        text,
        theirs ? "  # The base: what you named, as of MobileNet (alpha 0.25). For another network "
                 "change `model`.\n"
               : recipe->why);
    if (weights != NULL)
        add_weights(weights, text);
    text_addf(
        text,
        "  model: %s\n"
        "  seed: 42   # of what is drawn in training\n"
        "  augment: %s\n"
        "  train: {%s, class_weight: null}   # balanced, where classes differ in size\n"
        "  # First the head on the frozen base, then layers of it, too, by part of their "
        "name (\"\": all).\n"
        "  phase1: &phase {%s, learning_rate: 1.0e-3,\n"
        "    early_stopping: {patience: 5}, reduce_learning_rate: {patience: 3, factor: 0.5}}\n"
        "  phase2: {<<: *phase, %s}\n\n",
        recipe->model, recipe->augment, recipe->train, recipe->phase1, recipe->phase2);
}

/* ---- stages ---- */

/* What a stage with a network computes on, where it is first said. */
#define ALL "&all {threads: all, gpu: 1}"

static const char pictures[] =
    "# Nothing below needs a change.\n"
    "stages:\n"
    "  import: {cmd: import, resources: {threads: all}, params: \"${import}\",\n"
    "    deps: {pictures: \"${pictures}\"}, outs: {dataset: dataset}}\n"
    "  split: {cmd: split, deps: {dataset: import.dataset}, outs: {splits: splits}}\n";

static const char download[] = "  download: {cmd: download, network: true, params: {weights: "
                               "\"${weights}\"}, outs: {weights: base}}\n";

static const char pretrain[] =
    "  shapes: {cmd: download, outs: {pretrain_dataset: dataset}, params: {pretrain: {url: "
    "\"sample:shapes\",\n"
    "    sha256: 30fa2f5aa79ebc21760eafa95167ce14bdc61a0af2e1d72a084ceea92780a21e}}}\n"
    "  pretrain: {cmd: pretrain, resources: " ALL ", deps: {dataset: shapes.pretrain_dataset},\n"
    "    params: {model: \"${model}\", augment: \"${augment}\", train: {batch: 64, epochs: 8,\n"
    "      learning_rate: 2.0e-3, reduce_learning_rate: {patience: 3, factor: 0.5}}},\n"
    "    outs: {weights: weights.safetensors, history: history.json}}\n";

static const char trained_and_judged[] =
    "    params: &params {seed: \"${seed}\", model: \"${model}\", augment: \"${augment}\",\n"
    "      train: \"${train}\", phase: \"${phase1}\"},\n"
    "    outs: &trained {model: model.safetensors, history: history.json, preflight: "
    "preflight.json}}\n"
    "  phase2: {cmd: phase2, resources: *all, outs: *trained,\n"
    "    deps: {dataset: import.dataset, splits: split.splits, model: phase1.model},\n"
    "    params: {<<: *params, phase: \"${phase2}\"}}\n"
    "  evaluate: {cmd: evaluate, resources: *all, deps: {dataset: import.dataset, model: "
    "phase2.model},\n"
    "    outs: {metrics: metrics.json, predictions: predictions.npy, report: report.txt},\n"
    "    metrics: [metrics], require: {metrics.test_accuracy: \">= ${target}\"}}\n"
    "  curves: {cmd: curves, outs: {phase1: phase1.png, phase2: phase2.png, confusion_matrix: "
    "matrix.png,\n"
    "      drawings: drawings},\n"
    "    deps: {phase1_history: phase1.history, phase2_history: phase2.history,\n"
    "      metrics: evaluate.metrics}}\n"
    "  gradcam: {cmd: gradcam, resources: *all,   # what the network looked at\n"
    "    deps: {dataset: import.dataset, model: phase2.model, predictions: evaluate.predictions},\n"
    "    outs: {samples: samples.png, confusion: confusion.png, heatmaps: heatmaps.npy,\n"
    "      metrics: metrics.json, drawings: drawings}}\n"
    "  report: {cmd: report, lineage: true, outs: {report: {path: report, publish: reports}},\n"
    "    params: {target: \"${target}\", title: Your own pictures},\n"
    "    deps: {dataset: import.dataset, splits: split.splits, metrics: evaluate.metrics,\n"
    "      classification: evaluate.report, confusion_matrix: curves.confusion_matrix,\n"
    "      phase1_history: phase1.history, phase1_curves: curves.phase1,\n"
    "      phase1_preflight: phase1.preflight, phase2_history: phase2.history,\n"
    "      phase2_curves: curves.phase2, phase2_preflight: phase2.preflight, gradcam: "
    "gradcam.metrics,\n"
    "      gradcam_samples: gradcam.samples, gradcam_confusion: gradcam.confusion,\n"
    "      curves_drawings: curves.drawings, gradcam_drawings: gradcam.drawings}}\n";

const char *init_pipeline_pictures(const json_t *found, const struct init_wishes *wishes,
                                   struct text *text)
{
    const enum base base = choose(found, wishes);
    const struct recipe *recipe = &recipes[base];
    const char *weights = wishes->weights != NULL ? wishes->weights : recipe->weights;
    const bool is_file = weights != NULL && init_pipeline_pin(weights) == NULL;
    add_vars(found, recipe, weights, wishes->weights != NULL && !wishes->notebook, text);
    text_add(text, pictures);
    text_add(text, base == BASE_SHAPES ? pretrain : weights != NULL && !is_file ? download : "");
    text_addf(text,
              "  phase1: {cmd: phase1, resources: %s,\n"
              "    deps: {dataset: import.dataset, splits: split.splits%s},\n",
              base == BASE_SHAPES ? "*all" : ALL,
              base == BASE_SHAPES ? ", weights: pretrain.weights"
              : is_file           ? ", weights: \"${weights}\""
              : weights != NULL   ? ", weights: download.weights"
                                  : "");
    text_add(text, trained_and_judged);
    return wishes->weights != NULL ? wishes->weights : recipe->base;
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
