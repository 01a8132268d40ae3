/* `reprise predict MODEL PICTURE|FOLDER...`: the answers of the stage `predict`, on stdout. The
 * model is a file, or an out of the project around, `phase2.model`. */
#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "command/commands.h"
#include "command/own_run.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int find(const char *name, const char *what, char path[PATH_MAX], struct error *err)
{
    if (realpath(name, path) != NULL && access(path, R_OK) == 0)
        return 0;
    error_errno(err, "cannot read the %s '%s'", what, name);
    err->kind = ERR_USAGE;
    return -1;
}

/* The artifact of an out "stage.out" of the project around, if the word is one. */
static int find_out(const struct project_settings *settings, const char *word, char path[PATH_MAX],
                    struct error *err)
{
    struct project_settings own = *settings;
    struct project project;
    const char *dot = strrchr(word, '.');
    char *artifact = NULL, stage[256];
    size_t index;
    if (project_open(&own, PROJECT_DELIVERED, &project, err) < 0)
        return -1;
    snprintf(stage, sizeof(stage), "%.*s", (int)(dot - word), word);
    int result = plan_find(project.plan, stage, &index, err);
    for (size_t i = 0; result == 0 && i < project.plan->stages[index].out_count; i++)
        if (strcmp(project.plan->stages[index].outs[i].name, dot + 1) == 0)
            artifact =
                project_artifact(&project, stage, project.plan->stages[index].outs[i].path, err);
    if (result == 0 && artifact == NULL)
        result = error_set(err, ERR_USAGE, "stage '%s' has no out '%s'", stage, dot + 1);
    if (result == 0 && realpath(artifact, path) == NULL)
        result = error_errno(err, "cannot read the model '%s': run the pipeline first", artifact);
    free(artifact);
    project_close(&project);
    return result;
}

/* A file, or else an out of the project. Opening a project goes to its folder, and back. */
static int find_model(const struct options *options, const char *word, char path[PATH_MAX],
                      struct error *err)
{
    const char *dot = strrchr(word, '.');
    struct error why = {0};
    if (find(word, "model", path, err) == 0)
        return 0;
    if (file_exists(word) || dot == NULL || dot == word || strchr(word, '/') != NULL)
        return -1;
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = here < 0 ? -1 : find_out(&options->project, word, path, &why);
    if (here >= 0 && fchdir(here) < 0)
        result = error_errno(&why, "cannot go back to where it was called");
    if (here >= 0)
        close(here);
    if (result < 0 && why.kind != ERR_NONE)
        error_set(err, ERR_USAGE, "the model '%s' is no file, and no out of a stage here: %s", word,
                  why.message);
    return result;
}

/* Pictures by their names as they were given, which the stage shows, too; so it works here. */
static int make_document(const struct options *options, json_t **document, struct error *err)
{
    char model[PATH_MAX], path[PATH_MAX];
    long long top = 1;
    if (options->top != NULL && (!text_to_int64(options->top, &top) || top < 1 || top > INT16_MAX))
        return error_set(err, ERR_USAGE, "--top '%s': expected a number from 1 to %d", options->top,
                         INT16_MAX);
    json_t *pictures = json_array();
    int result = find_model(options, options->words[0], model, err);
    for (size_t i = 1; i < options->word_count && result == 0; i++) {
        json_t *name = json_string(options->words[i]);
        result = find(options->words[i], "picture", path, err);
        if (result == 0 && name == NULL)
            result = error_set(err, ERR_USAGE, "'%s' is no name in UTF-8", options->words[i]);
        pictures = json_list_with(pictures, name);
    }
    if (result < 0) {
        json_decref(pictures);
        return -1;
    }
    *document = json_pack(
        "{s:{s:o, s:I, s:s, s:b}, s:{s:s}, s:{s:s, s:s}, s:{s:i}, s:s}", "params", "pictures",
        pictures, "top", (json_int_t)top, "format", options->json ? "json" : "csv", "skip_broken",
        1, "deps", "model", model, "outs", "predictions", "predictions", "broken", "broken.json",
        "resources", "threads", options->project.jobs, "device", options->project.device);
    return 0;
}

static int show(const char *work, struct error *err)
{
    enum { MOST = 1 << 30 };
    json_t *broken = NULL;
    char *data = NULL, *path = file_join(work, "predictions", err);
    size_t size;
    int result = path == NULL ? -1 : file_read(path, MOST, &data, &size, err);
    if (result == 0 && (fwrite(data, 1, size, stdout) != size || fflush(stdout) != 0))
        result = error_errno(err, "cannot write the predictions");
    free(data);
    free(path);
    path = result == 0 ? file_join(work, "broken.json", err) : NULL;
    if (result == 0 && (path == NULL || json_read(path, &broken, err) < 0))
        result = -1;
    const size_t count = json_array_size(json_at(broken, "broken"));
    if (count > 0)
        result = error_set(err, ERR_STAGE, "%zu of the pictures cannot be read: see above", count);
    json_decref(broken);
    free(path);
    return result;
}

int command_predict(const struct options *options, struct error *err)
{
    json_t *document;
    char *work;
    if (make_document(options, &document, err) < 0 ||
        own_run("predict", document, "", &work, err) < 0)
        return -1;
    int result = show(work, err);
    own_run_end(work);
    return result;
}
