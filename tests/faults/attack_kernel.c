/* Attacks that would gain privileges, or reach others by what the kernel keeps for all. */
#include "attacks.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mount.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static enum attack_result io_uring(char **words)
{
    struct io_uring_params parameters = {0};
    (void)words;
    return attack_judge(syscall(SYS_io_uring_setup, 4, &parameters));
}

static enum attack_result bpf(char **words)
{
    union bpf_attr attributes = {
        .map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};
    (void)words;
    return attack_judge(syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)));
}

static enum attack_result perf_event(char **words)
{
    struct perf_event_attr attributes = {.type = PERF_TYPE_SOFTWARE,
                                         .size = sizeof(attributes),
                                         .config = PERF_COUNT_SW_CPU_CLOCK,
                                         .exclude_kernel = 1,
                                         .exclude_hv = 1};
    (void)words;
    return attack_judge(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, 0));
}

static enum attack_result add_key(char **words)
{
    (void)words;
    return attack_judge(syscall(SYS_add_key, "user", "attack", "x", 1, -4 /* of the user */));
}

static enum attack_result user_fault(char **words)
{
    (void)words;
    return attack_judge(syscall(SYS_userfaultfd, 1 /* UFFD_USER_MODE_ONLY */));
}

static enum attack_result user_namespace(char **words)
{
    (void)words;
    return attack_judge(unshare(CLONE_NEWUSER));
}

/* By clone and by clone3: a child that has the namespace and ends. */
static enum attack_result user_namespace_by_clone(char **words)
{
    (void)words;
    long child = syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, NULL, NULL, NULL, NULL);
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid((pid_t)child, NULL, 0);
    return attack_judge(child);
}

static enum attack_result user_namespace_by_clone3(char **words)
{
    uint64_t arguments[11] = {CLONE_NEWUSER, 0, 0, 0, SIGCHLD};
    (void)words;
    long child = syscall(SYS_clone3, arguments, sizeof(arguments));
    if (child == 0)
        _exit(0);
    if (child > 0)
        waitpid((pid_t)child, NULL, 0);
    return attack_judge(child);
}

/* In a namespace of its own, where it may have one. */
static enum attack_result mount_over(char **words)
{
    if (unshare(CLONE_NEWNS) < 0)
        unshare(CLONE_NEWUSER | CLONE_NEWNS);
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    return attack_judge(mount(words[0], "home", NULL, MS_BIND, NULL));
}

static enum attack_result change_root(char **words)
{
    unshare(CLONE_NEWUSER);
    return attack_judge(chroot(words[0]));
}

/* Out of a root of its own by a folder that was open before. */
static enum attack_result leave_root(char **words)
{
    int outside = open("/", O_PATH | O_CLOEXEC);
    unshare(CLONE_NEWUSER);
    if (mkdir("home/root", 0755) < 0 && errno != EEXIST)
        return ATTACK_IMPOSSIBLE;
    if (chroot("home/root") < 0 || fchdir(outside) < 0 || chroot(".") < 0)
        return attack_judge(-1);
    return attack_judge(open(words[0], O_RDONLY | O_CLOEXEC));
}

static enum attack_result make_device(char **words)
{
    (void)words;
    return attack_judge(mknod("device", S_IFCHR | 0666, makedev(1, 1)));
}

static enum attack_result make_disk(char **words)
{
    (void)words;
    return attack_judge(mknod("disk", S_IFBLK | 0666, makedev(7, 0)));
}

/* Another of the machine's users could become who runs the stage. */
static enum attack_result set_user_bit(char **words)
{
    int fd = open("tool", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    (void)words;
    return attack_judge(fd < 0 ? -1 : fchmod(fd, 04755));
}

static enum attack_result set_user_bit_by_name(char **words)
{
    int fd = open("tool", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    (void)words;
    return attack_judge(fd < 0 ? -1 : fchmodat(AT_FDCWD, "tool", 04755, 0));
}

static enum attack_result create_with_user_bit(char **words)
{
    struct stat st;
    (void)words;
    unlink("made");
    int fd = open("made", O_WRONLY | O_CREAT | O_CLOEXEC, 04755);
    if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_ISUID) == 0)
        return ATTACK_WAS_REFUSED;
    return attack_judge(fd);
}

/* What the file is to be lies in memory, which no filter sees. */
static enum attack_result create_with_user_bit_openat2(char **words)
{
    const struct open_how how = {.flags = O_WRONLY | O_CREAT | O_CLOEXEC, .mode = 04755};
    struct stat st;
    (void)words;
    unlink("made");
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, "made", &how, sizeof(how));
    if (fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & S_ISUID) == 0)
        return ATTACK_WAS_REFUSED;
    return attack_judge(fd);
}

static enum attack_result become_root(char **words)
{
    (void)words;
    return attack_judge(setuid(getuid() == 0 ? 1 : 0));
}

/* A character for a terminal whose name is PATH. */
static enum attack_result type_into(char **words)
{
    int fd = open(words[0], O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    char key = 'x';
    return attack_judge(fd < 0 ? -1 : ioctl(fd, TIOCSTI, &key));
}

static enum attack_result listen_to(char **words)
{
    return attack_judge(open(words[0], O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
}

/* What is there is written again. */
static enum attack_result rewrite(char **words)
{
    char text[4096];
    int from = open(words[0], O_RDONLY | O_CLOEXEC);
    ssize_t size = from < 0 ? -1 : read(from, text, sizeof(text));
    if (size < 0)
        return ATTACK_IMPOSSIBLE;
    int to = open(words[0], O_WRONLY | O_CLOEXEC);
    return attack_judge(to < 0 ? -1 : write(to, text, (size_t)size));
}

/* The memory of System V that another process made, by its number. */
static enum attack_result shared_memory(char **words)
{
    void *memory = shmat((int)strtol(words[0], NULL, 10), NULL, 0);
    return attack_judge(memory == (void *)-1 ? -1 : 0);
}

/* Its name would be seen by all. */
static enum attack_result message_queue(char **words)
{
    long queue = syscall(SYS_mq_open, "reprise-attack", O_RDWR | O_CREAT, 0600, NULL);
    (void)words;
    if (queue >= 0)
        syscall(SYS_mq_unlink, "reprise-attack");
    return attack_judge(queue);
}

static enum attack_result name_host(char **words)
{
    char name[256];
    (void)words;
    return attack_judge(gethostname(name, sizeof(name)) < 0 ? -1 : sethostname(name, strlen(name)));
}

const struct attack attacks_on_the_kernel[] = {
    {"io-uring", 0, io_uring},
    {"bpf", 0, bpf},
    {"perf-event", 0, perf_event},
    {"add-key", 0, add_key},
    {"userfaultfd", 0, user_fault},
    {"user-namespace", 0, user_namespace},
    {"user-namespace-by-clone", 0, user_namespace_by_clone},
    {"user-namespace-by-clone3", 0, user_namespace_by_clone3},
    {"mount", 1, mount_over},
    {"chroot", 1, change_root},
    {"leave-root", 1, leave_root},
    {"make-device", 0, make_device},
    {"make-disk", 0, make_disk},
    {"set-user-bit", 0, set_user_bit},
    {"set-user-bit-by-name", 0, set_user_bit_by_name},
    {"create-with-user-bit", 0, create_with_user_bit},
    {"create-with-user-bit-openat2", 0, create_with_user_bit_openat2},
    {"setuid", 0, become_root},
    {"type-into-terminal", 1, type_into},
    {"read-terminal", 1, listen_to},
    {"rewrite", 1, rewrite},
    {"shared-memory", 1, shared_memory},
    {"message-queue", 0, message_queue},
    {"set-host-name", 0, name_host},
    {NULL, 0, NULL},
};
