#include "store/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What opens one part. A folder is opened with O_PATH, so that one of mode 0 can be looked
 * at, and O_NOFOLLOW gives the link itself then: refused by hand. */
static int open_part(int folder, const char *part, int flags)
{
    struct stat st;
    int fd = openat(folder, part, flags | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && (flags & O_PATH) != 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
        close(fd);
        errno = ELOOP;
        return -1;
    }
    /* O_DIRECTORY says ENOTDIR of a link before O_NOFOLLOW is asked. */
    if (fd < 0 && errno == ENOTDIR && fstatat(folder, part, &st, AT_SYMLINK_NOFOLLOW) == 0)
        errno = S_ISLNK(st.st_mode) ? ELOOP : ENOTDIR;
    return fd;
}

int beneath_open_by_parts(int folder, const char *path, int flags)
{
    char part[NAME_MAX + 1];
    int at = folder, fd = -1;
    if (*path == '/' || *path == '\0') {
        errno = *path == '/' ? EXDEV : ENOENT;
        return -1;
    }
    for (;;) {
        size_t length = strcspn(path, "/");
        const char *rest = path + length + strspn(path + length, "/");
        if (length > NAME_MAX) {
            errno = ENAMETOOLONG;
            break;
        }
        memcpy(part, path, length);
        part[length] = '\0';
        if (strcmp(part, "..") == 0) {
            errno = EXDEV;
            break;
        }
        fd = open_part(at, part, *rest != '\0' ? O_PATH | O_DIRECTORY : flags);
        if (fd < 0 || *rest == '\0')
            break;
        if (at != folder)
            close(at);
        at = fd;
        fd = -1;
        path = rest;
    }
    int saved = errno;
    if (at != folder)
        close(at);
    errno = saved;
    return fd;
}

int beneath_open(int folder, const char *path, int flags)
{
    if (folder == AT_FDCWD)
        return open(path, flags | O_NOFOLLOW | O_CLOEXEC);
    struct open_how how = {.flags = (unsigned)(flags | O_NOFOLLOW | O_CLOEXEC),
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    for (int attempt = 0; attempt < 100; attempt++) {
        long fd = syscall(SYS_openat2, folder, path, &how, sizeof(how));
        /* EAGAIN: something was renamed while the kernel looked. */
        if (fd >= 0 || (errno != EAGAIN && errno != ENOSYS && errno != EPERM))
            return (int)fd;
        if (errno != EAGAIN)
            break;
    }
    return beneath_open_by_parts(folder, path, flags);
}

int beneath_open_parent(int folder, const char *path, const char **name)
{
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    *name = slash != NULL ? slash + 1 : path;
    if (slash == NULL)
        return openat(folder, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if ((size_t)(slash - path) >= sizeof(parent)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    size_t length = slash == path ? 1 : (size_t)(slash - path);
    memcpy(parent, path, length);
    parent[length] = '\0';
    if (folder == AT_FDCWD) /* a path of our own may go through links */
        return open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return beneath_open(folder, parent, O_PATH | O_DIRECTORY);
}
