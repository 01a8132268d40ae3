#include "runner/sandbox.h"

#include "base/file.h"
#include "base/memory.h"
#include "runner/confine.h"
#include "runner/landlock.h"
#include "runner/limits.h"
#include "runner/socket_guard.h"
#include "runner/supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ABI_ALL = 6 }; /* from which on Landlock covers all that is promised */

bool sandbox_confines(const struct project *project)
{
    return project->sandbox == SANDBOX_AUTO || project->sandbox == SANDBOX_REQUIRE;
}

bool sandbox_gives_loopback(const struct project *project, const struct plan_stage *stage)
{
    return sandbox_confines(project) && stage->loopback &&
           namespaces_have_network(&project->namespaces);
}

void sandbox_missing(const struct project *project, struct text *missing)
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
    else if (!socket_guard_is_possible())
        text_addf(missing,
                  "%ssockets of services are in reach (no notifications of seccomp, or no "
                  "pidfd_getfd)",
                  missing->size > 0 ? ", " : "");
    namespaces_missing(&project->namespaces, missing);
    limits_missing(&project->namespaces, missing);
}

void sandbox_in_force(const struct project *project, struct text *words)
{
    const int abi = landlock_abi();
    text_add(words, "no privileges");
    if (abi > 0)
        text_addf(words, ", Landlock ABI %d", abi);
    if (confine_has_seccomp())
        text_add(words, ", seccomp");
    namespaces_in_force(&project->namespaces, words);
    limits_in_force(&project->namespaces, project_limits_memory_of_all(project), words);
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
static const char *const system_paths[] = {"/usr",
                                           "/bin",
                                           "/sbin",
                                           "/lib",
                                           "/lib32",
                                           "/lib64",
                                           "/libx32",
                                           "/etc",
                                           "/proc",
                                           "/sys",
                                           "/opt",
                                           "/nix",
                                           "/gnu",
                                           "/var/cache/fontconfig",
                                           "/var/lib/sss/pipes/nss",
                                           "/var/lib/sss/mc" /* who the users are */};
/* What everybody writes and nobody reads again, but for shared memory. No other device: disks hold
 * all files, terminals what is typed. */
static const char *const device_paths[] = {"/dev/null",    "/dev/zero", "/dev/full", "/dev/random",
                                           "/dev/urandom", "/dev/tty",  "/dev/shm"};
static const char *const network_paths[] = {"/run/systemd/resolve", "/run/resolvconf", "/run/nscd"};
static const char *const card_paths[] = {
    "/dev/nvidia0",   "/dev/nvidia1",    "/dev/nvidia2",          "/dev/nvidia3",
    "/dev/nvidia4",   "/dev/nvidia5",    "/dev/nvidia6",          "/dev/nvidia7",
    "/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-caps"};
static const char *const card_services[] = {"/run/nvidia-persistenced"};

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
    return landlock_allow(&granting->landlock, path, access, err);
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

/* What belongs to programs below one prefix: of "/a/bin/python3" these parts of /a, which may be a
 * person's home. */
static const char *const prefix_parts[] = {"bin",     "lib",   "lib32", "lib64", "libexec",
                                           "include", "share", "etc",   "ssl",   "pyvenv.cfg"};
/* What a stage of our own loads, from its folder. */
static const char *const library_places[] = {"../lib/libreprise-cuda.so", "../libreprise-cuda.so",
                                             "libreprise-cuda.so"};

/* Paths from the first `length` bytes of `folder`. */
static int grant_parts(struct granting *granting, const char *folder, size_t length,
                       const char *const *parts, size_t count, struct error *err)
{
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        struct text path = {0};
        text_addf(&path, "%.*s/%s", (int)length, folder, parts[i]);
        if ((result = text_check(&path, err)) == 0)
            result = grant(granting, path.data, LANDLOCK_READ, err);
        text_release(&path);
    }
    return result;
}

#define ALL(paths) (paths), sizeof(paths) / sizeof((paths)[0])

/* A program that lies outside the system. Beside one that lies in no bin/ anything may lie: it is
 * read alone. */
static int grant_program(struct granting *granting, const char *path, struct error *err)
{
    static const char bin[] = "/bin";
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - path), above = sizeof(bin) - 1;
    if (length > above && memcmp(path + length - above, bin, above) == 0)
        return grant_parts(granting, path, length - above, ALL(prefix_parts), err);
    return grant(granting, path, LANDLOCK_READ, err);
}

/* Libraries lie beside a program that has some of its own; a copy in the work folder has left them,
 * but for those that it looks for where it came from. */
static int grant_libraries(struct granting *granting, const struct invocation *invocation,
                           struct error *err)
{
    static const char *const beside[] = {"lib", "../lib"};
    const char *path = invocation->program->path, *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - path);
    if (slash == NULL || strncmp(invocation->program->head, "#!", 2) == 0)
        return 0;
    if (grant_parts(granting, path, length, ALL(library_places), err) < 0)
        return -1;
    return invocation->files[0].inner != NULL
               ? 0
               : grant_parts(granting, path, length, ALL(beside), err);
}

/* Where it is, and where its name says, which may be a link: a virtual environment's python3 is one
 * to another's. */
static int grant_named(struct granting *granting, const struct invocation_file *file,
                       struct error *err)
{
    return grant_program(granting, file->program->path, err) < 0 ||
                   (file->name[0] == '/' && grant_program(granting, file->name, err) < 0)
               ? -1
               : 0;
}

static int grant_programs(struct granting *granting, const struct invocation *invocation,
                          struct error *err)
{
    int result = grant_libraries(granting, invocation, err);
    for (size_t i = 0; i < invocation->file_count && result == 0; i++)
        if (invocation->files[i].interpreter || invocation->files[i].inner == NULL)
            result = grant_named(granting, &invocation->files[i], err);
    if (result == 0 && invocation->argv[0][0] == '/')
        result = grant_program(granting, invocation->argv[0], err);
    return result;
}

/* Namespaces show these at another place, as a whole. */
static int grant_own(struct granting *granting, const struct sandbox_subject *subject,
                     struct error *err)
{
    int result = 0;
    for (size_t i = 0; subject->folders[i] != NULL && result == 0; i++) {
        char *path = file_join(subject->home, subject->folders[i], err);
        result = path == NULL ? -1 : grant_in_place(granting, path, LANDLOCK_WRITE, err);
        free(path);
    }
    return result;
}

/* Deps where they lie: those with an absolute path, or all. */
static int grant_deps(struct granting *granting, const struct sandbox_subject *subject, bool all,
                      struct error *err)
{
    const struct plan_stage *stage = subject->stage;
    int result = 0;
    for (size_t i = 0; i < stage->dep_count && result == 0; i++) {
        if (stage->deps[i].path == NULL || (!all && stage->deps[i].path[0] != '/'))
            continue;
        char *path = stage->deps[i].path[0] == '/'
                         ? memory_copy_text(stage->deps[i].path, err)
                         : file_join(subject->project->plan->folder, stage->deps[i].path, err);
        result = path == NULL ? -1 : grant(granting, path, LANDLOCK_READ, err);
        free(path);
    }
    return result;
}

/* Files of the project that cmd and deps name. */
static int grant_declared(struct granting *granting, const struct sandbox_subject *subject,
                          struct error *err)
{
    const struct invocation *invocation = subject->invocation;
    int result = 0;
    for (size_t i = 0; i < invocation->file_count && result == 0; i++)
        result = grant(granting, invocation->files[i].program->path, LANDLOCK_READ, err);
    return result < 0 ? -1 : grant_deps(granting, subject, true, err);
}

static int grant_needed(struct granting *granting, const struct sandbox_subject *subject,
                        struct error *err)
{
    const char *cudnn = subject->project->plan->cudnn;
    if (grant_all(granting, ALL(system_paths), LANDLOCK_READ, err) < 0 ||
        grant_all(granting, ALL(device_paths), LANDLOCK_WRITE, err) < 0 ||
        grant_programs(granting, subject->invocation, err) < 0 ||
        grant_own(granting, subject, err) < 0 ||
        (subject->in_project && grant_declared(granting, subject, err) < 0))
        return -1;
    /* A file: URL names the place itself. */
    if (subject->network && (grant_all(granting, ALL(network_paths), LANDLOCK_READ, err) < 0 ||
                             grant_deps(granting, subject, false, err) < 0))
        return -1;
    if (subject->stage->resources.gpu == 0)
        return 0;
    if (cudnn != NULL && grant(granting, cudnn, LANDLOCK_READ, err) < 0)
        return -1;
    return grant_all(granting, ALL(card_services), LANDLOCK_READ, err) < 0
               ? -1
               : grant_all(granting, ALL(card_paths), LANDLOCK_WRITE, err);
}

int sandbox_rules_make(const struct sandbox_subject *subject, struct sandbox_rules *made,
                       struct error *err)
{
    struct sandbox_rules rules = {.landlock = -1};
    struct granting granting = {.rules = &rules, .landlock = {.rules = -1}};
    const bool refuses = subject->project->sandbox != SANDBOX_TRACE && landlock_abi() > 0;
    if (refuses && landlock_new(subject->network || subject->loopback, &granting.landlock, err) < 0)
        return -1;
    /* First, as namespaces have it. */
    int result = show(&rules, subject->home, err);
    if (result == 0)
        result = grant_needed(&granting, subject, err);
    rules.landlock = granting.landlock.rules;
    rules.allowed = granting.landlock.allowed;
    *made = rules;
    if (result < 0)
        sandbox_rules_release(made);
    return result;
}

void sandbox_rules_release(struct sandbox_rules *rules)
{
    if (rules->landlock >= 0)
        close(rules->landlock);
    file_free_names(rules->shown, rules->shown_count);
    text_release(&rules->allowed);
    *rules = (struct sandbox_rules){.landlock = -1};
}
