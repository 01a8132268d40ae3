/* Digests remembered by what stat(2) tells: (device, inode, size, mtime,
 * ctime) -> sha256. A file whose five values are unchanged is not read again.
 * Whoever changes a byte and sets mtime back still changes ctime.
 *
 * Opening reads a header; a lookup reads the page of the file that the answer
 * would be in. Several threads may use one memo, and several processes one
 * file.
 *
 * The memo is only ever a saving: a missing or damaged memo file is an empty
 * memo, a damaged page an empty page, and what cannot be remembered is hashed
 * again.
 */
#ifndef STORE_MEMO_H
#define STORE_MEMO_H

#include "base/digest.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

struct memo;

int memo_open(const char *path, struct memo **memo, struct error *err);

/* Writes the file if something was added; entries that another process saved
 * meanwhile are kept, those that nobody asked for in many saves are dropped. Nothing is
 * flushed: save only what a power loss cannot take any more. */
int memo_save(struct memo *memo, struct error *err);
void memo_close(struct memo *memo);

bool memo_find(struct memo *memo, const struct stat *st, struct digest *digest);

/* `st` is from after the digest was known. Does nothing for a fresh file of whole seconds. */
void memo_add(struct memo *memo, const struct stat *st, const struct digest *digest);

/* Of a file that is going away. */
void memo_forget(struct memo *memo, const struct stat *st);

/* A file that anyone may write can change twice within one tick of the file
 * system's clock and keep its ctime. True where `st` is so fresh that its
 * digest must not be remembered, or from a future that a jump of the clock made. */
bool memo_is_racy(const struct stat *st);

/* The same at another time, of the clock of files. */
bool memo_is_racy_at(const struct stat *st, const struct timespec *now);

/* The modification time to give a file that is written now and remembered at once: so long ago that
 * whoever writes to it later, in the same tick even, gives it another one. */
struct timespec memo_settled_time(void);

/* What guards the file's header and pages against damage, not against people. */
uint64_t memo_checksum(const void *data, size_t size);

#endif
