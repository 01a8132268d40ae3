/* Which device computes. The CPU is linked in; the GPU's device is a shared
 * object beside the executable, so that one build runs with and without CUDA.
 * It exports
 *     int backend_open_cuda(int threads, struct device **, struct error *);
 *     int backend_fingerprint_cuda(FILE *, struct error *);
 * both of which fail with ERR_DEVICE where there is no GPU. */
#include "nn/device.h"

#include "base/digest.h"
#include "base/uses.h"
#include "nn/cpu/cpu_device.h"

#include <dlfcn.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

typedef int open_fn(int threads, struct device **device, struct error *err);
typedef int fingerprint_fn(FILE *stream, struct error *err);

struct cuda {
    open_fn *open;
    fingerprint_fn *fingerprint;
};

/* The executable's folder, without a slash at its end; of a copy that the runner made to run in a
 * work folder, that of what it copied. */
static int own_folder(char *folder, size_t size, struct error *err)
{
    ssize_t length = readlink("/proc/self/exe", folder, size - 1);
    if (length < 0)
        return error_errno(err, "/proc/self/exe");
    folder[length] = '\0';
    const char *original = getenv("REPRISE_PROGRAM");
    const char *name = original != NULL ? strrchr(original, '/') : NULL;
    char *slash = strrchr(folder, '/');
    if (name != NULL && slash != NULL && strcmp(name, slash) == 0 && strlen(original) < size) {
        memcpy(folder, original, strlen(original) + 1);
        slash = folder + (name - original);
    }
    if (slash != NULL)
        *slash = '\0';
    return 0;
}

static const struct {
    bool above; /* from the folder above the executable's own */
    const char *inner;
} places[] = {
    {true, "/lib/libreprise-cuda.so"}, /* in a tree of sources, beside stages/ */
    {true, "/libreprise-cuda.so"},     /* installed, beside lib/reprise/stages/ */
    {false, "/libreprise-cuda.so"},
};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

/* Where the GPU's object may lie. */
static int cuda_place(int which, char path[PATH_MAX + 64], struct error *err)
{
    if (own_folder(path, PATH_MAX, err) != 0)
        return -1;
    char *slash = strrchr(path, '/');
    if (places[which].above && slash != NULL)
        *slash = '\0';
    size_t length = strlen(path);
    snprintf(path + length, PATH_MAX + 64 - length, "%s", places[which].inner);
    return 0;
}

/* ISO C has no conversion from an object's address to a function's; POSIX has. */
static void *symbol(void *object, const char *name, void *function)
{
    void *address = dlsym(object, name);
    memcpy(function, &address, sizeof(address));
    return address;
}

/* The object stays loaded until the process ends; `path` is where it lies. */
static int cuda_load(struct cuda *cuda, char path[PATH_MAX + 64], struct error *err)
{
    *cuda = (struct cuda){0};
    for (int i = 0; i < PLACES; i++) {
        if (cuda_place(i, path, err) != 0)
            return -1;
        if (access(path, F_OK) != 0)
            continue;
        void *object = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (object == NULL)
            return error_set(err, ERR_DEVICE, "cannot load the GPU backend: %s", dlerror());
        if (symbol(object, "backend_open_cuda", &cuda->open) == NULL ||
            symbol(object, "backend_fingerprint_cuda", &cuda->fingerprint) == NULL)
            return error_set(err, ERR_DEVICE, "'%s' is not a GPU backend: %s", path, dlerror());
        return 0;
    }
    return error_set(err, ERR_DEVICE, "this build has no GPU backend");
}

enum choice { DEVICE_AUTO, DEVICE_CPU, DEVICE_CUDA };

static int choice_parse(const char *name, enum choice *choice, struct error *err)
{
    static const char *const names[] = {"auto", "cpu", "cuda"};
    for (int i = 0; i < 3; i++)
        if (strcmp(name, names[i]) == 0) {
            *choice = (enum choice)i;
            return 0;
        }
    return error_set(err, ERR_USAGE, "unknown device '%s', expected 'auto', 'cpu' or 'cuda'", name);
}

/* cuda was asked for by name. */
static int no_cuda(const struct error *why, struct error *err)
{
    return error_set(err, ERR_DEVICE, "device 'cuda': %s, use device 'cpu' or 'auto'",
                     why->message);
}

int device_open(const char *name, int threads, struct device **device, struct error *err)
{
    enum choice which = DEVICE_AUTO;
    struct cuda cuda;
    char path[PATH_MAX + 64];
    if (choice_parse(name, &which, err) != 0)
        return -1;
    if (which == DEVICE_CPU)
        return cpu_device_open(threads, device, err);
    if (cuda_load(&cuda, path, err) == 0 && cuda.open(threads, device, err) == 0)
        return 0;
    if (err->kind != ERR_DEVICE)
        return -1;
    const struct error why = *err;
    if (which == DEVICE_CUDA)
        return no_cuda(&why, err);
    if (cpu_device_open(threads, device, err) != 0)
        return -1;
    snprintf((*device)->no_gpu, sizeof((*device)->no_gpu), "%.255s", why.message);
    return 0;
}

void device_close(struct device *device)
{
    if (device != NULL)
        device->table->close(device);
}

int device_precision(const struct device *device, enum precision precision, enum dtype *dtype,
                     struct error *err)
{
    if (precision == PRECISION_BF16 && device->no_bf16 != NULL)
        return error_set(err, ERR_DEVICE, "'bf16' on device '%s': %s; take 'auto' or 'f32'",
                         device->name, device->no_bf16);
    *dtype = precision == PRECISION_AUTO  ? device->preferred
             : precision == PRECISION_F32 ? DTYPE_F32
                                          : DTYPE_BF16;
    return 0;
}

/* Come, go or change with the driver and with the cards. */
static const char *const driver[] = {"/dev/nvidiactl", "/sys/module/nvidia/version",
                                     "/proc/driver/nvidia/gpus"};

/* The object, the driver and the place of an object that would be taken first: where one
 * of them comes, goes or changes, so may the answer. */
static int print_uses(FILE *stream, struct error *err)
{
    char path[PATH_MAX + 64];
    for (int i = 0; i < PLACES; i++) {
        if (cuda_place(i, path, err) != 0)
            return -1;
        uses_print(stream, path);
        if (access(path, F_OK) == 0)
            break;
    }
    for (size_t i = 0; i < sizeof(driver) / sizeof(*driver); i++)
        uses_print(stream, driver[i]);
    return 0;
}

static int fingerprint_cuda(FILE *stream, struct error *err)
{
    struct cuda cuda;
    char path[PATH_MAX + 64], hex[DIGEST_HEX_SIZE];
    struct digest digest;
    if (cuda_load(&cuda, path, err) != 0 || cuda.fingerprint(stream, err) != 0 ||
        digest_of_file(path, &digest, err) != 0)
        return -1;
    digest_to_hex(&digest, hex);
    if (fprintf(stream, "backend %s\n", hex) < 0)
        return error_errno(err, "cannot write the fingerprint");
    return 0;
}

int device_fingerprint(const char *name, FILE *stream, struct error *err)
{
    enum choice which = DEVICE_AUTO;
    if (choice_parse(name, &which, err) != 0)
        return -1;
    if (which == DEVICE_CPU)
        return cpu_device_fingerprint(stream, err);
    int result = fingerprint_cuda(stream, err);
    if (result != 0 && err->kind == ERR_DEVICE) {
        const struct error why = *err;
        result = which == DEVICE_CUDA ? no_cuda(&why, err) : cpu_device_fingerprint(stream, err);
    }
    return result == 0 ? print_uses(stream, err) : -1;
}

/* Whether the GPU's device can be had, as its fingerprint can only where that is so. */
static int find_cuda(struct error *err)
{
    struct cuda cuda;
    char path[PATH_MAX + 64];
    FILE *nowhere = fopen("/dev/null", "we");
    if (nowhere == NULL)
        return error_errno(err, "/dev/null");
    const int result = cuda_load(&cuda, path, err) != 0 ? -1 : cuda.fingerprint(nowhere, err);
    fclose(nowhere);
    return result;
}

int device_prefers(const char *name, enum dtype *dtype, struct error *err)
{
    enum choice which = DEVICE_AUTO;
    struct error why = {0};
    if (choice_parse(name, &which, err) != 0)
        return -1;
    *dtype = DTYPE_F32;
    if (which == DEVICE_CPU)
        return 0;
    if (find_cuda(&why) == 0)
        *dtype = DEVICE_GPU_PREFERS;
    else if (why.kind == ERR_DEVICE && which == DEVICE_CUDA)
        return no_cuda(&why, err);
    else if (why.kind != ERR_DEVICE) {
        *err = why;
        return -1;
    }
    return 0;
}
