#include "faults/calls.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>

/* What a full, failing or foreign disk says of something new. */
#define DISK EIO, ENOSPC, EDQUOT, EROFS, EACCES
#define FULL_TABLE EMFILE, ENFILE, ENOMEM
#define CHANGES(call, ...)                                                                         \
    {                                                                                              \
#call, SYS_##call, .changes = true, .errors = { __VA_ARGS__ }                              \
    }
#define READS(call, ...)                                                                           \
    {                                                                                              \
#call, SYS_##call, .errors = { __VA_ARGS__ }                                               \
    }

const struct call calls[] = {
    /* Files and folders. */
    READS(openat, EIO, EMFILE, ENFILE, EACCES, ENOMEM, ENOSPC, EINTR),
    READS(openat2, EIO, EMFILE, ENFILE, EACCES, ENOMEM, EAGAIN, ENOSYS),
    READS(read, EIO, EINTR),
    READS(pread64, EIO),
    READS(readv, EIO),
    READS(getdents64, EIO, ENOMEM),
    READS(lseek, EIO),
    READS(newfstatat, EIO, EACCES, ENOMEM),
    READS(fstat, EIO, ENOMEM),
    READS(statx, EIO, EACCES, ENOMEM),
    READS(statfs, EIO, ENOMEM),
    READS(fstatfs, EIO),
    READS(readlinkat, EIO, EACCES, ENOMEM),
    READS(getcwd, ENOMEM, EACCES),
    READS(faccessat, EIO, EACCES),
    READS(faccessat2, EIO, EACCES),
    CHANGES(write, EIO, ENOSPC, EDQUOT, EINTR, EFBIG),
    CHANGES(pwrite64, EIO, ENOSPC, EDQUOT),
    CHANGES(writev, EIO, ENOSPC, EDQUOT),
    CHANGES(copy_file_range, EIO, ENOSPC, EDQUOT, EXDEV, EOPNOTSUPP, EINVAL),
    CHANGES(sendfile, EIO, ENOSPC),
    CHANGES(ftruncate, EIO, ENOSPC, EFBIG),
    CHANGES(fallocate, EIO, ENOSPC, EOPNOTSUPP),
    CHANGES(fsync, EIO, ENOSPC, EDQUOT),
    CHANGES(fdatasync, EIO, ENOSPC, EDQUOT),
    CHANGES(syncfs, EIO, ENOSPC),
    CHANGES(mkdirat, DISK),
    CHANGES(unlinkat, EIO, EACCES, EROFS, EBUSY),
    CHANGES(renameat, DISK),
    CHANGES(renameat2, DISK, EINVAL),
    CHANGES(linkat, DISK, EMLINK, EPERM),
    CHANGES(symlinkat, DISK),
    CHANGES(fchmod, EIO, EPERM, EROFS),
    CHANGES(fchmodat, EIO, EPERM, EROFS),
    CHANGES(utimensat, EIO, EPERM, EROFS),
    CHANGES(mknodat, DISK),
    {"close", SYS_close, .goes_ahead = true, .errors = {EIO, EINTR, ENOSPC}},
    READS(ioctl, EIO, EOPNOTSUPP, ENOSPC),
    READS(chdir, EIO, EACCES),
    READS(fchdir, EIO, EACCES),
    /* Locks, descriptors, memory, time. */
    READS(flock, ENOLCK, EINTR),
    READS(fcntl, EMFILE, ENOLCK),
    READS(dup, EMFILE),
    READS(dup3, EMFILE),
    READS(pipe2, FULL_TABLE),
    READS(socketpair, FULL_TABLE),
    READS(eventfd2, FULL_TABLE),
    READS(epoll_create1, FULL_TABLE),
    READS(epoll_ctl, ENOMEM, ENOSPC),
    READS(signalfd4, FULL_TABLE),
    READS(timerfd_create, FULL_TABLE),
    READS(inotify_init1, FULL_TABLE),
    READS(memfd_create, FULL_TABLE),
    READS(pidfd_open, FULL_TABLE),
    READS(pidfd_send_signal, EPERM),
    READS(sendmsg, ENOBUFS, ENOMEM, EINTR, EPIPE),
    READS(recvmsg, ENOBUFS, ENOMEM, EINTR, EMFILE),
    /* Not brk: what it returns is no error but the old end, and failing allocations have a campaign
       of their own. */
    READS(mmap, ENOMEM, EAGAIN),
    READS(mremap, ENOMEM),
    READS(mprotect, ENOMEM),
    READS(ppoll, EINTR, ENOMEM),
    READS(epoll_pwait, EINTR),
    /* Processes. */
    CHANGES(clone, EAGAIN, ENOMEM),
    CHANGES(clone3, EAGAIN, ENOMEM),
    CHANGES(execve, EIO, ENOMEM, EACCES, E2BIG),
    CHANGES(kill, EPERM),
    READS(wait4, EINTR),
    READS(waitid, EINTR),
    READS(rt_sigtimedwait, EINTR, EAGAIN),
    READS(setsid, EPERM),
    READS(unshare, EPERM, ENOSPC, ENOMEM),
    READS(setpgid, EPERM, EACCES),
    READS(prctl, EPERM, EINVAL),
    READS(prlimit64, EPERM),
    READS(close_range, ENOMEM, EMFILE),
    READS(mount, EPERM, ENOMEM),
    READS(landlock_create_ruleset, ENOSYS, EOPNOTSUPP, ENOMEM),
    READS(landlock_add_rule, ENOMEM),
    READS(landlock_restrict_self, EPERM, E2BIG),
#ifdef SYS_open /* the old names, where the architecture has them */
    READS(open, EIO, EMFILE, EACCES, ENOMEM),
    READS(stat, EIO, EACCES),
    READS(lstat, EIO, EACCES),
    READS(access, EIO, EACCES),
    READS(readlink, EIO, EACCES),
    READS(poll, EINTR, ENOMEM),
    READS(dup2, EMFILE),
    READS(epoll_wait, EINTR),
    CHANGES(mkdir, DISK),
    CHANGES(rmdir, EIO, EACCES, EROFS, EBUSY),
    CHANGES(unlink, EIO, EACCES, EROFS),
    CHANGES(rename, DISK),
    CHANGES(link, DISK, EMLINK, EPERM),
    CHANGES(symlink, DISK),
    CHANGES(chmod, EIO, EPERM, EROFS),
    CHANGES(vfork, EAGAIN, ENOMEM),
    CHANGES(fork, EAGAIN, ENOMEM),
#endif
};
const size_t calls_count = sizeof(calls) / sizeof(calls[0]);

const struct call *call_find(long number)
{
    for (size_t i = 0; i < calls_count; i++)
        if (calls[i].number == number)
            return &calls[i];
    return NULL;
}

const struct call *call_named(const char *name)
{
    for (size_t i = 0; i < calls_count; i++)
        if (strcmp(calls[i].name, name) == 0)
            return &calls[i];
    return NULL;
}
