#include "store/content.h"

#include "base/file.h"
#include "base/memory.h"
#include "store/beneath.h"
#include "store/folders.h"
#include "store/pool.h"
#include "store/walk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TREE_LIMIT = 1 << 30 };

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

static bool is_executable(const struct stat *st)
{
    return (st->st_mode & S_IXUSR) != 0;
}

/* ---- a path becomes content ---- */

/* What is done with each file. */
enum deed { HASH, PUT, COPY };

struct taking {
    struct store *store;
    enum deed deed;
    enum store_depth depth; /* of HASH */
    bool take;              /* of PUT */
    const char *to;         /* of COPY */
    int root;               /* the folder */
    struct walk walk;
    struct digest *digests; /* beside the walk's entries */
    int64_t *sizes;
};

static int take_open_file(const struct taking *taking, int fd, const char *path, const char *to,
                          struct digest *digest, int64_t *size, struct error *err)
{
    struct stat st;
    if (taking->deed == COPY)
        return blob_duplicate(taking->store, fd, path, to, digest, size, err);
    if (fstat(fd, &st) < 0)
        return error_errno(err, "cannot read '%s'", path);
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERR_FORMAT, "'%s' is not a regular file", path);
    return blob_hash_descriptor(taking->store, fd, &st, path, taking->depth, digest, size, err);
}

/* One of a folder's entries; on any thread. */
static int take_entry(void *arg, size_t index, struct error *err)
{
    struct taking *taking = arg;
    const struct walk_entry *entry = &taking->walk.entries[index];
    struct digest *digest = &taking->digests[index];
    int64_t *size = &taking->sizes[index];
    int result = -1;
    if (!S_ISREG(entry->st.st_mode))
        return 0;
    if (taking->deed == HASH && taking->depth != STORE_BY_READING &&
        memo_find(store_memo(taking->store), &entry->st, digest)) {
        *size = entry->st.st_size;
        return 0;
    }
    if (taking->deed == PUT) {
        result = blob_put_file(taking->store, taking->root, entry->name, taking->take, digest, size,
                               err);
        return result == 0 ? 0 : error_prefix(err, "in '%s': ", taking->walk.path);
    }
    char *path = file_join(taking->walk.path, entry->name, err);
    char *to = taking->deed == COPY ? file_join(taking->to, entry->name, err) : NULL;
    if (path != NULL && (to != NULL || taking->deed == HASH)) {
        int fd = walk_open_file(&taking->walk, taking->root, entry->name, err);
        if (fd >= 0)
            result = take_open_file(taking, fd, path, to, digest, size, err);
        if (fd >= 0)
            close(fd);
    }
    free(path);
    free(to);
    return result;
}

static int build_tree(const struct taking *taking, struct tree *tree, struct error *err)
{
    for (size_t i = 0; i < taking->walk.count; i++) {
        const struct walk_entry *entry = &taking->walk.entries[i];
        enum tree_kind kind = S_ISDIR(entry->st.st_mode)  ? TREE_EMPTY
                              : is_executable(&entry->st) ? TREE_EXECUTABLE
                                                          : TREE_FILE;
        int result = entry->target != NULL ? tree_add_link(tree, entry->name, entry->target, err)
                                           : tree_add(tree, kind, &taking->digests[i],
                                                      taking->sizes[i], entry->name, err);
        if (result < 0)
            return -1;
    }
    tree_sort(tree);
    return 0;
}

/* A link that leads out would be another one elsewhere. */
static int check_links(const struct taking *taking, struct error *err)
{
    struct tree tree = {0};
    int result = build_tree(taking, &tree, err);
    const struct tree_entry *link = result == 0 ? tree_link_leading_out(&tree) : NULL;
    if (link != NULL)
        result = error_set(err, ERR_FORMAT,
                           "'%s/%s' is a link to '%s', which leads out of '%s': make it a "
                           "relative link inside, or a copy",
                           taking->walk.path, link->path, link->target, taking->walk.path);
    tree_release(&tree);
    return result;
}

static int write_tree(struct store *store, const struct tree *tree, bool put,
                      struct content *content, struct error *err)
{
    struct text text = {0};
    struct digest digest;
    int result = tree_write(tree, &text, err);
    if (result == 0 && text.size > TREE_LIMIT)
        result = error_set(err, ERR_FORMAT, "a folder of %zu entries is too large", tree->count);
    if (result == 0)
        result = put ? blob_put_bytes(store, text.data, text.size, &digest, err)
                     : digest_of_bytes(text.data, text.size, &digest, err);
    if (result == 0)
        *content =
            (struct content){.kind = CONTENT_FOLDER, .digest = digest, .size = tree_size(tree)};
    text_release(&text);
    return result;
}

/* All folders of the copy first: then the files need none. */
static int copy_folders(const struct taking *taking, struct error *err)
{
    struct folders folders;
    int result = folders_start(&folders, taking->to, err);
    for (size_t i = 0; i < taking->walk.count && result == 0; i++) {
        const struct walk_entry *entry = &taking->walk.entries[i];
        result = folders_add(&folders, entry->name, S_ISDIR(entry->st.st_mode), err);
    }
    return result;
}

static int take_folder(struct taking *taking, struct content *content, struct error *err)
{
    struct tree tree = {0};
    int result = walk_list(&taking->walk, taking->root, err);
    size_t count = taking->walk.count;
    if (result == 0 && ((taking->digests = memory_new(count, sizeof(struct digest), err)) == NULL ||
                        (taking->sizes = memory_new(count, sizeof(int64_t), err)) == NULL))
        result = -1;
    if (result == 0 && taking->walk.rule == WALK_OUT)
        result = check_links(taking, err);
    if (result == 0 && taking->deed == COPY)
        result = copy_folders(taking, err);
    if (result == 0)
        result = pool_each(store_pool(taking->store), count, take_entry, taking, err);
    if (result == 0 && (result = build_tree(taking, &tree, err)) == 0)
        result = write_tree(taking->store, &tree, taking->deed == PUT, content, err);
    tree_release(&tree);
    free(taking->digests);
    free(taking->sizes);
    walk_release(&taking->walk);
    return result;
}

static int take_file(struct taking *taking, const struct stat *st, struct content *content,
                     struct error *err)
{
    struct content found = {.kind = is_executable(st) ? CONTENT_EXECUTABLE : CONTENT_FILE};
    int result = -1;
    if (taking->deed == HASH && taking->depth != STORE_BY_READING &&
        memo_find(store_memo(taking->store), st, &found.digest)) {
        found.size = st->st_size;
        *content = found;
        return 0;
    }
    bool follow = taking->walk.rule == WALK_DEP;
    int fd = open(taking->walk.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW));
    if (fd < 0)
        return error_errno(err, "cannot read '%s'", taking->walk.path);
    result =
        take_open_file(taking, fd, taking->walk.path, taking->to, &found.digest, &found.size, err);
    close(fd);
    if (result == 0)
        *content = found;
    return result;
}

static int take_path(struct taking *taking, const char *path, struct content *content,
                     struct error *err)
{
    struct stat st;
    bool follow = taking->walk.rule == WALK_DEP;
    taking->walk.path = path;
    if (taking->deed == COPY && file_make_parents(taking->to, err) < 0)
        return -1;
    if ((follow ? stat(path, &st) : lstat(path, &st)) < 0)
        return error_errno(err, "cannot read '%s'", path);
    if (S_ISLNK(st.st_mode))
        return error_set(err, ERR_FORMAT, "'%s' is a symbolic link", path);
    if (!S_ISDIR(st.st_mode))
        return take_file(taking, &st, content, err);
    taking->root = walk_open(taking->walk.rule, AT_FDCWD, path, err);
    if (taking->root < 0)
        return -1;
    int result = take_folder(taking, content, err);
    close(taking->root);
    return result;
}

int content_hash(struct store *store, const char *path, enum store_depth depth,
                 struct content *content, struct error *err)
{
    struct taking taking = {.store = store, .depth = depth, .walk.rule = WALK_EXACT};
    return take_path(&taking, path, content, err);
}

int content_hash_dep(struct store *store, const char *path, const struct ignore *ignore,
                     enum store_depth depth, struct content *content, struct error *err)
{
    struct taking taking = {
        .store = store, .depth = depth, .walk.rule = WALK_DEP, .walk.ignore = ignore};
    return take_path(&taking, path, content, err);
}

/* The folder is open as `root`. */
static int check_readable(const struct walk *walk, int root, struct error *err)
{
    for (size_t i = 0; i < walk->count; i++) {
        const struct walk_entry *entry = &walk->entries[i];
        if (S_ISREG(entry->st.st_mode) && (entry->st.st_mode & 0444) != 0444 &&
            faccessat(root, entry->name, R_OK, AT_EACCESS) < 0)
            return error_errno(err, "cannot read '%s/%s'", walk->path, entry->name);
    }
    return 0;
}

int content_check_dep(const char *path, const struct ignore *ignore, struct error *err)
{
    struct walk walk = {.rule = WALK_DEP, .path = path, .ignore = ignore};
    struct stat st;
    if (stat(path, &st) < 0)
        return error_errno(err, "cannot read '%s'", path);
    if (!S_ISDIR(st.st_mode))
        return S_ISREG(st.st_mode) ? 0
                                   : error_set(err, ERR_FORMAT, "'%s' is not a regular file", path);
    int root = walk_open(walk.rule, AT_FDCWD, path, err);
    if (root < 0)
        return -1;
    int result = walk_list(&walk, root, err);
    if (result == 0)
        result = check_readable(&walk, root, err);
    close(root);
    walk_release(&walk);
    return result;
}

int content_copy_dep(struct store *store, const char *path, const struct ignore *ignore,
                     const char *to, struct content *content, struct error *err)
{
    struct taking taking = {
        .store = store, .deed = COPY, .to = to, .walk.rule = WALK_DEP, .walk.ignore = ignore};
    return take_path(&taking, path, content, err);
}

static int put_single(struct store *store, int parent, const char *name, const char *path,
                      bool take, struct content *content, struct error *err)
{
    struct stat st;
    struct content found;
    if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return error_errno(err, "cannot read '%s'", path);
    found.kind = is_executable(&st) ? CONTENT_EXECUTABLE : CONTENT_FILE;
    if (blob_put_file(store, parent, name, take, &found.digest, &found.size, err) < 0)
        return -1;
    *content = found;
    return 0;
}

int content_put(struct store *store, int folder, const char *path, bool take,
                struct content *content, struct error *err)
{
    struct taking taking = {
        .store = store, .deed = PUT, .take = take, .walk = {.rule = WALK_OUT, .path = path}};
    const char *name;
    struct stat st;
    int result = -1, parent = beneath_open_parent(folder, path, &name);
    if (parent < 0 || fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        if (errno == ELOOP || errno == EXDEV || errno == ENOTDIR)
            error_set(err, ERR_FORMAT, "'%s' lies behind a symbolic link or a file", path);
        else
            error_errno(err, "cannot read '%s'", path);
    } else if (!S_ISDIR(st.st_mode))
        result = put_single(store, parent, name, path, take, content, err);
    else if ((taking.root = walk_open(WALK_OUT, parent, name, err)) >= 0) {
        result = take_folder(&taking, content, err);
        close(taking.root);
    }
    if (parent >= 0)
        close(parent);
    return result;
}

/* ---- several as one ---- */

static int add_member(struct store *store, struct tree *tree, const struct content_member *member,
                      struct error *err)
{
    struct tree inner = {0};
    const struct content *content = &member->content;
    if (content->kind != CONTENT_FOLDER)
        return tree_add(tree, content->kind == CONTENT_EXECUTABLE ? TREE_EXECUTABLE : TREE_FILE,
                        &content->digest, content->size, member->path, err);
    if (content_tree(store, content, &inner, err) < 0)
        return -1;
    int result = inner.count == 0 ? tree_add(tree, TREE_EMPTY, NULL, 0, member->path, err) : 0;
    for (size_t i = 0; i < inner.count && result == 0; i++) {
        const struct tree_entry *entry = &inner.entries[i];
        char *path = file_join(member->path, entry->path, err);
        result = path == NULL ? -1
                 : entry->kind == TREE_LINK
                     ? tree_add_link(tree, path, entry->target, err)
                     : tree_add(tree, entry->kind, &entry->digest, entry->size, path, err);
        free(path);
    }
    tree_release(&inner);
    return result;
}

int content_gather(struct store *store, const struct content_member *members, size_t count,
                   struct content *content, struct error *err)
{
    struct tree tree = {0};
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = add_member(store, &tree, &members[i], err);
    tree_sort(&tree);
    if (result == 0)
        result = write_tree(store, &tree, true, content, err);
    tree_release(&tree);
    return result;
}

/* ---- content is looked at ---- */

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

/* Blobs of a tree, checked by several threads. */
struct checking {
    struct store *store;
    const struct tree *tree;
    enum store_depth depth;
};

static bool has_blob(const struct tree_entry *entry)
{
    return entry->kind == TREE_FILE || entry->kind == TREE_EXECUTABLE;
}

static int check_entry(void *arg, size_t index, struct error *err)
{
    const struct checking *checking = arg;
    const struct tree_entry *entry = &checking->tree->entries[index];
    return has_blob(entry) ? blob_check(checking->store, &entry->digest, checking->depth, err) : 0;
}

/* The first that is not good, for the message. */
static void find_bad(const struct checking *checking, struct digest *bad)
{
    struct error ignored;
    for (size_t i = 0; i < checking->tree->count; i++)
        if (check_entry((void *)checking, i, &ignored) < 0) {
            *bad = checking->tree->entries[i].digest;
            return;
        }
}

int content_check(struct store *store, const struct content *content, enum store_depth depth,
                  struct digest *bad, struct error *err)
{
    struct tree tree = {0};
    struct digest failed = content->digest;
    int result = blob_check(store, &content->digest, depth, err);
    if (result == 0 && content->kind == CONTENT_FOLDER &&
        (result = content_tree(store, content, &tree, err)) == 0) {
        struct checking checking = {store, &tree, depth};
        result = pool_each(store_pool(store), tree.count, check_entry, &checking, err);
        if (result < 0 && bad != NULL)
            find_bad(&checking, &failed);
        tree_release(&tree);
    }
    if (result < 0 && bad != NULL)
        *bad = failed;
    return result;
}

bool content_is_good(struct store *store, const struct content *content, enum store_depth depth,
                     struct digest *bad)
{
    struct error ignored;
    return content_check(store, content, depth, bad, &ignored) == 0;
}

bool content_is_at(struct store *store, const struct content *content, const char *path,
                   enum store_depth depth)
{
    struct content found;
    struct error ignored;
    return content_hash(store, path, depth, &found, &ignored) == 0 && found.kind == content->kind &&
           digest_equal(&found.digest, &content->digest);
}
