#include "runner/confine.h"

#include "runner/filter.h"
#include "runner/landlock.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

bool confine_has_seccomp(void)
{
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
}

/* io_uring does what filters cannot see; the others reach into other processes or the kernel. Calls
 * of another architecture have other numbers. */
#define FILTER_HEAD                                                                                \
    LOAD(arch), IF(FILTER_ARCHITECTURE, 1), ANSWER(SECCOMP_RET_KILL_PROCESS), LOAD(nr),            \
        REFUSE_CALL(SYS_io_uring_setup, ENOSYS), REFUSE_CALL(SYS_ptrace, EPERM),                   \
        REFUSE_CALL(SYS_process_vm_readv, EPERM), REFUSE_CALL(SYS_process_vm_writev, EPERM),       \
        REFUSE_CALL(SYS_bpf, EPERM), REFUSE_CALL(SYS_perf_event_open, EPERM),                      \
        REFUSE_CALL(SYS_userfaultfd, EPERM), REFUSE_CALL(SYS_keyctl, EPERM),                       \
        REFUSE_CALL(SYS_add_key, EPERM), REFUSE_CALL(SYS_request_key, EPERM)

static const struct sock_filter with_network[] = {FILTER_HEAD, ALLOW};
/* Of sockets only those of one machine, by their family, are left. */
static const struct sock_filter without_network[] = {
    FILTER_HEAD, IF_NOT(SYS_socket, 4), LOAD(args[0]), IF_NOT(AF_UNIX, 1),
    ALLOW,       REFUSE(EACCES),        ALLOW};

static int filter_calls(bool network)
{
    const struct sock_filter *filter = network ? with_network : without_network;
    const size_t size = network ? sizeof(with_network) : sizeof(without_network);
    const struct sock_fprog program = {(unsigned short)(size / sizeof(*filter)),
                                       (struct sock_filter *)filter};
    if (!confine_has_seccomp())
        return 0;
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
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

int confine_enter(int rules, bool network)
{
    if (drop_capabilities() < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    if (rules >= 0 && landlock_enter(rules) < 0)
        return -1;
    return filter_calls(network);
}
