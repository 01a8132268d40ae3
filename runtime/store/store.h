/* The content-addressed store in one folder, usually `cache/`:
 *
 *   objects/<2>/<62>       read-only blobs, named by their sha256 (blob.h)
 *   actions/<2>/<62>.json  key of a stage -> the outs that it gave (action.h)
 *   work/<64>/run/         the folder of a running stage; beside it its checkpoint, what it
 *                          prints and tells, and a file `kept` where the run folder is to stay
 *   key-locks              a byte for each key that is worked on, locked; the first for all
 *   tmp/<pid>-<random>/    files on their way into the store
 *   memo                   digests by stat(2) (memo.h)
 *
 * Beside them the runner keeps what it remembers itself (answers.json, delivered.json, published,
 * lock-stamp, unchanged), and logs/ of failed stages.
 *
 * Everything appears by rename, so a reader sees it whole or not at all.
 * Writing flushes nothing: after store_flush all that was written before is
 * durable, so blobs are written and flushed before the action that names
 * them. Several processes, and several threads of each, may use one store.
 * What is missing, damaged or not a file counts as absent, and is replaced.
 *
 * Order of use: store_open, then blob.h, content.h, materialise.h, store_flush,
 * action.h, store_flush; store_close remembers what was hashed.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/digest.h"
#include "base/error.h"
#include "store/memo.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

enum { STORE_PATH_SIZE = 4096 };

struct store;
struct pumps;
struct pool;

/* Makes the folder if need be, and waits while another process uses the store alone. */
int store_open(const char *folder, struct store **store, struct error *err);

/* Until it is closed no other process uses the store; ERR_USAGE where one does now. */
int store_use_alone(struct store *store, struct error *err);

/* Saves the memo; a memo that cannot be saved costs time later, and nothing else. */
void store_close(struct store *store);

/* Absolute. */
const char *store_folder(const struct store *store);
struct memo *store_memo(const struct store *store);
struct pumps *store_pumps(const struct store *store);
struct pool *store_pool(const struct store *store);

/* Once *stop is not 0, hashing and copying end with ERR_INTERRUPTED. NULL takes it away; *stop
 * must live as long as it is set. */
void store_set_stop(struct store *store, const atomic_int *stop);

/* Where the blob of a digest, the action of a key and the work on a key lie. */
void store_object_path(const struct store *store, const struct digest *digest,
                       char path[STORE_PATH_SIZE]);
void store_action_path(const struct store *store, const struct digest *key,
                       char path[STORE_PATH_SIZE]);
void store_work_path(const struct store *store, const struct digest *key,
                     char path[STORE_PATH_SIZE]);

/* Removes what processes that are gone left: temporary files, folders of stages that were killed
 * (not their checkpoints). */
void store_remove_stale(struct store *store);

/* True where there is something of the kind, or another process is at work. */
bool store_has_leftovers(const struct store *store);

/* A fresh name in this process's temporary folder, on the store's file system.
 * The first call removes what is stale. */
int store_temporary_path(struct store *store, char path[STORE_PATH_SIZE], struct error *err);

/* Gives a file on the store's file system the name `path`, in place of what is there, a folder
 * too. The folder of `path` is made. */
int store_publish_file(struct store *store, const char *temporary, const char *path,
                       struct error *err);

/* The same of `name` in an open folder. */
int store_publish_at(struct store *store, int folder, const char *name, const char *path,
                     struct error *err);

/* Says that `path` (absolute) was written, here or outside the store: the next flush is for
 * it, too. */
void store_note_written(struct store *store, const char *path);

/* Held while a blob gets or loses a name, so that the memo can follow its change time. */
void store_lock_names(struct store *store);
void store_unlock_names(struct store *store);

/* True where files of the store can be cloned; tried once. */
bool store_has_reflinks(struct store *store);

/* Makes all that was written before durable; does nothing where nothing was. Threads that
 * flush at once share one flush. */
int store_flush(struct store *store, struct error *err);

/* One holder per key among all processes. store_try_lock leaves *lock NULL
 * where another process has it. */
struct store_lock;
int store_try_lock(struct store *store, const char *name, struct store_lock **lock,
                   struct error *err);
int store_wait_lock(struct store *store, const char *name, struct store_lock **lock,
                    struct error *err);
void store_unlock(struct store_lock *lock);

/* A process that keeps this open holds the lock, too. */
int store_lock_descriptor(const struct store_lock *lock);

#endif
