#include "faults/mounted.h"

#include "faults/campaign.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

static bool write_map(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
    if (fd >= 0)
        close(fd);
    return good;
}

static bool become_root_of_a_namespace(void)
{
    char users[64], groups[64];
    snprintf(users, sizeof(users), "0 %d 1", (int)getuid());
    snprintf(groups, sizeof(groups), "0 %d 1", (int)getgid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_map("/proc/self/setgroups", "deny") &&
           write_map("/proc/self/uid_map", users) && write_map("/proc/self/gid_map", groups);
}

bool mounted_begin(const char **reason)
{
    *reason = "needs root, or user namespaces, to mount";
    if (unshare(CLONE_NEWNS) < 0 && !become_root_of_a_namespace())
        return false;
    return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

bool mounted_tmpfs(const char *folder, long size_kib)
{
    char options[64];
    snprintf(options, sizeof(options), "size=%ldk,mode=755", size_kib);
    return mount("tmpfs", folder, "tmpfs", 0, options) == 0;
}

void mounted_grow(const char *folder, long size_kib)
{
    char options[64];
    snprintf(options, sizeof(options), "size=%ldk", size_kib);
    if (mount("tmpfs", folder, "tmpfs", MS_REMOUNT, options) < 0)
        bail("cannot grow '%s': %s", folder, strerror(errno));
}

void mounted_release(const char *folder)
{
    for (int tries = 0; umount2(folder, 0) < 0; tries++) {
        if (errno != EBUSY || tries == 100)
            bail("cannot unmount '%s': %s", folder, strerror(errno));
        usleep(20000);
    }
}

bool mounted_image(const char *image, const char *folder)
{
    int status = 1;
    pid_t pid = fork();
    if (pid == 0) {
        int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);
        dup2(nothing, STDERR_FILENO);
        execlp("mount", "mount", "-n", "-o", "loop", image, folder, (char *)NULL);
        _exit(127);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return pid > 0 && status == 0;
}
