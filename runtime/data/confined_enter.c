/* How a process gives up its rights. Nothing here may fail the reading: a kernel without a layer
 * leaves the others. */
#include "data/confined.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Processor time: more than any file that is a file needs. */
enum { SECONDS = 60, BYTES_A_SECOND = 4 << 20, MEMORY_FACTOR = 6, DESCRIPTORS = 65536 };
static const rlim_t memory_floor = (rlim_t)1 << 30;

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

/* AddressSanitizer asks for the signal stack before every call that does not return, and ends the
 * process where it gets no answer. */
#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER
#endif
#endif

static void limit(int resource, rlim_t value)
{
    struct rlimit now;
    if (getrlimit((__rlimit_resource_t)resource, &now) == 0 && now.rlim_max < value)
        value = now.rlim_max;
    const struct rlimit wanted = {value, value};
    setrlimit((__rlimit_resource_t)resource, &wanted);
}

/* Pages of the address space as it is: a sanitizer's shadow counts, too. */
static rlim_t mapped_bytes(void)
{
    unsigned long long pages = 0;
    FILE *stream = fopen("/proc/self/statm", "re");
    if (stream == NULL || fscanf(stream, "%llu", &pages) != 1)
        pages = 0;
    if (stream != NULL)
        fclose(stream);
    return (rlim_t)pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

static void close_all_but(int pipe)
{
    dup2(pipe, STDIN_FILENO);
    if (syscall(SYS_close_range, 1U, ~0U, 0U) == 0)
        return;
    for (int fd = 1; fd < DESCRIPTORS; fd++) /* Linux before 5.9 */
        close(fd);
}

#ifdef OWN_ARCHITECTURE
/* Memory, the pipe, the end. All others fail, and name no file, process or socket. */
static const int allowed[] = {
    SYS_write,       SYS_exit_group,   SYS_exit,          SYS_brk,          SYS_mmap,
    SYS_munmap,      SYS_mremap,       SYS_mprotect,      SYS_madvise,      SYS_futex,
    SYS_getrandom,   SYS_gettimeofday, SYS_clock_gettime, SYS_rt_sigreturn, SYS_rt_sigprocmask,
    SYS_getpid,      SYS_gettid,       SYS_sched_yield,
#ifdef ADDRESS_SANITIZER
    SYS_sigaltstack,
#endif
};
enum { ALLOWED = sizeof allowed / sizeof allowed[0], HEAD = 4 };

static void filter_calls(void)
{
    struct sock_filter code[HEAD + ALLOWED + 2];
    const struct sock_fprog program = {HEAD + ALLOWED + 2, code};
    const struct sock_filter head[HEAD] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    memcpy(code, head, sizeof head);
    for (unsigned i = 0; i < ALLOWED; i++)
        code[HEAD + i] = (struct sock_filter)BPF_JUMP(
            BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], (unsigned char)(ALLOWED - i), 0);
    code[HEAD + ALLOWED] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1);
    code[HEAD + ALLOWED + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}
#else
static void filter_calls(void)
{
}
#endif

void confined_enter(int pipe, size_t size)
{
    static const int fatal[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGXCPU, SIGPIPE};
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    for (size_t i = 0; i < sizeof fatal / sizeof fatal[0]; i++)
        signal(fatal[i], SIG_DFL);
    limit(RLIMIT_AS, mapped_bytes() + memory_floor + MEMORY_FACTOR * (rlim_t)size);
    close_all_but(pipe);
    limit(RLIMIT_CPU, SECONDS + (rlim_t)size / BYTES_A_SECOND);
    limit(RLIMIT_NOFILE, 0);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NPROC, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    filter_calls();
}
