#include "fuzz/fuzz_folder.h"

#include "base/digest.h"
#include "base/file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILE_LIMIT = 1 << 30 };

void fuzz_folder_make(struct fuzz_folder *folder, const uint8_t *data, size_t size)
{
    const char *root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder->path, sizeof(folder->path), "%s/reprise-fuzz-XXXXXX", root);
    ASSERT(mkdtemp(folder->path) != NULL);
    const int length = FUZZ_PATH_SIZE - (int)sizeof("/output");
    snprintf(folder->input, sizeof(folder->input), "%.*s/input", length, folder->path);
    snprintf(folder->output, sizeof(folder->output), "%.*s/output", length, folder->path);
    snprintf(folder->again, sizeof(folder->again), "%.*s/again", length, folder->path);
    fuzz_write(folder->input, data, size);
}

void fuzz_folder_remove(struct fuzz_folder *folder)
{
    struct error err = {0};
    ASSERT(file_remove(folder->path, &err) == 0);
}

bool fuzz_folder_is_clean(const struct fuzz_folder *folder)
{
    struct error err = {0};
    char **names;
    size_t count;
    ASSERT(file_list(folder->path, &names, &count, &err) == 0);
    bool clean = count == 1 && strcmp(names[0], "input") == 0;
    file_free_names(names, count);
    return clean;
}

void fuzz_write(const char *path, const void *data, size_t size)
{
    FILE *stream = fopen(path, "wb");
    ASSERT(stream != NULL);
    ASSERT(size == 0 || fwrite(data, 1, size, stream) == size);
    ASSERT(fclose(stream) == 0);
}

bool fuzz_file_is(const char *path, const void *data, size_t size)
{
    struct error err = {0};
    char *found;
    size_t found_size;
    ASSERT(file_read(path, FILE_LIMIT, &found, &found_size, &err) == 0);
    bool equal = found_size == size && (size == 0 || memcmp(found, data, size) == 0);
    free(found);
    return equal;
}

bool fuzz_files_equal(const char *path, const char *other)
{
    struct error err = {0};
    char *data;
    size_t size;
    ASSERT(file_read(other, FILE_LIMIT, &data, &size, &err) == 0);
    bool equal = fuzz_file_is(path, data, size);
    free(data);
    return equal;
}

bool fuzz_text_is_clean(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0'; at++)
        if (*at < ' ' || *at == 0x7f || (at[0] == 0xc2 && at[1] >= 0x80 && at[1] <= 0x9f))
            return false;
    return true;
}

uint8_t *fuzz_complete(const uint8_t *data, size_t size, size_t at, size_t begin, size_t end)
{
    static const uint8_t zeros[DIGEST_SIZE];
    struct error err = {0};
    struct digest digest;
    uint8_t *copy = malloc(size + 1);
    ASSERT(copy != NULL);
    if (size > 0)
        memcpy(copy, data, size);
    if (at <= size && size - at >= DIGEST_SIZE && begin <= end &&
        memcmp(data + at, zeros, sizeof(zeros)) == 0) {
        ASSERT(digest_of_bytes(copy + begin, end - begin, &digest, &err) == 0);
        memcpy(copy + at, digest.bytes, DIGEST_SIZE);
    }
    return copy;
}

bool fuzz_error_is_good(const struct error *err)
{
    return err->kind != ERR_NONE && err->message[0] != '\0' && fuzz_text_is_clean(err->message);
}

enum fuzz_verdict fuzz_verdict(const char *output, const uint8_t *data, size_t size)
{
    return fuzz_file_is(output, data, size) ? FUZZ_CANONICAL : FUZZ_ACCEPTED;
}

enum fuzz_verdict fuzz_rewrite(const uint8_t *data, size_t size, fuzz_rewrite_fn *read_in,
                               fuzz_rewrite_fn *rewrite)
{
    struct error err = {0};
    struct fuzz_folder folder;
    enum fuzz_verdict verdict = FUZZ_REFUSED;
    fuzz_folder_make(&folder, data, size);
    if (read_in(folder.input, folder.output, &err) < 0) {
        ASSERT(fuzz_error_is_good(&err) && fuzz_folder_is_clean(&folder));
    } else {
        ASSERT(rewrite(folder.output, folder.again, &err) == 0);
        ASSERT(fuzz_files_equal(folder.output, folder.again));
        verdict = fuzz_verdict(folder.output, data, size);
    }
    fuzz_folder_remove(&folder);
    return verdict;
}
