/* The same work on many things by several threads. The threads are made when
 * first needed and wait for more; the caller works along, so that a pool that
 * cannot make threads only takes longer. Several callers may use one pool.
 */
#ifndef STORE_POOL_H
#define STORE_POOL_H

#include "base/error.h"

#include <stddef.h>

struct pool;

/* `threads` with the caller; 0: as many as this process may run on. */
struct pool *pool_new(unsigned threads, struct error *err);
void pool_free(struct pool *pool);

/* Calls work(arg, i) for each i below `count`, a few in a row on one thread. After a failure
 * no more are started; *err is that of the lowest index that failed. */
typedef int pool_work_fn(void *arg, size_t index, struct error *err);
int pool_each(struct pool *pool, size_t count, pool_work_fn *work, void *arg, struct error *err);

#endif
