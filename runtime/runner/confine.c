#include "runner/confine.h"

#include "runner/filter.h"
#include "runner/landlock.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

bool confine_has_seccomp(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

/* The call where a bit of its argument, of which the lower half is looked at, is set; or where the
 * argument is not 0. */
#define REFUSE_BIT(number, arg, bit, why)                                                          \
    IF_NOT(number, 4), LOAD(args[arg]),                                                            \
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bit), 0, 1), REFUSE(why), LOAD(nr)
#define REFUSE_ARGUMENT(number, arg, why)                                                          \
    IF_NOT(number, 4), LOAD(args[arg]), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), REFUSE(why), \
        LOAD(nr)

/* The numbers of x32 are others of the same architecture. */
#if defined(__x86_64__)
#define REFUSE_X32 BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x40000000U, 0, 1), REFUSE(ENOSYS)
#define REFUSE_OLD_USER_BIT                                                                        \
    REFUSE_BIT(SYS_chmod, 1, S_ISUID, EPERM), REFUSE_BIT(SYS_creat, 1, S_ISUID, EPERM),            \
        REFUSE_BIT(SYS_open, 2, S_ISUID, EPERM), REFUSE_BIT(SYS_mknod, 1, S_ISUID, EPERM)
#else
#define REFUSE_X32 LOAD(nr)
#define REFUSE_OLD_USER_BIT LOAD(nr)
#endif

/* In a user namespace it would have all capabilities. What clone3 is to do lies in memory, which
 * no filter sees; libraries use clone where there is none. */
#define REFUSE_NAMESPACES                                                                          \
    REFUSE_BIT(SYS_unshare, 0, CLONE_NEWUSER, EPERM),                                              \
        REFUSE_BIT(SYS_clone, 0, CLONE_NEWUSER, EPERM), REFUSE_CALL(SYS_clone3, ENOSYS)

/* With such a file another of the machine's users would become who runs the stage. What openat2 is
 * to do lies in memory, too; programs that know it use openat where there is none. */
enum { CALL_FCHMODAT2 = 452 };
#define REFUSE_USER_BIT                                                                            \
    REFUSE_OLD_USER_BIT, REFUSE_BIT(SYS_fchmod, 1, S_ISUID, EPERM),                                \
        REFUSE_BIT(SYS_fchmodat, 2, S_ISUID, EPERM),                                               \
        REFUSE_BIT(CALL_FCHMODAT2, 2, S_ISUID, EPERM), REFUSE_BIT(SYS_openat, 3, S_ISUID, EPERM),  \
        REFUSE_BIT(SYS_mknodat, 2, S_ISUID, EPERM), REFUSE_CALL(SYS_openat2, ENOSYS)

/* A limit of processor time ends the process that it is set for; PRIO_USER are all of a user's. */
#define REFUSE_OTHERS                                                                              \
    REFUSE_ARGUMENT(SYS_prlimit64, 0, EPERM), REFUSE_ARGUMENT(SYS_setpriority, 1, EPERM),          \
        REFUSE_BIT(SYS_setpriority, 0, PRIO_USER, EPERM), REFUSE_CALL(SYS_pidfd_getfd, EPERM),     \
        REFUSE_CALL(SYS_kcmp, EPERM)

/* io_uring does what filters cannot see; the others reach into other processes or the kernel. Calls
 * of another architecture have other numbers. */
#define FILTER_HEAD                                                                                \
    LOAD(arch), IF(FILTER_ARCHITECTURE, 1), ANSWER(SECCOMP_RET_KILL_PROCESS), LOAD(nr),            \
        REFUSE_X32, REFUSE_NAMESPACES, REFUSE_USER_BIT, REFUSE_OTHERS,                             \
        REFUSE_CALL(SYS_io_uring_setup, ENOSYS), REFUSE_CALL(SYS_ptrace, EPERM),                   \
        REFUSE_CALL(SYS_process_vm_readv, EPERM), REFUSE_CALL(SYS_process_vm_writev, EPERM),       \
        REFUSE_CALL(SYS_bpf, EPERM), REFUSE_CALL(SYS_perf_event_open, EPERM),                      \
        REFUSE_CALL(SYS_userfaultfd, EPERM), REFUSE_CALL(SYS_keyctl, EPERM),                       \
        REFUSE_CALL(SYS_add_key, EPERM), REFUSE_CALL(SYS_request_key, EPERM)

/* The end of a filter: the type of a socket of AF_UNIX, or of a pair. */
#define STREAMS_ALONE                                                                              \
    LOAD(args[1]), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf), IF(SOCK_STREAM, 2),                   \
        IF(SOCK_SEQPACKET, 1), REFUSE(EACCES), ALLOW

static const struct sock_filter with_network[] = {FILTER_HEAD, ALLOW};
/* Netlink tells of the addresses that there are, to those who look before they listen. */
static const struct sock_filter own_network[] = {
    FILTER_HEAD,    IF(SYS_socketpair, 9), IF_NOT(SYS_socket, 13), LOAD(args[0]),
    IF(AF_UNIX, 6), IF(AF_INET, 10),       IF(AF_INET6, 9),        IF_NOT(AF_NETLINK, 7),
    LOAD(args[2]),  IF(NETLINK_ROUTE, 6),  REFUSE(EACCES),         STREAMS_ALONE};
/* Of sockets only those of one machine, by their family, are left. */
#define ONE_MACHINE                                                                                \
    IF(SYS_socketpair, 3), IF_NOT(SYS_socket, 7), LOAD(args[0]), IF_NOT(AF_UNIX, 4), STREAMS_ALONE
static const struct sock_filter without_network[] = {FILTER_HEAD, ONE_MACHINE};
static const struct sock_filter without_connection[] = {
    FILTER_HEAD, REFUSE_CALL(SYS_connect, EACCES), ONE_MACHINE};

#define PROGRAM(filter)                                                                            \
    {                                                                                              \
        sizeof(filter) / sizeof((filter)[0]), (struct sock_filter *)(filter)                       \
    }

static int filter_calls(enum confine_network network)
{
    static const struct sock_fprog programs[] = {[CONFINE_NO_CONNECTION] =
                                                     PROGRAM(without_connection),
                                                 [CONFINE_NO_NETWORK] = PROGRAM(without_network),
                                                 [CONFINE_OWN_NETWORK] = PROGRAM(own_network),
                                                 [CONFINE_NETWORK] = PROGRAM(with_network)};
    if (!confine_has_seccomp())
        return 0;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &programs[network]);
}

/* All of them, also those that executing a file of root's would give. */
static int drop_capabilities(void)
{
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    const struct __user_cap_data_struct none[2] = {{0}};
    for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 && errno != EPERM)
            return -1;
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return (int)syscall(SYS_capset, &head, none);
}

int confine_enter(int rules, enum confine_network network)
{
    if (drop_capabilities() < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    if (rules >= 0 && landlock_enter(rules) < 0)
        return -1;
    return filter_calls(network);
}
