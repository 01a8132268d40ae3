/* A stage's key: the sha256 of a text with everything that its outs depend on,
 * one component a line, in this order:
 *
 *   reprise-key 2
 *   cmd ["build/stages/split"]
 *   executable build/stages/split <64 hex>     each word of cmd that is a file
 *   interpreter /usr/bin/dash <64 hex>         what runs it, where a "#!" line or env says so
 *   param split.seed 42                        leaves, sorted, as compact JSON
 *   dep dataset folder <64 hex>                or file, or executable; sorted by name
 *   out splits splits                          name and path, sorted by name
 *   env NAME "value"                           or null; sorted
 *   fingerprint cpu avx512                     as the executable prints it
 *
 * A word with anything but plain characters is written as a JSON string, so no
 * value can look like another line. Never in it: times, threads, where the
 * project lies.
 */
#ifndef RUNNER_KEY_H
#define RUNNER_KEY_H

#include "runner/invocation.h"
#include "store/content.h"

struct key_dep {
    const char *name;
    struct content content;
    bool known; /* false: an upstream stage has not run; the key is then unknown, too */
};

/* Appends the components to `text`. `fingerprint`, if not NULL, stands for what the program would
 * answer: lines of `name value`. ERR_UNKNOWN where `depth` is STORE_BY_MEMO and it must be asked.
 */
int key_components(const struct project *project, const struct plan_stage *stage,
                   const struct invocation *invocation, const struct key_dep *deps, size_t count,
                   enum store_depth depth, const char *fingerprint, struct text *text,
                   struct error *err);

/* The same as far as an entry of a lock file tells, interpreters among the executables: to be shown
 * and compared with that of another entry. */
struct lock_stage;
int key_of_lock(const struct lock_stage *entry, struct text *text, struct error *err);

/* Holds an entry against the components of the action under its key. *differs is the first that it
 * has otherwise, in fresh memory, or NULL. */
int key_check_lock(const struct lock_stage *entry, const char *components, char **differs,
                   struct error *err);

/* One component that differs, as it may be shown. `before` or `after` is "" where it is absent. */
struct key_change {
    char *component; /* "param split.seed" */
    char *before, *after;
};

/* What differs between two texts of components, in the order of `after`. */
int key_compare(const char *before, const char *after, struct key_change **changes, size_t *count,
                struct error *err);
void key_free_changes(struct key_change *changes, size_t count);

#endif
