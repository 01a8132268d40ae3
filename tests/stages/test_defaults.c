/* A parameter that is left out is its default, as docs/stages.md lists it: the outs are the same
 * with both, and others with another value. */
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#include "place.h"
#include "tap.h"

/* A call with nothing but what it needs, and the files that it writes. */
struct subject {
    struct call call;
    const char *files[4];
};

#define NETWORK                                                                                    \
    "\"model\": {\"architecture\": \"resnet8\", \"image_size\": 16, \"preprocess\": \"tf\"}"

static const struct subject
    split = {.call = {.stage = "split",
                      .params = "{}",
                      .deps = {"dataset=dataset"},
                      .outs = {"splits=splits"}},
             .files = {"splits/split.json", "splits/train.npy", "splits/val.npy"}},
    explore = {.call = {.stage = "explore",
                        .params = "{}",
                        .deps = {"dataset=dataset", "splits=splits"},
                        .outs = {"sample_images=a.png", "class_distribution=b.png",
                                 "augmentation_examples=c.png"}},
               .files = {"a.png", "b.png", "c.png"}},
    phase1 = {.call = {.stage = "phase1",
                       .params = "{" NETWORK ", \"phase\": {\"epochs\": 3, \"learning_rate\": "
                                 "0.003}}",
                       .deps = {"dataset=dataset", "splits=splits"},
                       .outs = {"model=model", "history=history", "preflight=preflight"}},
              .files = {"model", "history", "preflight"}},
    evaluate = {.call = {.stage = "evaluate",
                         .params = "{}",
                         .deps = {"dataset=dataset", "model=model"},
                         .outs = {"metrics=metrics", "predictions=predictions", "report=report"}},
                .files = {"metrics", "predictions", "report"}},
    gradcam = {.call = {.stage = "gradcam",
                        .params = "{}",
                        .deps = {"dataset=dataset", "model=model", "predictions=predictions"},
                        .outs = {"samples=a.png", "confusion=b.png", "heatmaps=heatmaps",
                                 "metrics=metrics"}},
               .files = {"a.png", "b.png", "heatmaps", "metrics"}};

/* A parameter, its default, and another value; `with` lies over what the call needs. */
static const struct row {
    const struct subject *subject;
    const char *name, *value, *other, *with;
} rows[] = {
    {&split, "seed", "42", "7", "{}"},
    {&split, "test_size", "0.2", "0.3", "{}"},
    {&split, "train_size", "null", "0.4", "{}"},
    {&explore, "seed", "42", "7", "{\"augment\": {\"rotation\": 0.2}}"},
    {&phase1, "seed", "42", "7", "{}"},
    {&phase1, "model.alpha", "1.0", "0.5",
     "{\"model\": {\"architecture\": \"mobilenet\", \"image_size\": 32}}"},
    {&phase1, "model.pixel_range", "255", "1", "{\"train\": {\"preflight\": \"off\"}}"},
    {&phase1, "model.hidden", "0", "4", "{}"},
    {&phase1, "model.dropout", "0.0", "0.5", "{}"},
    {&phase1, "model.pooled_layers", "null", "[\"conv1_relu\"]", "{}"},
    {&phase1, "augment.flip", "false", "true", "{}"},
    {&phase1, "augment.rotation", "0.0", "0.2", "{}"},
    {&phase1, "augment.zoom", "0.0", "0.2", "{}"},
    {&phase1, "augment.cutout", "0", "4", "{}"},
    {&phase1, "augment.mixup", "0.0", "0.5", "{}"},
    {&phase1, "augment.crop", "null", "{\"padding\": 2}", "{}"},
    {&phase1, "augment.crop.padding_mode", "constant", "reflect",
     "{\"augment\": {\"crop\": {\"padding\": 2}}}"},
    {&phase1, "train.batch", "32", "16", "{}"},
    {&phase1, "train.shard", "auto", "4", "{}"},
    {&phase1, "train.norm", "inference", "batch", "{\"phase\": {\"trainable\": [\"\"]}}"},
    {&phase1, "train.preflight", "stop", "off", "{}"},
    {&phase1, "train.steps_per_epoch", "null", "1", "{}"},
    {&phase1, "train.optimizer", "null", "{\"name\": \"sgd\"}", "{}"},
    {&phase1, "train.label_smoothing", "0.0", "0.1", "{}"},
    {&phase1, "train.class_weight", "null", "[1, 2, 3]", "{}"},
    {&phase1, "train.sampling", "shuffle", "balanced", "{}"},
    {&phase1, "train.optimizer.weight_decay", "0.0", "0.1",
     "{\"train\": {\"optimizer\": {\"name\": \"adam\"}}}"},
    {&phase1, "train.optimizer.weight_decay", "0.004", "0.1",
     "{\"train\": {\"optimizer\": {\"name\": \"adamw\"}}}"},
    {&phase1, "train.optimizer.exclude_from_weight_decay", "[]", "[\"kernel\"]",
     "{\"train\": {\"optimizer\": {\"name\": \"adamw\"}}}"},
    {&phase1, "train.optimizer.momentum", "0.0", "0.9",
     "{\"train\": {\"optimizer\": {\"name\": \"sgd\"}}}"},
    {&phase1, "train.optimizer.nesterov", "false", "true",
     "{\"train\": {\"optimizer\": {\"name\": \"sgd\", \"momentum\": 0.9}}}"},
    {&phase1, "train.optimizer.use_ema", "false", "true",
     "{\"train\": {\"optimizer\": {\"name\": \"adam\"}}}"},
    {&phase1, "train.optimizer.ema_momentum", "0.99", "0.5",
     "{\"train\": {\"optimizer\": {\"name\": \"adam\", \"use_ema\": true}}}"},
    {&phase1, "phase.trainable", "[]", "[\"conv4\"]", "{}"},
    {&phase1, "phase.augment", "true", "false", "{\"augment\": {\"flip\": true}}"},
    {&phase1, "phase.early_stopping", "null", "{\"patience\": 0, \"min_delta\": 10}", "{}"},
    {&phase1, "phase.early_stopping.min_delta", "0.0", "10.0",
     "{\"phase\": {\"early_stopping\": {\"patience\": 0}}}"},
    {&phase1, "phase.early_stopping.monitor", "val_loss", "val_accuracy",
     "{\"phase\": {\"early_stopping\": {\"patience\": 0, \"min_delta\": 0.001}}}"},
    {&phase1, "phase.reduce_learning_rate", "null", "{\"patience\": 0, \"min_delta\": 10}", "{}"},
    {&phase1, "phase.reduce_learning_rate.factor", "0.1", "0.5",
     "{\"phase\": {\"reduce_learning_rate\": {\"patience\": 0, \"min_delta\": 10}}}"},
    {&phase1, "phase.reduce_learning_rate.minimum", "0.0", "0.001",
     "{\"phase\": {\"reduce_learning_rate\": {\"patience\": 0, \"min_delta\": 10}}}"},
    {&phase1, "phase.reduce_learning_rate.min_delta", "0.0001", "10.0",
     "{\"phase\": {\"reduce_learning_rate\": {\"patience\": 0}}}"},
    {&phase1, "phase.reduce_learning_rate.cooldown", "0", "5",
     "{\"phase\": {\"epochs\": 5, \"reduce_learning_rate\": {\"patience\": 0, \"min_delta\": "
     "10}}}"},
    {&phase1, "phase.cosine_decay", "null", "{}", "{}"},
    {&phase1, "phase.cosine_decay.alpha", "0.0", "0.5", "{\"phase\": {\"cosine_decay\": {}}}"},
    {&phase1, "phase.cosine_decay.decay_steps", "null", "2", "{\"phase\": {\"cosine_decay\": {}}}"},
    {&evaluate, "evaluate.flip", "false", "true", "{}"},
    {&gradcam, "gradcam.preprocess", "model", "none", "{}"},
    {&gradcam, "gradcam.alpha", "0.4", "0.9", "{}"},
    {&gradcam, "gradcam.pairs", "null", "[[0, 1]]", "{}"},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* JSON, or a word. */
static json_t *value_of(const char *text)
{
    json_t *value = json_loads(text, JSON_DECODE_ANY, NULL);
    return value != NULL ? value : json_string(text);
}

/* Lays {"a": {"b": value}} over the parameters. */
static void set(json_t *params, const char *dotted, const char *value)
{
    json_t *patch = value_of(value);
    for (const char *end = dotted + strlen(dotted); end > dotted;) {
        const char *begin = end;
        while (begin > dotted && begin[-1] != '.')
            begin--;
        char name[64];
        snprintf(name, sizeof(name), "%.*s", (int)(end - begin), begin);
        patch = json_pack("{s:o}", name, patch);
        end = begin > dotted ? begin - 1 : begin;
    }
    assert_int_equal(json_object_update_recursive(params, patch), 0);
    json_decref(patch);
}

/* Runs the row's call in a folder; `value` NULL leaves the parameter out. */
static void run(struct place *place, const struct row *row, const char *value, const char *folder)
{
    struct call call = row->subject->call;
    json_t *params = json_loads(call.params, 0, NULL), *with = json_loads(row->with, 0, NULL);
    assert_non_null(with);
    assert_int_equal(json_object_update_recursive(params, with), 0);
    if (value != NULL)
        set(params, row->name, value);
    char *text = json_dumps(params, 0);
    call.params = text;
    call.folder = folder;
    place_run(place, &call);
    free(text);
    json_decref(with);
    json_decref(params);
}

static bool same(struct place *place, const struct row *row, const char *a, const char *b)
{
    bool same = true;
    for (size_t i = 0; i < 4 && row->subject->files[i] != NULL; i++) {
        struct digest first, second;
        struct error err;
        char name[64];
        snprintf(name, sizeof(name), "%s/%s", a, row->subject->files[i]);
        assert_int_equal(digest_of_file(place_path(place, name), &first, &err), 0);
        snprintf(name, sizeof(name), "%s/%s", b, row->subject->files[i]);
        assert_int_equal(digest_of_file(place_path(place, name), &second, &err), 0);
        same = same && digest_equal(&first, &second);
    }
    return same;
}

/* A model and its predictions, for the stages that need some. */
static void make_model(struct place *place)
{
    struct call train = phase1.call, judge = evaluate.call;
    train.folder = judge.folder = ".";
    place_run(place, &train);
    place_run(place, &judge);
}

static void what_is_left_out_is_its_default(void **state)
{
    struct place *place = *state;
    make_model(place);
    for (size_t i = 0; i < ROWS; i++) {
        const struct row *row = &rows[i];
        if (i == 0 || row->subject != row[-1].subject || strcmp(row->with, row[-1].with) != 0)
            run(place, row, NULL, "left_out");
        run(place, row, row->value, "given");
        run(place, row, row->other, "other");
        if (!same(place, row, "left_out", "given"))
            fail_msg("%s %s: left out it is not %s", row->subject->call.stage, row->name,
                     row->value);
        if (same(place, row, "given", "other"))
            fail_msg("%s %s: %s changes nothing", row->subject->call.stage, row->name, row->other);
    }
}

static void defaults_stand_in_the_docs(void **state)
{
    (void)state;
    struct error err = {0};
    char *docs, name[128];
    size_t size;
    assert_int_equal(file_read("docs/stages.md", 1 << 20, &docs, &size, &err), 0);
    for (size_t i = 0; i < ROWS; i++) {
        snprintf(name, sizeof(name), "\n| `%s` |", rows[i].name);
        const char *line = strstr(docs, name);
        snprintf(name, sizeof(name), "`%s`", rows[i].value);
        const char *value = line != NULL ? strstr(line, name) : NULL;
        if (value == NULL || value > strchr(line + 1, '\n'))
            fail_msg("docs/stages.md: no line of '%s' with '%s'", rows[i].name, name);
    }
    free(docs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_left_out_is_its_default, place_make, place_free),
        cmocka_unit_test(defaults_stand_in_the_docs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
