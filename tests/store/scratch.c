#include "scratch.h"

#include "base/file.h"

#include "tap.h"
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

int scratch_set_up(void **state)
{
    struct error err;
    struct scratch *scratch = calloc(1, sizeof(*scratch));
    const char *tmp = getenv("TMPDIR");
    if (tmp == NULL || tmp[0] != '/' || strlen(tmp) > 40)
        tmp = "/tmp";
    snprintf(scratch->folder, sizeof(scratch->folder), "%s/reprise-store-XXXXXX", tmp);
    assert_non_null(mkdtemp(scratch->folder));
    snprintf(scratch->cache, sizeof(scratch->cache), "%s/cache", scratch->folder);
    assert_int_equal(store_open(scratch->cache, &scratch->store, &err), 0);
    *state = scratch;
    return 0;
}

int scratch_tear_down(void **state)
{
    struct error err;
    struct scratch *scratch = *state;
    store_close(scratch->store);
    assert_int_equal(file_remove(scratch->folder, &err), 0);
    free(scratch);
    return 0;
}

void scratch_reopen(struct scratch *scratch)
{
    struct error err;
    store_close(scratch->store);
    assert_int_equal(store_open(scratch->cache, &scratch->store, &err), 0);
}

const char *scratch_path(const struct scratch *scratch, const char *name, char path[256])
{
    snprintf(path, 256, "%s/%s", scratch->folder, name);
    return path;
}

void scratch_write(const struct scratch *scratch, const char *name, const char *text)
{
    char path[256];
    struct error err;
    scratch_path(scratch, name, path);
    assert_int_equal(file_make_parents(path, &err), 0);
    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
}

void scratch_flip(const char *path, long offset)
{
    struct stat st;
    unsigned char byte;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(chmod(path, 0644), 0);
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, offset), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    assert_int_equal(chmod(path, st.st_mode & 07777), 0);
}

static size_t counted; /* nftw has no room for an argument */

static int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)path, (void)st, (void)ftw;
    counted += type == FTW_F;
    return 0;
}

size_t scratch_count(const struct scratch *scratch, const char *part)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", scratch->cache, part);
    counted = 0;
    nftw(path, count_file, 16, FTW_PHYS);
    return counted;
}
