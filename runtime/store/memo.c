/* File format, in the byte order of the machine (a memo never leaves it):
 *   header   magic   16 bytes, "reprise-memo 2" and two NULs
 *            pages   32 bits: how many follow, a power of two
 *            saves   32 bits: how often the file was saved
 *            check   64 bits: memo_checksum of the 24 bytes before
 *   page     check   64 bits: memo_checksum of the rest of the page
 *            count   32 bits: entries in use
 *            zero    32 bits
 *            entries each: device, inode, size, mtime, ctime as 64-bit integers (times in
 *                    nanoseconds), the digest, the save when last asked for and zero (32 bits)
 *            zeros   up to 4096 bytes in all
 * The page of a file is told by its device and inode.
 */
#include "store/memo.h"

#include "base/file.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char magic[16] = "reprise-memo 2";

enum {
    PAGE_SIZE = 4096,
    PAGE_ENTRIES = 50,
    MAX_PAGES = 1 << 18,        /* a GiB */
    FULL_ENOUGH = 25,           /* entries a page, on average, when it is written */
    SPARE = 4096,               /* entries kept however old they are */
    OLD = 256,                  /* saves after which nobody's entry is dropped */
    RACY_NS = 50 * 1000 * 1000, /* more than a tick of any kernel's clock */
    FORGOTTEN = -1,             /* a size that no file has */
};

/* A tick of a file system that keeps whole seconds, or two. */
static const int64_t RACY_WHOLE_NS = 2100 * 1000 * INT64_C(1000);

struct memo_entry {
    uint64_t device, inode;
    int64_t size, mtime, ctime;
    struct digest digest;
    uint32_t asked, zero;
};

struct header {
    char magic[16];
    uint32_t pages, saves;
    uint64_t check;
};

struct page {
    uint64_t check;
    uint32_t count, zero;
    struct memo_entry entries[PAGE_ENTRIES];
    unsigned char zeros[PAGE_SIZE - 16 - PAGE_ENTRIES * sizeof(struct memo_entry)];
};

_Static_assert(sizeof(struct page) == PAGE_SIZE, "a page of the memo");

/* A file as it was opened. */
struct pages {
    int fd; /* or -1: no file, or a damaged one */
    uint32_t count, saves;
    struct page **loaded; /* NULL: not read yet */
};

/* Entries by device and inode: open addressing, inode 0 is free. */
struct table {
    struct memo_entry *slots;
    size_t slot_count, entry_count;
};

struct memo {
    pthread_mutex_t mutex;
    char *path;
    struct pages file;
    struct table added; /* by this process; wins over the file */
    bool dirty;
};

uint64_t memo_checksum(const void *data, size_t size)
{
    uint64_t sum = size * UINT64_C(0x9E3779B97F4A7C15), word;
    const unsigned char *at = data;
    for (; size >= sizeof(word); at += sizeof(word), size -= sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        sum = (sum ^ word) * UINT64_C(0xD6E8FEB86659FD93);
        sum ^= sum >> 32;
    }
    for (; size > 0; at++, size--)
        sum = (sum ^ *at) * UINT64_C(0xD6E8FEB86659FD93);
    return sum ^ sum >> 29;
}

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

static uint64_t hash_of(const struct memo_entry *entry)
{
    uint64_t hash = (entry->inode ^ entry->device << 32) * UINT64_C(0x9E3779B97F4A7C15);
    return hash ^ hash >> 29;
}

static bool same_file(const struct memo_entry *a, const struct memo_entry *b)
{
    return a->inode == b->inode && a->device == b->device;
}

/* ---- what this process added ---- */

static struct memo_entry *slot_for(const struct table *table, const struct memo_entry *entry)
{
    size_t slot = (size_t)(hash_of(entry) % table->slot_count);
    while (table->slots[slot].inode != 0 && !same_file(&table->slots[slot], entry))
        slot = (slot + 1) % table->slot_count;
    return &table->slots[slot];
}

static int resize(struct table *table, size_t slot_count, struct error *err)
{
    struct table grown = {.slot_count = slot_count, .entry_count = table->entry_count};
    if ((grown.slots = memory_new(slot_count, sizeof(*grown.slots), err)) == NULL)
        return -1;
    for (size_t i = 0; i < table->slot_count; i++)
        if (table->slots[i].inode != 0)
            *slot_for(&grown, &table->slots[i]) = table->slots[i];
    free(table->slots);
    *table = grown;
    return 0;
}

static int insert(struct table *table, const struct memo_entry *entry, struct error *err)
{
    if (entry->inode == 0)
        return 0;
    if ((table->entry_count + 1) * 2 > table->slot_count &&
        resize(table, table->slot_count * 2, err) < 0)
        return -1;
    struct memo_entry *slot = slot_for(table, entry);
    table->entry_count += slot->inode == 0;
    *slot = *entry;
    return 0;
}

/* ---- the file ---- */

static void close_pages(struct pages *pages)
{
    for (uint32_t i = 0; i < pages->count && pages->loaded != NULL; i++)
        free(pages->loaded[i]);
    free(pages->loaded);
    if (pages->fd >= 0)
        close(pages->fd);
    *pages = (struct pages){.fd = -1};
}

static bool read_all(int fd, void *data, size_t size, off_t at)
{
    ssize_t got;
    do
        got = pread(fd, data, size, at);
    while (got < 0 && errno == EINTR);
    return got == (ssize_t)size;
}

/* A file that is not a memo leaves `pages` without one. */
static int open_pages(struct pages *pages, const char *path, struct error *err)
{
    struct header header;
    struct stat st;
    *pages = (struct pages){.fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
    if (pages->fd < 0)
        return 0;
    if (fstat(pages->fd, &st) == 0 && S_ISREG(st.st_mode) &&
        read_all(pages->fd, &header, sizeof(header), 0) &&
        memcmp(header.magic, magic, sizeof(magic)) == 0 &&
        header.check == memo_checksum(&header, offsetof(struct header, check)) &&
        header.pages > 0 && header.pages <= MAX_PAGES && (header.pages & (header.pages - 1)) == 0 &&
        st.st_size == (off_t)sizeof(header) + (off_t)header.pages * PAGE_SIZE) {
        pages->loaded = memory_new(header.pages, sizeof(*pages->loaded), err);
        if (pages->loaded != NULL) {
            pages->count = header.pages;
            pages->saves = header.saves;
            return 0;
        }
        close_pages(pages);
        return -1;
    }
    close_pages(pages);
    return 0;
}

static bool page_is_good(const struct page *page)
{
    return page->count <= PAGE_ENTRIES &&
           page->check == memo_checksum((const char *)page + sizeof(page->check),
                                        sizeof(*page) - sizeof(page->check));
}

/* NULL where there is no memory for it. */
static struct page *load_page(struct pages *pages, uint32_t index)
{
    struct error ignored;
    struct page *page = pages->loaded[index];
    if (page != NULL || (page = memory_new(1, sizeof(*page), &ignored)) == NULL)
        return page;
    off_t at = (off_t)sizeof(struct header) + (off_t)index * PAGE_SIZE;
    if (!read_all(pages->fd, page, sizeof(*page), at) || !page_is_good(page))
        *page = (struct page){0};
    return pages->loaded[index] = page;
}

static struct memo_entry *find_in_file(struct pages *pages, const struct memo_entry *wanted)
{
    struct page *page = pages->count == 0 || wanted->inode == 0
                            ? NULL
                            : load_page(pages, (uint32_t)hash_of(wanted) & (pages->count - 1));
    for (uint32_t i = 0; page != NULL && i < page->count; i++)
        if (same_file(&page->entries[i], wanted))
            return &page->entries[i];
    return NULL;
}

/* ---- saving ---- */

/* What goes into the new file: first of this process, then of the file as it is now. */
static int add_from_file(struct table *all, struct pages *file, struct error *err)
{
    for (uint32_t i = 0; i < file->count; i++) {
        const struct page *page = load_page(file, i);
        for (uint32_t j = 0; page != NULL && j < page->count; j++)
            if (page->entries[j].inode != 0 && slot_for(all, &page->entries[j])->inode == 0 &&
                insert(all, &page->entries[j], err) < 0)
                return -1;
    }
    return 0;
}

/* What was found in the file is in use, whoever saved it since. */
static int add_asked_for(struct table *all, const struct pages *file, struct error *err)
{
    for (uint32_t i = 0; i < file->count; i++) {
        const struct page *page = file->loaded[i];
        for (uint32_t j = 0; page != NULL && j < page->count; j++)
            if (page->entries[j].asked > file->saves &&
                slot_for(all, &page->entries[j])->inode == 0 &&
                insert(all, &page->entries[j], err) < 0)
                return -1;
    }
    return 0;
}

static bool is_kept(const struct table *all, const struct memo_entry *entry, uint32_t saves)
{
    return entry->inode != 0 && entry->size != FORGOTTEN &&
           (all->entry_count <= SPARE || saves - entry->asked <= OLD || entry->asked > saves);
}

/* False where a page is too full. */
static bool fill_pages(const struct table *all, struct page *pages, uint32_t count, uint32_t saves,
                       bool drop)
{
    for (size_t i = 0; i < all->slot_count; i++) {
        const struct memo_entry *entry = &all->slots[i];
        if (!is_kept(all, entry, saves))
            continue;
        struct page *page = &pages[(uint32_t)hash_of(entry) & (count - 1)];
        if (page->count < PAGE_ENTRIES) {
            page->entries[page->count] = *entry;
            page->entries[page->count].zero = 0;
            page->count++;
        } else if (!drop)
            return false;
    }
    for (uint32_t i = 0; i < count; i++)
        pages[i].check = memo_checksum((const char *)&pages[i] + sizeof(pages[i].check),
                                       sizeof(pages[i]) - sizeof(pages[i].check));
    return true;
}

static struct page *make_pages(const struct table *all, uint32_t saves, uint32_t *count,
                               struct error *err)
{
    enum { TRIES = 3 };
    uint32_t wanted = 1;
    while (wanted < MAX_PAGES && (size_t)wanted * FULL_ENOUGH < all->entry_count)
        wanted *= 2;
    for (int attempt = 0;; attempt++, wanted *= 2) {
        bool last = attempt == TRIES || wanted == MAX_PAGES;
        struct page *pages = memory_new(wanted, sizeof(*pages), err);
        if (pages == NULL)
            return NULL;
        if (fill_pages(all, pages, wanted, saves, last)) {
            *count = wanted;
            return pages;
        }
        free(pages);
    }
}

/* A folder in its place is none of ours to keep. */
static int write_pages(const char *path, const struct page *pages, uint32_t count, uint32_t saves,
                       struct error *err)
{
    struct header header = {.pages = count, .saves = saves};
    struct file_writer writer;
    struct stat st;
    memcpy(header.magic, magic, sizeof(magic));
    header.check = memo_checksum(&header, offsetof(struct header, check));
    if ((lstat(path, &st) == 0 && S_ISDIR(st.st_mode) && file_remove(path, err) < 0) ||
        file_create(&writer, path, err) < 0)
        return -1;
    fwrite(&header, sizeof(header), 1, writer.stream); /* the commit asks ferror */
    fwrite(pages, sizeof(*pages), count, writer.stream);
    return file_commit_unflushed(&writer, err);
}

static int save(struct memo *memo, struct error *err)
{
    struct pages now;
    struct table all = {0};
    struct page *pages = NULL;
    uint32_t count;
    int result = -1;
    if (open_pages(&now, memo->path, err) < 0)
        return -1;
    uint32_t saves = now.saves + 1;
    if (resize(&all, memo->added.slot_count, err) < 0)
        goto done;
    for (size_t i = 0; i < memo->added.slot_count; i++) {
        struct memo_entry entry = memo->added.slots[i];
        entry.asked = saves;
        if (insert(&all, &entry, err) < 0)
            goto done;
    }
    if (add_asked_for(&all, &memo->file, err) == 0 && add_from_file(&all, &now, err) == 0 &&
        (pages = make_pages(&all, saves, &count, err)) != NULL)
        result = write_pages(memo->path, pages, count, saves, err);
done:
    free(pages);
    free(all.slots);
    close_pages(&now);
    return result;
}

int memo_save(struct memo *memo, struct error *err)
{
    pthread_mutex_lock(&memo->mutex);
    int result = memo->dirty ? save(memo, err) : 0;
    if (result == 0)
        memo->dirty = false;
    pthread_mutex_unlock(&memo->mutex);
    return result;
}

/* ---- use ---- */

int memo_open(const char *path, struct memo **opened, struct error *err)
{
    enum { SLOTS = 256 };
    struct memo *memo = memory_new(1, sizeof(*memo), err);
    if (memo == NULL)
        return -1;
    memo->file.fd = -1;
    pthread_mutex_init(&memo->mutex, NULL);
    if ((memo->path = memory_copy_text(path, err)) == NULL ||
        resize(&memo->added, SLOTS, err) < 0 || open_pages(&memo->file, path, err) < 0) {
        memo_close(memo);
        return -1;
    }
    *opened = memo;
    return 0;
}

void memo_close(struct memo *memo)
{
    if (memo == NULL)
        return;
    close_pages(&memo->file);
    pthread_mutex_destroy(&memo->mutex);
    free(memo->added.slots);
    free(memo->path);
    free(memo);
}

bool memo_find(struct memo *memo, const struct stat *st, struct digest *digest)
{
    struct memo_entry wanted = entry_of(st);
    pthread_mutex_lock(&memo->mutex);
    struct memo_entry *entry = slot_for(&memo->added, &wanted);
    if (entry->inode == 0 && (entry = find_in_file(&memo->file, &wanted)) != NULL)
        entry->asked = memo->file.saves + 1;
    bool found = entry != NULL && entry->inode != 0 && entry->size == wanted.size &&
                 entry->mtime == wanted.mtime && entry->ctime == wanted.ctime;
    if (found)
        *digest = entry->digest;
    pthread_mutex_unlock(&memo->mutex);
    return found;
}

static void add(struct memo *memo, const struct memo_entry *entry)
{
    struct error ignored;
    pthread_mutex_lock(&memo->mutex);
    if (insert(&memo->added, entry, &ignored) == 0)
        memo->dirty = true;
    pthread_mutex_unlock(&memo->mutex);
}

/* An entry that fits no file hides what the file has. */
void memo_forget(struct memo *memo, const struct stat *st)
{
    struct memo_entry entry = entry_of(st);
    entry.size = FORGOTTEN;
    add(memo, &entry);
}

/* Whole seconds in both times: a file system that has no finer ones, FAT even two seconds. */
static bool is_whole(const struct stat *st)
{
    return st->st_ctim.tv_nsec == 0 && st->st_mtim.tv_nsec == 0;
}

bool memo_is_racy_at(const struct stat *st, const struct timespec *now)
{
    int64_t changed = nanoseconds(st->st_ctim);
    if (nanoseconds(st->st_mtim) > changed)
        changed = nanoseconds(st->st_mtim);
    /* Less than nothing in the future: a clock that jumped tells nothing. */
    return nanoseconds(*now) - changed < (is_whole(st) ? RACY_WHOLE_NS : RACY_NS);
}

bool memo_is_racy(const struct stat *st)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return memo_is_racy_at(st, &now);
}

struct timespec memo_settled_time(void)
{
    enum { SECOND_NS = 1000 * 1000 * 1000 };
    struct timespec time;
    clock_gettime(CLOCK_REALTIME, &time);
    time.tv_nsec -= RACY_NS;
    if (time.tv_nsec < 0) {
        time.tv_nsec += SECOND_NS;
        time.tv_sec--;
    }
    return time;
}

/* Where a file system keeps whole seconds, anyone may write to a file for the rest of its second,
 * and no time would tell, not even of one that is written here and delivered. */
void memo_add(struct memo *memo, const struct stat *st, const struct digest *digest)
{
    if (is_whole(st) && memo_is_racy(st))
        return;
    struct memo_entry entry = entry_of(st);
    entry.digest = *digest;
    add(memo, &entry);
}
