/* pipeline.lock: what the last runs were made of and what they made, a section
 * per profile. It is committed to git, and `reprise verify` holds the project
 * against it. Equal locks give equal bytes: everything is sorted by name.
 *
 *   # comment
 *   schema: '2'
 *   profiles:
 *     sample:
 *       sets: {}                    what --set gave to the last run
 *       stages:
 *         split:
 *           key: <64 hex>
 *           cmd: [build/stages/split]
 *           files:                  cmd's files and their interpreters
 *             build/stages/split: <64 hex>
 *           deps:
 *             dataset:
 *               from: download.dataset
 *               digest: <64 hex>
 *               size: 123
 *               folder: true        or `executable: true`, or neither
 *           lineage: <64 hex>       where it is given its lineage
 *           params:
 *             seed: 42
 *           env:
 *             NAME: <64 hex>        of the value; null where it is not set
 *           fingerprint: [cpu avx2] the lines of its executable's answer
 *           outs:
 *             splits:
 *               path: splits
 *               digest: <64 hex>
 *               size: 456
 *           published:              copies in folders of the project
 *             - <64 hex> reports/index.html
 *           adopted: the reason     where its result was adopted, not made
 *   complete: true                  last: a file without it was cut off
 *
 * A pipeline without profiles has one section, `(none)`.
 * `published` is written only where there is something. Names of published files may have any
 * bytes: a backslash and bytes that are no UTF-8 are written there as \xNN. Schema '1', of one
 * profile and without files, env, fingerprint and published, is read.
 */
#ifndef RUNNER_LOCKFILE_H
#define RUNNER_LOCKFILE_H

#include "base/digest.h"
#include "base/error.h"
#include "base/table.h"
#include "base/text.h"
#include "store/content.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A dep or an out. */
struct lock_item {
    char *name;
    char *path; /* of an out: in the stage's folder; of a dep: "stage.out" or a file */
    struct content content;
};

/* A digest under a name: of a file of cmd, the value of a variable, a published copy. */
struct lock_named {
    char *name;
    bool absent; /* a variable that is not set */
    struct digest digest;
};

struct lock_items {
    struct lock_item *list;
    size_t count, capacity;
};

struct lock_names {
    struct lock_named *list;
    size_t count, capacity;
};

struct lock_stage {
    char *name;
    struct digest key;
    json_t *cmd;    /* array of words */
    json_t *params; /* object */
    struct lock_names files, env, published;
    struct lock_items deps, outs;
    bool has_lineage;
    struct digest lineage;
    char *fingerprint; /* lines, each with its line break; NULL where schema 1 tells nothing */
    char *adopted;     /* the reason, or NULL */
    size_t at;         /* in its section */
    bool old;          /* of schema 1: files, env, lineage and kinds of files are not known */
};

struct lock_section {
    char *profile;
    json_t *sets; /* object */
    struct lock_stage **stages;
    size_t count, capacity;
    struct table by_name;
};

struct lock {
    struct lock_section **sections;
    size_t count, capacity;
};

struct lock *lock_new(struct error *err);
void lock_free(struct lock *lock);

/* The section of a profile, made where there is none. NULL with ERR_MEMORY. */
struct lock_section *lock_section(struct lock *lock, const char *profile, struct error *err);
/* That section, or NULL. */
struct lock_section *lock_find_section(const struct lock *lock, const char *profile);
int lock_set_sets(struct lock_section *section, json_t *sets, struct error *err);

/* An entry on its own, to be filled. `cmd` and `params` are shared. */
struct lock_stage *lock_stage_new(const char *name, json_t *cmd, json_t *params,
                                  const struct digest *key, struct error *err);
void lock_stage_free(struct lock_stage *stage);
/* Puts an entry into a section, in place of one of its name. The section owns
 * it then, also on failure. */
int lock_put(struct lock_section *section, struct lock_stage *stage, struct error *err);
/* Takes out the entries that `keep` refuses. */
typedef bool lock_keep_fn(void *arg, const struct lock_stage *stage);
int lock_drop(struct lock_section *section, lock_keep_fn *keep, void *arg, struct error *err);

int lock_add_item(struct lock_items *items, const char *name, const char *path,
                  const struct content *content, struct error *err);
/* `digest` NULL: absent. Names are the caller's to keep unique. */
int lock_add_name(struct lock_names *names, const char *name, const struct digest *digest,
                  struct error *err);
void lock_names_release(struct lock_names *names);

/* The entry of a name, or NULL, also where the section, the lock or its names are. */
const struct lock_stage *lock_find(const struct lock *lock, const char *profile, const char *stage);
const struct lock_stage *lock_find_stage(const struct lock_section *section, const char *stage);
const struct lock_item *lock_find_item(const struct lock_items *items, const char *name);
const struct lock_named *lock_find_name(const struct lock_names *names, const char *name);

/* The text of a lock, into an empty text. Sorts the lock's entries. */
int lockfile_text(struct lock *lock, struct text *text, struct error *err);

/* Writes through a temporary file. */
int lockfile_write(const char *path, struct lock *lock, struct error *err);

/* A file that is absent leaves *lock NULL. A file that can't be read (cut off,
 * with conflict markers, of a newer schema, not as above, a folder) is ERR_USAGE
 * with `file:line:col: ` in front and the way out at the end: it must not be
 * overwritten. `digest`, if not NULL, receives that of the text. */
int lockfile_read(const char *path, struct lock **lock, struct digest *digest, struct error *err);

/* Whether lockfile_write() wrote the beginning of the file, which may be damaged behind it. */
bool lockfile_is_ours(const char *path);

#endif
