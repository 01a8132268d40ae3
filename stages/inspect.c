/* Looks at a folder that may hold a data set, for `reprise init`, and writes what it found.
 *
 * Parameter path: absolute; out found, a JSON:
 *
 *   {"schema": 1,
 *    "kind": "class_folders" | "split_folders" | "archive" | "csv" | "jsonl" | "cifar10" |
 *            "cifar100" | "npz" | "none",
 *    "path": of the data, relative to the folder ("." where it is the folder itself),
 *    "classes": [name, ...], "counts": [of each, all but those of a test part],
 *    "test_counts": [of each] or null where there is no test part,
 *    "pictures": number of all,
 *    "width": {"min", "median", "max"}, "height": the same; null where none can be read,
 *    "broken": [{"path", "why"}, ...] the first 20, "broken_count": number,
 *    "duplicates": [[path, path], ...] the first 20, "duplicate_count": number,
 *    "columns": {"path", "label", "group", "split"}, each a name or null, or null where there is no
 *               table,
 *    "why": what was taken and what was not, a sentence}
 *
 * What is asked for is the folder itself first, then what lies in it: one subfolder, archive or
 * .npz that holds a data set. An archive's pictures are looked at without unpacking it. A folder
 * with a table is the `path`, since pictures lie beside it. Of the folder itself artifacts, cache
 * and reports are left out: it may be a project, and the dep "." has none of them.
 */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/picture_layout.h"
#include "data/twins.h"
#include "own_data.h"
#include "own_params.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { LISTED = 20 };

struct found {
    struct stage *stage;
    const char *folder;
    char *name; /* below the folder; NULL: the folder itself */
    char *path; /* of the data */
    struct own_kind kind;
    struct picture_list list; /* of pictures */
    struct text why;
};

static const char *kind_name(const struct found *found)
{
    static const char *const pictures[] = {[PICTURES_NONE] = "none",
                                           [PICTURES_CLASS_FOLDERS] = "class_folders",
                                           [PICTURES_SPLIT_FOLDERS] = "split_folders",
                                           [PICTURES_CSV] = "csv",
                                           [PICTURES_JSONL] = "jsonl"};
    if (found->kind.npz)
        return "npz";
    if (found->kind.cifar == CIFAR10_BINARY || found->kind.cifar == CIFAR10_PYTHON)
        return "cifar10";
    if (found->kind.cifar != CIFAR_NONE)
        return "cifar100";
    if (found->list.archive && found->list.kind != PICTURES_NONE)
        return "archive";
    return pictures[found->list.kind];
}

/* ---- what is there ---- */

static bool is_archive_name(const char *name)
{
    static const char *const ends[] = {".tar",    ".tgz",     ".tar.gz", ".tar.bz2", ".tbz",
                                       ".tar.xz", ".tar.zst", ".zip",    ".npz",     ".txz"};
    const size_t size = strlen(name);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (size > strlen(ends[i]) && strcasecmp(name + size - strlen(ends[i]), ends[i]) == 0)
            return true;
    return false;
}

/* Whether a path of the folder is, or begins with, what Reprise writes in a project. */
static bool is_runners(const char *path)
{
    static const char *const folders[] = {"artifacts", "cache", "reports"};
    const size_t size = strcspn(path, "/");
    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
        if (strlen(folders[i]) == size && memcmp(path, folders[i], size) == 0)
            return true;
    return false;
}

/* Reads class folders again as if there were none of the folders that Reprise writes. */
static int leave_out_runners(struct picture_list *list, struct error *err)
{
    struct picture_list kept = {0};
    int result = (kept.root = memory_copy_text(list->root, err)) != NULL ? 0 : -1;
    for (size_t i = 0; result == 0 && i < list->count; i++) {
        const char *path = list->entries[i].path;
        if (!is_runners(path))
            result = picture_list_add(&kept, path, strlen(path), NULL, err);
    }
    if (result < 0 || kept.count == list->count || (result = picture_layout_read(&kept, err)) < 0) {
        picture_list_release(&kept);
        return result;
    }
    kept.hidden = list->hidden;
    picture_list_release(list);
    *list = kept;
    return 0;
}

/* 1: there is a data set at `path`; 0: there is none, and *why says so. */
static int look_at(struct found *found, const char *path, struct text *why, struct error *err)
{
    struct own_kind kind;
    struct picture_list list = {0};
    if (own_data_kind(path, &kind, err) < 0)
        goto wrong;
    if (kind.cifar == CIFAR_NONE && !kind.npz) {
        if (picture_source_open(path, NULL, &list, err) < 0)
            goto wrong;
        if (list.table == NULL && !list.archive && strcmp(path, found->folder) == 0 &&
            leave_out_runners(&list, err) < 0) {
            picture_list_release(&list);
            goto wrong;
        }
        if (list.kind == PICTURES_NONE) {
            own_data_none(path, &list, err);
            picture_list_release(&list);
            goto wrong;
        }
    }
    if ((found->path = memory_copy_text(path, err)) == NULL) {
        picture_list_release(&list);
        return -1;
    }
    found->kind = kind;
    found->list = list;
    return 1;
wrong:
    if (err->kind == ERR_MEMORY || err->kind == ERR_INTERRUPTED)
        return -1;
    if (why->size == 0)
        text_add(why, err->message);
    return 0;
}

/* The one archive in the folder, or the one subfolder, that holds a data set. */
static int look_inside(struct found *found, struct text *why, struct error *err)
{
    char **names;
    size_t count;
    int result = 0;
    if (file_list(found->folder, &names, &count, err) < 0)
        return -1;
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct stat st;
        char *path = names[i][0] != '.' && !is_runners(names[i])
                         ? file_join(found->folder, names[i], err)
                         : NULL;
        const bool is_folder = path != NULL && stat(path, &st) == 0 && S_ISDIR(st.st_mode);
        struct text ignored = {0};
        if (path != NULL && (is_folder || is_archive_name(names[i])))
            result = look_at(found, path, is_folder ? &ignored : why, err);
        if (result > 0 && (found->name = memory_copy_text(names[i], err)) == NULL)
            result = -1;
        text_release(&ignored);
        free(path);
    }
    file_free_names(names, count);
    return result;
}

/* Class folders that are no more than a project's own folders with a picture in them are not taken
 * for a data set: one class tells nothing apart. */
static bool tells_apart(const struct found *found)
{
    return found->list.class_count > 1 || found->kind.npz || found->kind.cifar != CIFAR_NONE;
}

/* The one folder that holds all of what was found in the folder itself; NULL where there is none.
 */
static char *only_folder(const struct found *found, struct error *err)
{
    const struct picture_list *list = &found->list;
    const char *first = list->count > 0 ? list->entries[0].path : "", *slash = strchr(first, '/');
    if (list->kind != PICTURES_CLASS_FOLDERS || list->archive || slash == NULL)
        return NULL;
    const size_t size = (size_t)(slash - first) + 1;
    for (size_t i = 1; i < list->count; i++)
        if (strncmp(list->entries[i].path, first, size) != 0)
            return NULL;
    char *name = memory_new(size, 1, err);
    if (name != NULL)
        memcpy(name, first, size - 1);
    return name;
}

/* Pictures in a folder of the folder are that one's, so that a project can lie beside them. */
static int go_into_only_folder(struct found *found, struct error *err)
{
    struct found inner = {.stage = found->stage, .folder = found->folder};
    struct text ignored = {0};
    struct error why = {0};
    inner.name = only_folder(found, &why);
    if (inner.name == NULL)
        return why.kind == ERR_NONE ? 0 : (*err = why, -1);
    char *path = file_join(found->folder, inner.name, err);
    int result = path == NULL ? -1 : look_at(&inner, path, &ignored, err);
    free(path);
    text_release(&ignored);
    if (result <= 0 || !tells_apart(&inner)) {
        picture_list_release(&inner.list);
        free(inner.path);
        free(inner.name);
        return result < 0 ? -1 : 0;
    }
    picture_list_release(&found->list);
    free(found->path);
    found->list = inner.list;
    found->path = inner.path;
    found->name = inner.name;
    return 0;
}

static int find(struct found *found, struct error *err)
{
    struct text inside = {0};
    int result = look_at(found, found->folder, &found->why, err);
    if (result > 0 && go_into_only_folder(found, err) < 0)
        return -1;
    if (result > 0 && !tells_apart(found)) {
        text_addf(&found->why, "there is one class, '%s', and nothing to tell apart",
                  found->list.classes[0]);
        picture_list_release(&found->list);
        free(found->path);
        found->path = NULL;
        result = 0;
    }
    if (result == 0) {
        result = look_inside(found, &inside, err);
        if (result == 0 && inside.size > 0) {
            text_clear(&found->why);
            text_add(&found->why, text_string(&inside));
        }
    }
    text_release(&inside);
    return result < 0 ? -1 : 0;
}

/* ---- what it holds ---- */

struct answer {
    json_t *json;
};

static void set(struct answer *answer, const char *name, json_t *value)
{
    answer->json = json_object_with(answer->json, name, value);
}

static json_t *text_or_null(const char *text)
{
    return text != NULL ? json_string(text) : json_null();
}

static int compare_sides(const void *a, const void *b)
{
    const int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* Least, median and largest; sorts the sides. */
static json_t *spread(int64_t *sides, size_t count)
{
    if (count == 0)
        return json_null();
    qsort(sides, count, sizeof(*sides), compare_sides);
    return json_pack("{s:I, s:I, s:I}", "min", (json_int_t)sides[0], "median",
                     (json_int_t)sides[count / 2], "max", (json_int_t)sides[count - 1]);
}

static json_t *names_to_json(char **names, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        list = json_list_with(list, json_string(names[i]));
    return list;
}

static json_t *counts_to_json(const int64_t *counts, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        list = json_list_with(list, json_integer(counts[i]));
    return list;
}

static int set_counts(struct answer *answer, const struct picture_list *list, struct error *err)
{
    int64_t *counts = memory_new(2 * list->class_count, sizeof(*counts), err);
    bool has_test = false;
    if (counts == NULL)
        return -1;
    for (size_t i = 0; i < list->count; i++) {
        const bool test = list->entries[i].part == PART_TEST;
        has_test = has_test || test;
        counts[(test ? list->class_count : 0) + list->entries[i].label]++;
    }
    set(answer, "classes", names_to_json(list->classes, list->class_count));
    set(answer, "counts", counts_to_json(counts, list->class_count));
    set(answer, "test_counts",
        has_test ? counts_to_json(counts + list->class_count, list->class_count) : json_null());
    set(answer, "pictures", json_integer((json_int_t)list->count));
    free(counts);
    return 0;
}

/* Of the pictures that can be read; the others are broken, not equal. */
static int set_twins(struct answer *answer, const struct picture_list *list,
                     const struct picture_seen *seen, struct error *err)
{
    struct digest *digests = memory_new(list->count, sizeof(*digests), err);
    uint16_t *labels = memory_new(list->count, sizeof(*labels), err);
    int64_t *groups = memory_new(list->count, sizeof(*groups), err);
    size_t *at = memory_new(list->count, sizeof(*at), err), good = 0;
    struct twins twins;
    json_t *pairs = json_array();
    bool any;
    int result = -1;
    if (digests != NULL && labels != NULL && groups != NULL && at != NULL) {
        for (size_t i = 0; i < list->count; i++)
            if (seen[i].why == NULL) {
                digests[good] = seen[i].digest;
                groups[good] = -1;
                at[good++] = i;
            }
        result = twins_find(digests, labels, (int64_t)good, groups, &any, &twins, err);
    }
    for (int64_t i = 0; result == 0 && i < twins.count && i < LISTED; i++)
        pairs = json_list_with(pairs, json_pack("[s, s]", list->entries[at[twins.pairs[i][0]]].path,
                                                list->entries[at[twins.pairs[i][1]]].path));
    set(answer, "duplicates", pairs);
    set(answer, "duplicate_count", json_integer(result == 0 ? (json_int_t)twins.count : 0));
    free(digests);
    free(labels);
    free(groups);
    free(at);
    return result;
}

static int set_sides(struct answer *answer, const struct picture_list *list,
                     const struct picture_seen *seen, struct error *err)
{
    int64_t *sides = memory_new(2 * list->count, sizeof(*sides), err);
    size_t good = 0;
    if (sides == NULL)
        return -1;
    for (size_t i = 0; i < list->count; i++)
        if (seen[i].why == NULL) {
            sides[good] = seen[i].width;
            sides[list->count + good++] = seen[i].height;
        }
    set(answer, "width", spread(sides, good));
    set(answer, "height", spread(sides + list->count, good));
    free(sides);
    return 0;
}

static void set_columns(struct answer *answer, const struct picture_list *list)
{
    json_t *columns =
        list->table == NULL
            ? json_null()
            : json_pack("{s:o, s:o, s:o, s:o}", "path", text_or_null(list->columns[0]), "label",
                        text_or_null(list->columns[1]), "group", text_or_null(list->columns[2]),
                        "split", text_or_null(list->columns[3]));
    set(answer, "columns", columns);
}

/* All that is told of pictures. */
static int set_pictures(struct answer *answer, const struct picture_list *list,
                        const struct picture_seen *seen, struct error *err)
{
    int64_t broken_count = 0;
    if (set_counts(answer, list, err) < 0 || set_sides(answer, list, seen, err) < 0 ||
        set_twins(answer, list, seen, err) < 0)
        return -1;
    set(answer, "broken", own_data_broken(list, seen, LISTED, &broken_count));
    set(answer, "broken_count", json_integer(broken_count));
    set_columns(answer, list);
    return 0;
}

static void tell_taken(struct found *found, const struct picture_list *list)
{
    text_clear(&found->why);
    text_addf(&found->why, "%zu pictures of %zu classes are taken", list->count, list->class_count);
    if (list->table != NULL)
        text_addf(&found->why, ", as '%s' lists them", list->table);
    if (list->hidden + list->others + list->stray > 0)
        text_addf(&found->why,
                  "; left out are %zu hidden files, %zu that are no pictures and %zu pictures "
                  "outside of a class folder",
                  list->hidden, list->others, list->stray);
}

static int answer_pictures(struct found *found, struct answer *answer, struct error *err)
{
    const struct picture_list *list = &found->list;
    const struct picture_set_options options = {.threads = stage_threads(found->stage),
                                                .skip_broken = true,
                                                .progress = own_data_progress,
                                                .context = found->stage};
    struct picture_seen *seen = memory_new(list->count, sizeof(*seen), err);
    int result = seen == NULL ? -1 : picture_set_read(list, &options, seen, err);
    if (result == 0 && (result = set_pictures(answer, list, seen, err)) == 0)
        tell_taken(found, list);
    picture_seen_release(seen, seen != NULL ? list->count : 0);
    return result;
}

static int answer_arrays(struct found *found, struct answer *answer, struct error *err)
{
    struct dataset arrays = {0};
    struct own_rows rows = {0};
    int result = own_data_arrays(found->path, &found->kind, &own_defaults, &arrays, err);
    if (result == 0 && (result = own_rows_list(&arrays, &rows, err)) == 0 &&
        (result = set_pictures(answer, &rows.list, rows.seen, err)) == 0)
        tell_taken(found, &rows.list);
    own_rows_release(&rows);
    dataset_release(&arrays);
    return result;
}

static void answer_none(struct found *found, struct answer *answer)
{
    set(answer, "classes", json_array());
    set(answer, "counts", json_array());
    set(answer, "test_counts", json_null());
    set(answer, "pictures", json_integer(0));
    set(answer, "width", json_null());
    set(answer, "height", json_null());
    set(answer, "broken", json_array());
    set(answer, "broken_count", json_integer(0));
    set(answer, "duplicates", json_array());
    set(answer, "duplicate_count", json_integer(0));
    set(answer, "columns", json_null());
    (void)found;
}

/* ---- the stage ---- */

static int write_answer(struct found *found, const char *out, struct error *err)
{
    struct answer answer = {json_pack("{s:i, s:s, s:s}", "schema", 1, "kind", kind_name(found),
                                      "path", found->name != NULL ? found->name : ".")};
    int result = 0;
    if (found->path == NULL)
        answer_none(found, &answer);
    else if (found->kind.npz || found->kind.cifar != CIFAR_NONE)
        result = answer_arrays(found, &answer, err);
    else
        result = answer_pictures(found, &answer, err);
    if (result == 0 && (result = text_check(&found->why, err)) == 0)
        set(&answer, "why", json_string(text_string(&found->why)));
    if (result == 0 && answer.json == NULL)
        result = error_set(err, ERR_FORMAT, "a name in '%s' is not UTF-8", found->folder);
    if (result == 0)
        result = json_write(out, answer.json, err);
    json_decref(answer.json);
    return result;
}

static int read_path(struct stage *stage, const char **path, struct error *err)
{
    if (stage_text(stage, "path", path, err) < 0 || stage_params_done(stage, err) < 0)
        return -1;
    return **path == '/'
               ? 0
               : error_set(err, ERR_USAGE, "parameter 'path' must be absolute, not '%s'", *path);
}

static int check(struct stage *stage, struct error *err)
{
    const char *path;
    return read_path(stage, &path, err);
}

static int run(struct stage *stage, struct error *err)
{
    struct found found = {.stage = stage};
    const char *out = stage_out(stage, "found", err);
    if (out == NULL || read_path(stage, &found.folder, err) < 0)
        return -1;
    int result = find(&found, err);
    if (result == 0)
        result = write_answer(&found, out, err);
    picture_list_release(&found.list);
    text_release(&found.why);
    free(found.name);
    free(found.path);
    return result;
}

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "inspect",
        .summary = "look at a folder that may hold a data set",
        .run = run,
        .check = check,
        .fingerprint = own_data_fingerprint,
        .outs = "found",
    };
    return stage_main(argc, argv, &kind);
}
