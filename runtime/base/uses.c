#include "base/uses.h"

#include <link.h>
#include <string.h>

void uses_print(FILE *stream, const char *path)
{
    /* A line break would make a line of its own that a key holds. */
    if (path[0] == '/' && strpbrk(path, "\r\n") == NULL)
        fprintf(stream, "uses %s\n", path);
}

/* The kernel's object has a name without a slash, and the program itself none. */
static int print_object(struct dl_phdr_info *info, size_t size, void *stream)
{
    (void)size;
    if (info->dlpi_name != NULL)
        uses_print(stream, info->dlpi_name);
    return 0;
}

void uses_print_libraries(FILE *stream)
{
    dl_iterate_phdr(print_object, stream);
}
