/* What the child writes to the pipe:
 *
 *   answer  = u32 kind of error, 0 for none
 *             error: text
 *             none:  u64 count, tensor..., text (the note)
 *   tensor  = text (name) u32 rank i64 dimension... f32 value...
 *   text    = u32 size byte...
 */
#include "data/confined.h"

#include "base/memory.h"
#include "data/npy.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TENSORS_LIMIT = 100000, TEXT_LIMIT = 4096, MEBIBYTE = 1 << 20, SILENCE_MS = 600000 };
static const int64_t values_limit = (int64_t)1 << 30;

/* ---- child ---- */

static void put(const void *bytes, size_t size)
{
    const char *at = bytes;
    while (size > 0) {
        ssize_t done = write(STDIN_FILENO, at, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            _exit(1);
        at += done;
        size -= (size_t)done;
    }
}

static void put_text(const char *string)
{
    size_t length = strlen(string);
    uint32_t size = (uint32_t)(length < TEXT_LIMIT ? length : TEXT_LIMIT);
    put(&size, sizeof size);
    put(string, size);
}

static void put_set(const struct safetensors *set, const struct text *note)
{
    const uint32_t none = 0;
    const uint64_t count = set->count;
    put(&none, sizeof none);
    put(&count, sizeof count);
    for (size_t i = 0; i < set->count; i++) {
        const struct safetensor *tensor = &set->tensors[i];
        const uint32_t rank = (uint32_t)tensor->rank;
        put_text(tensor->name);
        put(&rank, sizeof rank);
        put(tensor->shape, rank * sizeof tensor->shape[0]);
        put(tensor->data, (size_t)tensor->count * sizeof(float));
    }
    put_text(text_string(note));
}

static _Noreturn void answer(confined_reader *reader, unsigned char *bytes, size_t size)
{
    struct safetensors set = {0};
    struct text note = {0};
    struct error err = {0};
    if (reader(bytes, size, &set, &note, &err) == 0) {
        put_set(&set, &note);
    } else {
        const uint32_t kind = (uint32_t)err.kind;
        put(&kind, sizeof kind);
        put_text(err.message);
    }
    _exit(0);
}

/* ---- parent: what comes out of the pipe ---- */

struct source {
    int fd;
    bool ended;  /* early, or because it is silent */
    bool silent; /* nothing came for SILENCE_MS */
};

/* All `size` bytes, or false. */
static bool take(struct source *source, void *bytes, size_t size)
{
    char *at = bytes;
    while (size > 0 && !source->ended) {
        struct pollfd ready = {.fd = source->fd, .events = POLLIN};
        int answered = poll(&ready, 1, SILENCE_MS);
        if (answered < 0 && errno == EINTR)
            continue;
        source->silent = answered == 0;
        ssize_t done = answered > 0 ? read(source->fd, at, size) : 0;
        if (done < 0 && errno == EINTR)
            continue;
        source->ended = done <= 0;
        at += done > 0 ? done : 0;
        size -= done > 0 ? (size_t)done : 0;
    }
    return !source->ended;
}

static char *take_text(struct source *source, struct error *err)
{
    uint32_t size = 0;
    char *string = NULL;
    if (!take(source, &size, sizeof size) || size > TEXT_LIMIT ||
        (string = memory_new((size_t)size + 1, 1, err)) == NULL)
        return NULL;
    if (!take(source, string, size) || strlen(string) != size) {
        free(string);
        return NULL;
    }
    return string;
}

static int take_tensor(struct source *source, struct safetensors *set, int64_t *total,
                       struct error *err)
{
    uint32_t rank = 0;
    int64_t shape[SAFETENSOR_MAX_RANK] = {0}, count = 0;
    char *name = take_text(source, err);
    int result = -1;
    if (name != NULL && take(source, &rank, sizeof rank) && rank <= SAFETENSOR_MAX_RANK &&
        take(source, shape, rank * sizeof shape[0]) &&
        npy_count((int)rank, shape, sizeof(float), &count, err) == 0 &&
        count <= values_limit - *total &&
        safetensors_add(set, name, (int)rank, shape, NULL, err) == 0 &&
        take(source, set->tensors[set->count - 1].data, (size_t)count * sizeof(float))) {
        *total += count;
        result = 0;
    }
    free(name);
    return result;
}

/* -1 with an error, or without one where the answer is not as it should be. */
static int take_answer(struct source *source, struct safetensors *set, struct text *note,
                       struct error *err)
{
    uint32_t kind = 0;
    uint64_t count = 0;
    int64_t total = 0;
    char *string = NULL;
    if (!take(source, &kind, sizeof kind))
        return -1;
    if (kind != ERR_NONE) {
        if (kind <= ERR_CHANGED && (string = take_text(source, err)) != NULL)
            error_set(err, (enum error_kind)kind, "%s", string);
        free(string);
        return -1;
    }
    if (!take(source, &count, sizeof count) || count > TENSORS_LIMIT)
        return -1;
    for (uint64_t i = 0; i < count; i++)
        if (take_tensor(source, set, &total, err) < 0)
            return -1;
    if ((string = take_text(source, err)) == NULL)
        return -1;
    text_add_clean(note, string, strlen(string));
    free(string);
    return text_check(note, err);
}

/* ---- the two of them ---- */

static int map_file(const char *path, unsigned char **bytes, size_t *size, struct error *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "cannot read '%s'", path);
    int result = 0;
    if (fstat(fd, &st) < 0)
        result = error_errno(err, "cannot ask the size of '%s'", path);
    else if (!S_ISREG(st.st_mode) || st.st_size == 0)
        result = error_set(err, ERR_FORMAT, "'%s': it is %s", path,
                           S_ISREG(st.st_mode) ? "empty" : "not a regular file");
    else if ((*bytes = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd,
                            0)) == MAP_FAILED)
        result = error_errno(err, "cannot map '%s'", path);
    *size = result == 0 ? (size_t)st.st_size : 0;
    close(fd);
    return result;
}

/* Says how the child ended, where it gave no good answer. */
static int tell_end(int status, bool silent, struct error *err)
{
    const char *what = "the library that reads it gave no answer that makes sense";
    if (silent)
        what = "the library that reads it did not come to an end";
    else if (WIFSIGNALED(status) && (WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL))
        what = "the library that reads it took too much time";
    else if (WIFSIGNALED(status))
        what = "the library that reads it crashed on it";
    return error_set(err, ERR_FORMAT, "%s: the file is damaged, or was made to do that", what);
}

static int read_from_child(pid_t child, int fd, struct safetensors *set, struct text *note,
                           struct error *err)
{
    struct source source = {.fd = fd};
    int status = 0, result = take_answer(&source, set, note, err);
    char more;
    const bool good = result == 0 && !take(&source, &more, 1); /* and no byte after it */
    close(fd); /* a child that goes on writing gets SIGPIPE */
    if (source.silent)
        kill(child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (good)
        return 0;
    return err->kind != ERR_NONE ? -1 : tell_end(status, source.silent, err);
}

int confined_read(const char *path, confined_reader *reader, struct safetensors *set,
                  struct text *note, struct error *err)
{
    struct safetensors read = {0};
    struct error found = {0};
    unsigned char *bytes = NULL;
    size_t size = 0;
    int ends[2], result = -1;
    if (map_file(path, &bytes, &size, err) < 0)
        return -1;
    if (pipe2(ends, O_CLOEXEC) < 0) {
        error_errno(err, "cannot make a pipe");
        goto unmap;
    }
    pid_t child = fork();
    if (child == 0) {
        confined_enter(ends[1], size);
        answer(reader, bytes, size);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        error_errno(err, "cannot start a process to read '%s'", path);
        goto unmap;
    }
    result = read_from_child(child, ends[0], &read, note, &found);
    if (result < 0) {
        safetensors_release(&read);
        *err = found;
        error_prefix(err, "'%s': ", path);
    } else {
        *set = read;
    }
unmap:
    munmap(bytes, size);
    return result;
}
