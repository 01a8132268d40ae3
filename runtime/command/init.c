/* `reprise init [DIR]`: looks at what is there by the stage `inspect`, and writes a pipeline for
 * it. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "command/commands.h"
#include "command/init_pipeline.h"
#include "command/own_run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int write_new(const char *folder, const char *name, const char *data, struct error *err)
{
    char *path = file_join(folder, name, err);
    int fd = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    int result = -1;
    if (fd < 0 && path != NULL && errno == EEXIST)
        error_set(err, ERR_USAGE, "'%s' is there already: reprise init overwrites nothing", path);
    else if (fd < 0 && path != NULL)
        error_errno(err, "cannot write '%s'", path);
    else if (fd >= 0) {
        ssize_t size = 0;
        while (*data != '\0' && (size = write(fd, data, strlen(data))) > 0)
            data += size;
        result = close(fd) == 0 && size >= 0 ? 0 : error_errno(err, "cannot write '%s'", path);
        if (result < 0)
            unlink(path); /* else the next init would find it there */
    }
    free(path);
    return result;
}

static int refuse_if_there(const char *folder, const char *name, struct error *err)
{
    char *path = file_join(folder, name, err);
    int result = path == NULL ? -1 : 0;
    if (result == 0 &&
        (file_exists(path) || faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0))
        result = error_set(err, ERR_USAGE, "'%s' is there already: reprise init overwrites nothing",
                           path);
    free(path);
    return result;
}

/* What the stage finds in a folder; json_decref() it. */
static int inspect(const char *folder, json_t **found, struct error *err)
{
    json_t *name = json_string(folder);
    if (name == NULL)
        return error_set(err, ERR_USAGE, "'%s' is no name in UTF-8", folder);
    json_t *document =
        json_pack("{s:{s:o}, s:{}, s:{s:s}, s:{s:i}, s:s}", "params", "path", name, "deps", "outs",
                  "found", "found.json", "resources", "threads", 1, "device", "cpu");
    char *work;
    if (own_run("inspect", document, ", or take --template stages", &work, err) < 0)
        return -1;
    char *out = file_join(work, "found.json", err);
    int result = out == NULL ? -1 : json_read(out, found, err);
    free(out);
    own_run_end(work);
    return result;
}

static void tell_sizes(const json_t *found)
{
    const long long width = init_pipeline_number(found, "width.min"),
                    height = init_pipeline_number(found, "height.min"),
                    widest = init_pipeline_number(found, "width.max"),
                    highest = init_pipeline_number(found, "height.max");
    if (widest > 0)
        printf(", %lldx%lld", width, height);
    if (widest != width || highest != height)
        printf(" to %lldx%lld", widest, highest);
    printf("%s\n", widest > 0 ? " pixels" : "");
}

/* Classes that differ much in size. */
static void tell_imbalance(const json_t *classes, const json_t *counts)
{
    enum { MUCH = 3 };
    size_t i, least = 0, most = 0;
    const json_t *count;
    json_array_foreach (counts, i, count) {
        if (json_integer_value(count) < json_integer_value(json_array_get(counts, least)))
            least = i;
        if (json_integer_value(count) > json_integer_value(json_array_get(counts, most)))
            most = i;
    }
    const long long few = json_integer_value(json_array_get(counts, least)),
                    many = json_integer_value(json_array_get(counts, most));
    if (many > 0 && few == 0)
        printf("'%s' has none to train with, which import refuses: add some, or take its pictures "
               "out\n",
               json_string_value(json_array_get(classes, least)));
    else if (many > 0 && many >= MUCH * few)
        printf("'%s' has %lld, '%s' %lld: class_weight: balanced, in pipeline.yaml, weighs them\n",
               json_string_value(json_array_get(classes, most)), many,
               json_string_value(json_array_get(classes, least)), few);
}

static void tell(const json_t *found)
{
    const json_t *classes = json_at(found, "classes"), *counts = json_at(found, "counts");
    const json_t *broken = json_at(found, "broken"), *value;
    size_t i;
    printf("found %lld pictures of %zu classes", init_pipeline_number(found, "pictures"),
           json_array_size(classes));
    tell_sizes(found);
    enum { SHOWN = 20 };
    for (i = 0; i < json_array_size(classes) && i < SHOWN; i++)
        printf("  %s: %lld\n", json_string_value(json_array_get(classes, i)),
               (long long)json_integer_value(json_array_get(counts, i)));
    if (json_array_size(classes) > SHOWN)
        printf("  and %zu more\n", json_array_size(classes) - SHOWN);
    tell_imbalance(classes, counts);
    if (init_pipeline_number(found, "broken_count") > 0)
        printf("%lld cannot be read, and are left out (skip_broken):\n",
               init_pipeline_number(found, "broken_count"));
    json_array_foreach (broken, i, value)
        printf("  %s: %s\n", json_string_value(json_at(value, "path")),
               json_string_value(json_at(value, "why")));
    if (init_pipeline_number(found, "duplicate_count") > 0)
        printf("%lld pairs are equal; they stay on one side of the splits that are made here\n",
               init_pipeline_number(found, "duplicate_count"));
}

static bool has_shape(const json_t *found)
{
    return json_is_string(json_at(found, "kind")) && json_is_string(json_at(found, "path")) &&
           json_is_array(json_at(found, "classes")) && json_is_array(json_at(found, "counts"));
}

/* The pictures' folder from a folder beside it. */
static json_t *beside(const char *folder)
{
    const char *slash = strrchr(folder, '/');
    return json_sprintf("../%s", slash != NULL ? slash + 1 : folder);
}

/* Why the folder, which is the data set itself, cannot hold the project, too; NULL where it can: as
 * the dep ".", which is its folders but those that Reprise writes. */
static const char *why_around(const json_t *found)
{
    if (strcmp(json_string_value(json_at(found, "path")), ".") != 0 ||
        strstr(json_string_value(json_at(found, "kind")), "_folders") != NULL)
        return NULL;
    return "the data are more than folders";
}

/* Asks `inspect`; *found, to be json_decref()ed, is NULL where no pictures are there, with the
 * reason in *why. */
static int find_pictures(const char *folder, json_t **found, struct text *why, struct error *err)
{
    if (inspect(folder, found, err) < 0)
        return -1;
    const bool good = has_shape(*found);
    if (good && strcmp(json_string_value(json_at(*found, "kind")), "none") != 0)
        return 0;
    const char *reason = json_string_value(json_at(*found, "why"));
    text_add(why, reason != NULL ? reason : "no pictures were found");
    json_decref(*found);
    *found = NULL;
    return good ? 0
                : error_set(err, ERR_STAGE, "the stage 'inspect' gave an answer of another form");
}

/* The text of the pipeline, and in *around why_around(). */
static int make(const struct options *options, const char *folder, struct text *text,
                const char **around, struct error *err)
{
    const char *name = options->template_name;
    json_t *found = NULL;
    struct text why = {0};
    int result = 0;
    if (name == NULL || strcmp(name, "stages") != 0)
        result = find_pictures(folder, &found, &why, err);
    if (result == 0 && found == NULL && name != NULL && strcmp(name, "stages") != 0)
        result = error_set(err, ERR_USAGE, "there are no pictures: %s", text_string(&why));
    if (found != NULL) {
        const struct init_wishes wishes = {options->weights, options->offline,
                                           name != NULL && strcmp(name, "notebook") == 0};
        tell(found);
        if ((*around = why_around(found)) != NULL)
            json_object_set_new(found, "path", beside(folder));
        printf("base: %s (pipeline.yaml says why)\n", init_pipeline_pictures(found, &wishes, text));
    } else if (result == 0) {
        printf("%s%stwo small stages\n", text_string(&why), why.size > 0 ? "\nso it becomes " : "");
        init_pipeline_stages(text);
    }
    json_decref(found);
    text_release(&why);
    return result < 0 ? -1 : text_check(text, err);
}

static const char ignored_by_git[] = "/artifacts/\n/cache/\n/reports/\n";
static int write_all(const char *folder, const struct text *text, struct error *err)
{
    struct error why = {0};
    if (file_make_folders(folder, err) < 0 ||
        write_new(folder, "pipeline.yaml", text->data, err) < 0)
        return -1;
    printf("wrote pipeline.yaml\n");
    if (write_new(folder, ".gitignore", ignored_by_git, &why) == 0)
        printf("wrote .gitignore\n");
    else if (why.kind == ERR_USAGE)
        printf("kept .gitignore as it is; it should name artifacts/, cache/ and reports/\n");
    else {
        *err = why;
        return -1;
    }
    return 0;
}

/* A file that is there, or an address with the digest of what lies there. */
static int check_weights(const char *weights, struct error *err)
{
    struct digest digest;
    const char *pin = init_pipeline_pin(weights);
    if (pin != NULL)
        return digest_from_hex(pin, &digest)
                   ? 0
                   : error_set(err, ERR_USAGE,
                               "--weights '%s': behind #sha256= must stand 64 hexadecimal digits",
                               weights);
    if (strstr(weights, "://") != NULL)
        return error_set(err, ERR_USAGE,
                         "--weights '%s': pin what lies there: %s#sha256= and the digits that "
                         "sha256sum prints for the file",
                         weights, weights);
    if (access(weights, R_OK) < 0)
        return error_set(err, ERR_USAGE, "--weights '%s': there is no such file that can be read",
                         weights);
    return 0;
}

int command_init(const struct options *options, struct error *err)
{
    const char *asked = options->word_count > 0 ? options->words[0] : ".";
    char folder[PATH_MAX];
    struct text text = {0}, project = {0}, cd = {0};
    const char *name = options->template_name, *around = NULL;
    if (options->weights != NULL && check_weights(options->weights, err) < 0)
        return -1;
    if (options->weights != NULL && options->offline)
        return error_set(err, ERR_USAGE, "--weights and --offline: one of them");
    if (options->offline && name != NULL && strcmp(name, "notebook") == 0)
        return error_set(
            err, ERR_USAGE,
            "--template notebook starts from ResNet50, which --offline has not: name a "
            "file of it by --weights");
    if (file_make_folders(asked, err) < 0)
        return -1;
    if (realpath(asked, folder) == NULL)
        return error_errno(err, "cannot open '%s'", asked);
    const bool is_file = options->weights != NULL && init_pipeline_pin(options->weights) == NULL;
    char *weights = is_file ? realpath(options->weights, NULL) : NULL;
    struct options absolute = *options;
    if (is_file)
        absolute.weights = weights;
    int result = refuse_if_there(folder, "pipeline.yaml", err);
    if (result == 0)
        result = make(&absolute, folder, &text, &around, err);
    text_addf(&project, "%s%s", folder, around != NULL ? "-pipeline" : "");
    if (result == 0 && (result = text_check(&project, err)) == 0)
        result = write_all(project.data, &text, err);
    if (result == 0 && around != NULL)
        printf("in %s: '%s' itself cannot hold the project, since %s\n", project.data, asked,
               around);
    bool here = options->word_count == 0 && around == NULL;
    if (!here) {
        text_add(&cd, "cd ");
        text_add_shell(&cd, text_string(&project));
        text_add(&cd, " && ");
    }
    if (result == 0 && (result = text_check(&cd, err)) == 0)
        printf("next: %sreprise run\n", text_string(&cd));
    if (result == 0 && strstr(text_string(&text), "phase2") != NULL)
        printf("then: reports/index.html, and reprise predict phase2.model PICTURE...\n");
    text_release(&cd);
    text_release(&project);
    free(weights);
    text_release(&text);
    return result;
}
