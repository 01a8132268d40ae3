/* LD_PRELOADed into the program under test: the n-th allocation of the program and of what it forks
 * returns NULL, or all from the n-th on. FAULTS_MALLOC names a file of a struct failing_malloc
 * (faults/failing_malloc.h), shared by all. */
#include "faults/failing_malloc.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* What glibc's allocator is called behind the names that are replaced here. */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *old, size_t size);
void *__libc_memalign(size_t alignment, size_t size);

static struct failing_malloc *plan;

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("FAULTS_MALLOC");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *shared =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*plan), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (shared != MAP_FAILED)
        plan = shared;
}

static void note(void *caller)
{
    Dl_info info;
    if (dladdr(caller, &info) == 0)
        return;
    const char *slash = strrchr(info.dli_fname, '/');
    snprintf(plan->caller, sizeof(plan->caller), "%s %s+%#lx",
             slash == NULL ? info.dli_fname : slash + 1,
             info.dli_sname == NULL ? "" : info.dli_sname,
             (unsigned long)((char *)caller -
                             (char *)(info.dli_sname == NULL ? info.dli_fbase : info.dli_saddr)));
}

static bool fails(void *caller)
{
    if (plan == NULL)
        return false;
    long now = atomic_fetch_add(&plan->count, 1) + 1;
    if (plan->at == 0 || (plan->on ? now < plan->at : now != plan->at))
        return false;
    if (atomic_fetch_add(&plan->failed, 1) == 0)
        note(caller);
    errno = ENOMEM;
    return true;
}

void *malloc(size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_malloc(size);
}

void *calloc(size_t count, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_calloc(count, size);
}

void *realloc(void *old, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *got = fails(__builtin_return_address(0)) ? NULL : __libc_memalign(alignment, size);
    if (got == NULL)
        return ENOMEM;
    *memory = got;
    return 0;
}
