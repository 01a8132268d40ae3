/* A model's answers to pictures.
 *
 * deps model, and pictures (a folder or a file) unless the parameter names them; outs predictions,
 * and broken?, a JSON {"schema": 1, "broken": [{"path", "why"}, ...]}. Parameters, which may be
 * left out: pictures, a list of files and folders; top, how many classes a picture (1); format, csv
 * or json; skip_broken, false: the first picture that can't be read stops the stage; weights.check.
 *
 * CSV (RFC 4180): path,class,probability; `top` rows a picture, most likely first. JSON:
 * {"schema": 1, "predictions": [{"path", "classes": [{"class", "probability"}, ...]}, ...]}.
 * Pictures come in the order given, those of a folder by the bytes of their names at each level.
 *
 * A picture becomes what the data set's became, by the same rule (`import`), where the model says
 * what that was. Else a square picture no larger than the network's input is fed as training and
 * evaluation feed it. Of another the largest middle square is taken, and made smaller to that input
 * where it is larger. Class names, size and preprocessing are the model's.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/stage.h"
#include "base/text.h"
#include "data/folder_walk.h"
#include "data/picture.h"
#include "data/picture_fingerprint.h"
#include "nn/model.h"
#include "nn/network.h"

#include "csv.h"
#include "model_use.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Of pictures; bits do not depend on it. */
enum { BATCH = 64 };
enum { FORMAT_CSV, FORMAT_JSON };

struct names {
    char **list; /* for people */
    char **paths;
    size_t count, list_capacity, path_capacity;
};

struct predict {
    struct stage *stage;
    struct weight_check weight_check;
    const json_t *pictures;
    int64_t top;
    int format;
    bool skip_broken;
    struct model *model;
    struct device *device;
    struct network *network;
    struct names names;
    /* A batch: pictures of one size. */
    uint8_t *images;
    size_t at[BATCH]; /* in names */
    int64_t held, height, width;
    struct text csv;
    json_t *json, *broken;
};

/* ---- which pictures ---- */

static int add_name(struct names *names, const char *shown, const char *path, struct error *err)
{
    if (memory_grow(&names->list, &names->list_capacity, names->count + 1, sizeof(char *), err) <
            0 ||
        memory_grow(&names->paths, &names->path_capacity, names->count + 1, sizeof(char *), err) <
            0 ||
        (names->list[names->count] = memory_copy_text(shown, err)) == NULL)
        return -1;
    if ((names->paths[names->count] = memory_copy_text(path, err)) == NULL) {
        free(names->list[names->count]);
        return -1;
    }
    names->count++;
    return 0;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* The pictures of a folder, shown under its name; NULL: by their names in it. */
struct shown {
    struct names *names;
    const char *folder;
};

static int add_file(void *context, const struct folder_file *file, struct error *err)
{
    const struct shown *shown = context;
    if (!folder_walk_visible(file->name) || !picture_is_name(file->name))
        return 0;
    char *name = shown->folder != NULL ? file_join(shown->folder, file->path, err)
                                       : memory_copy_text(file->path, err);
    int result = name == NULL ? -1 : add_name(shown->names, name, file->full, err);
    free(name);
    return result;
}

static int add_pictures(struct names *names, const char *shown, const char *path, struct error *err)
{
    struct shown folder = {names, shown};
    const struct folder_visitor visitor = {folder_walk_visible, add_file, &folder};
    const char *slash = strrchr(path, '/');
    if (is_folder(path))
        return folder_walk(path, &visitor, err);
    return add_name(names, shown != NULL ? shown : slash != NULL ? slash + 1 : path, path, err);
}

static int find_pictures(struct predict *p, struct error *err)
{
    size_t i;
    const json_t *value;
    if (p->pictures == NULL) {
        const char *path = stage_dep(p->stage, "pictures", err);
        if (path == NULL || add_pictures(&p->names, NULL, path, err) < 0)
            return -1;
    }
    json_array_foreach (p->pictures, i, value)
        if (add_pictures(&p->names, json_string_value(value), json_string_value(value), err) < 0)
            return -1;
    return p->names.count > 0
               ? 0
               : error_set(err, ERR_STAGE, "there are no pictures (.png, .jpg, .jpeg)");
}

/* ---- what the network says ---- */

static const char *class_name(const struct model *model, int64_t class, char text[32])
{
    if (model->class_names != NULL)
        return model->class_names[class];
    snprintf(text, 32, "class %lld", (long long)class);
    return text;
}

/* The most likely first, of equals the first; `scores` is used up. */
static int tell(struct predict *p, size_t name, float *scores, struct error *err)
{
    const int64_t classes = p->model->architecture.classes;
    json_t *list = json_array();
    for (int64_t rank = 0; rank < p->top && rank < classes; rank++) {
        char text[32], number[32];
        const int64_t best = network_argmax(scores, classes);
        const char *class = class_name(p->model, best, text);
        snprintf(number, sizeof(number), "%.9g", (double)scores[best]);
        if (p->format == FORMAT_JSON)
            list = json_list_with(list, json_pack("{s:s, s:o}", "class", class, "probability",
                                                  json_measured(strtod(number, NULL))));
        else {
            csv_add(&p->csv, p->names.list[name]);
            text_add(&p->csv, ",");
            csv_add(&p->csv, class);
            text_addf(&p->csv, ",%s", number);
            csv_end_line(&p->csv);
        }
        scores[best] = -1.0f;
    }
    if (p->format == FORMAT_JSON)
        p->json = json_list_with(
            p->json,
            json_object_with(json_pack("{s:s}", "path", p->names.list[name]), "classes", list));
    else
        json_decref(list);
    return p->json != NULL ? text_check(&p->csv, err)
                           : error_set(err, ERR_STAGE, "'%s' is no name in UTF-8: take csv",
                                       p->names.list[name]);
}

static int run_batch(struct predict *p, struct error *err)
{
    static const uint16_t labels[BATCH];
    const int64_t classes = p->model->architecture.classes;
    struct feed feed = {.images = p->images,
                        .labels = labels,
                        .count = p->held,
                        .height = p->height,
                        .width = p->width,
                        .classes = classes,
                        .image_size = p->model->architecture.image_size,
                        .preprocess = p->model->preprocess};
    int64_t samples[BATCH];
    struct batch_result ignored;
    if (p->held == 0)
        return 0;
    for (int64_t i = 0; i < p->held; i++)
        samples[i] = i;
    float *scores = memory_new((size_t)(p->held * classes), sizeof(*scores), err);
    int result = scores == NULL ? -1
                                : network_infer(p->network, &feed, samples, p->held, NULL, scores,
                                                -1, NULL, &ignored, err);
    for (int64_t i = 0; i < p->held && result == 0; i++)
        result = tell(p, p->at[i], scores + i * classes, err);
    free(scores);
    p->held = 0;
    return result;
}

static int add_picture(struct predict *p, size_t name, const struct picture *picture,
                       struct error *err)
{
    const size_t bytes = (size_t)(picture->height * picture->width * 3);
    const bool other = picture->height != p->height || picture->width != p->width;
    if ((p->held == BATCH || other) && run_batch(p, err) < 0)
        return -1;
    if (p->held == 0) {
        free(p->images);
        p->height = picture->height;
        p->width = picture->width;
        if ((p->images = memory_new(BATCH, bytes, err)) == NULL)
            return -1;
    }
    memcpy(p->images + (size_t)p->held * bytes, picture->pixels, bytes);
    p->at[p->held++] = name;
    return 0;
}

/* As the data set's pictures were, where the model knows. */
static int fit_as_known(const struct model_pictures *known, struct picture *whole,
                        struct picture *picture, struct error *err)
{
    int fit = 0;
    while (known->fit != picture_fit_names[fit])
        fit++;
    int result =
        picture_fit(whole, known->height, known->width, (enum picture_fit)fit, picture, err);
    picture_release(whole);
    return result;
}

static int read_fitted(const struct predict *p, size_t name, struct picture *picture,
                       struct error *err)
{
    const int64_t most = p->model->architecture.image_size;
    struct picture whole = {0};
    if (picture_read_as(p->names.paths[name], p->names.list[name], &whole, err) < 0)
        return -1;
    if (p->model->pictures.fit != NULL)
        return fit_as_known(&p->model->pictures, &whole, picture, err);
    const int64_t shorter = whole.height < whole.width ? whole.height : whole.width;
    if (whole.height == whole.width && shorter <= most) {
        *picture = whole;
        return 0;
    }
    const int64_t side = shorter < most ? shorter : most;
    int result = picture_fit(&whole, side, side, PICTURE_CROP, picture, err);
    picture_release(&whole);
    return result;
}

static int predict_one(struct predict *p, size_t name, struct error *err)
{
    struct picture picture = {0};
    struct error why = {0};
    if (read_fitted(p, name, &picture, &why) < 0) {
        if (!p->skip_broken || why.kind == ERR_MEMORY) {
            *err = why;
            return -1;
        }
        stage_note(p->stage, "%s", why.message);
        p->broken = json_list_with(
            p->broken, json_pack("{s:s, s:s}", "path", p->names.list[name], "why", why.message));
        return 0;
    }
    int result = add_picture(p, name, &picture, err);
    picture_release(&picture);
    return result;
}

static int predict_all(struct predict *p, struct error *err)
{
    for (size_t i = 0; i < p->names.count; i++) {
        if (stage_stop_requested())
            return stage_interrupted(err);
        if (predict_one(p, i, err) < 0)
            return -1;
        stage_progress(p->stage, "pictures", (int64_t)i + 1, (int64_t)p->names.count, "picture");
    }
    return run_batch(p, err);
}

/* ---- the stage ---- */

static int write_outs(struct predict *p, struct error *err)
{
    const char *out = stage_out(p->stage, "predictions", err);
    if (out == NULL)
        return -1;
    if (p->format == FORMAT_CSV) {
        if (file_write(out, p->csv.data, p->csv.size, err) < 0)
            return -1;
    } else {
        json_t *all = json_pack("{s:i, s:O}", "schema", 1, "predictions", p->json);
        int result = json_write(out, all, err);
        json_decref(all);
        if (result < 0)
            return -1;
    }
    if (!stage_has_out(p->stage, "broken"))
        return 0;
    json_t *all = json_pack("{s:i, s:O}", "schema", 1, "broken", p->broken);
    out = stage_out(p->stage, "broken", err);
    int result = out == NULL ? -1 : json_write(out, all, err);
    json_decref(all);
    return result;
}

static int read_pictures(struct predict *p, struct error *err)
{
    size_t i;
    const json_t *value;
    if (stage_value_or_null(p->stage, "pictures", &p->pictures, err) < 0)
        return -1;
    if (p->pictures == NULL)
        return 0;
    if (!json_is_array(p->pictures))
        return error_set(err, ERR_USAGE,
                         "parameter 'pictures' must be a list of files and folders");
    json_array_foreach (p->pictures, i, value)
        if (!json_is_string(value))
            return error_set(err, ERR_USAGE, "parameter 'pictures[%zu]' must be a path", i);
    return 0;
}

static int read_params(struct predict *p, struct error *err)
{
    static const char *const formats[] = {"csv", "json"};
    p->top = 1;
    if (model_use_check(p->stage, &p->weight_check, err) < 0 || read_pictures(p, err) < 0 ||
        stage_int_or_null(p->stage, "top", 1, INT16_MAX, &p->top, err) < 0 ||
        stage_choice_or_null(p->stage, "format", formats, 2, &p->format, err) < 0 ||
        stage_bool_or_null(p->stage, "skip_broken", &p->skip_broken, err) < 0)
        return -1;
    return stage_params_done(p->stage, err);
}

static int check(struct stage *stage, struct error *err)
{
    struct predict p = {.stage = stage};
    return read_params(&p, err);
}

static int open_all(struct predict *p, struct error *err)
{
    const char *model = stage_dep(p->stage, "model", err);
    if (model == NULL || model_read(model, &p->weight_check, &p->model, err) < 0 ||
        model_use_device(p->stage, &p->device, err) < 0)
        return -1;
    return model_use_network(p->stage, p->model, p->device, NULL, &p->network, err);
}

static int run(struct stage *stage, struct error *err)
{
    struct predict p = {.stage = stage, .json = json_array(), .broken = json_array()};
    int result = -1;
    text_add(&p.csv, "path,class,probability");
    csv_end_line(&p.csv);
    if (read_params(&p, err) == 0 && find_pictures(&p, err) == 0 && open_all(&p, err) == 0 &&
        predict_all(&p, err) == 0)
        result = write_outs(&p, err);
    for (size_t i = 0; i < p.names.count; i++) {
        free(p.names.list[i]);
        free(p.names.paths[i]);
    }
    free(p.names.list);
    free(p.names.paths);
    free(p.images);
    text_release(&p.csv);
    json_decref(p.json);
    json_decref(p.broken);
    network_free(p.network);
    model_free(p.model);
    device_close(p.device);
    return result;
}

static int fingerprint(const char *device, struct error *err)
{
    return model_use_fingerprint(device, err) < 0 ? -1 : picture_fingerprint(stdout, err);
}

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "predict",
        .summary = "a model's answers to pictures",
        .run = run,
        .check = check,
        .fingerprint = fingerprint,
        .deps = "model pictures?",
        .outs = "predictions broken?",
    };
    return stage_main(argc, argv, &kind);
}
