/* The content-addressed store in one folder, usually `cache/`:
 *
 *   objects/<2>/<62>       read-only blobs, named by their sha256 (blob.h)
 *   actions/<2>/<62>.json  key of a stage -> the outs that it gave (action.h)
 *   work/<64>/             folders of running stages, and their checkpoints
 *   locks/<64>             held while a key is worked on
 *   tmp/<pid>-<random>/    files on their way into the store
 *   memo                   digests by stat(2) (memo.h)
 *
 * Beside them the runner keeps fingerprints.json, and logs/ of failed stages.
 *
 * Everything appears by rename after its bytes are on disk, so a reader sees
 * it whole or not at all, whenever a writer dies. Several processes may use
 * one store. What is missing or damaged counts as absent.
 *
 * Order of use: store_open, then blob.h, content.h, action.h, materialise.h;
 * store_close remembers what was hashed.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/digest.h"
#include "base/error.h"
#include "store/memo.h"

#include <stdbool.h>
#include <stddef.h>

enum { STORE_PATH_SIZE = 4096 };

struct store;

/* Makes the folder if need be. */
int store_open(const char *folder, struct store **store, struct error *err);

/* Saves the memo; a memo that cannot be saved costs time later, and nothing else. */
void store_close(struct store *store);

/* Absolute. */
const char *store_folder(const struct store *store);
struct memo *store_memo(const struct store *store);

/* Where the blob of a digest, the action of a key and the work on a key lie. */
void store_object_path(const struct store *store, const struct digest *digest,
                       char path[STORE_PATH_SIZE]);
void store_action_path(const struct store *store, const struct digest *key,
                       char path[STORE_PATH_SIZE]);
void store_work_path(const struct store *store, const struct digest *key,
                     char path[STORE_PATH_SIZE]);

/* A fresh name in this process's temporary folder, on the store's file system.
 * The first call removes what processes that are gone left behind: temporary
 * files, and the folders of stages that were killed (not their checkpoints). */
int store_temporary_path(struct store *store, char path[STORE_PATH_SIZE], struct error *err);

/* Flushes `temporary` to disk and gives it the name `path`, durably. The
 * folder of `path` is made. */
int store_publish_file(const char *temporary, const char *path, struct error *err);

/* One holder per key among all processes. store_try_lock leaves *lock NULL
 * where another process has it. */
struct store_lock;
int store_try_lock(struct store *store, const char *name, struct store_lock **lock,
                   struct error *err);
int store_wait_lock(struct store *store, const char *name, struct store_lock **lock,
                    struct error *err);
void store_unlock(struct store_lock *lock);

#endif
