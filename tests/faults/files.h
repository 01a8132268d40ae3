/* Folders as the campaigns see them: copied, removed, changed, and described by text that can be
 * compared. */
#ifndef TESTS_FAULTS_FILES_H
#define TESTS_FAULTS_FILES_H

#include <stdbool.h>
#include <stddef.h>

enum { FILES_PATH = 1024, FILES_HEX = 65 };

void files_write(const char *folder, const char *path, const char *text, int mode);
/* NULL where it cannot be read. The caller frees. */
char *files_read(const char *path, size_t *size);
void files_copy_file(const char *from, const char *to, int mode);
void files_copy(const char *from, const char *to);
void files_remove(const char *path);
/* SHA-256 in hex; false where it cannot be read. */
bool files_digest(const char *path, char hex[FILES_HEX]);

/* Called with a path below the root, parents first, names sorted. */
typedef void files_visit(const char *root, const char *path, void *context);
void files_walk(const char *root, files_visit *visit, void *context);

#endif
