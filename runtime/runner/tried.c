/* A rule is its letter, its path and a NUL. A note is a byte of access, 'o' for one in the stage's
 * folder or else 'a', its path and a NUL. */
#include "runner/tried.h"

#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RULES_SIZE = 64 << 10, NOTES_SIZE = 512 << 10, SLOTS = 8192, NOTES = SLOTS / 2, HEAD = 2 };

struct tried {
    uint32_t rules_size, notes_size, count;
    uint32_t begun, missed; /* not 0: so it is */
    char folder[TRIED_PATH];
    char rules[RULES_SIZE];
    uint32_t slots[SLOTS]; /* by hash: where its note begins, plus one; 0: free */
    char notes[NOTES_SIZE];
};

/* ---- the runner's side ---- */

static struct tried *map(int fd)
{
    void *memory = mmap(NULL, sizeof(struct tried), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

int tried_new(const char *folder, struct tried **tried, int *fd, struct error *err)
{
    const size_t length = strlen(folder);
    int made = memfd_create("reprise-tried", MFD_CLOEXEC);
    if (length >= TRIED_PATH || made < 0 || ftruncate(made, sizeof(struct tried)) < 0 ||
        (*tried = map(made)) == NULL) {
        error_errno(err, "cannot make room for the paths that a stage names");
        if (made >= 0)
            close(made);
        return -1;
    }
    memcpy((*tried)->folder, folder, length + 1);
    *fd = made;
    return 0;
}

void tried_free(struct tried *tried)
{
    if (tried != NULL)
        munmap(tried, sizeof(*tried));
}

bool tried_add_rule(struct tried *tried, enum tried_rule rule, const char *path)
{
    const size_t size = strlen(path) + 1;
    if (size + 1 > RULES_SIZE - tried->rules_size)
        return false;
    tried->rules[tried->rules_size] = (char)rule;
    memcpy(tried->rules + tried->rules_size + 1, path, size);
    tried->rules_size += (uint32_t)size + 1;
    return true;
}

void tried_add_rules(struct tried *tried, const char *rules, size_t size)
{
    for (size_t at = 0; at < size; at += strlen(rules + at) + 1)
        tried_add_rule(tried, (enum tried_rule)rules[at], rules + at + 1);
}

bool tried_next(const struct tried *tried, size_t *at, struct tried_path *path)
{
    if (*at >= tried->notes_size)
        return false;
    const char *note = tried->notes + *at;
    *path = (struct tried_path){
        .path = note + HEAD, .own = note[1] == 'o', .access = (unsigned char)note[0]};
    *at += HEAD + strlen(note + HEAD) + 1;
    return true;
}

bool tried_has_begun(const struct tried *tried)
{
    return tried->begun != 0;
}

bool tried_is_whole(const struct tried *tried)
{
    return tried->begun != 0 && tried->missed == 0;
}

/* ---- both ---- */

const char *tried_below(const char *path, const char *folder)
{
    const size_t length = strlen(folder);
    if (strncmp(path, folder, length) != 0)
        return NULL;
    return path[length] == '/' ? path + length + 1 : path[length] == '\0' ? path + length : NULL;
}

/* The longest rule of one of these letters that covers a path, or NULL: of a dep in another's
 * folder its own. */
static const char *find_rule(const struct tried *tried, const char *letters, const char *path)
{
    const char *found = NULL;
    for (const char *rule = tried->rules; rule < tried->rules + tried->rules_size;
         rule += strlen(rule) + 1)
        if (strchr(letters, rule[0]) != NULL && tried_below(path, rule + 1) != NULL &&
            (found == NULL || strlen(rule) > strlen(found)))
            found = rule;
    return found;
}

/* Of an absolute path that is not in the stage's folder. */
static bool is_allowed(const struct tried *tried, const char *path, bool write)
{
    const char *rule = find_rule(tried, write ? "w" : "rw", path);
    const char *empty = find_rule(tried, "e", path);
    return rule != NULL && (empty == NULL || strlen(rule) > strlen(empty));
}

const char *tried_empty(const struct tried *tried, const char *path)
{
    const char *rule = find_rule(tried, "e", path);
    return rule == NULL ? NULL : rule + 1;
}

bool tried_reaches(const struct tried *tried, const char *path)
{
    return tried_below(path, tried->folder) != NULL || find_rule(tried, "r", path) != NULL;
}

bool tried_allows(const struct tried *tried, const char *path, bool write)
{
    return tried_below(path, tried->folder) != NULL || is_allowed(tried, path, write);
}

/* ---- the keeper's side ---- */

struct tried *tried_map(int fd)
{
    return map(fd);
}

void tried_begin(struct tried *tried)
{
    tried->begun = 1;
}

static uint32_t hash_of(char where, const char *path)
{
    uint32_t hash = 2166136261U ^ (unsigned char)where; /* FNV-1a */
    for (; *path != '\0'; path++)
        hash = (hash ^ (unsigned char)*path) * 16777619U;
    return hash;
}

static void note(struct tried *tried, char where, const char *path, unsigned access)
{
    const size_t size = strlen(path) + 1;
    uint32_t slot = hash_of(where, path) % SLOTS;
    for (; tried->slots[slot] != 0; slot = (slot + 1) % SLOTS) {
        char *found = tried->notes + tried->slots[slot] - 1;
        if (found[1] == where && strcmp(found + HEAD, path) == 0) {
            found[0] = (char)((unsigned char)found[0] | access);
            return;
        }
    }
    if (tried->count == NOTES || HEAD + size > NOTES_SIZE - tried->notes_size) {
        tried->missed = 1;
        return;
    }
    char *made = tried->notes + tried->notes_size;
    made[0] = (char)access;
    made[1] = where;
    memcpy(made + HEAD, path, size);
    tried->slots[slot] = tried->notes_size + 1;
    tried->notes_size += (uint32_t)(HEAD + size);
    tried->count++;
}

/* In place: no part is empty, "." or "..". */
static void simplify(char *path)
{
    char *to = path;
    for (const char *at = path; *at != '\0';) {
        at += strspn(at, "/");
        const size_t length = strcspn(at, "/");
        if (length == 2 && at[0] == '.' && at[1] == '.') {
            while (to > path && *--to != '/')
                continue;
        } else if (length > 0 && !(length == 1 && at[0] == '.')) {
            *to++ = '/';
            memmove(to, at, length);
            to += length;
        }
        at += length;
    }
    if (to == path)
        *to++ = '/';
    *to = '\0';
}

/* Of its own folder only deps are of interest, and what is not there, though the project may have
 * it. */
static void hear_own(struct tried *tried, int folder, const char *path, unsigned access)
{
    const char *rule = find_rule(tried, "od", path);
    if (rule != NULL && rule[0] == TRIED_DEP)
        note(tried, 'o', rule + 1, access);
    else if (rule == NULL && path[0] != '\0' && access == TRIED_READS &&
             faccessat(folder, path, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
        note(tried, 'o', path, access);
}

/* Whether it is what the stage put into a folder that began empty, or is about to. */
static bool is_of_the_stage(const struct tried *tried, char path[TRIED_PATH], unsigned access)
{
    if (find_rule(tried, "e", path) == NULL || is_allowed(tried, path, false))
        return false;
    char *slash = (access & TRIED_MAKES) != 0 ? strrchr(path, '/') : NULL;
    if (slash == path)
        return true; /* the folder itself, which is there */
    if (slash != NULL)
        *slash = '\0';
    const bool there = faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
    if (slash != NULL)
        *slash = '/';
    return there;
}

void tried_hear(struct tried *tried, int folder, char path[TRIED_PATH], unsigned access)
{
    simplify(path);
    const char *own = tried_below(path, tried->folder);
    if (own != NULL)
        hear_own(tried, folder, own, access);
    else if (!is_allowed(tried, path, (access & TRIED_WRITES) != 0) && strcmp(path, "/") != 0 &&
             !is_of_the_stage(tried, path, access))
        note(tried, 'a', path, access);
}
