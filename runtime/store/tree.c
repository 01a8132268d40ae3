#include "store/tree.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char header[] = "reprise-tree 2\n";
static const char *const kind_names[] = {"file", "exec", "link", "none"};

enum { KIND_SIZE = 4, DIGEST_AT = KIND_SIZE + 1, SIZE_AT = DIGEST_AT + DIGEST_HEX_SIZE };

/* Longest path that a system call takes. */
enum { TREE_PATH_LIMIT = 4096 };

/* Links through links, as deep as the kernel follows them. */
enum { LINKS_FOLLOWED = 40 };

static struct tree_entry *add_entry(struct tree *tree, enum tree_kind kind, const char *path,
                                    struct error *err)
{
    if (memory_grow(&tree->entries, &tree->capacity, tree->count + 1, sizeof(*tree->entries), err) <
        0)
        return NULL;
    struct tree_entry *entry = &tree->entries[tree->count];
    *entry = (struct tree_entry){.kind = kind, .path = memory_copy_text(path, err)};
    if (entry->path == NULL)
        return NULL;
    tree->count++;
    return entry;
}

int tree_add(struct tree *tree, enum tree_kind kind, const struct digest *digest, int64_t size,
             const char *path, struct error *err)
{
    struct tree_entry *entry = add_entry(tree, kind, path, err);
    if (entry == NULL)
        return -1;
    if (kind != TREE_EMPTY) {
        entry->digest = *digest;
        entry->size = size;
    }
    return 0;
}

int tree_add_link(struct tree *tree, const char *path, const char *target, struct error *err)
{
    char *copy = memory_copy_text(target, err);
    struct tree_entry *entry = copy == NULL ? NULL : add_entry(tree, TREE_LINK, path, err);
    if (entry == NULL) {
        free(copy);
        return -1;
    }
    entry->target = copy;
    return 0;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(((const struct tree_entry *)a)->path, ((const struct tree_entry *)b)->path);
}

void tree_sort(struct tree *tree)
{
    if (tree->count > 1)
        qsort(tree->entries, tree->count, sizeof(*tree->entries), compare_paths);
}

static bool is_escaped(unsigned char byte)
{
    return byte < 0x20 || byte == 0x7f || byte == '\\';
}

static void add_escaped(struct text *text, const char *name)
{
    for (const char *at = name; *at != '\0';) {
        size_t plain = 0;
        while (at[plain] != '\0' && !is_escaped((unsigned char)at[plain]))
            plain++;
        text_append(text, at, plain);
        at += plain;
        if (*at == '\\')
            text_add(text, "\\\\");
        else if (*at != '\0')
            text_addf(text, "\\x%02x", (unsigned)(unsigned char)*at);
        at += *at != '\0';
    }
}

int tree_write(const struct tree *tree, struct text *text, struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    text_add(text, header);
    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        text_add(text, kind_names[entry->kind]);
        text_add(text, " ");
        if (entry->kind == TREE_FILE || entry->kind == TREE_EXECUTABLE) {
            digest_to_hex(&entry->digest, hex);
            text_addf(text, "%s %lld ", hex, (long long)entry->size);
        }
        add_escaped(text, entry->path);
        if (entry->kind == TREE_LINK) {
            text_add(text, "\t");
            add_escaped(text, entry->target);
        }
        text_add(text, "\n");
    }
    return text_check(text, err);
}

static bool path_is_safe(const char *path)
{
    if (*path == '\0')
        return false;
    for (const char *part = path;; part++) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.'))
            return false;
        part += length;
        if (*part == '\0')
            return true;
    }
}

static bool parse_kind(const char *text, enum tree_kind *kind)
{
    for (int i = TREE_FILE; i <= (int)TREE_EMPTY; i++)
        if (memcmp(text, kind_names[i], KIND_SIZE) == 0) {
            *kind = (enum tree_kind)i;
            return true;
        }
    return false;
}

/* In place; false where a name is not spelled as add_escaped does. */
static bool unescape(char *name)
{
    char *to = name;
    for (const char *at = name; *at != '\0';) {
        unsigned byte;
        if (*at != '\\') {
            if (is_escaped((unsigned char)*at))
                return false;
            *to++ = *at++;
        } else if (at[1] == '\\') {
            *to++ = '\\';
            at += 2;
        } else {
            static const char digits[] = "0123456789abcdef";
            const char *high = at[1] == 'x' && at[2] != '\0' ? strchr(digits, at[2]) : NULL;
            const char *low = high != NULL && at[3] != '\0' ? strchr(digits, at[3]) : NULL;
            if (low == NULL)
                return false;
            byte = (unsigned)(high - digits) << 4 | (unsigned)(low - digits);
            if (byte == 0 || byte == '\\' || !is_escaped((unsigned char)byte))
                return false;
            *to++ = (char)byte;
            at += 4;
        }
    }
    *to = '\0';
    return true;
}

static int parse_link(char *line, struct tree *tree, struct error *err)
{
    char *path = line + DIGEST_AT, *tab = strchr(path, '\t');
    if (tab == NULL)
        return -1;
    *tab = '\0';
    char *target = tab + 1;
    if (!unescape(path) || !unescape(target) || !path_is_safe(path) || *target == '\0' ||
        *target == '/')
        return -1;
    return tree_add_link(tree, path, target, err);
}

static int parse_empty(char *line, struct tree *tree, struct error *err)
{
    char *path = line + DIGEST_AT;
    return unescape(path) && path_is_safe(path) ? tree_add(tree, TREE_EMPTY, NULL, 0, path, err)
                                                : -1;
}

/* One entry; `line` ends with a NUL where its LF was, and is written to. `total` adds up sizes. */
static int parse_entry(char *line, size_t length, struct tree *tree, int64_t *total,
                       struct error *err)
{
    enum tree_kind kind;
    struct digest digest;
    long long size;
    if (length <= DIGEST_AT || strlen(line) != length || !parse_kind(line, &kind) ||
        line[KIND_SIZE] != ' ')
        return -1;
    if (kind == TREE_LINK)
        return parse_link(line, tree, err);
    if (kind == TREE_EMPTY)
        return parse_empty(line, tree, err);
    if (length <= SIZE_AT || line[SIZE_AT - 1] != ' ')
        return -1;
    line[SIZE_AT - 1] = '\0';
    char *digits = line + SIZE_AT;
    char *blank = strchr(digits, ' ');
    if (blank == NULL || strpbrk(line + DIGEST_AT, "ABCDEF") != NULL ||
        !digest_from_hex(line + DIGEST_AT, &digest))
        return -1;
    *blank = '\0';
    /* One spelling of each number, and a sum that fits. */
    bool plain = (digits[0] >= '1' && digits[0] <= '9') || strcmp(digits, "0") == 0;
    if (!plain || !text_to_int64(digits, &size) || !unescape(blank + 1) ||
        !path_is_safe(blank + 1) || __builtin_add_overflow(*total, size, total))
        return -1;
    return tree_add(tree, kind, &digest, size, blank + 1, err);
}

static bool in_order(const struct tree *tree)
{
    for (size_t i = 1; i < tree->count; i++)
        if (compare_paths(&tree->entries[i - 1], &tree->entries[i]) >= 0)
            return false;
    return true;
}

/* "a" beside "a/b", perhaps with "a.b" sorted between the two. */
static bool paths_nest(const struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        const char *path = tree->entries[i].path;
        size_t length = strlen(path);
        for (size_t j = i + 1; j < tree->count; j++) {
            if (strncmp(tree->entries[j].path, path, length) != 0)
                break;
            if (tree->entries[j].path[length] == '/')
                return true;
        }
    }
    return false;
}

/* ---- where links lead ---- */

static const struct tree_entry *find(const struct tree *tree, const char *path, size_t length)
{
    size_t low = 0, high = tree->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *name = tree->entries[middle].path;
        int order = strncmp(name, path, length);
        if (order == 0 && name[length] == '\0')
            return &tree->entries[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Walks `target` from the folder `at` (a path in the tree, "" its root) as the kernel would,
 * through other links of the tree. -1 where it leaves the tree; `at` becomes where it ends. A
 * path longer than any that can be opened leads nowhere, as does a link to itself. */
static int follow(const struct tree *tree, char at[TREE_PATH_LIMIT], const char *target,
                  int *followed)
{
    if (*target == '/')
        return -1;
    for (const char *part = target; *part != '\0';) {
        size_t length = strcspn(part, "/"), have = strlen(at);
        const char *rest = part + length + strspn(part + length, "/");
        if (length == 2 && part[0] == '.' && part[1] == '.') {
            if (have == 0)
                return -1;
            char *slash = strrchr(at, '/');
            *(slash != NULL ? slash : at) = '\0';
        } else if (length > 1 || part[0] != '.') {
            if (have + length + 2 > TREE_PATH_LIMIT)
                return 1;
            snprintf(at + have, TREE_PATH_LIMIT - have, "%s%.*s", have > 0 ? "/" : "", (int)length,
                     part);
            const struct tree_entry *entry = find(tree, at, strlen(at));
            if (entry != NULL && entry->kind == TREE_LINK) {
                if (++*followed > LINKS_FOLLOWED)
                    return 1;
                at[have] = '\0';
                int result = follow(tree, at, entry->target, followed);
                if (result != 0)
                    return result;
            }
        }
        part = rest;
    }
    return 0;
}

const struct tree_entry *tree_link_leading_out(const struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        char at[TREE_PATH_LIMIT];
        int followed = 0;
        if (entry->kind != TREE_LINK)
            continue;
        const char *slash = strrchr(entry->path, '/');
        size_t folder = slash != NULL ? (size_t)(slash - entry->path) : 0;
        if (folder >= sizeof(at))
            return entry;
        memcpy(at, entry->path, folder);
        at[folder] = '\0';
        if (follow(tree, at, entry->target, &followed) < 0)
            return entry;
    }
    return NULL;
}

int tree_parse(const char *data, size_t size, struct tree *parsed, struct error *err)
{
    struct tree tree = {0};
    struct error why = {0};
    size_t start = sizeof(header) - 1, line = 1;
    int64_t total = 0;
    char *copy = memory_new(size + 1, 1, err);
    if (copy == NULL)
        return -1;
    memcpy(copy, data, size);
    bool good = size >= start && memcmp(copy, header, start) == 0;
    while (good && start < size) {
        char *end = memchr(copy + start, '\n', size - start);
        line++;
        good = end != NULL;
        if (!good)
            break;
        *end = '\0';
        size_t length = (size_t)(end - copy) - start;
        good = parse_entry(copy + start, length, &tree, &total, &why) == 0;
        start += length + 1;
    }
    free(copy);
    if (good && in_order(&tree) && !paths_nest(&tree) && tree_link_leading_out(&tree) == NULL) {
        *parsed = tree;
        return 0;
    }
    tree_release(&tree);
    if (why.kind == ERR_MEMORY) {
        *err = why;
        return -1;
    }
    return error_set(err, ERR_FORMAT, "not a tree (line %zu)", line);
}

void tree_release(struct tree *tree)
{
    for (size_t i = 0; i < tree->count; i++)
        free(tree->entries[i].path), free(tree->entries[i].target);
    free(tree->entries);
    *tree = (struct tree){0};
}

int64_t tree_size(const struct tree *tree)
{
    int64_t size = 0;
    for (size_t i = 0; i < tree->count; i++)
        size += tree->entries[i].size;
    return size;
}
