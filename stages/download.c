/* Fetches the dataset and the weights by their pinned digests, checks them and
 * writes them in the formats of the other stages. A dataset is whatever own_data.h reads, with the
 * parameters of own_params.h below "dataset."; a folder of one's own is pinned by folder_digest.h.
 * What was fetched stays in the checkpoint folder until all outs are written, so that a stage that
 * was stopped goes on where it was.
 */
#include "base/file.h"
#include "base/memory.h"
#include "base/stage.h"
#include "base/text.h"
#include "data/fetch.h"
#include "data/folder_digest.h"
#include "data/safetensors.h"
#include "data/sample.h"
#include "data/weights.h"
#include "model_use.h"
#include "nn/tensor_names.h"
#include "own_data.h"
#include "own_params.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file to get; `setting` is its table of parameters. */
struct source {
    const char *setting; /* "dataset" */
    const char *url, *sha256;
    struct digest digest;
};

struct plan {
    struct source dataset, weights, pretrain;
    struct own_options own; /* of the dataset */
    struct weight_check weight_check;
};

/* ---- parameters ---- */

static int read_source(struct stage *stage, struct source *source, const char *setting,
                       struct error *err)
{
    char name[64];
    source->setting = setting;
    snprintf(name, sizeof(name), "%s.url", setting);
    if (stage_text_or_null(stage, name, &source->url, err) < 0)
        return -1;
    snprintf(name, sizeof(name), "%s.sha256", setting);
    return stage_text_or_null(stage, name, &source->sha256, err);
}

static int check_url(const struct source *source, struct error *err)
{
    struct sample_request request;
    char name[64];
    if (sample_is_url(source->url))
        return sample_parse(source->url, &request, err);
    snprintf(name, sizeof(name), "%s.url", source->setting);
    return fetch_check_url(source->url, name, err);
}

static bool is_local(const struct source *source)
{
    return strncmp(source->url, "file:", strlen("file:")) == 0;
}

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* What is at hand can be told the digest of. */
static int ask_for_pin(const struct stage *stage, const struct source *source, struct error *err)
{
    struct error ignored = {0};
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    char *path =
        is_local(source) ? fetch_local_path(source->url, stage_project(stage), &ignored) : NULL;
    const int told = path == NULL      ? -1
                     : is_folder(path) ? folder_digest(path, &digest, &ignored)
                                       : digest_of_file(path, &digest, &ignored);
    free(path);
    if (told < 0)
        return error_set(err, ERR_USAGE,
                         "parameter '%s.sha256' must pin '%s' by 64 hexadecimal digits",
                         source->setting, source->url);
    digest_to_hex(&digest, hex);
    return error_set(err, ERR_USAGE,
                     "parameter '%s.sha256' must pin '%s': what lies there now has --set "
                     "%s.sha256=%s",
                     source->setting, source->url, source->setting, hex);
}

/* A source with an out must be complete, and one without must be empty. */
static int check_source(const struct stage *stage, struct source *source, const char *out,
                        struct error *err)
{
    if (!stage_lists_outs(stage) && source->url == NULL)
        return 0;
    if (stage_lists_outs(stage) && !stage_has_out(stage, out)) {
        if (source->url == NULL)
            return 0;
        return error_set(err, ERR_USAGE,
                         "parameter '%s.url' is set, but there is no out '%s' for it",
                         source->setting, out);
    }
    if (source->url == NULL)
        return error_set(err, ERR_USAGE,
                         "there is an out '%s', so parameter '%s.url' must be set; what has no "
                         "public address is given as a file: --set %s.url=file:PATH",
                         out, source->setting, source->setting);
    if (check_url(source, err) < 0)
        return -1;
    if (source->sha256 == NULL)
        return ask_for_pin(stage, source, err);
    if (!digest_from_person(source->sha256, &source->digest))
        return error_set(err, ERR_USAGE,
                         "parameter '%s.sha256' must pin '%s' by 64 hexadecimal digits, not '%s'",
                         source->setting, source->url, source->sha256);
    return 0;
}

static int read_plan(struct stage *stage, struct plan *plan, struct error *err)
{
    plan->own = own_defaults;
    if (read_source(stage, &plan->dataset, "dataset", err) < 0 ||
        read_source(stage, &plan->weights, "weights", err) < 0 ||
        read_source(stage, &plan->pretrain, "pretrain", err) < 0 ||
        stage_int_or_null(stage, "dataset.train_limit", 1, INT32_MAX, &plan->own.train_limit, err) <
            0 ||
        stage_int_or_null(stage, "dataset.test_limit", 1, INT32_MAX, &plan->own.test_limit, err) <
            0 ||
        own_params_read(stage, "dataset.", &plan->own, err) < 0 ||
        model_use_check(stage, &plan->weight_check, err) < 0 || stage_params_done(stage, err) < 0)
        return -1;
    if (check_source(stage, &plan->dataset, "dataset", err) < 0 ||
        check_source(stage, &plan->weights, "weights", err) < 0)
        return -1;
    return check_source(stage, &plan->pretrain, "pretrain_dataset", err);
}

static int check(struct stage *stage, struct error *err)
{
    struct plan plan = {0};
    return read_plan(stage, &plan, err);
}

/* ---- getting files ---- */

struct progress {
    struct stage *stage;
    const char *what;
};

static bool report_bytes(void *context, int64_t done, int64_t total)
{
    const struct progress *progress = context;
    stage_progress(progress->stage, progress->what, done, total, "byte");
    return !stage_stop_requested();
}

static bool report_pictures(void *context, int64_t done, int64_t total)
{
    const struct progress *progress = context;
    stage_progress(progress->stage, progress->what, done, total, "picture");
    return !stage_stop_requested();
}

static const char *work_folder(const struct stage *stage)
{
    const char *checkpoint = stage_checkpoint(stage);
    return checkpoint != NULL ? checkpoint : ".";
}

/* A generated archive is pinned like any other: a wrong digest means that the
 * generator changed. */
static char *generate(struct stage *stage, const struct source *source, struct error *err)
{
    struct progress progress = {stage, source->setting};
    struct sample_request request;
    struct digest found;
    char hex[DIGEST_HEX_SIZE];
    char *path = NULL;
    struct text name = {0};
    text_addf(&name, "%s/%s.tar", work_folder(stage), source->setting);
    if (text_check(&name, err) < 0 || sample_parse(source->url, &request, err) < 0 ||
        sample_write(name.data, &request, report_pictures, &progress, err) < 0 ||
        digest_of_file(name.data, &found, err) < 0)
        goto done;
    if (digest_equal(&found, &source->digest)) {
        path = name.data;
        name = (struct text){0};
        goto done;
    }
    digest_to_hex(&found, hex);
    error_set(err, ERR_MISMATCH, "'%s' has sha256 %s, not the pinned %s", source->url, hex,
              source->sha256);
    struct error ignored;
    file_remove(name.data, &ignored);
done:
    text_release(&name);
    return path;
}

/* A folder stays where it is. */
static int check_folder(const struct source *source, const char *path, struct error *err)
{
    struct digest found;
    char hex[DIGEST_HEX_SIZE];
    if (folder_digest(path, &found, err) < 0)
        return -1;
    if (digest_equal(&found, &source->digest))
        return 0;
    digest_to_hex(&found, hex);
    return error_set(err, ERR_MISMATCH, "'%s' has sha256 %s, not the pinned %s", path, hex,
                     source->sha256);
}

/* The verified file's path, or NULL. */
static char *get(struct stage *stage, const struct source *source, struct error *err)
{
    if (sample_is_url(source->url))
        return generate(stage, source, err);
    char *local =
        is_local(source) ? fetch_local_path(source->url, stage_project(stage), err) : NULL;
    if (local != NULL && is_folder(local)) {
        if (check_folder(source, local, err) == 0)
            return local;
        free(local);
        return NULL;
    }
    free(local);
    struct text setting = {0}, what = {0};
    text_addf(&setting, "%s.url", source->setting);
    text_addf(&what, "fetch %s", source->setting);
    struct progress progress = {stage, text_string(&what)};
    struct fetch_request request = {
        .url = source->url,
        .sha256 = source->digest,
        .setting = text_string(&setting),
        .folder = work_folder(stage),
        .project = stage_project(stage),
        .progress = report_bytes,
        .context = &progress,
    };
    char *path = NULL;
    if (text_check(&setting, err) == 0 && text_check(&what, err) == 0)
        path = fetch_file(&request, &fetch_default_limits, err);
    text_release(&setting);
    text_release(&what);
    return path;
}

/* Removes what was fetched, and leaves a file: where it is. */
static void forget(const struct source *source, char *path)
{
    struct error ignored;
    if (path != NULL && strncmp(source->url, "file:", strlen("file:")) != 0)
        file_remove(path, &ignored);
    free(path);
}

/* ---- converting them ---- */

/* What outs say of their source is the file's name, not the way to it: the
 * same file from a mirror or from disk gives the same outs, and nothing after
 * them runs again. */
static const char *source_name(const struct source *source)
{
    const char *slash = strrchr(source->url, '/');
    if (slash == NULL && !sample_is_url(source->url))
        slash = strchr(source->url, ':');
    return slash != NULL ? slash + 1 : source->url;
}

static int write_dataset(struct stage *stage, const struct source *source, const char *archive,
                         const struct own_options *own, const char *out, struct error *err)
{
    struct own_options options = *own;
    const char *folder = stage_out(stage, out, err);
    if (folder == NULL)
        return -1;
    options.source = source_name(source);
    options.sha256 = source->sha256;
    options.generated = sample_is_url(source->url);
    return own_data_write(stage, archive, &options, folder, err);
}

static int check_values(const struct safetensors *set, const struct weight_check *check,
                        int64_t *count, struct error *err)
{
    *count = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct safetensor *tensor = &set->tensors[i];
        if (weight_check(check, tensor->name, weight_kind_of_name(tensor->name), tensor->data,
                         tensor->count, err) < 0)
            return -1;
        *count += tensor->count;
    }
    return 0;
}

static int write_weights(struct stage *stage, const struct source *source, const char *file,
                         const struct weight_check *check, struct error *err)
{
    struct safetensors set = {0};
    struct text note = {0};
    int64_t count;
    int result = -1;
    const char *path = stage_out(stage, "weights", err);
    if (path == NULL || weights_read(file, &set, &note, err) < 0)
        goto done;
    json_decref(set.metadata);
    set.metadata = NULL;
    tensor_names_describe(&set, &note);
    if (check_values(&set, check, &count, err) < 0 ||
        safetensors_describe(&set, "format", "reprise-weights", err) < 0 ||
        safetensors_describe(&set, "source", source_name(source), err) < 0 ||
        safetensors_describe(&set, "sha256", source->sha256, err) < 0)
        goto done;
    stage_note(stage, "weights: %zu tensors, %lld values%s%s", set.count, (long long)count,
               note.size > 0 ? "; " : "", text_string(&note));
    result = safetensors_write(path, &set, err);
done:
    text_release(&note);
    safetensors_release(&set);
    return result;
}

/* A file that is not there is told before the first of them is fetched. */
static int check_local(const struct stage *stage, const struct source *source, const char *out,
                       struct error *err)
{
    if (!stage_has_out(stage, out) || strncmp(source->url, "file:", strlen("file:")) != 0)
        return 0;
    char *path = fetch_local_path(source->url, stage_project(stage), err);
    if (path == NULL)
        return -1;
    int result = access(path, R_OK) == 0 ? 0
                                         : error_errno(err, "parameter '%s.url': cannot read '%s'",
                                                       source->setting, path);
    free(path);
    return result;
}

static int check_all_local(const struct stage *stage, const struct plan *plan, struct error *err)
{
    if (check_local(stage, &plan->dataset, "dataset", err) < 0 ||
        check_local(stage, &plan->weights, "weights", err) < 0)
        return -1;
    return check_local(stage, &plan->pretrain, "pretrain_dataset", err);
}

static int run(struct stage *stage, struct error *err)
{
    struct plan plan = {0};
    char *archive = NULL, *weights = NULL, *pretrain = NULL;
    int result = -1;
    if (read_plan(stage, &plan, err) < 0 || check_all_local(stage, &plan, err) < 0 ||
        file_make_folders(work_folder(stage), err) < 0)
        return -1;
    bool has_dataset = stage_has_out(stage, "dataset");
    bool has_weights = stage_has_out(stage, "weights");
    bool has_pretrain = stage_has_out(stage, "pretrain_dataset");
    if ((has_dataset && (archive = get(stage, &plan.dataset, err)) == NULL) ||
        (has_weights && (weights = get(stage, &plan.weights, err)) == NULL) ||
        (has_pretrain && (pretrain = get(stage, &plan.pretrain, err)) == NULL))
        goto done;
    if ((has_dataset &&
         write_dataset(stage, &plan.dataset, archive, &plan.own, "dataset", err) < 0) ||
        (has_weights &&
         write_weights(stage, &plan.weights, weights, &plan.weight_check, err) < 0) ||
        (has_pretrain && write_dataset(stage, &plan.pretrain, pretrain, &own_defaults,
                                       "pretrain_dataset", err) < 0))
        goto done;
    result = 0;
done:
    if (result == 0) {
        forget(&plan.dataset, archive);
        forget(&plan.weights, weights);
        forget(&plan.pretrain, pretrain);
    } else {
        free(archive);
        free(weights);
        free(pretrain);
    }
    return result;
}

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "download",
        .summary = "fetch the dataset and the weights by their pinned digests",
        .run = run,
        .check = check,
        .outs = "dataset? weights? pretrain_dataset?",
    };
    return stage_main(argc, argv, &kind);
}
