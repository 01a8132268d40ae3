#include "faults/files.h"

#include "faults/campaign.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void join(char path[FILES_PATH], const char *folder, const char *name)
{
    if (snprintf(path, FILES_PATH, "%s%s%s", folder, folder[0] == '\0' ? "" : "/", name) >=
        FILES_PATH)
        bail("a path is too long: %s", name);
}

void files_write(const char *folder, const char *path, const char *text, int mode)
{
    char whole[FILES_PATH];
    join(whole, folder, path);
    for (char *slash = whole; (slash = strchr(slash + 1, '/')) != NULL; *slash = '/') {
        *slash = '\0';
        mkdir(whole, 0755);
    }
    FILE *file = fopen(whole, "we");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 ||
        chmod(whole, (mode_t)mode) < 0)
        bail("cannot write '%s': %s", whole, strerror(errno));
}

char *files_read(const char *path, size_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return NULL;
    char *bytes =
        fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? malloc((size_t)st.st_size + 1) : NULL;
    ssize_t got = bytes == NULL ? -1 : read(fd, bytes, (size_t)st.st_size);
    close(fd);
    if (got < 0) {
        free(bytes);
        return NULL;
    }
    bytes[got] = '\0';
    *size = (size_t)got;
    return bytes;
}

bool files_digest(const char *path, char hex[FILES_HEX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    size_t size;
    char *bytes = files_read(path, &size);
    bool good = bytes != NULL && EVP_Digest(bytes, size, digest, NULL, EVP_sha256(), NULL) == 1;
    for (int i = 0; good && i < 32; i++)
        snprintf(hex + (size_t)i * 2, 3, "%02x", digest[i]);
    free(bytes);
    return good;
}

void files_copy_file(const char *from, const char *to, int mode)
{
    size_t size;
    char *bytes = files_read(from, &size);
    int fd = bytes == NULL ? -1 : open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || fchmod(fd, (mode_t)mode) < 0)
        bail("cannot copy '%s': %s", from, strerror(errno));
    close(fd);
    free(bytes);
}

static void copy_one(const char *root, const char *path, void *context)
{
    char from[FILES_PATH], to[FILES_PATH], target[FILES_PATH];
    struct stat st;
    join(from, root, path);
    join(to, context, path);
    if (lstat(from, &st) < 0)
        bail("cannot look at '%s': %s", from, strerror(errno));
    if (S_ISDIR(st.st_mode) ? mkdir(to, (st.st_mode & 0777) | 0700) < 0 : false)
        bail("cannot make '%s': %s", to, strerror(errno));
    if (S_ISREG(st.st_mode))
        files_copy_file(from, to, (int)(st.st_mode & 07777));
    ssize_t got = S_ISLNK(st.st_mode) ? readlink(from, target, sizeof(target) - 1) : -1;
    if (got >= 0) {
        target[got] = '\0';
        if (symlink(target, to) < 0)
            bail("cannot link '%s': %s", to, strerror(errno));
    }
}

void files_copy(const char *from, const char *to)
{
    if (mkdir(to, 0755) < 0 && errno != EEXIST)
        bail("cannot make '%s': %s", to, strerror(errno));
    files_walk(from, copy_one, (void *)to);
}

void files_remove(const char *path)
{
    struct dirent *entry;
    char inner[FILES_PATH];
    if (unlink(path) == 0 || errno == ENOENT)
        return;
    chmod(path, 0700);
    DIR *folder = opendir(path);
    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        join(inner, path, entry->d_name);
        files_remove(inner);
    }
    if (folder != NULL)
        closedir(folder);
    rmdir(path);
}

static void walk(const char *root, const char *path, files_visit *visit, void *context)
{
    char whole[FILES_PATH], inner[FILES_PATH];
    struct dirent **entries;
    struct stat st;
    join(whole, root, path);
    if (path[0] == '\0')
        whole[strlen(root)] = '\0';
    int count = scandir(whole, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            join(inner, path, name);
            visit(root, inner, context);
            join(whole, root, inner);
            if (lstat(whole, &st) == 0 && S_ISDIR(st.st_mode))
                walk(root, inner, visit, context);
        }
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

void files_walk(const char *root, files_visit *visit, void *context)
{
    walk(root, "", visit, context);
}
