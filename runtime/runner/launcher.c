/* A request is one message: its head, the words of argv, the environment and what namespaces show,
 * each with a NUL, and the descriptors folder, output, errors, report and, as the head says,
 * progress, rules, tried, groups and lock. The answer is the keeper's pid with a descriptor of it,
 * or 0 where there is no keeper. A request of a pid alone ends that keeper; its answer is 0. */
#include "runner/launcher.h"

#include "base/memory.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MESSAGE_LIMIT = 100 << 10,
    DESCRIPTORS = 9,
    FIXED_DESCRIPTORS = 4,
    WORDS_LIMIT = 16 << 10,
    RECEIVE_TRIES = 20,
};

static const struct timespec receive_pause = {0, 10 * 1000 * 1000};

struct head {
    struct limits limits;
    uint64_t mark;
    uint32_t argc, envc, shown;
    uint32_t namespaces; /* enum namespaces_level */
    uint8_t has_progress, has_rules, has_tried, has_groups, has_lock, confined, network, user,
        own_network;
};

struct launcher {
    int socket;
    bool broken; /* an answer was lost: nothing more can be asked */
    pid_t pid;
    pthread_mutex_t mutex; /* one question at a time */
};

/* ---- messages ---- */

union control {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(DESCRIPTORS * sizeof(int))];
};

static ssize_t send_with(int to, const void *data, size_t size, const int *fds, size_t count)
{
    union control control;
    struct iovec part = {(void *)data, size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (count > 0) {
        memset(&control, 0, sizeof(control));
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(count * sizeof(int));
        struct cmsghdr *entry = CMSG_FIRSTHDR(&message);
        entry->cmsg_level = SOL_SOCKET;
        entry->cmsg_type = SCM_RIGHTS;
        entry->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(entry), fds, count * sizeof(int));
    }
    ssize_t sent;
    while ((sent = sendmsg(to, &message, MSG_NOSIGNAL)) < 0 && errno == EINTR)
        continue;
    return sent;
}

static ssize_t receive_with(int from, void *data, size_t size, int fds[DESCRIPTORS], size_t *count)
{
    union control control;
    struct iovec part = {data, size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes)};
    ssize_t got;
    *count = 0;
    for (int tries = 0; (got = recvmsg(from, &message, MSG_CMSG_CLOEXEC)) < 0; tries++) {
        if (errno != EINTR && tries == RECEIVE_TRIES)
            break;
        if (errno != EINTR) /* memory, which may come back */
            nanosleep(&receive_pause, NULL);
    }
    if (got < 0)
        return -1;
    for (struct cmsghdr *entry = CMSG_FIRSTHDR(&message); entry != NULL;
         entry = CMSG_NXTHDR(&message, entry))
        if (entry->cmsg_level == SOL_SOCKET && entry->cmsg_type == SCM_RIGHTS) {
            *count = (entry->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            memcpy(fds, CMSG_DATA(entry), *count * sizeof(int));
        }
    return got;
}

/* ---- the launcher's side ---- */

/* Points into the texts; false where they are not as many as the head says. */
static bool find_words(char *text, const char *end, char **words, size_t count, char **next)
{
    for (size_t i = 0; i < count; i++) {
        char *stop = text < end ? memchr(text, '\0', (size_t)(end - text)) : NULL;
        if (stop == NULL)
            return false;
        words[i] = text;
        text = stop + 1;
    }
    words[count] = NULL;
    *next = text;
    return true;
}

/* The keeper's pid, or 0. */
static pid_t fork_keeper(char *message, size_t size, const int *fds, size_t count)
{
    static char *argv[WORDS_LIMIT], *environment[WORDS_LIMIT], *shown[WORDS_LIMIT];
    struct head head;
    char *next = message + sizeof(head);
    if (size < sizeof(head))
        return 0;
    memcpy(&head, message, sizeof(head));
    if (head.argc >= WORDS_LIMIT || head.envc >= WORDS_LIMIT || head.shown >= WORDS_LIMIT ||
        count != FIXED_DESCRIPTORS + (size_t)head.has_progress + (size_t)head.has_rules +
                     (size_t)head.has_tried + (size_t)head.has_groups + (size_t)head.has_lock ||
        !find_words(next, message + size, argv, head.argc, &next) ||
        !find_words(next, message + size, environment, head.envc, &next) ||
        !find_words(next, message + size, shown, head.shown, &next))
        return 0;
    const struct launch launch = {
        .argv = argv,
        .environment = environment,
        .folder = fds[0],
        .output = fds[1],
        .errors = fds[2],
        .progress = head.has_progress ? fds[FIXED_DESCRIPTORS] : -1,
        .confined = head.confined,
        .network = head.network,
        .rules = head.has_rules ? fds[FIXED_DESCRIPTORS + head.has_progress] : -1,
        .namespaces = {(enum namespaces_level)head.namespaces, head.user, head.own_network, shown},
        .tried = head.has_tried ? fds[FIXED_DESCRIPTORS + head.has_progress + head.has_rules] : -1,
        .groups = head.has_groups ? fds[count - 1 - head.has_lock] : -1,
        .lock = head.has_lock ? fds[count - 1] : -1,
        .limits = head.limits,
        .mark = head.mark};
    pid_t launcher = getpid(), child = fork();
    if (child == 0)
        keeper_run(&launch, launcher, fds[3]);
    return child > 0 ? child : 0;
}

/* What it runs is gone when this returns. One that was collected is nobody's number any more, or
 * another's. */
static void end_keeper(pid_t keeper)
{
    siginfo_t ignored;
    if (waitid(P_PID, (id_t)keeper, &ignored, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD)
        return;
    kill(keeper, SIGUSR1);
    while (waitpid(keeper, NULL, 0) < 0 && errno == EINTR)
        continue;
}

/* The keeper that was asked for, with a descriptor of it, or 0: then it does not run. */
static pid_t answer(char *message, size_t size, const int *fds, size_t count, int *pidfd)
{
    pid_t keeper;
    *pidfd = -1;
    if (size == sizeof(keeper)) {
        memcpy(&keeper, message, sizeof(keeper));
        end_keeper(keeper);
        return 0;
    }
    keeper = fork_keeper(message, size, fds, count);
    /* Not collected yet, so the number is still its own. */
    if (keeper > 0 && (*pidfd = (int)syscall(SYS_pidfd_open, keeper, 0)) < 0) {
        end_keeper(keeper);
        return 0;
    }
    return keeper;
}

_Noreturn static void serve(int socket, pid_t runner)
{
    static char message[MESSAGE_LIMIT];
    prctl(PR_SET_NAME, "reprise-launch");
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0); /* Ctrl-C is the runner's to hear */
    if (getppid() != runner)
        _exit(1);
    for (;;) {
        int fds[DESCRIPTORS];
        size_t count;
        ssize_t got = receive_with(socket, message, sizeof(message), fds, &count);
        if (got <= 0)
            _exit(0);
        int pidfd;
        pid_t keeper = answer(message, (size_t)got, fds, count, &pidfd);
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
        if (send_with(socket, &keeper, sizeof(keeper), &pidfd, pidfd >= 0) < 0)
            _exit(1);
        if (pidfd >= 0)
            close(pidfd);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
}

/* ---- the runner's side ---- */

int launcher_start(struct launcher **started, struct error *err)
{
    int ends[2];
    struct launcher *launcher = memory_new(1, sizeof(*launcher), err);
    if (launcher == NULL)
        return -1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        free(launcher);
        return error_errno(err, "cannot make a socket");
    }
    pid_t runner = getpid();
    launcher->socket = ends[0];
    if ((launcher->pid = fork()) == 0) {
        close(ends[0]);
        serve(ends[1], runner);
    }
    int why = errno;
    close(ends[1]);
    if (launcher->pid < 0) {
        close(ends[0]);
        free(launcher);
        errno = why;
        return error_errno(err, "cannot start a process");
    }
    pthread_mutex_init(&launcher->mutex, NULL);
    *started = launcher;
    return 0;
}

pid_t launcher_pid(const struct launcher *launcher)
{
    return launcher == NULL ? 0 : launcher->pid;
}

void launcher_stop(struct launcher *launcher)
{
    if (launcher == NULL)
        return;
    close(launcher->socket); /* it reads the end */
    while (waitpid(launcher->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    pthread_mutex_destroy(&launcher->mutex);
    free(launcher);
}

/* The size, or 0 where it does not fit. */
static size_t add_words(char message[MESSAGE_LIMIT], size_t used, char *const *words,
                        uint32_t *count)
{
    for (*count = 0; words != NULL && words[*count] != NULL; ++*count) {
        size_t size = strlen(words[*count]) + 1;
        if (size > MESSAGE_LIMIT - used || *count == WORDS_LIMIT - 1)
            return 0;
        memcpy(message + used, words[*count], size);
        used += size;
    }
    return used;
}

/* One question and its answer. After an answer that was lost the launcher ends, and with it all
 * that it has forked. */
static bool exchange(struct launcher *launcher, const void *message, size_t size, const int *fds,
                     size_t count, pid_t *pid, int *pidfd)
{
    int back[DESCRIPTORS];
    size_t back_count = 0;
    *pid = 0;
    *pidfd = -1;
    if (launcher->broken || send_with(launcher->socket, message, size, fds, count) != (ssize_t)size)
        return false; /* it was asked nothing */
    if (receive_with(launcher->socket, pid, sizeof(*pid), back, &back_count) ==
        (ssize_t)sizeof(*pid)) {
        *pidfd = back_count == 1 ? back[0] : -1;
        return true;
    }
    shutdown(launcher->socket, SHUT_RDWR);
    launcher->broken = true;
    return false;
}

static enum launcher_answer ask(struct launcher *launcher, const char *message, size_t size,
                                const int *fds, size_t count, pid_t *pid, int *pidfd)
{
    pthread_mutex_lock(&launcher->mutex);
    bool was_broken = launcher->broken;
    bool answered = exchange(launcher, message, size, fds, count, pid, pidfd);
    /* Its descriptor could not be taken: without one it is not ours to watch. */
    pid_t lost = answered && *pidfd < 0 ? *pid : 0, ended;
    if (lost > 0)
        exchange(launcher, &lost, sizeof(lost), NULL, 0, &ended, &(int){0});
    bool broke = launcher->broken && !was_broken;
    pthread_mutex_unlock(&launcher->mutex);
    if (broke)
        return LAUNCHER_BROKE;
    return *pidfd >= 0 ? LAUNCHER_FORKED : LAUNCHER_NOTHING;
}

enum launcher_answer launcher_fork(struct launcher *launcher, const struct launch *launch,
                                   int report, pid_t *pid, int *pidfd)
{
    struct error ignored;
    struct head head = {.limits = launch->limits,
                        .mark = launch->mark,
                        .has_progress = launch->progress >= 0,
                        .has_rules = launch->rules >= 0,
                        .has_tried = launch->tried >= 0,
                        .has_groups = launch->groups >= 0,
                        .confined = launch->confined,
                        .network = launch->network,
                        .namespaces = launch->namespaces.level,
                        .user = launch->namespaces.user,
                        .own_network = launch->namespaces.network,
                        .has_lock = launch->lock >= 0};
    int fds[DESCRIPTORS] = {launch->folder, launch->output, launch->errors, report};
    size_t count = FIXED_DESCRIPTORS;
    if (head.has_progress)
        fds[count++] = launch->progress;
    if (head.has_rules)
        fds[count++] = launch->rules;
    if (head.has_tried)
        fds[count++] = launch->tried;
    if (head.has_groups)
        fds[count++] = launch->groups;
    if (head.has_lock)
        fds[count++] = launch->lock;
    char *message = memory_new(MESSAGE_LIMIT, 1, &ignored);
    if (message == NULL)
        return LAUNCHER_NOTHING;
    size_t used = add_words(message, sizeof(head), launch->argv, &head.argc);
    if (used > 0)
        used = add_words(message, used, launch->environment, &head.envc);
    if (used > 0)
        used = add_words(message, used, launch->namespaces.shown, &head.shown);
    memcpy(message, &head, sizeof(head));
    enum launcher_answer answer =
        used > 0 ? ask(launcher, message, used, fds, count, pid, pidfd) : LAUNCHER_NOTHING;
    free(message);
    return answer;
}
