#include "command/diff_pictures.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "command/own_run.h"
#include "command/print.h"
#include "store/materialise.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PAGE_LIMIT = 1 << 30 };

/* ---- what the cache has of both ---- */

/* The blob of a file, if the cache has it. */
static bool has_blob(const struct project *project, const struct content *content,
                     char path[STORE_PATH_SIZE])
{
    if (content == NULL || content->kind != CONTENT_FILE)
        return false;
    store_object_path(project->store, &content->digest, path);
    return access(path, R_OK) == 0;
}

/* The digest in "dep dataset folder <64 hex>" of a key. */
static bool dataset_of(const struct side_stage *stage, struct digest *digest)
{
    static const char line[] = "\ndep dataset folder ";
    const char *text = stage->components != NULL ? stage->components : stage->from_lock;
    const char *found = text == NULL ? NULL : strstr(text, line);
    char hex[DIGEST_HEX_SIZE] = "";
    if (found == NULL)
        return false;
    snprintf(hex, sizeof(hex), "%.*s", DIGEST_HEX_SIZE - 1, found + strlen(line));
    return digest_from_hex(hex, digest);
}

/* The out of any stage that has this digest. */
static const struct content *find_folder(const struct side *side, const struct digest *digest)
{
    for (size_t s = 0; s < side->count; s++)
        for (size_t i = 0; i < side->stages[s].out_count; i++) {
            const struct content *content = &side->stages[s].outs[i].content;
            if (content->kind == CONTENT_FOLDER && digest_equal(&content->digest, digest))
                return content;
        }
    return NULL;
}

struct predictions {
    char a[STORE_PATH_SIZE], b[STORE_PATH_SIZE], dataset[STORE_PATH_SIZE];
    const struct content *folder;
};

/* NULL where the pictures of both can be compared; else why not. */
static const char *find_predictions(const struct project *project, const struct side *a,
                                    const struct side *b, struct predictions *found)
{
    const char *why = "no stage of both has an out 'predictions'";
    for (size_t i = 0; i < b->count; i++) {
        const struct side_stage *after = &b->stages[i], *before = side_find(a, after->name);
        struct digest first, second;
        if (before == NULL || side_out(before, "predictions") == NULL ||
            side_out(after, "predictions") == NULL)
            continue;
        if (!dataset_of(before, &first) || !dataset_of(after, &second))
            why = "the predictions name no data set";
        else if (!digest_equal(&first, &second))
            why = "the data sets differ";
        else if (!has_blob(project, side_out(before, "predictions"), found->a) ||
                 !has_blob(project, side_out(after, "predictions"), found->b) ||
                 (found->folder = find_folder(b, &second)) == NULL ||
                 !content_is_good(project->store, found->folder, STORE_BY_STAT, NULL))
            why = "the cache has no longer what they were made of";
        else
            return NULL;
    }
    return why;
}

/* Histories that both sides have, and that differ. */
static json_t *find_curves(const struct project *project, const struct side *a,
                           const struct side *b)
{
    json_t *curves = json_array();
    for (size_t i = 0; i < b->count; i++) {
        const struct side_stage *after = &b->stages[i], *before = side_find(a, after->name);
        char first[STORE_PATH_SIZE], second[STORE_PATH_SIZE];
        if (before != NULL && has_blob(project, side_out(before, "history"), first) &&
            has_blob(project, side_out(after, "history"), second) && strcmp(first, second) != 0)
            curves = json_list_with(
                curves, json_pack("{s:s, s:s, s:s}", "name", after->name, "a", first, "b", second));
    }
    return curves;
}

/* ---- the stage ---- */

static json_t *document_of(const struct predictions *found, const char *why, json_t *curves,
                           json_t *difference, bool page)
{
    json_t *pictures = why != NULL ? json_null()
                                   : json_pack("{s:s, s:s, s:s}", "dataset", found->dataset, "a",
                                               found->a, "b", found->b);
    json_t *outs = json_pack("{s:s}", "pictures", "pictures.json");
    if (page)
        outs = json_object_with(outs, "page", json_string("page.html"));
    return json_pack("{s:{s:O, s:o, s:o, s:s}, s:{}, s:o}", "params", "difference", difference,
                     "pictures", pictures, "curves", curves, "note", why != NULL ? why : "", "deps",
                     "outs", outs);
}

static int take_pictures(const char *work, json_t *difference, struct error *err)
{
    json_t *made = NULL, *pictures;
    char *path = file_join(work, "pictures.json", err);
    int result = path == NULL ? -1 : json_read(path, &made, err);
    free(path);
    if (result < 0)
        return -1;
    pictures = json_incref(json_object_get(made, "pictures"));
    if (!json_is_object(pictures))
        pictures = json_pack("{s:s}", "note", json_text(made, "note"));
    json_decref(made);
    return json_object_set_new(difference, "pictures", pictures) == 0
               ? 0
               : error_set(err, ERR_MEMORY, "out of memory for the pictures");
}

static int take_page(const char *work, const char *html, struct error *err)
{
    size_t size;
    char *data = NULL, *path = file_join(work, "page.html", err);
    int result = path == NULL ? -1 : file_read(path, PAGE_LIMIT, &data, &size, err);
    if (result == 0)
        result = print_into(html, data, size, err);
    free(data);
    free(path);
    return result;
}

static int run_stage(json_t *document, json_t *difference, const char *html, struct error *err)
{
    char *work;
    if (own_run("compare", document, "", &work, err) < 0)
        return -1;
    int result = take_pictures(work, difference, err);
    if (result == 0 && html != NULL)
        result = take_page(work, html, err);
    own_run_end(work);
    return result;
}

int diff_pictures(const struct project *project, const struct side *a, const struct side *b,
                  json_t *difference, const char *html, struct error *err)
{
    struct predictions found = {.folder = NULL};
    struct error ignored;
    const char *why = find_predictions(project, a, b, &found);
    json_t *curves = html != NULL ? find_curves(project, a, b) : json_array();
    if (why == NULL &&
        (store_temporary_path(project->store, found.dataset, err) < 0 ||
         materialise_dep(project->store, found.folder, found.dataset, false, err) < 0)) {
        json_decref(curves);
        return -1;
    }
    int result = run_stage(document_of(&found, why, curves, difference, html != NULL), difference,
                           html, err);
    if (why == NULL)
        materialise_dep_remove(project->store, found.folder, found.dataset, &ignored);
    return result;
}
