/* Attacks on files outside. Those on a FOLDER find a file "file" there, and may leave things. */
#include "attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static const char *in(const char *folder, const char *name)
{
    static char paths[4][PATH_MAX];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, PATH_MAX, "%s/%s", folder, name);
    return path;
}

static enum attack_result opened(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0644);
    char byte = 'x';
    if (fd < 0)
        return attack_judge(-1);
    if ((flags & O_ACCMODE) == O_RDONLY && (flags & O_DIRECTORY) == 0 && read(fd, &byte, 1) < 0)
        return attack_judge(-1);
    if ((flags & O_ACCMODE) == O_WRONLY && write(fd, &byte, 1) < 0)
        return attack_judge(-1);
    return ATTACK_CAME_THROUGH;
}

static const char *own_file(void)
{
    int fd = open("own", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd >= 0)
        close(fd);
    return "own";
}

static enum attack_result read_it(char **words)
{
    return opened(words[0], O_RDONLY);
}

static enum attack_result list_it(char **words)
{
    return opened(words[0], O_RDONLY | O_DIRECTORY);
}

static enum attack_result overwrite(char **words)
{
    return opened(in(words[0], "file"), O_WRONLY);
}

static enum attack_result append(char **words)
{
    return opened(in(words[0], "file"), O_WRONLY | O_APPEND);
}

static enum attack_result cut(char **words)
{
    return opened(in(words[0], "file"), O_WRONLY | O_TRUNC);
}

static enum attack_result cut_by_name(char **words)
{
    return attack_judge(truncate(in(words[0], "file"), 1));
}

static enum attack_result create(char **words)
{
    return opened(in(words[0], "new"), O_WRONLY | O_CREAT);
}

/* Named by one part after the other, from a descriptor of its own folder. */
static enum attack_result create_by_descriptor(char **words)
{
    int folder = open(words[0], O_PATH | O_CLOEXEC);
    return attack_judge(
        folder < 0 ? -1 : openat(folder, "by-descriptor", O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
}

static enum attack_result create_by_own_link(char **words)
{
    unlink("way");
    return symlink(words[0], "way") < 0 ? ATTACK_IMPOSSIBLE
                                        : opened("way/by-link", O_WRONLY | O_CREAT);
}

static enum attack_result create_by_root(char **words)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "/proc/self/root%s/by-root", words[0]);
    return opened(path, O_WRONLY | O_CREAT);
}

static enum attack_result create_unnamed(char **words)
{
    return opened(words[0], O_WRONLY | O_TMPFILE);
}

static enum attack_result make_folder(char **words)
{
    return attack_judge(mkdir(in(words[0], "folder"), 0755));
}

static enum attack_result make_link(char **words)
{
    return attack_judge(symlink("file", in(words[0], "link")));
}

static enum attack_result make_fifo(char **words)
{
    return attack_judge(mkfifo(in(words[0], "fifo"), 0644));
}

static enum attack_result rename_inside(char **words)
{
    return attack_judge(rename(in(words[0], "moved"), in(words[0], "again")));
}

static enum attack_result rename_away(char **words)
{
    return attack_judge(rename(in(words[0], "file"), "stolen"));
}

static enum attack_result rename_over(char **words)
{
    return attack_judge(rename(own_file(), in(words[0], "file")));
}

static enum attack_result exchange(char **words)
{
    return attack_judge(
        renameat2(AT_FDCWD, own_file(), AT_FDCWD, in(words[0], "file"), RENAME_EXCHANGE));
}

static enum attack_result hard_link_from(char **words)
{
    return attack_judge(link(in(words[0], "file"), "linked"));
}

static enum attack_result hard_link_to(char **words)
{
    return attack_judge(link(own_file(), in(words[0], "linked")));
}

static enum attack_result remove_it(char **words)
{
    return attack_judge(unlink(in(words[0], "file")));
}

/* Files' modes, times and attributes, which Landlock does not know. */
static enum attack_result change_mode(char **words)
{
    return attack_judge(chmod(in(words[0], "file"), 0777));
}

static enum attack_result change_times(char **words)
{
    return attack_judge(utimensat(AT_FDCWD, in(words[0], "file"), NULL, 0));
}

static enum attack_result change_attributes(char **words)
{
    return attack_judge(setxattr(in(words[0], "file"), "user.attack", "x", 1, 0)) ==
                   ATTACK_CAME_THROUGH
               ? ATTACK_CAME_THROUGH
           : errno == EOPNOTSUPP ? ATTACK_IMPOSSIBLE
                                 : ATTACK_WAS_REFUSED;
}

/* The dep that the working folder has at PATH, which may be another name of a blob: opening it for
 * writing is enough; writing would fail the stage. */
static enum attack_result spoil_dep(char **words)
{
    struct stat st;
    if (stat(words[0], &st) < 0 || st.st_nlink == 1)
        return ATTACK_WAS_REFUSED; /* a copy is its own */
    int fd = chmod(words[0], 0644) < 0 ? -1 : open(words[0], O_WRONLY | O_CLOEXEC);
    chmod(words[0], 0444);
    return attack_judge(fd);
}

static enum attack_result open_by_handle(char **words)
{
    struct {
        struct file_handle head;
        unsigned char bytes[MAX_HANDLE_SZ];
    } handle = {.head.handle_bytes = MAX_HANDLE_SZ};
    int mount, folder = open(words[1], O_RDONLY | O_CLOEXEC);
    if (folder < 0 || name_to_handle_at(AT_FDCWD, words[0], &handle.head, &mount, 0) < 0)
        return attack_judge(-1);
    return attack_judge(open_by_handle_at(folder, &handle.head, O_RDONLY | O_CLOEXEC));
}

/* The disk that FILE lies on, as a device. */
static enum attack_result read_disk(char **words)
{
    struct stat st;
    char path[64], target[PATH_MAX];
    if (stat(words[0], &st) < 0)
        return attack_judge(-1);
    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u", major(st.st_dev), minor(st.st_dev));
    ssize_t size = readlink(path, target, sizeof(target) - 1);
    if (size < 0)
        return ATTACK_IMPOSSIBLE;
    target[size] = '\0';
    const char *name = strrchr(target, '/');
    snprintf(path, sizeof(path), "/dev%.40s", name != NULL ? name : "");
    return access(path, F_OK) < 0 ? ATTACK_IMPOSSIBLE : opened(path, O_RDONLY);
}

/* Descriptors beyond stdin, stdout, stderr and the protocol's. */
static enum attack_result find_descriptors(char **words)
{
    (void)words;
    for (int fd = 4; fd < 4096; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            return ATTACK_CAME_THROUGH;
    errno = EBADF;
    return ATTACK_WAS_REFUSED;
}

/* The log's own name, whose folder holds more. */
static enum attack_result write_beside_log(char **words)
{
    char path[PATH_MAX], target[PATH_MAX];
    ssize_t size = readlink("/proc/self/fd/2", target, sizeof(target) - 1);
    if (size < 0)
        return ATTACK_IMPOSSIBLE;
    target[size] = '\0';
    (void)words;
    char *slash = strrchr(target, '/');
    if (slash != NULL)
        *slash = '\0';
    snprintf(path, sizeof(path), "%.4000s/beside-the-log", target);
    return opened(path, O_WRONLY | O_CREAT);
}

const struct attack attacks_on_files[] = {
    {"read", 1, read_it},
    {"list", 1, list_it},
    {"overwrite", 1, overwrite},
    {"append", 1, append},
    {"cut-by-name", 1, cut_by_name},
    {"create", 1, create},
    {"create-by-descriptor", 1, create_by_descriptor},
    {"create-by-own-link", 1, create_by_own_link},
    {"create-by-root", 1, create_by_root},
    {"create-unnamed", 1, create_unnamed},
    {"make-folder", 1, make_folder},
    {"make-link", 1, make_link},
    {"make-fifo", 1, make_fifo},
    {"rename-inside", 1, rename_inside},
    {"hard-link-from", 1, hard_link_from},
    {"hard-link-to", 1, hard_link_to},
    {"exchange", 1, exchange},
    {"rename-away", 1, rename_away},
    {"rename-over", 1, rename_over},
    {"cut", 1, cut},
    {"remove", 1, remove_it},
    {"change-mode", 1, change_mode},
    {"change-times", 1, change_times},
    {"change-attributes", 1, change_attributes},
    {"spoil-dep", 1, spoil_dep},
    {"open-by-handle", 2, open_by_handle},
    {"read-disk", 1, read_disk},
    {"find-descriptors", 0, find_descriptors},
    {"write-beside-log", 0, write_beside_log},
    {NULL, 0, NULL},
};
