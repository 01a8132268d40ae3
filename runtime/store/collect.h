/* Which results the store holds, how large they are, and removing those that nobody wants any more.
 *
 *   struct collect *collect;
 *   if (store_use_alone(store, err) < 0 || collect_open(store, &collect, err) < 0) ...
 *   collect_hold(collect, &key) ... collect_use(collect, &key, when) ...
 *   collect_choose(collect, oldest, most);
 *   collect_remove(collect, err);
 *   collect_close(collect);
 *
 * A result is kept where it is held, or was used after `oldest` and the results that were used
 * later leave it room. Blobs go that no kept result names. A kill leaves a good store: results go
 * before their blobs.
 */
#ifndef STORE_COLLECT_H
#define STORE_COLLECT_H

#include "store/action.h"

#include <time.h>

struct collect;

struct collect_result {
    struct digest key;
    char *stage;
    time_t used; /* when it was made, or last used as far as anyone said */
    bool held;
    bool kept;     /* after collect_choose() */
    int64_t bytes; /* of its blobs, those left out that a result before it in the list has */
};

struct collect_sizes {
    size_t results, blobs; /* what the store has */
    size_t kept_results, kept_blobs;
    int64_t bytes, held_bytes, kept_bytes;
};

int collect_open(struct store *store, struct collect **collect, struct error *err);
void collect_close(struct collect *collect);

/* Its result, if there is one, stays whatever its age. */
void collect_hold(struct collect *collect, const struct digest *key);
/* So do these blobs, although no result names them. */
int collect_hold_content(struct collect *collect, const struct content *content, struct error *err);
/* Somebody used its result then. */
void collect_use(struct collect *collect, const struct digest *key, time_t when);

/* `most` bytes: as long as what is held lets it; INT64_MAX: any. */
int collect_choose(struct collect *collect, time_t oldest, int64_t most, struct error *err);

/* Held first, then the last used first; after collect_choose(). */
const struct collect_result *collect_results(const struct collect *collect, size_t *count);
struct collect_sizes collect_sizes(const struct collect *collect);

/* After store_use_alone(), which was called before collect_open(). */
int collect_remove(struct collect *collect, struct error *err);

#endif
