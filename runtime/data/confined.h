/* Reads tensors by code that may not stand up to bytes that nobody vouches
 * for: in a child process without rights. The child has the file's bytes in
 * memory and one pipe; it can open nothing, start nothing, and write nowhere
 * else. What comes out of the pipe is checked like any other file. A child that
 * crashes, takes too much memory or does not end becomes an error of one line.
 *
 *   (parent)  map file ─ fork ─────────────── read pipe, check ─► set, or error
 *                          └► (child) close all, limits, seccomp ─ reader() ─► pipe
 *
 * By layers: the file descriptors that are closed and RLIMIT_NOFILE hold on
 * every Linux; seccomp also where the kernel has it, on x86-64 and AArch64.
 */
#ifndef DATA_CONFINED_H
#define DATA_CONFINED_H

#include "base/error.h"
#include "base/text.h"
#include "data/safetensors.h"

#include <stddef.h>

/* Runs in the child: reads `size` writable bytes into *set, whose metadata do
 * not come back, and may add words for people to *note. */
typedef int confined_reader(unsigned char *bytes, size_t size, struct safetensors *set,
                            struct text *note, struct error *err);

/* Appends to *note. *set changes only on success; ERR_FORMAT names `path`. */
int confined_read(const char *path, confined_reader *reader, struct safetensors *set,
                  struct text *note, struct error *err);

/* The child's part: after it the process can compute and write to `pipe`, which becomes descriptor
 * 0, and no more. For tests. */
void confined_enter(int pipe, size_t size);

#endif
