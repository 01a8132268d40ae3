#include "nn/cuda/cudnn.h"

#include "base/memory.h"
#include "base/text.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#define SONAME "libcudnn.so.9"
#define VERSION_WORDS "9.11 or newer"

/* ---- errors ---- */

/* Paths of cuDNN's files in this process, each once: /proc/self/maps has a line for each segment.
 */
static void add_loaded(struct text *words)
{
    char *line = NULL, last[1024] = "";
    size_t capacity = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        return;
    while (getline(&line, &capacity, maps) > 0) {
        char *path = strchr(line, '/');
        if (!path || !strstr(path, "/libcudnn"))
            continue;
        path[strcspn(path, "\n")] = '\0';
        if (strcmp(path, last) == 0)
            continue;
        text_addf(words, "%s%s", last[0] ? ", " : "; loaded are ", path);
        snprintf(last, sizeof last, "%s", path);
    }
    free(line);
    fclose(maps);
}

static bool is_of_parts(cudnnStatus_t status)
{
    return status == CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH ||
           status == CUDNN_STATUS_SUBLIBRARY_LOADING_FAILED;
}

int cudnn_check(const struct cudnn *cudnn, cudnnStatus_t status, const char *call,
                struct error *err)
{
    char last[512] = "";
    struct text loaded = {0};
    if (status == CUDNN_STATUS_SUCCESS)
        return 0;
    cudnn->last_error_string(last, sizeof last);
    last[sizeof last - 1] = '\0';
    last[strcspn(last, "\n")] = '\0';
    if (is_of_parts(status))
        add_loaded(&loaded);
    error_set(err, ERR_DEVICE, "cudnn: %s gave %d, %s%s%s%s", call, (int)status,
              cudnn->error_string(status), last[0] ? ": " : "", last, text_string(&loaded));
    text_release(&loaded);
    return -1;
}

/* ---- loading ---- */

static const struct {
    const char *name;
    size_t offset; /* in struct cudnn */
} functions[] = {
    {"cudnnGetVersion", offsetof(struct cudnn, get_version)},
    {"cudnnGraphVersionCheck", offsetof(struct cudnn, version_check)},
    {"cudnnGetErrorString", offsetof(struct cudnn, error_string)},
    {"cudnnGetLastErrorString", offsetof(struct cudnn, last_error_string)},
    {"cudnnCreate", offsetof(struct cudnn, create)},
    {"cudnnDestroy", offsetof(struct cudnn, destroy)},
    {"cudnnSetStream", offsetof(struct cudnn, set_stream)},
    {"cudnnBackendCreateDescriptor", offsetof(struct cudnn, create_descriptor)},
    {"cudnnBackendDestroyDescriptor", offsetof(struct cudnn, destroy_descriptor)},
    {"cudnnBackendSetAttribute", offsetof(struct cudnn, set_attribute)},
    {"cudnnBackendGetAttribute", offsetof(struct cudnn, get_attribute)},
    {"cudnnBackendFinalize", offsetof(struct cudnn, finalize)},
    {"cudnnBackendExecute", offsetof(struct cudnn, execute)},
};

static int find_functions(struct cudnn *cudnn, struct error *err)
{
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        void *found = dlsym(cudnn->library, functions[i].name);
        if (!found)
            return error_set(err, ERR_DEVICE, "cudnn: '%s' has no %s, it must be " VERSION_WORDS,
                             cudnn->path, functions[i].name);
        memcpy((char *)cudnn + functions[i].offset, &found, sizeof found);
    }
    return 0;
}

static void *load_from(const char *folder, size_t length, char *path, size_t size)
{
    const int written = snprintf(path, size, "%.*s/" SONAME, (int)length, folder);
    return written > 0 && (size_t)written < size ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
}

/* The folder of the file that holds this function. */
static void *load_from_beside(char *path, size_t size)
{
    Dl_info info;
    const char *end;
    if (!dladdr((void *)(uintptr_t)cudnn_open, &info) || !info.dli_fname ||
        !(end = strrchr(info.dli_fname, '/')))
        return NULL;
    return load_from(info.dli_fname, (size_t)(end - info.dli_fname), path, size);
}

static int load(struct cudnn *cudnn, const char *folder, struct error *err)
{
    Dl_info info;
    if (folder)
        cudnn->library = load_from(folder, strlen(folder), cudnn->path, sizeof cudnn->path);
    else if (!(cudnn->library = load_from_beside(cudnn->path, sizeof cudnn->path)))
        cudnn->library = dlopen(SONAME, RTLD_NOW | RTLD_LOCAL);
    if (!cudnn->library) {
        const char *reason = dlerror();
        return error_set(err, ERR_DEVICE, "cudnn " VERSION_WORDS " cannot be loaded: %s",
                         reason ? reason : "the path is too long");
    }
    void *version = dlsym(cudnn->library, functions[0].name);
    if (version && dladdr(version, &info) && info.dli_fname)
        snprintf(cudnn->path, sizeof cudnn->path, "%s", info.dli_fname);
    return find_functions(cudnn, err);
}

static int check_version(struct cudnn *cudnn, struct error *err)
{
    cudnn->version = cudnn->get_version();
    if (cudnn->version < CUDNN_LEAST)
        return error_set(err, ERR_DEVICE, "cudnn: '%s' is %zu.%zu.%zu, it must be " VERSION_WORDS,
                         cudnn->path, cudnn->version / 10000, cudnn->version / 100 % 100,
                         cudnn->version % 100);
    return cudnn_check(cudnn, cudnn->version_check(), "cudnnGraphVersionCheck", err);
}

int cudnn_open(const char *folder, struct cudnn **cudnn, struct error *err)
{
    struct cudnn *own = memory_new(1, sizeof *own, err);
    if (!own)
        return -1;
    if (load(own, folder, err) || check_version(own, err)) {
        cudnn_close(own);
        return -1;
    }
    *cudnn = own;
    return 0;
}

void cudnn_close(struct cudnn *cudnn)
{
    free(cudnn);
}
