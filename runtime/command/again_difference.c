#include "command/again_difference.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"
#include "command/own_run.h"
#include "store/mend.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files looked into, and the largest picture that is taken over. */
enum { LISTED = 50, PICTURE_LIMIT = 1 << 30 };

struct differing {
    const struct again *again;
    const char *out; /* its path */
    json_t *list;
    json_t *pairs, *paired; /* for the stage, and the entry of each in `list` */
    size_t count;
};

/* Adds an entry, NULL where there are enough. Borrowed. */
static json_t *add(struct differing *all, const char *file)
{
    if (all->count++ >= LISTED)
        return NULL;
    json_t *entry = json_pack("{s:o, s:o, s:[]}", "out", json_clean(all->out), "file",
                              file != NULL ? json_clean(file) : json_null(), "lines");
    all->list = json_list_with(all->list, entry);
    return all->list != NULL ? entry : NULL;
}

static void say(json_t *entry, const char *line)
{
    if (entry != NULL)
        json_array_append_new(json_object_get(entry, "lines"), json_clean(line));
}

static void differs(struct differing *all, const char *file, const char *line)
{
    say(add(all, file), line);
}

static void kinds_differ(struct differing *all, const char *file, const char *is, const char *was)
{
    char line[64];
    snprintf(line, sizeof(line), "is %s, was %s", is, was);
    differs(all, file, line);
}

/* ---- two files ---- */

static bool find_blob(struct store *store, const struct digest *digest, char path[STORE_PATH_SIZE])
{
    store_object_path(store, digest, path);
    return access(path, R_OK) == 0;
}

static void bytes_differ(struct differing *all, const char *file, const struct digest *recorded,
                         const struct digest *made)
{
    char a[STORE_PATH_SIZE], b[STORE_PATH_SIZE];
    json_t *entry = add(all, file);
    if (entry == NULL)
        return;
    if (!find_blob(all->again->project->store, recorded, a) ||
        !find_blob(all->again->store, made, b)) {
        say(entry, "its bytes differ, and the cache has not what was recorded");
        return;
    }
    all->pairs = json_list_with(all->pairs, json_pack("{s:o, s:s, s:s}", "name",
                                                      json_clean(file != NULL ? file : all->out),
                                                      "a", a, "b", b));
    all->paired = json_list_with(all->paired, json_incref(entry));
}

/* ---- folders ---- */

static void entries_differ(struct differing *all, const struct tree_entry *was,
                           const struct tree_entry *is)
{
    static const char *const names[] = {"a file", "executable", "a link", "an empty folder"};
    if (was->kind != is->kind)
        kinds_differ(all, is->path, names[is->kind], names[was->kind]);
    else if (is->kind == TREE_LINK && strcmp(was->target, is->target) != 0)
        differs(all, is->path, "leads elsewhere");
    else if (is->kind != TREE_LINK && is->kind != TREE_EMPTY &&
             !digest_equal(&was->digest, &is->digest))
        bytes_differ(all, is->path, &was->digest, &is->digest);
}

/* Both are sorted by path. */
static void trees_differ(struct differing *all, const struct tree *was, const struct tree *is)
{
    for (size_t i = 0, j = 0; i < was->count || j < is->count;) {
        const int order = i == was->count  ? 1
                          : j == is->count ? -1
                                           : strcmp(was->entries[i].path, is->entries[j].path);
        if (order < 0)
            differs(all, was->entries[i++].path, "is missing");
        else if (order > 0)
            differs(all, is->entries[j++].path, "was not there");
        else
            entries_differ(all, &was->entries[i++], &is->entries[j++]);
    }
}

static int folders_differ(struct differing *all, const struct content *recorded,
                          const struct content *made, struct error *err)
{
    struct tree was = {0}, is = {0};
    struct error ignored;
    int result = content_tree(all->again->store, made, &is, err);
    if (result == 0 && content_tree(all->again->project->store, recorded, &was, &ignored) == 0)
        trees_differ(all, &was, &is);
    else if (result == 0)
        differs(all, NULL, "differs, and the cache has not what was recorded");
    tree_release(&was);
    tree_release(&is);
    return result;
}

static int out_differs(struct differing *all, const struct content *recorded,
                       const struct content *made, struct error *err)
{
    if (recorded->kind == made->kind && digest_equal(&recorded->digest, &made->digest))
        return 0;
    if (recorded->kind == CONTENT_FOLDER && made->kind == CONTENT_FOLDER)
        return folders_differ(all, recorded, made, err);
    if (recorded->kind != made->kind)
        kinds_differ(all, NULL, content_kind_name(made->kind), content_kind_name(recorded->kind));
    else
        bytes_differ(all, NULL, &recorded->digest, &made->digest);
    return 0;
}

/* ---- what the files say ---- */

/* cache/rerun/<stage>, and what lies there of an earlier time goes. */
static int clear_pictures(const struct again *again, struct text *folder, struct error *err)
{
    const char *cache = store_folder(again->project->store);
    text_addf(folder, "%s/rerun/%s", cache, again->stage->name);
    if (text_check(folder, err) < 0)
        return -1;
    mend_way(cache, folder->data, S_IFDIR);
    return file_remove(folder->data, err);
}

static int take_picture(const char *work, size_t index, const char *folder, json_t *entry,
                        struct error *err)
{
    struct text from = {0}, to = {0};
    const char *file = json_text(entry, "file"), *out = json_text(entry, "out");
    const char *name = file[0] != '\0' ? file : out, *end = strrchr(name, '.');
    char *data = NULL;
    size_t size;
    text_addf(&from, "%s/pictures/%zu.png", work, index);
    text_addf(&to, "%s/%s%s%s%s", folder, out, file[0] != '\0' ? "/" : "", file,
              end != NULL && strcmp(end, ".png") == 0 ? "" : ".png");
    int result = text_check(&from, err) < 0 ? -1 : text_check(&to, err);
    if (result == 0 &&
        (file_read(from.data, PICTURE_LIMIT, &data, &size, err) < 0 ||
         file_make_parents(to.data, err) < 0 || file_write_unflushed(to.data, data, size, err) < 0))
        result = -1;
    if (result == 0) {
        struct text line = {0};
        text_addf(&line, "a picture of it: %s", to.data);
        say(entry, text_string(&line));
        text_release(&line);
        json_object_set_new(entry, "picture", json_clean(to.data));
    }
    free(data);
    text_release(&from);
    text_release(&to);
    return result;
}

static int take_report(struct differing *all, const char *work, const char *folder,
                       struct error *err)
{
    json_t *report = NULL, *entry;
    size_t index;
    char *path = file_join(work, "report.json", err);
    int result = path == NULL ? -1 : json_read(path, &report, err);
    free(path);
    json_array_foreach (all->paired, index, entry) {
        json_t *told = json_array_get(json_object_get(report, "pairs"), index);
        if (result == 0 && json_object_update(entry, told) < 0)
            result = error_set(err, ERR_MEMORY, "out of memory for what differs");
        if (result == 0 &&
            json_is_true(json_object_get(json_object_get(told, "details"), "picture")))
            result = take_picture(work, index, folder, entry, err);
    }
    json_decref(report);
    return result;
}

static int ask_stage(struct differing *all, const char *folder, struct error *err)
{
    json_t *document = json_pack("{s:{s:O}, s:{}, s:{s:s, s:s}}", "params", "pairs", all->pairs,
                                 "deps", "outs", "report", "report.json", "pictures", "pictures");
    char *work;
    if (own_run("differ", document, "", &work, err) < 0)
        return -1;
    int result = take_report(all, work, folder, err);
    own_run_end(work);
    return result;
}

/* Where the files cannot be looked into, that they differ stands all the same. */
static int look_into(struct differing *all, const char *folder, struct error *err)
{
    struct error why = {0};
    json_t *entry;
    size_t index;
    if (json_array_size(all->pairs) == 0 || ask_stage(all, folder, &why) == 0)
        return 0;
    if (why.kind == ERR_MEMORY) {
        *err = why;
        return -1;
    }
    struct text line = {0};
    text_addf(&line, "its bytes differ; where cannot be told: %s", why.message);
    json_array_foreach (all->paired, index, entry)
        if (json_array_size(json_object_get(entry, "lines")) == 0)
            say(entry, text_string(&line));
    text_release(&line);
    return 0;
}

static void say_more(struct differing *all)
{
    char line[64];
    if (all->count <= LISTED || all->list == NULL)
        return;
    snprintf(line, sizeof(line), "and %zu more files", all->count - LISTED);
    json_t *last = json_array_get(all->list, json_array_size(all->list) - 1);
    say(last, line);
}

json_t *again_difference(const struct again *again, struct error *err)
{
    struct text folder = {0};
    struct differing all = {
        .again = again, .list = json_array(), .pairs = json_array(), .paired = json_array()};
    int result = clear_pictures(again, &folder, err);
    for (size_t i = 0; i < again->stage->out_count && result == 0; i++) {
        const struct plan_out *out = &again->stage->outs[i];
        all.out = out->path;
        result = out_differs(&all, action_out(again->recorded, out->name),
                             action_out(again->made, out->name), err);
    }
    if (result == 0 && (all.list == NULL || all.pairs == NULL || all.paired == NULL))
        result = error_set(err, ERR_MEMORY, "out of memory for what differs");
    if (result == 0)
        result = look_into(&all, folder.data, err);
    if (result == 0)
        say_more(&all);
    else {
        json_decref(all.list);
        all.list = NULL;
    }
    json_decref(all.pairs);
    json_decref(all.paired);
    text_release(&folder);
    return all.list;
}
