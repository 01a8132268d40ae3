#include "runner/fingerprint.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    FINGERPRINT_LIMIT = 8192, /* bytes of output */
    FINGERPRINT_TIMEOUT_MS = 10000,
    EXECUTABLE_LIMIT = 1 << 30,
};

struct fingerprints {
    char *path;
    char *device;
    json_t *table; /* {"machine": text, "answers": {"<digest> <device>": text}} */
    bool changed;
};

/* What changes when another fingerprint is possible: the boot (kernel, driver,
 * processor), the installed libraries, and the devices that are visible. */
static char *machine_state(struct error *err)
{
    struct text text = {0};
    struct stat st;
    char boot[64] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t got = read(fd, boot, sizeof(boot) - 1);
        boot[got > 0 ? strcspn(boot, "\n") : 0] = '\0';
        close(fd);
    }
    text_addf(&text, "boot %s", boot);
    if (stat("/etc/ld.so.cache", &st) == 0)
        text_addf(&text, " libraries %lld.%09ld %lld", (long long)st.st_mtim.tv_sec,
                  st.st_mtim.tv_nsec, (long long)st.st_ino);
    const char *devices = getenv("CUDA_VISIBLE_DEVICES");
    text_addf(&text, " devices %s", devices != NULL ? devices : "all");
    if (text_check(&text, err) < 0)
        text_release(&text);
    return text.data;
}

int fingerprints_open(struct store *store, const char *device, struct fingerprints **opened,
                      struct error *err)
{
    struct error ignored;
    char *machine = NULL;
    struct fingerprints *prints = memory_new(1, sizeof(*prints), err);
    if (prints == NULL)
        return -1;
    if ((prints->path = file_join(store_folder(store), "fingerprints.json", err)) == NULL ||
        (prints->device = memory_copy_text(device, err)) == NULL ||
        (machine = machine_state(err)) == NULL)
        goto failed;
    if (json_read(prints->path, &prints->table, &ignored) < 0)
        prints->table = NULL;
    const char *known = json_string_value(json_object_get(prints->table, "machine"));
    if (known == NULL || strcmp(known, machine) != 0 ||
        !json_is_object(json_object_get(prints->table, "answers"))) {
        json_decref(prints->table);
        prints->table = json_pack("{s:s, s:{}}", "machine", machine, "answers");
        if (prints->table == NULL) {
            error_set(err, ERR_MEMORY, "out of memory for fingerprints");
            goto failed;
        }
    }
    free(machine);
    *opened = prints;
    return 0;
failed:
    free(machine);
    fingerprints_close(prints);
    return -1;
}

void fingerprints_close(struct fingerprints *prints)
{
    struct error ignored;
    if (prints == NULL)
        return;
    if (prints->changed)
        json_write(prints->path, prints->table, &ignored);
    json_decref(prints->table);
    free(prints->path);
    free(prints->device);
    free(prints);
}

static bool knows_the_option(const char *executable)
{
    static const char option[] = "--fingerprint", variable[] = "REPRISE_STAGE";
    char *data;
    size_t size;
    struct error ignored;
    if (file_read(executable, EXECUTABLE_LIMIT, &data, &size, &ignored) < 0)
        return false;
    bool found = memmem(data, size, option, sizeof(option) - 1) != NULL &&
                 memmem(data, size, variable, sizeof(variable) - 1) != NULL;
    free(data);
    return found;
}

static void run_child(const char *executable, const char *device, int to, int complaints)
{
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setpgid(0, 0);
    int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    dup2(to, STDOUT_FILENO);
    dup2(complaints, STDERR_FILENO);
    execl(executable, executable, "--fingerprint", device, (char *)NULL);
    _exit(127);
}

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Reads until the end, the limit or the time limit; the size, or -1. */
static ssize_t read_output(int from, char *output)
{
    int64_t deadline = milliseconds() + FINGERPRINT_TIMEOUT_MS;
    size_t used = 0;
    while (used < FINGERPRINT_LIMIT) {
        struct pollfd wait = {.fd = from, .events = POLLIN};
        int64_t left = deadline - milliseconds();
        if (left <= 0 || (poll(&wait, 1, (int)left) <= 0 && errno != EINTR))
            return -1;
        ssize_t got = read(from, output + used, FINGERPRINT_LIMIT - used);
        if (got == 0)
            return (ssize_t)used;
        if (got < 0 && errno != EINTR)
            return -1;
        used += got > 0 ? (size_t)got : 0;
    }
    return -1;
}

/* Lines of a name and a value, and nothing else. */
static bool is_fingerprint(const char *text, size_t size)
{
    if (strlen(text) != size || (size > 0 && text[size - 1] != '\n'))
        return false;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n");
        size_t name = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789_.-");
        if (name == 0 || text[name] != ' ' || name + 1 >= length)
            return false;
        for (size_t i = 0; i < length; i++)
            if ((unsigned char)text[i] < ' ')
                return false;
        text += length + 1;
    }
    return true;
}

/* Lines `uses PATH` (base/uses.h) are in no key. */
static void drop_uses(char *text)
{
    char *to = text;
    while (*text != '\0') {
        size_t length = strcspn(text, "\n") + 1;
        if (strncmp(text, "uses ", 5) != 0) {
            memmove(to, text, length);
            to += length;
        }
        text += length;
    }
    *to = '\0';
}

/* Starts the executable, reads its output, which is `size` bytes, and collects
 * it; `size` is -1 where it took too long or printed too much. */
static int question(const char *executable, const char *device, int complaints, char *output,
                    ssize_t *size, int *status, struct error *err)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return error_errno(err, "cannot make a pipe");
    pid_t child = fork();
    if (child == 0)
        run_child(executable, device, ends[1], complaints);
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return error_errno(err, "cannot start '%s'", executable);
    }
    setpgid(child, child);
    *size = read_output(ends[0], output);
    close(ends[0]);
    if (*size < 0)
        kill(-child, SIGKILL);
    while (waitpid(child, status, 0) < 0 && errno == EINTR)
        continue;
    output[*size >= 0 ? *size : 0] = '\0';
    return 0;
}

/* What an executable wrote to stderr, as far as its first line. */
static int failed(const char *executable, const char *device, int complaints, struct error *err)
{
    char line[256];
    ssize_t got = pread(complaints, line, sizeof(line) - 1, 0);
    line[got > 0 ? got : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return error_set(err, ERR_STAGE, "'%s --fingerprint %s': %s", executable, device,
                     line[0] != '\0' ? line : "it failed");
}

static int ask(const char *executable, const char *device, char *output, struct error *err)
{
    ssize_t size = 0;
    int status = 0;
    output[0] = '\0';
    if (!knows_the_option(executable))
        return 0;
    int complaints = memfd_create("complaints", MFD_CLOEXEC);
    if (complaints < 0)
        return error_errno(err, "cannot make a file in memory");
    int result = question(executable, device, complaints, output, &size, &status, err);
    if (result == 0 && size < 0)
        result = error_set(err, ERR_STAGE, "'%s --fingerprint %s' took more than %d s or %d bytes",
                           executable, device, FINGERPRINT_TIMEOUT_MS / 1000, FINGERPRINT_LIMIT);
    else if (result == 0 && status != 0)
        result = failed(executable, device, complaints, err);
    else if (result == 0 && !is_fingerprint(output, (size_t)size))
        result =
            error_set(err, ERR_STAGE, "'%s --fingerprint %s': a line is not a name and a value",
                      executable, device);
    else if (result == 0)
        drop_uses(output);
    close(complaints);
    return result;
}

const char *fingerprint_of(struct fingerprints *prints, const char *executable,
                           const struct digest *digest, struct error *err)
{
    char hex[DIGEST_HEX_SIZE], name[DIGEST_HEX_SIZE + 16], output[FINGERPRINT_LIMIT + 1];
    json_t *answers = json_object_get(prints->table, "answers");
    digest_to_hex(digest, hex);
    snprintf(name, sizeof(name), "%s %.8s", hex, prints->device);
    const char *known = json_string_value(json_object_get(answers, name));
    if (known != NULL)
        return known;
    if (ask(executable, prints->device, output, err) < 0)
        return NULL;
    if (json_object_set_new(answers, name, json_string(output)) < 0) {
        error_set(err, ERR_MEMORY, "out of memory for fingerprints");
        return NULL;
    }
    prints->changed = true;
    return json_string_value(json_object_get(answers, name));
}
