#include "runner/machine.h"

#include "base/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Of the first processor: the kernel writes what is read, and no more. */
static void read_processor(char name[128])
{
    static const char label[] = "model name";
    char text[4096];
    int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    text[size > 0 ? size : 0] = '\0';
    const char *at = strstr(text, label), *colon = at == NULL ? NULL : strchr(at, ':');
    const char *value = colon == NULL ? "" : colon + 1 + strspn(colon + 1, " \t");
    snprintf(name, 128, "%.*s", (int)strcspn(value, "\n"), value);
}

json_t *machine_json(void)
{
    struct utsname system = {0};
    struct sysinfo info = {0};
    char processor[128], name[3 * sizeof(system.sysname)];
    read_processor(processor);
    uname(&system);
    sysinfo(&info);
    snprintf(name, sizeof(name), "%s %s %s", system.sysname, system.release, system.machine);
    return json_pack("{s:o*, s:i, s:I, s:o*}", "processor", json_clean(processor), "processors",
                     get_nprocs(), "memory", (json_int_t)info.totalram * (json_int_t)info.mem_unit,
                     "system", json_clean(name));
}
