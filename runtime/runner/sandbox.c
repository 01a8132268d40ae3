#include "runner/sandbox.h"

#include "base/file.h"
#include "base/memory.h"
#include "runner/confine.h"
#include "runner/landlock.h"
#include "runner/limits.h"
#include "runner/supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ABI_ALL = 6 }; /* from which on Landlock covers all that is promised */

void sandbox_missing(const struct project *project, struct text *missing)
{
    static const struct {
        int abi;
        const char *what;
    } parts[] = {{1, "files are not confined"},
                 {3, "files outside may be cut to nothing"},
                 {6, "other processes are in reach of signals and of abstract sockets"}};
    const int abi = landlock_abi();
    if (!project_confines(project))
        return;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        if (abi < parts[i].abi)
            text_addf(missing, "%s%s (Landlock ABI %d, the kernel has %d)",
                      missing->size > 0 ? ", " : "", parts[i].what, parts[i].abi, abi);
    if (!confine_has_seccomp())
        text_addf(missing, "%sthe network is in reach (no seccomp)", missing->size > 0 ? ", " : "");
    namespaces_missing(&project->namespaces, missing);
    limits_missing(&project->namespaces, missing);
}

void sandbox_in_force(const struct project *project, struct text *words)
{
    const int abi = landlock_abi();
    if (!project_confines(project)) {
        text_add(words, "trace: nothing is refused");
        return;
    }
    text_add(words, "no privileges");
    if (abi > 0)
        text_addf(words, ", Landlock ABI %d", abi);
    if (confine_has_seccomp())
        text_add(words, ", seccomp");
    namespaces_in_force(&project->namespaces, words);
    limits_in_force(&project->namespaces, words);
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
    sandbox_missing(project, &missing);
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

/* As they are made. */
struct granting {
    struct sandbox_rules *rules;
    struct landlock landlock;
};

static int show(struct sandbox_rules *rules, const char *path, struct error *err)
{
    char *copy;
    if (memory_grow(&rules->shown, &rules->shown_capacity, rules->shown_count + 2,
                    sizeof(*rules->shown), err) < 0 ||
        (copy = memory_copy_text(path, err)) == NULL)
        return -1;
    rules->shown[rules->shown_count++] = copy;
    rules->shown[rules->shown_count] = NULL;
    return 0;
}

static int grant_in_place(struct granting *granting, const char *path, enum landlock_access access,
                          struct error *err)
{
    struct text *allowed = &granting->rules->allowed;
    text_add(allowed, access == LANDLOCK_WRITE ? "w" : "r");
    text_append(allowed, path, strlen(path) + 1);
    if (text_check(allowed, err) < 0)
        return -1;
    return granting->rules->landlock < 0 ? 0
                                         : landlock_allow(&granting->landlock, path, access, err);
}

static int grant(struct granting *granting, const char *path, enum landlock_access access,
                 struct error *err)
{
    if (namespaces_hides(path) && show(granting->rules, path, err) < 0)
        return -1;
    return grant_in_place(granting, path, access, err);
}

static int grant_all(struct granting *granting, const char *const *paths, size_t count,
                     enum landlock_access access, struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (grant(granting, paths[i], access, err) < 0)
            return -1;
    return 0;
}

/* A program that lies outside the system brings what lies around it: with "/a/bin/python3" all of
 * /a, with "/b/stages/train" the folders stages and lib of /b. */
static int grant_program(struct granting *granting, const char *path, struct error *err)
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
        result = grant(granting, place.data, LANDLOCK_READ, err);
    if (result == 0 && !is_bin) {
        text_add(&place, "/../lib");
        if ((result = text_check(&place, err)) == 0)
            result = grant(granting, place.data, LANDLOCK_READ, err);
    }
    text_release(&place);
    return result;
}

static int grant_programs(struct granting *granting, const struct invocation *invocation,
                          struct error *err)
{
    int result = grant_program(granting, invocation->program->path, err);
    for (size_t i = 0; i < invocation->file_count && result == 0; i++)
        if (invocation->files[i].interpreter || invocation->files[i].inner == NULL)
            result = grant_program(granting, invocation->files[i].program->path, err);
    /* As it was named, too: a virtual environment's python3 is a link to another's. */
    if (result == 0 && invocation->argv[0][0] == '/')
        result = grant_program(granting, invocation->argv[0], err);
    return result;
}

/* Namespaces show these at another place, as a whole. */
static int grant_own(struct granting *granting, const struct attempt *attempt, struct error *err)
{
    char *checkpoint = file_join(attempt->home, "checkpoint", err);
    int result =
        checkpoint == NULL ? -1 : grant_in_place(granting, checkpoint, LANDLOCK_WRITE, err);
    free(checkpoint);
    return result < 0 ? -1 : grant_in_place(granting, attempt->folder, LANDLOCK_WRITE, err);
}

#define ALL(paths) (paths), sizeof(paths) / sizeof((paths)[0])

static int grant_needed(struct granting *granting, const struct attempt *attempt, struct error *err)
{
    const struct plan_stage *stage = attempt->job->stage;
    const char *cudnn = attempt->jobs->project->plan->cudnn;
    if (grant_all(granting, ALL(system_paths), LANDLOCK_READ, err) < 0 ||
        grant_all(granting, ALL(device_paths), LANDLOCK_WRITE, err) < 0 ||
        grant_programs(granting, &attempt->job->invocation, err) < 0 ||
        grant_own(granting, attempt, err) < 0)
        return -1;
    if (stage->network && grant_all(granting, ALL(network_paths), LANDLOCK_READ, err) < 0)
        return -1;
    if (stage->resources.gpu == 0)
        return 0;
    if (cudnn != NULL && grant(granting, cudnn, LANDLOCK_READ, err) < 0)
        return -1;
    return grant_all(granting, ALL(card_paths), LANDLOCK_WRITE, err);
}

int sandbox_rules_make(const struct attempt *attempt, struct sandbox_rules *made, struct error *err)
{
    struct sandbox_rules rules = {.landlock = -1};
    struct granting granting = {.rules = &rules};
    const bool refuses = attempt->jobs->project->sandbox != SANDBOX_TRACE && landlock_abi() > 0;
    if (refuses && landlock_new(attempt->job->stage->network, &granting.landlock, err) < 0)
        return -1;
    if (refuses)
        rules.landlock = granting.landlock.rules;
    /* First, as namespaces have it. */
    if (show(&rules, attempt->home, err) < 0 || grant_needed(&granting, attempt, err) < 0) {
        sandbox_rules_release(&rules);
        return -1;
    }
    *made = rules;
    return 0;
}

void sandbox_rules_release(struct sandbox_rules *rules)
{
    if (rules->landlock >= 0)
        close(rules->landlock);
    file_free_names(rules->shown, rules->shown_count);
    text_release(&rules->allowed);
    *rules = (struct sandbox_rules){.landlock = -1};
}
