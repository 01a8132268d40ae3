#include "runner/sandbox.h"

#include "base/file.h"
#include "base/memory.h"
#include "runner/confine.h"
#include "runner/landlock.h"
#include "runner/supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ABI_ALL = 6 }; /* from which on Landlock covers all that is promised */

void sandbox_missing(struct text *missing)
{
    static const struct {
        int abi;
        const char *what;
    } parts[] = {{1, "files are not confined"},
                 {3, "files outside may be cut to nothing"},
                 {6, "other processes are in reach of signals and of abstract sockets"}};
    const int abi = landlock_abi();
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (abi < parts[i].abi)
            text_addf(missing, "%s%s (Landlock ABI %d, the kernel has %d)",
                      missing->size > 0 ? ", " : "", parts[i].what, parts[i].abi, abi);
    if (!confine_has_seccomp())
        text_addf(missing, "%sthe network is in reach (no seccomp)", missing->size > 0 ? ", " : "");
}

void sandbox_in_force(struct text *words)
{
    const int abi = landlock_abi();
    text_add(words, "no privileges");
    if (abi > 0)
        text_addf(words, ", Landlock ABI %d", abi);
    if (confine_has_seccomp())
        text_add(words, ", seccomp");
}

int sandbox_check(const struct project *project, struct error *err)
{
    struct text missing = {0};
    const int why = project->sandbox == SANDBOX_TRACE ? supervisor_check() : 0;
    if (why != 0)
        return error_set(err, ERR_STAGE,
                         "--sandbox=trace: what a stage reads cannot be told here: %s",
                         why == EBUSY ? "this is a stage that is watched itself"
                                      : "the kernel has no notifications of seccomp");
    if (project->sandbox != SANDBOX_REQUIRE)
        return 0;
    sandbox_missing(&missing);
    int result = text_check(&missing, err);
    if (result == 0 && missing.size > 0)
        result = error_set(err, ERR_USAGE, "--sandbox=require: %s", text_string(&missing));
    text_release(&missing);
    return result;
}

/* ---- rules ---- */

/* What belongs to the machine and to nobody. */
static const char *const system_paths[] = {
    "/usr",   "/bin",    "/sbin", "/lib",  "/lib32",
    "/lib64", "/libx32", "/etc",  "/proc", "/sys",
    "/dev",   "/opt",    "/nix",  "/gnu",  "/var/cache/fontconfig"};
/* What everybody writes and nobody reads again, but for shared memory. */
static const char *const device_paths[] = {"/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
                                           "/dev/urandom", "/dev/tty",  "/dev/shm"};
static const char *const network_paths[] = {"/run/systemd/resolve", "/run/resolvconf", "/run/nscd"};
static const char *const card_paths[] = {"/dev/nvidia0",
                                         "/dev/nvidia1",
                                         "/dev/nvidia2",
                                         "/dev/nvidia3",
                                         "/dev/nvidia4",
                                         "/dev/nvidia5",
                                         "/dev/nvidia6",
                                         "/dev/nvidia7",
                                         "/dev/nvidiactl",
                                         "/dev/nvidia-uvm",
                                         "/dev/nvidia-uvm-tools",
                                         "/dev/nvidia-caps",
                                         "/run/nvidia-persistenced"};

static int allow_all(struct landlock *rules, const char *const *paths, size_t count,
                     enum landlock_access access, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (landlock_allow(rules, paths[i], access, err) < 0)
            return -1;
    return 0;
}

/* A program that lies outside the system brings what lies around it: with "/a/bin/python3" all of
 * /a, with "/b/stages/train" the folders stages and lib of /b. */
static int allow_program(struct landlock *rules, const char *path, struct error *err)
{
    struct text place = {0};
    const char *slash = strrchr(path, '/');
    if (slash == NULL || slash == path)
        return 0;
    text_append(&place, path, (size_t)(slash - path));
    const char *folder = strrchr(text_string(&place), '/');
    const bool is_bin = folder != NULL && folder != place.data && strcmp(folder, "/bin") == 0;
    if (is_bin)
        place.data[place.size = (size_t)(folder - place.data)] = '\0';
    int result = text_check(&place, err);
    if (result == 0)
        result = landlock_allow(rules, place.data, LANDLOCK_READ, err);
    if (result == 0 && !is_bin) {
        text_add(&place, "/../lib");
        if ((result = text_check(&place, err)) == 0)
            result = landlock_allow(rules, place.data, LANDLOCK_READ, err);
    }
    text_release(&place);
    return result;
}

static int allow_programs(struct landlock *rules, const struct invocation *invocation,
                          struct error *err)
{
    int result = allow_program(rules, invocation->program->path, err);
    for (size_t i = 0; i < invocation->file_count && result == 0; i++)
        if (invocation->files[i].interpreter || invocation->files[i].inner == NULL)
            result = allow_program(rules, invocation->files[i].program->path, err);
    /* As it was named, too: a virtual environment's python3 is a link to another's. */
    if (result == 0 && invocation->argv[0][0] == '/')
        result = allow_program(rules, invocation->argv[0], err);
    return result;
}

static int allow_own(struct landlock *rules, const struct attempt *attempt, struct error *err)
{
    char *checkpoint = file_join(attempt->home, "checkpoint", err);
    int result = checkpoint == NULL ? -1 : landlock_allow(rules, checkpoint, LANDLOCK_WRITE, err);
    free(checkpoint);
    return result < 0 ? -1 : landlock_allow(rules, attempt->folder, LANDLOCK_WRITE, err);
}

#define ALL(paths) (paths), sizeof(paths) / sizeof((paths)[0])

static int add_rules(struct landlock *rules, const struct attempt *attempt, struct error *err)
{
    const struct plan_stage *stage = attempt->job->stage;
    const char *cudnn = attempt->jobs->project->plan->cudnn;
    if (allow_all(rules, ALL(system_paths), LANDLOCK_READ, err) < 0 ||
        allow_all(rules, ALL(device_paths), LANDLOCK_WRITE, err) < 0 ||
        allow_programs(rules, &attempt->job->invocation, err) < 0 ||
        allow_own(rules, attempt, err) < 0)
        return -1;
    if (stage->network && allow_all(rules, ALL(network_paths), LANDLOCK_READ, err) < 0)
        return -1;
    if (stage->resources.gpu == 0)
        return 0;
    if (cudnn != NULL && landlock_allow(rules, cudnn, LANDLOCK_READ, err) < 0)
        return -1;
    return allow_all(rules, ALL(card_paths), LANDLOCK_WRITE, err);
}

int sandbox_rules(const struct attempt *attempt, int *rules, struct text *allowed,
                  struct error *err)
{
    struct landlock made = {.rules = -1};
    const bool refuses = attempt->jobs->project->sandbox != SANDBOX_TRACE && landlock_abi() > 0;
    if (refuses && landlock_new(attempt->job->stage->network, &made, err) < 0)
        return -1;
    if (add_rules(&made, attempt, err) < 0) {
        text_release(&made.allowed);
        if (made.rules >= 0)
            close(made.rules);
        return -1;
    }
    *rules = made.rules;
    *allowed = made.allowed;
    return 0;
}
