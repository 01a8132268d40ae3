/* File format, in the byte order of the machine (a memo never leaves it):
 *   magic    16 bytes, "reprise-memo 1" and two NULs
 *   sha256   32 bytes, of all that follows
 *   entries  each: device, inode, size, mtime, ctime as 64-bit integers (times
 *            in nanoseconds), then the digest
 */
#include "store/memo.h"

#include "base/file.h"
#include "base/memory.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

static const char magic[16] = "reprise-memo 1";

enum {
    MEMO_LIMIT = 1 << 30,
    MEMO_SPARE = 4096,          /* unused entries kept before a save drops them */
    RACY_NS = 50 * 1000 * 1000, /* more than a tick of any kernel's clock */
    FORGOTTEN = -1,             /* a size that no file has */
    HEADER = sizeof(magic) + DIGEST_SIZE,
};

/* A tick of a file system that keeps whole seconds, or two. */
static const int64_t RACY_WHOLE_NS = 2100 * 1000 * INT64_C(1000);

struct memo_entry {
    uint64_t device, inode;
    int64_t size, mtime, ctime;
    struct digest digest;
};

struct memo {
    pthread_mutex_t mutex;
    char *path;
    struct memo_entry *slots; /* open addressing by device and inode; inode 0 is free */
    bool *used;               /* beside each slot: found or added by this process */
    size_t slot_count, entry_count, used_count;
    bool dirty;
};

static int64_t nanoseconds(struct timespec t)
{
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static struct memo_entry entry_of(const struct stat *st)
{
    return (struct memo_entry){.device = st->st_dev,
                               .inode = st->st_ino,
                               .size = st->st_size,
                               .mtime = nanoseconds(st->st_mtim),
                               .ctime = nanoseconds(st->st_ctim)};
}

/* The slot that holds this device and inode, or the free one for it. */
static size_t slot_for(const struct memo *memo, uint64_t device, uint64_t inode)
{
    uint64_t hash = (inode ^ device << 32) * 0x9E3779B97F4A7C15u;
    size_t slot = (size_t)(hash >> 20) % memo->slot_count;
    while (memo->slots[slot].inode != 0 &&
           (memo->slots[slot].inode != inode || memo->slots[slot].device != device))
        slot = (slot + 1) % memo->slot_count;
    return slot;
}

static int resize(struct memo *memo, size_t slot_count, struct error *err)
{
    struct memo grown = *memo;
    grown.slot_count = slot_count;
    grown.slots = memory_new(slot_count, sizeof(*grown.slots), err);
    grown.used = memory_new(slot_count, sizeof(*grown.used), err);
    if (grown.slots == NULL || grown.used == NULL) {
        free(grown.slots);
        free(grown.used);
        return -1;
    }
    for (size_t i = 0; i < memo->slot_count; i++) {
        if (memo->slots[i].inode == 0)
            continue;
        size_t slot = slot_for(&grown, memo->slots[i].device, memo->slots[i].inode);
        grown.slots[slot] = memo->slots[i];
        grown.used[slot] = memo->used[i];
    }
    free(memo->slots);
    free(memo->used);
    *memo = grown;
    return 0;
}

static int insert(struct memo *memo, const struct memo_entry *entry, bool used, struct error *err)
{
    if (entry->inode == 0)
        return 0;
    if ((memo->entry_count + 1) * 2 > memo->slot_count &&
        resize(memo, memo->slot_count * 2, err) < 0)
        return -1;
    size_t slot = slot_for(memo, entry->device, entry->inode);
    if (memo->slots[slot].inode == 0)
        memo->entry_count++;
    memo->slots[slot] = *entry;
    memo->used_count += used && !memo->used[slot];
    memo->used[slot] = memo->used[slot] || used;
    return 0;
}

/* Adds the file's entries; those that `memo` has are newer and stay. */
static int load(struct memo *memo, struct error *err)
{
    char *data;
    size_t size;
    struct digest digest, stored;
    struct error ignored;
    if (file_read(memo->path, MEMO_LIMIT, &data, &size, &ignored) < 0)
        return 0;
    int result = 0;
    if (size < HEADER || (size - HEADER) % sizeof(struct memo_entry) != 0 ||
        memcmp(data, magic, sizeof(magic)) != 0)
        goto done;
    memcpy(&stored, data + sizeof(magic), sizeof(stored));
    if (digest_of_bytes(data + HEADER, size - HEADER, &digest, err) < 0) {
        result = -1;
        goto done;
    }
    if (!digest_equal(&digest, &stored))
        goto done;
    for (size_t at = HEADER; at < size && result == 0; at += sizeof(struct memo_entry)) {
        struct memo_entry entry;
        memcpy(&entry, data + at, sizeof(entry));
        if (memo->slots[slot_for(memo, entry.device, entry.inode)].inode == 0)
            result = insert(memo, &entry, false, err);
    }
done:
    free(data);
    return result;
}

int memo_open(const char *path, struct memo **opened, struct error *err)
{
    struct memo *memo = memory_new(1, sizeof(*memo), err);
    if (memo == NULL)
        return -1;
    pthread_mutex_init(&memo->mutex, NULL);
    if ((memo->path = memory_copy_text(path, err)) == NULL || resize(memo, 256, err) < 0 ||
        load(memo, err) < 0) {
        memo_close(memo);
        return -1;
    }
    *opened = memo;
    return 0;
}

/* A folder in its place is none of ours to keep. */
static int commit(struct file_writer *writer, struct error *err)
{
    struct stat st;
    if (lstat(writer->path, &st) == 0 && S_ISDIR(st.st_mode) &&
        file_remove(writer->path, err) < 0) {
        file_abandon(writer);
        return -1;
    }
    return file_commit_unflushed(writer, err);
}

static int save(struct memo *memo, struct error *err)
{
    if (!memo->dirty)
        return 0;
    struct file_writer writer;
    struct digest digest;
    size_t count = 0;
    if (load(memo, err) < 0)
        return -1;
    bool only_used = memo->entry_count > memo->used_count * 2 + MEMO_SPARE;
    struct memo_entry *entries = memory_new(memo->entry_count, sizeof(*entries), err);
    if (entries == NULL)
        return -1;
    for (size_t i = 0; i < memo->slot_count; i++)
        if (memo->slots[i].inode != 0 && memo->slots[i].size != FORGOTTEN &&
            (memo->used[i] || !only_used))
            entries[count++] = memo->slots[i];
    int result = -1;
    if (digest_of_bytes(entries, count * sizeof(*entries), &digest, err) == 0 &&
        file_create(&writer, memo->path, err) == 0) {
        fwrite(magic, 1, sizeof(magic), writer.stream);
        fwrite(&digest, 1, sizeof(digest), writer.stream);
        fwrite(entries, sizeof(*entries), count, writer.stream);
        result = commit(&writer, err);
    }
    free(entries);
    if (result == 0)
        memo->dirty = false;
    return result;
}

int memo_save(struct memo *memo, struct error *err)
{
    pthread_mutex_lock(&memo->mutex);
    int result = save(memo, err);
    pthread_mutex_unlock(&memo->mutex);
    return result;
}

void memo_close(struct memo *memo)
{
    if (memo == NULL)
        return;
    pthread_mutex_destroy(&memo->mutex);
    free(memo->path);
    free(memo->slots);
    free(memo->used);
    free(memo);
}

bool memo_find(struct memo *memo, const struct stat *st, struct digest *digest)
{
    struct memo_entry wanted = entry_of(st);
    pthread_mutex_lock(&memo->mutex);
    size_t slot = slot_for(memo, wanted.device, wanted.inode);
    const struct memo_entry *entry = &memo->slots[slot];
    bool found = entry->inode != 0 && entry->size == wanted.size && entry->mtime == wanted.mtime &&
                 entry->ctime == wanted.ctime;
    if (found)
        *digest = entry->digest;
    pthread_mutex_unlock(&memo->mutex);
    return found;
}

void memo_add(struct memo *memo, const struct stat *st, const struct digest *digest)
{
    struct error ignored;
    struct memo_entry entry = entry_of(st);
    entry.digest = *digest;
    pthread_mutex_lock(&memo->mutex);
    if (insert(memo, &entry, true, &ignored) == 0)
        memo->dirty = true;
    pthread_mutex_unlock(&memo->mutex);
}

/* The slot stays, for those behind it, and fits no file any more; saving drops it. */
void memo_forget(struct memo *memo, const struct stat *st)
{
    pthread_mutex_lock(&memo->mutex);
    size_t slot = slot_for(memo, st->st_dev, st->st_ino);
    if (memo->slots[slot].inode != 0)
        memo->slots[slot].size = FORGOTTEN;
    pthread_mutex_unlock(&memo->mutex);
}

/* Whole seconds in both times: a file system that has no finer ones, FAT even two seconds. */
bool memo_is_racy(const struct stat *st)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    int64_t changed = nanoseconds(st->st_ctim);
    if (nanoseconds(st->st_mtim) > changed)
        changed = nanoseconds(st->st_mtim);
    bool whole = st->st_ctim.tv_nsec == 0 && st->st_mtim.tv_nsec == 0;
    /* Less than nothing in the future: a clock that jumped tells nothing. */
    return nanoseconds(now) - changed < (whole ? RACY_WHOLE_NS : RACY_NS);
}
