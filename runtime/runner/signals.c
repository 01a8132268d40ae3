#include "runner/signals.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

int signals_open(struct signals *signals, struct error *err)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (!is_ignored(numbers[i]))
            sigaddset(&set, numbers[i]);
    sigaddset(&set, SIGWINCH); /* wakes the display */
    pthread_sigmask(SIG_BLOCK, &set, &signals->before);
    signals->fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals->fd >= 0)
        return 0;
    error_errno(err, "cannot watch signals");
    pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
    return -1;
}

void signals_close(struct signals *signals)
{
    if (signals->fd < 0)
        return;
    close(signals->fd);
    signals->fd = -1;
    pthread_sigmask(SIG_SETMASK, &signals->before, NULL);
}

int signals_take(struct signals *signals)
{
    struct signalfd_siginfo info;
    int count = 0;
    while (read(signals->fd, &info, sizeof(info)) == sizeof(info))
        count += info.ssi_signo != SIGWINCH;
    return count;
}
