/* What a hostile stage does and a shell cannot:
 *   hostile socket PATH             leaves a socket there
 *   hostile late PATH MARKER HOW    leaves a daemon (double fork, a session of its own, named
 * MARKER) that writes to PATH from 20 ms on; HOW: write, mapping hostile flood FD MEGABYTES writes
 * so many MB of lines to a descriptor */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { DAEMON_SECONDS = 30, STEP_US = 1000 };

static int leave_socket(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
    return fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof(name)) < 0;
}

/* The daemon proper: its name is in its arguments, where a test finds it. */
static int write_late(const char *path, const char *how)
{
    int fd = open(path, O_RDWR | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
        return 1;
    char *mapped = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (mapped == MAP_FAILED)
        return 1;
    puts(
        "the daemon has begun"); /* a campaign wants to see in the log that the attack took place */
    fflush(stdout);
    usleep(20 * STEP_US);
    for (int i = 0; i < DAEMON_SECONDS * 1000; i++) {
        if (strcmp(how, "mapping") == 0)
            mapped[0] = (char)i;
        else if (pwrite(fd, "late", 4, 0) < 0)
            return 1;
        usleep(STEP_US);
    }
    return 0;
}

static int leave_daemon(char **argv)
{
    if (fork() > 0) {
        usleep(10 * STEP_US); /* it has its descriptor before the stage ends */
        return 0;
    }
    setsid();
    if (fork() > 0)
        _exit(0);
    char daemon[] = "daemon";
    argv[1] = daemon;
    execv("/proc/self/exe", argv);
    return 1;
}

static int flood(int fd, long megabytes)
{
    static char lines[1 << 20];
    memset(lines, 'x', sizeof(lines));
    for (size_t i = 99; i < sizeof(lines); i += 100)
        lines[i] = '\n';
    for (long m = 0; m < megabytes; m++)
        for (size_t done = 0; done < sizeof(lines);) {
            ssize_t put = write(fd, lines + done, sizeof(lines) - done);
            if (put <= 0)
                return 1;
            done += (size_t)put;
        }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "socket") == 0)
        return leave_socket(argv[2]);
    if (argc == 5 && strcmp(argv[1], "late") == 0)
        return leave_daemon(argv);
    if (argc == 5 && strcmp(argv[1], "daemon") == 0)
        return write_late(argv[2], argv[4]);
    if (argc == 4 && strcmp(argv[1], "flood") == 0)
        return flood((int)strtol(argv[2], NULL, 10), strtol(argv[3], NULL, 10));
    fputs("usage: hostile socket PATH | late PATH MARKER write|mapping | flood FD MEGABYTES\n",
          stderr);
    return 2;
}
