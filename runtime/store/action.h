/* Actions: what a stage gave for a key. One JSON file each, whose first line guards the rest:
 *
 *   {"check": "<sha256 of all bytes after this line>",
 *     "components": "<the text whose sha256 is the key>",
 *     "device": "auto", "host": "...", "log": "<64 hex>",
 *     "outs": {"splits": {"digest": "<64 hex>", "kind": "folder", "size": 123}},
 *     "schema": 2, "seconds": 1.25, "stage": "split", "started": "2026-01-31T12:00:00Z", "threads":
 * 2
 *   }
 *
 * One that found what an earlier run had left (runner/scratch.h) has "scratch": "<64 hex>".
 * One that was made under another key has "adopted": "the reason", "adopted_from": "<64 hex>".
 *
 * Times and hosts are for people; results depend on components alone.
 */
#ifndef STORE_ACTION_H
#define STORE_ACTION_H

#include "store/content.h"

struct action_out {
    char *name;
    struct content content;
};

struct action {
    char *stage, *components, *host, *device, *started;
    double seconds;
    int threads;
    struct digest log;
    char *adopted;              /* why the result of another key was taken over, or NULL */
    struct digest adopted_from; /* that key */
    bool has_scratch;
    struct digest scratch;   /* what an earlier run had left, and this one found */
    struct action_out *outs; /* sorted by name */
    size_t out_count, out_capacity;
};

struct action *action_new(const char *stage, const char *components, struct error *err);
int action_add_out(struct action *action, const char *name, const struct content *content,
                   struct error *err);
const struct content *action_out(const struct action *action, const char *name);
void action_free(struct action *action);

/* store_flush before it, for the blobs that it names, and after it. */
int action_write(struct store *store, const struct digest *key, const struct action *action,
                 struct error *err);

/* *action is NULL where there is none, or where it is damaged. */
int action_read(struct store *store, const struct digest *key, struct action **action,
                struct error *err);

#endif
