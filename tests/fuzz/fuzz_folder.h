/* What fuzz targets share: a folder in memory for readers that take paths, and
 * the checks of a refusal.
 *
 *   struct fuzz_folder folder;
 *   fuzz_folder_make(&folder, data, size);    bytes are in folder.input
 *   ... write to folder.output, read that, write to folder.again ...
 *   fuzz_folder_remove(&folder);
 */
#ifndef TESTS_FUZZ_FOLDER_H
#define TESTS_FUZZ_FOLDER_H

#include "base/error.h"
#include "fuzz/fuzz.h"

#include <stdbool.h>

enum { FUZZ_PATH_SIZE = 64 };

struct fuzz_folder {
    char path[FUZZ_PATH_SIZE];
    char input[FUZZ_PATH_SIZE], output[FUZZ_PATH_SIZE], again[FUZZ_PATH_SIZE];
};

void fuzz_folder_make(struct fuzz_folder *folder, const uint8_t *data, size_t size);
void fuzz_folder_remove(struct fuzz_folder *folder);

/* Nothing is there but the input: what a refusal must leave. */
bool fuzz_folder_is_clean(const struct fuzz_folder *folder);

/* Without the flush to disk of file_write. */
void fuzz_write(const char *path, const void *data, size_t size);
bool fuzz_file_is(const char *path, const void *data, size_t size);
bool fuzz_files_equal(const char *path, const char *other);

/* A copy of `data` (free() it) in which a digest of zeros at `at` has become that of the bytes
 * from `begin` to `end`, so that a search gets past it. */
uint8_t *fuzz_complete(const uint8_t *data, size_t size, size_t at, size_t begin, size_t end);

/* An error has a kind, and a message of one line without control bytes,
 * also those of UTF-8 beyond ASCII (C1). */
bool fuzz_error_is_good(const struct error *err);
bool fuzz_text_is_clean(const char *text);

/* Of bytes that were accepted and written to `output`. */
enum fuzz_verdict fuzz_verdict(const char *output, const uint8_t *data, size_t size);

/* Most targets: `read_in` reads the bytes from a file and writes what it read to another;
 * `rewrite` does so with a file of that second kind, which must then keep its bytes. */
typedef int fuzz_rewrite_fn(const char *from, const char *to, struct error *err);
enum fuzz_verdict fuzz_rewrite(const uint8_t *data, size_t size, fuzz_rewrite_fn *read_in,
                               fuzz_rewrite_fn *rewrite);

#endif
