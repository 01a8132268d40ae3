/* Any bytes as a memo. Checks of zeros stand for the right ones. */
#include "fuzz/fuzz_folder.h"
#include "store/memo.h"

#include <stdlib.h>
#include <string.h>

/* As memo.c describes: a header with its check at the end; pages with theirs in front. */
enum { HEADER = 32, HEADER_CHECK = 24, PAGE = 4096, PAGE_ENTRIES = 16, ENTRY = 80, NUMBERS = 5 };

static void complete_check(uint8_t *check, const uint8_t *data, size_t size)
{
    uint64_t sum;
    memcpy(&sum, check, sizeof(sum));
    if (sum == 0) {
        sum = memo_checksum(data, size);
        memcpy(check, &sum, sizeof(sum));
    }
}

static uint8_t *complete(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    ASSERT(copy != NULL);
    memcpy(copy, data, size);
    if (size >= HEADER)
        complete_check(copy + HEADER_CHECK, copy, HEADER_CHECK);
    for (size_t at = HEADER; at + PAGE <= size; at += PAGE)
        complete_check(copy + at, copy + at + 8, PAGE - 8);
    return copy;
}

static struct timespec time_of(int64_t nanoseconds)
{
    return (struct timespec){.tv_sec = nanoseconds / 1000000000,
                             .tv_nsec = nanoseconds % 1000000000};
}

/* Of the first entry; false where there is none, or where its inode is none. */
static bool first_entry(const uint8_t *data, size_t size, struct stat *st, struct digest *digest)
{
    int64_t numbers[NUMBERS];
    if (size < HEADER + PAGE)
        return false;
    memcpy(numbers, data + HEADER + PAGE_ENTRIES, sizeof(numbers));
    memcpy(digest->bytes, data + HEADER + PAGE_ENTRIES + sizeof(numbers), DIGEST_SIZE);
    *st = (struct stat){.st_dev = (dev_t)numbers[0], .st_ino = (ino_t)numbers[1]};
    st->st_size = numbers[2];
    st->st_mtim = time_of(numbers[3]);
    st->st_ctim = time_of(numbers[4]);
    return st->st_ino != 0;
}

static bool knows(struct memo *memo, const struct stat *st, const struct digest *digest)
{
    struct digest found;
    return memo_find(memo, st, &found) && digest_equal(&found, digest);
}

enum fuzz_verdict fuzz_memo(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct fuzz_folder folder;
    struct memo *memo = NULL;
    struct stat st, other = {.st_dev = 77, .st_ino = 1234567};
    struct digest digest, others = {.bytes = {1, 2, 3}};
    uint8_t *copy = complete(data, size);
    fuzz_folder_make(&folder, copy, size);
    ASSERT(memo_open(folder.input, &memo, &err) == 0);
    bool found = first_entry(copy, size, &st, &digest) && knows(memo, &st, &digest);
    memo_add(memo, &other, &others);
    ASSERT(memo_save(memo, &err) == 0);
    memo_close(memo);
    /* What was damaged has been replaced, what was good is still there. */
    ASSERT(memo_open(folder.input, &memo, &err) == 0);
    bool same_file = found && st.st_dev == other.st_dev && st.st_ino == other.st_ino;
    ASSERT(knows(memo, &other, &others));
    ASSERT(!found || same_file || knows(memo, &st, &digest));
    memo_close(memo);
    ASSERT(fuzz_folder_is_clean(&folder));
    fuzz_folder_remove(&folder);
    free(copy);
    return found ? FUZZ_ACCEPTED : FUZZ_REFUSED;
}
