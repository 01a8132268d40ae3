/* Bytes of a large file, read by a thread of their own while the caller works on those before
 * them, and perhaps written on by that thread:
 *
 *   ahead = ahead_start(from, at, end, to);      NULL: do it without
 *   while ((got = ahead_next(ahead, &data)) > 0)
 *       ...
 *   failed = ahead_finish(ahead);
 *
 * By read(2), not mmap(2): a file that is cut off, or a disk that fails, is a short read or an
 * error and never a signal.
 */
#ifndef STORE_AHEAD_H
#define STORE_AHEAD_H

#include <stdint.h>
#include <sys/types.h>

struct ahead;

/* From byte `at` of the regular file `from` to `end`, or to its end where that is earlier or
 * `end` is -1. All of it gets the same places in `to`, unless that is -1. NULL where there is no
 * memory or no thread for it. */
struct ahead *ahead_start(int from, int64_t at, int64_t end, int to);

/* The next bytes, good until the next call. 0 where there are no more, for a failure, too. */
size_t ahead_next(struct ahead *ahead, const char **data);

/* Ends the thread, wherever it is; frees. What failed is told by errno. */
enum ahead_failed { AHEAD_NONE, AHEAD_READING, AHEAD_WRITING };
enum ahead_failed ahead_finish(struct ahead *ahead);

#endif
