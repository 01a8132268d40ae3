#include "base/url.h"
#include "command/commands.h"
#include "command/version.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

const char reprise_version[] = "0.1.0";

/* A stream that the caller closed would lend its number to the next file, and take what is printed
 * there. What is open for reading alone refuses it. */
static void fill_streams(void)
{
    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) < 0 && open("/", O_RDONLY) < 0)
            _exit(1);
}

int main(int argc, char **argv)
{
    fill_streams();
    struct options options = {0};
    struct error err = {0};
    /* A reader that is gone, or a file that may not grow, is an error with a message. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    if (argc > 1 && strcmp(argv[1], "__complete") == 0) {
        command_complete(argc - 2, argv + 2);
        return 0;
    }
    int result = options_parse(argc, argv, &options, &err);
    if (result == 0 && options.help)
        options_help(&options, stdout);
    else if (result == 0 && options.version)
        printf("reprise %s\n", reprise_version);
    else if (result == 0)
        result = options.command->run(&options, &err);
    bool flushed = fflush(stdout) == 0;
    if (!flushed && result == 0)
        result = error_errno(&err, "cannot write to stdout");
    else if (ferror(stdout) && result == 0) /* of a piece before the last */
        result = error_set(&err, ERR_IO, "cannot write to stdout: not all of it was taken");
    url_put_stars(err.message);
    if (result < 0)
        fprintf(stderr, "reprise: %s\n", err.message);
    options_release(&options);
    return result < 0 ? error_exit_status(&err) : 0;
}
