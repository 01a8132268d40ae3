#include "base/file.h"

#include "base/memory.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int file_read(const char *path, size_t limit, char **data, size_t *size, struct error *err)
{
    int result = -1;
    char *buffer = NULL;
    struct stat st;
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL || fstat(fileno(stream), &st) < 0) {
        error_errno(err, "cannot read '%s'", path);
        goto done;
    }
    if (!S_ISREG(st.st_mode)) {
        error_set(err, ERR_FORMAT, "'%s' is not a regular file", path);
        goto done;
    }
    if ((unsigned long long)st.st_size > limit) {
        error_set(err, ERR_FORMAT, "'%s' has %lld bytes, more than the %zu allowed", path,
                  (long long)st.st_size, limit);
        goto done;
    }
    size_t bytes = (size_t)st.st_size;
    if ((buffer = memory_new(bytes + 1, 1, err)) == NULL)
        goto done;
    if (fread(buffer, 1, bytes, stream) != bytes) {
        error_set(err, ERR_IO, "'%s' ended early", path);
        goto done;
    }
    *data = buffer;
    *size = bytes;
    buffer = NULL;
    result = 0;
done:
    free(buffer);
    if (stream != NULL)
        fclose(stream);
    return result;
}

int file_create(struct file_writer *writer, const char *path, struct error *err)
{
    *writer = (struct file_writer){0};
    struct text temporary = {0};
    text_addf(&temporary, "%s.XXXXXX", path);
    if (text_check(&temporary, err) < 0) {
        text_release(&temporary);
        return -1;
    }
    writer->temporary = temporary.data;
    if ((writer->path = memory_copy_text(path, err)) == NULL)
        goto failed;
    int fd = mkostemp(writer->temporary, O_CLOEXEC);
    if (fd < 0) {
        error_errno(err, "cannot create '%s'", path);
        goto failed;
    }
    fchmod(fd, 0644);
    if ((writer->stream = fdopen(fd, "w+b")) == NULL) {
        error_errno(err, "cannot create '%s'", path);
        close(fd);
        unlink(writer->temporary);
        goto failed;
    }
    return 0;
failed:
    free(writer->temporary);
    free(writer->path);
    *writer = (struct file_writer){0};
    return -1;
}

/* The rename is durable only once the folder that names the file is. */
static void flush_folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    struct error ignored;
    char *folder = memory_copy_text(slash == NULL ? "." : path, &ignored);
    if (folder == NULL)
        return;
    if (slash != NULL)
        folder[slash == path ? 1 : slash - path] = '\0';
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(folder);
}

int file_commit(struct file_writer *writer, struct error *err)
{
    bool written = fflush(writer->stream) == 0 && !ferror(writer->stream) &&
                   fsync(fileno(writer->stream)) == 0;
    int saved = errno;
    written = fclose(writer->stream) == 0 && written;
    writer->stream = NULL;
    if (!written || rename(writer->temporary, writer->path) < 0) {
        errno = written ? errno : saved;
        error_errno(err, "cannot write '%s'", writer->path);
        file_abandon(writer);
        return -1;
    }
    flush_folder_of(writer->path);
    free(writer->temporary);
    free(writer->path);
    *writer = (struct file_writer){0};
    return 0;
}

void file_abandon(struct file_writer *writer)
{
    if (writer->stream != NULL)
        fclose(writer->stream);
    if (writer->temporary != NULL)
        unlink(writer->temporary);
    free(writer->temporary);
    free(writer->path);
    *writer = (struct file_writer){0};
}

int file_write(const char *path, const void *data, size_t size, struct error *err)
{
    struct file_writer writer;
    if (file_create(&writer, path, err) < 0)
        return -1;
    if (size > 0)
        fwrite(data, 1, size, writer.stream); /* file_commit asks ferror */
    return file_commit(&writer, err);
}

int file_make_folders(const char *path, struct error *err)
{
    struct stat st;
    if (mkdir(path, 0777) == 0 || (errno == EEXIST && stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return 0;
    if (errno == ENOENT && file_make_parents(path, err) == 0 &&
        (mkdir(path, 0777) == 0 || errno == EEXIST))
        return 0;
    return error_errno(err, "cannot make the folder '%s'", path);
}

int file_make_parents(const char *path, struct error *err)
{
    char *parent = memory_copy_text(path, err);
    if (parent == NULL)
        return -1;
    char *slash = strrchr(parent, '/');
    int result = 0;
    if (slash != NULL && slash != parent) {
        *slash = '\0';
        result = file_make_folders(parent, err);
    }
    free(parent);
    return result;
}

static int remove_at(int folder, const char *name, const char *path, struct error *err);

static int remove_folder_contents(int fd, const char *path, struct error *err)
{
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return error_errno(err, "cannot read the folder '%s'", path);
    }
    fchmod(fd, 0700);
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = remove_at(fd, entry->d_name, path, err);
    closedir(dir);
    return result;
}

static int remove_at(int folder, const char *name, const char *path, struct error *err)
{
    if (unlinkat(folder, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return error_errno(err, "cannot remove '%s' in '%s'", name, path);
    int fd = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "cannot remove '%s' in '%s'", name, path);
    if (remove_folder_contents(fd, path, err) < 0)
        return -1;
    if (unlinkat(folder, name, AT_REMOVEDIR) < 0)
        return error_errno(err, "cannot remove '%s' in '%s'", name, path);
    return 0;
}

int file_remove(const char *path, struct error *err)
{
    return remove_at(AT_FDCWD, path, path, err);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

char *file_join(const char *folder, const char *name, struct error *err)
{
    struct text path = {0};
    text_addf(&path, "%s/%s", folder, name);
    if (text_check(&path, err) < 0)
        text_release(&path);
    return path.data;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int file_list(const char *folder, char ***names, size_t *count, struct error *err)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return error_errno(err, "cannot read the folder '%s'", folder);
    char **list = NULL;
    size_t used = 0, capacity = 0;
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(dir)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        result = memory_grow(&list, &capacity, used + 1, sizeof(*list), err);
        if (result == 0 && (list[used] = memory_copy_text(entry->d_name, err)) == NULL)
            result = -1;
        else if (result == 0)
            used++;
    }
    closedir(dir);
    if (result < 0) {
        file_free_names(list, used);
        return -1;
    }
    if (used > 1)
        qsort(list, used, sizeof(*list), compare_names);
    *names = list;
    *count = used;
    return 0;
}

void file_free_names(char **names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}
