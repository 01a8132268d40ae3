/* Files and folders. Paths are NUL-terminated; messages quote them. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* A regular file to read, of *size bytes; NULL where it is none, or cannot be read. */
FILE *file_open(const char *path, size_t *size, struct error *err);

/* Reads a whole regular file into *data (free() it), with a NUL after the
 * last byte. Refuses more than `limit` bytes with ERR_FORMAT. */
int file_read(const char *path, size_t limit, char **data, size_t *size, struct error *err);

/* A file that appears complete or not at all: written beside `path` under a
 * temporary name, flushed to disk and renamed by file_commit(). file_abandon()
 * removes what was written; after a commit, or zeroed, it does nothing. */
struct file_writer {
    FILE *stream;
    char *path;
    char *temporary;
};
int file_create(struct file_writer *writer, const char *path, struct error *err);
int file_commit(struct file_writer *writer, struct error *err);
void file_abandon(struct file_writer *writer);

/* The same without a flush: whole for every reader, but after a power loss perhaps the old
 * file, or an empty one. */
int file_commit_unflushed(struct file_writer *writer, struct error *err);

/* file_create, write, file_commit in one call. */
int file_write(const char *path, const void *data, size_t size, struct error *err);
int file_write_unflushed(const char *path, const void *data, size_t size, struct error *err);

/* Temporary names are ".reprise-<pid>-<random>", locked by who writes there. Removes those in
 * a folder whose writer is gone, killed. A folder that cannot be read is left alone. */
void file_remove_stale(const char *folder);

/* Makes a folder and its parents; fine if it exists. */
int file_make_folders(const char *path, struct error *err);

/* Makes "root/name", of a root that is there, and the folders between, each of mode 0755
 * whatever the umask says. */
int file_make_folders_below(const char *root, const char *name, struct error *err);

/* Makes the folders that hold `path`. */
int file_make_parents(const char *path, struct error *err);

/* Removes a file or a folder with all it holds, read-only and very deep ones too, without
 * following links; fine if absent. */
int file_remove(const char *path, struct error *err);

bool file_exists(const char *path);

/* "folder/name" in fresh memory, or NULL. */
char *file_join(const char *folder, const char *name, struct error *err);

/* Names in a folder but . and .., sorted by bytes. An error in the middle is an error, not
 * the end of the folder. Free with file_free_names. */
int file_list(const char *folder, char ***names, size_t *count, struct error *err);

/* The same of an open folder, which stays open; `path` is for messages. */
int file_list_at(int folder, const char *path, char ***names, size_t *count, struct error *err);
void file_free_names(char **names, size_t count);

#endif
