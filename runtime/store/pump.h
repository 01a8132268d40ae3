/* Bytes of a file through SHA-256, and perhaps into another file on the way.
 * A struct pumps holds what that needs (buffers, digests' state) for any
 * number of threads, and the flag that ends it early.
 */
#ifndef STORE_PUMP_H
#define STORE_PUMP_H

#include "base/digest.h"
#include "base/error.h"

#include <stdatomic.h>
#include <stdint.h>

struct pumps;

struct pumps *pumps_new(struct error *err);
void pumps_free(struct pumps *pumps);

/* Once *stop is not 0, every pump ends with ERR_INTERRUPTED. NULL takes the flag away. */
void pumps_set_stop(struct pumps *pumps, const atomic_int *stop);

/* ERR_INTERRUPTED where the flag is up. */
int pumps_check_stop(const struct pumps *pumps, struct error *err);

/* From the start of `from` to its end; `path` is for messages. *size is what was read. */
int pump_hash(struct pumps *pumps, int from, const char *path, struct digest *digest, int64_t *size,
              struct error *err);

/* The same, written to `to`, which is empty. Holes stay holes. */
int pump_copy(struct pumps *pumps, int from, const char *path, int to, const char *to_path,
              struct digest *digest, int64_t *size, struct error *err);

#endif
