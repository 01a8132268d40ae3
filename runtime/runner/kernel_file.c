#include "runner/kernel_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int kernel_file_write(int folder, const char *path, const char *text)
{
    int fd = openat(folder, path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, text, strlen(text));
    int why = errno;
    close(fd);
    errno = why;
    return written == (ssize_t)strlen(text) ? 0 : -1;
}
