#include "faults/tracer.h"

#include "faults/calls.h"
#include "faults/campaign.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* One thread of the program or of what it forked. */
struct tracee {
    pid_t pid, process;
    bool fresh;       /* its first stop is not a signal of its own */
    bool failing;     /* the call that it is in returns an error of ours */
    bool dying_after; /* killed when the call that it is in has been made */
    unsigned long loader_start, loader_end;
};

enum { TRACEES_MAX = 512 };

struct tracer {
    struct trace *trace;
    pid_t program;
    bool begun; /* the program itself was executed */
    char executable[512];
    struct tracee tracees[TRACEES_MAX];
    size_t count;
    long seen; /* calls that the rule counts */
    bool program_gone;
    int status;
};

bool command_can_trace(void)
{
#ifdef __x86_64__
    return true;
#else
    return false;
#endif
}

static struct tracee *find(struct tracer *tracer, pid_t pid)
{
    for (size_t i = 0; i < tracer->count; i++)
        if (tracer->tracees[i].pid == pid)
            return &tracer->tracees[i];
    return NULL;
}

/* The calls of the dynamic loader are not the program's: what fails there, the loader reports. */
static void look_at(struct tracee *tracee)
{
    char path[64], line[1024];
    int process = 0;
    snprintf(path, sizeof(path), "/proc/%d/status", (int)tracee->pid);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL)
        if (sscanf(line, "Tgid: %d", &process) == 1)
            break;
    if (file != NULL)
        fclose(file);
    tracee->process = process;
    tracee->loader_start = tracee->loader_end = 0;
    snprintf(path, sizeof(path), "/proc/%d/maps", (int)tracee->pid);
    file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        unsigned long start, end;
        if (strstr(line, "/ld-linux") == NULL || sscanf(line, "%lx-%lx", &start, &end) != 2)
            continue;
        if (tracee->loader_start == 0)
            tracee->loader_start = start;
        tracee->loader_end = end;
    }
    if (file != NULL)
        fclose(file);
}

static struct tracee *add(struct tracer *tracer, pid_t pid)
{
    if (tracer->count == TRACEES_MAX)
        bail("more than %d threads to follow", TRACEES_MAX);
    struct tracee *tracee = &tracer->tracees[tracer->count++];
    *tracee = (struct tracee){.pid = pid, .process = pid, .fresh = true};
    look_at(tracee);
    return tracee;
}

static void drop(struct tracer *tracer, pid_t pid)
{
    struct tracee *tracee = find(tracer, pid);
    if (tracee != NULL)
        *tracee = tracer->tracees[--tracer->count];
}

static void go_on(pid_t pid, int number)
{
    ptrace(PTRACE_SYSCALL, pid, 0, number); /* fails where it was killed meanwhile, which is fine */
}

/* Everything below this process: the program, what it forked, and the stages. Children before
 * their parents: what a dead keeper leaves comes to us while the list is read, and may be missed.
 */
static void kill_all(struct tracer *tracer)
{
    kill_descendants();
    for (size_t i = 0; i < tracer->count; i++)
        kill(tracer->tracees[i].pid, SIGKILL);
    kill_descendants();
}

static void kill_now(struct tracer *tracer, const struct tracee *caller)
{
    if (tracer->trace->strike == STRIKE_KILL_ALL)
        kill_all(tracer);
    else
        kill(tracer->trace->strike == STRIKE_KILL_CALLER ? caller->process : tracer->program,
             SIGKILL);
}

/* The call is not made, or made with its answer replaced on the way back. */
static void make_fail(struct tracee *tracee, const struct call *call)
{
#ifdef __x86_64__
    if (!call->goes_ahead)
        ptrace(PTRACE_POKEUSER, tracee->pid, offsetof(struct user, regs.orig_rax), -1L);
#endif
    tracee->failing = true;
    (void)call;
}

static void answer(const struct tracer *tracer, struct tracee *tracee)
{
#ifdef __x86_64__
    ptrace(PTRACE_POKEUSER, tracee->pid, offsetof(struct user, regs.rax),
           -(long)tracer->trace->error);
#else
    (void)tracer;
#endif
    tracee->failing = false;
}

static void strike(struct tracer *tracer, struct tracee *tracee, const struct call *call,
                   const struct __ptrace_syscall_info *info)
{
    struct trace *trace = tracer->trace;
    trace->struck = true;
    trace->own_message =
        strncmp(call->name, "write", 5) == 0 && (trace->on || info->entry.args[0] <= 2);
    snprintf(trace->where, sizeof(trace->where), "%s%s", call->name,
             tracee->process == tracer->program ? "" : " of a forked process");
    if (trace->strike == STRIKE_FAIL)
        make_fail(tracee, call);
    else if (trace->strike == STRIKE_TELL)
        trace->tell(trace->context);
    else if (trace->after)
        tracee->dying_after = true;
    else
        kill_now(tracer, tracee);
}

static void entering(struct tracer *tracer, struct tracee *tracee,
                     const struct __ptrace_syscall_info *info)
{
    struct trace *trace = tracer->trace;
    const struct call *call = call_find((long)info->entry.nr);
    unsigned long place = (unsigned long)info->instruction_pointer;
    if (call == NULL || (place >= tracee->loader_start && place < tracee->loader_end))
        return;
    bool forked = tracee->process != tracer->program;
    if (call->number < TRACE_COUNTS)
        trace->counts[call->number]++;
    trace->changing += call->changes;
    trace->by_others += call->changes && forked;
    if (trace->call == TRACE_CHANGING ? !call->changes : trace->call != call->number)
        return;
    if (trace->strike == STRIKE_KILL_CALLER && !forked)
        return;
    tracer->seen++;
    if (trace->strike == STRIKE_FAIL && trace->on && tracer->seen > trace->at)
        make_fail(tracee, call);
    if (tracer->seen == trace->at && trace->strike != STRIKE_NONE)
        strike(tracer, tracee, call, info);
}

static void at_call(struct tracer *tracer, struct tracee *tracee)
{
    struct __ptrace_syscall_info info;
    if (ptrace(PTRACE_GET_SYSCALL_INFO, tracee->pid, sizeof(info), &info) <= 0)
        return;
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY && tracer->begun)
        entering(tracer, tracee, &info);
    else if (info.op == PTRACE_SYSCALL_INFO_EXIT && tracee->failing)
        answer(tracer, tracee);
    else if (info.op == PTRACE_SYSCALL_INFO_EXIT && tracee->dying_after)
        kill_now(tracer, tracee);
}

/* The program itself, or itself again in a child, is followed; another program is a stage and is
 * let go. */
static void executed(struct tracer *tracer, struct tracee *tracee)
{
    char link[64], executable[512] = "";
    snprintf(link, sizeof(link), "/proc/%d/exe", (int)tracee->pid);
    if (readlink(link, executable, sizeof(executable) - 1) < 0)
        executable[0] = '\0';
    if (!tracer->begun) {
        tracer->begun = true;
        memcpy(tracer->executable, executable, sizeof(executable));
    }
    if (strcmp(executable, tracer->executable) == 0) {
        look_at(tracee);
        go_on(tracee->pid, 0);
        return;
    }
    if (tracee->dying_after)
        kill_now(tracer, tracee);
    pid_t pid = tracee->pid;
    drop(tracer, pid);
    ptrace(PTRACE_DETACH, pid, 0, 0);
}

/* The child of a fork is waited for even where its parent is killed before the child has been seen.
 */
static void expect_child(struct tracer *tracer, pid_t parent)
{
    unsigned long child = 0;
    if (ptrace(PTRACE_GETEVENTMSG, parent, 0, &child) == 0 && child != 0 &&
        find(tracer, (pid_t)child) == NULL && kill((pid_t)child, 0) == 0)
        add(tracer, (pid_t)child);
}

static void stopped(struct tracer *tracer, pid_t pid, int status)
{
    struct tracee *tracee = find(tracer, pid);
    if (tracee == NULL)
        tracee = add(tracer, pid);
    int number = WSTOPSIG(status);
    if (status >> 16 == PTRACE_EVENT_EXEC) {
        executed(tracer, tracee);
        return;
    }
    if (status >> 16 != 0)
        expect_child(tracer, pid);
    if (number == (SIGTRAP | 0x80)) {
        at_call(tracer, tracee);
        number = 0;
    } else if (status >> 16 != 0 || (tracee->fresh && number == SIGSTOP))
        number = 0;
    tracee->fresh = false;
    go_on(pid, number);
}

static void ended(struct tracer *tracer, pid_t pid, int status)
{
    drop(tracer, pid);
    if (pid == tracer->program) {
        tracer->program_gone = true;
        tracer->status = status;
    }
}

int tracer_follow(pid_t program, struct trace *trace, double deadline, bool *hung)
{
    struct tracer *tracer = calloc(1, sizeof(*tracer));
    int status = 0;
    while (waitpid(program, &status, __WALL) != program && errno == EINTR)
        continue;
    if (tracer == NULL || !WIFSTOPPED(status) ||
        ptrace(PTRACE_SETOPTIONS, program, 0,
               PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) < 0)
        bail("cannot trace: %s", strerror(errno));
    *tracer = (struct tracer){.trace = trace, .program = program};
    add(tracer, program)->fresh = false;
    go_on(program, 0);
    while (!tracer->program_gone || tracer->count > 0) {
        pid_t pid = waitpid(-1, &status, __WALL);
        if (pid > 0 && WIFSTOPPED(status))
            stopped(tracer, pid, status);
        else if (pid > 0)
            ended(tracer, pid, status);
        else if (errno == ECHILD)
            break;
        if (command_now() > deadline) {
            *hung = true;
            kill_all(tracer);
        }
    }
    status = tracer->status;
    free(tracer);
    return status;
}
