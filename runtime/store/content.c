#include "store/content.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TREE_LIMIT = 256 << 20, DEPTH_LIMIT = 64 };

static const char *const kind_names[] = {"file", "executable", "folder"};

const char *content_kind_name(enum content_kind kind)
{
    return kind_names[kind];
}

bool content_kind_parse(const char *name, enum content_kind *kind)
{
    for (int i = CONTENT_FILE; i <= CONTENT_FOLDER; i++)
        if (strcmp(name, kind_names[i]) == 0) {
            *kind = (enum content_kind)i;
            return true;
        }
    return false;
}

/* How a walk turns a file into a digest. */
struct walk {
    struct store *store;
    bool put, take;
    const char *copy_to; /* or NULL */
    enum store_depth depth;
    struct tree tree;
};

static int copy_file(struct walk *walk, const char *path, const char *name, struct digest *digest,
                     int64_t *size, struct error *err)
{
    char *to = name[0] != '\0' ? file_join(walk->copy_to, name, err)
                               : memory_copy_text(walk->copy_to, err);
    int result = to == NULL || file_make_parents(to, err) < 0
                     ? -1
                     : blob_duplicate_file(path, to, digest, size, err);
    free(to);
    return result;
}

static int digest_file(struct walk *walk, const char *path, const char *name, struct digest *digest,
                       int64_t *size, struct error *err)
{
    if (walk->copy_to != NULL)
        return copy_file(walk, path, name, digest, size, err);
    return walk->put ? blob_put_file(walk->store, path, walk->take, digest, size, err)
                     : blob_hash_file(walk->store, path, walk->depth, digest, size, err);
}

/* An empty folder; `name` is "" for the root. */
static int take_empty(struct walk *walk, const char *name, struct error *err)
{
    struct digest nothing;
    char *to = walk->copy_to == NULL ? NULL : file_join(walk->copy_to, name, err);
    if (walk->copy_to != NULL && (to == NULL || file_make_folders(to, err) < 0)) {
        free(to);
        return -1;
    }
    free(to);
    if (name[0] == '\0')
        return 0;
    return digest_of_bytes("", 0, &nothing, err) < 0
               ? -1
               : tree_add(&walk->tree, TREE_EMPTY, &nothing, 0, name, err);
}

/* `name` is the path inside the tree, "" at its root. */
static int walk_folder(struct walk *walk, const char *path, const char *name, int depth,
                       struct error *err);

static int walk_entry(struct walk *walk, const char *path, const char *name, int depth,
                      struct error *err)
{
    struct stat st;
    struct digest digest;
    int64_t size;
    if (lstat(path, &st) < 0)
        return error_errno(err, "cannot read '%s'", path);
    if (S_ISDIR(st.st_mode))
        return walk_folder(walk, path, name, depth + 1, err);
    if (digest_file(walk, path, name, &digest, &size, err) < 0)
        return -1;
    enum tree_kind kind = (st.st_mode & S_IXUSR) != 0 ? TREE_EXECUTABLE : TREE_FILE;
    return tree_add(&walk->tree, kind, &digest, size, name, err);
}

static int walk_folder(struct walk *walk, const char *path, const char *name, int depth,
                       struct error *err)
{
    char **names;
    size_t count;
    if (depth > DEPTH_LIMIT)
        return error_set(err, ERR_FORMAT, "'%s': folders nest too deep", path);
    if (file_list(path, &names, &count, err) < 0)
        return -1;
    int result = 0;
    if (count == 0)
        result = take_empty(walk, name, err);
    for (size_t i = 0; i < count && result == 0; i++) {
        char *child = file_join(path, names[i], err);
        char *child_name =
            name[0] != '\0' ? file_join(name, names[i], err) : memory_copy_text(names[i], err);
        result = child == NULL || child_name == NULL
                     ? -1
                     : walk_entry(walk, child, child_name, depth, err);
        free(child);
        free(child_name);
    }
    file_free_names(names, count);
    return result;
}

static int finish_folder(struct walk *walk, struct content *content, struct error *err)
{
    struct text text = {0};
    struct digest digest;
    tree_sort(&walk->tree);
    int result = tree_write(&walk->tree, &text, err);
    if (result == 0)
        result = walk->put ? blob_put_bytes(walk->store, text.data, text.size, &digest, err)
                           : digest_of_bytes(text.data, text.size, &digest, err);
    if (result == 0)
        *content = (struct content){
            .kind = CONTENT_FOLDER, .digest = digest, .size = tree_size(&walk->tree)};
    text_release(&text);
    return result;
}

static int walk_path(struct walk *walk, const char *path, struct content *content,
                     struct error *err)
{
    struct stat st;
    if (lstat(path, &st) < 0)
        return error_errno(err, "cannot read '%s'", path);
    if (S_ISDIR(st.st_mode)) {
        int result = walk_folder(walk, path, "", 0, err);
        if (result == 0)
            result = finish_folder(walk, content, err);
        tree_release(&walk->tree);
        return result;
    }
    struct content found = {.kind =
                                (st.st_mode & S_IXUSR) != 0 ? CONTENT_EXECUTABLE : CONTENT_FILE};
    if (digest_file(walk, path, "", &found.digest, &found.size, err) < 0)
        return -1;
    *content = found;
    return 0;
}

int content_hash(struct store *store, const char *path, enum store_depth depth,
                 struct content *content, struct error *err)
{
    struct walk walk = {.store = store, .depth = depth};
    return walk_path(&walk, path, content, err);
}

int content_put(struct store *store, const char *path, bool take, struct content *content,
                struct error *err)
{
    struct walk walk = {.store = store, .put = true, .take = take};
    return walk_path(&walk, path, content, err);
}

int content_copy(struct store *store, const char *path, const char *to, struct content *content,
                 struct error *err)
{
    struct walk walk = {.store = store, .copy_to = to};
    return walk_path(&walk, path, content, err);
}

int content_tree(struct store *store, const struct content *content, struct tree *tree,
                 struct error *err)
{
    char *data;
    size_t size;
    if (blob_read(store, &content->digest, TREE_LIMIT, &data, &size, err) < 0)
        return -1;
    int result = tree_parse(data, size, tree, err);
    free(data);
    return result;
}

bool content_is_good(struct store *store, const struct content *content, enum store_depth depth,
                     struct digest *bad)
{
    struct tree tree = {0};
    struct error ignored;
    struct digest failed = content->digest;
    bool good = blob_is_good(store, &content->digest, depth);
    if (good && content->kind == CONTENT_FOLDER) {
        good = content_tree(store, content, &tree, &ignored) == 0;
        for (size_t i = 0; i < tree.count && good; i++) {
            failed = tree.entries[i].digest;
            good = tree.entries[i].kind == TREE_EMPTY ||
                   blob_is_good(store, &tree.entries[i].digest, depth);
        }
        tree_release(&tree);
    }
    if (!good && bad != NULL)
        *bad = failed;
    return good;
}

bool content_is_at(struct store *store, const struct content *content, const char *path,
                   enum store_depth depth)
{
    struct content found;
    struct error ignored;
    return content_hash(store, path, depth, &found, &ignored) == 0 && found.kind == content->kind &&
           digest_equal(&found.digest, &content->digest);
}
