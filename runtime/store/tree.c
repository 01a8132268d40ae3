#include "store/tree.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char header[] = "reprise-tree 1\n";
static const char *const kind_names[] = {"file", "exec", "none"};

enum { KIND_SIZE = 4, DIGEST_AT = KIND_SIZE + 1, SIZE_AT = DIGEST_AT + DIGEST_HEX_SIZE };

int tree_add(struct tree *tree, enum tree_kind kind, const struct digest *digest, int64_t size,
             const char *path, struct error *err)
{
    if (strchr(path, '\n') != NULL)
        return error_set(err, ERR_FORMAT, "'%s': a file name with a line break", path);
    if (memory_grow(&tree->entries, &tree->capacity, tree->count + 1, sizeof(*tree->entries), err) <
        0)
        return -1;
    char *copy = memory_copy_text(path, err);
    if (copy == NULL)
        return -1;
    tree->entries[tree->count++] =
        (struct tree_entry){.kind = kind, .digest = *digest, .size = size, .path = copy};
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

int tree_write(const struct tree *tree, struct text *text, struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    text_add(text, header);
    for (size_t i = 0; i < tree->count; i++) {
        const struct tree_entry *entry = &tree->entries[i];
        digest_to_hex(&entry->digest, hex);
        text_addf(text, "%s %s %lld ", kind_names[entry->kind], hex, (long long)entry->size);
        text_add(text, entry->path);
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
    for (int i = TREE_FILE; i <= TREE_EMPTY; i++)
        if (memcmp(text, kind_names[i], KIND_SIZE) == 0) {
            *kind = (enum tree_kind)i;
            return true;
        }
    return false;
}

/* One entry; `line` ends with a NUL where its LF was, and is written to. `total` adds up sizes. */
static int parse_entry(char *line, size_t length, struct tree *tree, int64_t *total,
                       struct error *err)
{
    enum tree_kind kind;
    struct digest digest;
    long long size;
    if (length <= SIZE_AT || strlen(line) != length || !parse_kind(line, &kind) ||
        line[KIND_SIZE] != ' ' || line[SIZE_AT - 1] != ' ')
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
    if (!plain || !text_to_int64(digits, &size) || !path_is_safe(blank + 1) ||
        __builtin_add_overflow(*total, size, total))
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
    if (good && in_order(&tree) && !paths_nest(&tree)) {
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
        free(tree->entries[i].path);
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
