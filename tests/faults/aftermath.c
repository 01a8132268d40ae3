#include "faults/aftermath.h"

#include "faults/files.h"

#include <jansson.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STAGES = 3, WORDS = 16 };
static const char *const stage_names[STAGES] = {"a", "b", "c"};

/* ---- the project ---- */

void project_make(const char *folder)
{
    files_write(folder, "pipeline.yaml",
                "vars: {seed: 1, wait: 0}\n"
                "stages:\n"
                "  a:\n"
                "    cmd: /bin/sh stages/a.sh\n"
                "    deps: {in: input.txt, proj: data}\n"
                "    params: {seed: \"${seed}\", wait: \"${wait}\"}\n"
                "    outs: {f: f.txt, d: dir}\n"
                "  b:\n"
                "    cmd: /bin/sh stages/b.sh\n"
                "    deps: {f: a.f, d: a.d}\n"
                "    outs: {m: m.json, prog: prog}\n"
                "    metrics: [m]\n"
                "    require: {m.n: \">= 1\"}\n"
                "  c:\n"
                "    cmd: /bin/sh stages/c.sh\n"
                "    deps: {m: b.m, prog: b.prog, f: a.f}\n"
                "    outs: {rep: {path: rep, publish: reports}, x: sub/x.txt}\n",
                0644);
    files_write(folder, "stages/a.sh",
                "cat deps/in/input.txt deps/proj/data/sub/two > outs/f.txt || exit 1\n"
                "sed -n 's/.*\"seed\": *\\([0-9]*\\).*/seed \\1/p' stage.json >> outs/f.txt\n"
                "sleep \"$(sed -n 's/.*\"wait\": *\\([0-9.]*\\).*/\\1/p' stage.json)\"\n"
                "mkdir -p outs/dir/s outs/dir/empty || exit 1\n"
                "echo x > outs/dir/x; echo y > outs/dir/s/y\n"
                "printf '#!/bin/sh\\necho hi\\n' > outs/dir/run; chmod +x outs/dir/run\n"
                "echo log of a\n",
                0644);
    files_write(folder, "stages/b.sh",
                "cat deps/f/f.txt deps/d/dir/x > /dev/null || exit 1\n"
                "echo '{\"n\": 5}' > outs/m.json\n"
                "printf '#!/bin/sh\\necho prog\\n' > outs/prog; chmod +x outs/prog\n",
                0644);
    files_write(folder, "stages/c.sh",
                "mkdir -p outs/rep/img outs/sub || exit 1\n"
                "deps/prog/prog > outs/rep/index.html && cat deps/f/f.txt > outs/rep/img/p &&\n"
                "cat deps/m/m.json > outs/sub/x.txt\n",
                0644);
    files_write(folder, "input.txt", "hello\n", 0644);
    files_write(folder, "data/one", "1\n", 0644);
    files_write(folder, "data/sub/two", "2\n", 0644);
}

void project_run(const struct campaign *campaign, const char *folder, struct outcome *outcome, ...)
{
    const char *argv[WORDS] = {campaign->reprise};
    va_list words;
    va_start(words, outcome);
    for (int i = 1; i < WORDS - 1 && (argv[i] = va_arg(words, const char *)) != NULL; i++)
        continue;
    va_end(words);
    command_run(folder, argv, NULL, RUN_LIMIT_S, outcome);
}

/* ---- what is right ---- */

static bool under(const char *path, const char *folder)
{
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == '\0');
}

static void describe(const char *root, const char *path, void *context)
{
    char whole[FILES_PATH], hex[FILES_HEX] = "unreadable";
    struct stat st;
    if (!(under(path, "artifacts") || under(path, "reports") ||
          strcmp(path, "pipeline.lock") == 0) ||
        under(path, "reports/runs"))
        return;
    snprintf(whole, sizeof(whole), "%s/%s", root, path);
    if (lstat(whole, &st) < 0)
        return;
    if (S_ISREG(st.st_mode))
        files_digest(whole, hex);
    /* Who may read or write is not content; who may execute is. */
    fprintf(context, "%s %o %s\n", path, st.st_mode & (S_IFMT | 07100),
            S_ISREG(st.st_mode) ? hex : "");
}

static void list(const char *root, const char *path, void *context)
{
    (void)root;
    fprintf(context, "%s\n", path);
}

static char *describe_all(const char *folder, files_visit *visit)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    if (stream == NULL)
        bail("out of memory");
    fputc('\n', stream); /* so that every line stands between two */
    files_walk(folder, visit, stream);
    fclose(stream);
    return text;
}

void reference_take(const char *folder, struct reference *reference)
{
    reference->state = describe_all(folder, describe);
    reference->paths = describe_all(folder, list);
}

void reference_release(struct reference *reference)
{
    free(reference->state);
    free(reference->paths);
}

char *reference_difference(const struct reference *reference, const char *folder)
{
    char *state = describe_all(folder, describe), *difference = NULL;
    size_t at = 0, line = 0;
    if (strcmp(state, reference->state) != 0) {
        for (; state[at] == reference->state[at]; at++)
            if (state[at] == '\n')
                line = at + 1;
        if (asprintf(&difference, "is '%.*s', not '%.*s'", (int)strcspn(state + line, "\n"),
                     state + line, (int)strcspn(reference->state + line, "\n"),
                     reference->state + line) < 0)
            bail("out of memory");
    }
    free(state);
    return difference;
}

/* ---- judgement ---- */

static const char *last_line(const struct outcome *outcome)
{
    const char *text = outcome->err[0] != '\0' ? outcome->err : outcome->out;
    size_t length = strlen(text);
    return length > 300 ? text + length - 300 : text;
}

static void check_blob(const char *root, const char *path, void *context)
{
    char whole[FILES_PATH], hex[FILES_HEX] = "unreadable", name[FILES_HEX + 8];
    struct stat st;
    if (strlen(path) != 65)
        return; /* a fan-out folder, or no blob */
    snprintf(whole, sizeof(whole), "%s/%s", root, path);
    snprintf(name, sizeof(name), "%.2s%s", path, path + 3);
    if (lstat(whole, &st) == 0 && S_ISREG(st.st_mode) && files_digest(whole, hex) &&
        strcmp(hex, name) != 0)
        wrong("a blob with other bytes than its name says", "%s: %s", (const char *)context, path);
}

void check_blobs(const char *folder, const char *point)
{
    char objects[FILES_PATH];
    snprintf(objects, sizeof(objects), "%s/cache/objects", folder);
    files_walk(objects, check_blob, (void *)point);
}

void check_processes(double grace_s, const char *point)
{
    char what[256] = "";
    int left = command_strays(grace_s, what, sizeof(what));
    if (left > 0)
        wrong("processes are left", "%s: %d, the first: %s", point, left, what);
}

void check_ending(const struct outcome *outcome, bool silent, const char *point)
{
    if (outcome->code == OUTCOME_HANG)
        wrong("hangs", "%s", point);
    else if (outcome->code >= OUTCOME_SIGNAL)
        wrong("dies of a signal", "%s: signal %d: %s", point, outcome->code - OUTCOME_SIGNAL,
              last_line(outcome));
    else if (outcome->code != 0 && outcome->code != 1 && outcome->code != 2 && outcome->code != 102)
        wrong("exit status", "%s: %d: %s", point, outcome->code, last_line(outcome));
    else if (outcome->code != 0 && !silent && outcome->err[0] == '\0')
        wrong("fails without a message", "%s: exit %d", point, outcome->code);
}

struct left {
    const char *point, *paths;
    int count;
};

/* What may be there though an undisturbed run leaves it out: blobs and actions for gc, logs, outs
 * that were refused, what was in the way of an artifact, records of runs, on what a run rested that
 * had nothing to do. */
static bool may_stay(const char *path)
{
    size_t length = strlen(path);
    return under(path, "cache/objects") || under(path, "cache/actions") ||
           under(path, "cache/logs") || under(path, "cache/refused") ||
           under(path, "cache/aside") || strcmp(path, "cache/unchanged") == 0 ||
           (under(path, "reports/runs") &&
            (length <= strlen("reports/runs") || strstr(path, ".json") != NULL ||
             strstr(path, ".html") != NULL) &&
            strstr(path, ".json.") == NULL);
}

static void look_left(const char *root, const char *path, void *context)
{
    struct left *left = context;
    char line[FILES_PATH + 2];
    (void)root;
    snprintf(line, sizeof(line), "\n%s\n", path);
    if (strstr(left->paths, line) != NULL || (may_stay(path) && strstr(path, "tmp") == NULL))
        return;
    if (left->count++ == 0)
        wrong("left for good", "%s: %s", left->point, path);
}

/* The states of the stages in the JSON of status or run; empty where it says nothing of one. */
static void read_states(const struct outcome *outcome, char states[STAGES][32])
{
    json_t *whole = json_loads(outcome->out, 0, NULL), *stage;
    size_t i;
    memset(states, 0, STAGES * sizeof(states[0]));
    json_array_foreach (json_object_get(whole, "stages"), i, stage) {
        const char *name = json_string_value(json_object_get(stage, "name"));
        const char *state = json_string_value(json_object_get(stage, "state"));
        for (int s = 0; name != NULL && state != NULL && s < STAGES; s++)
            if (strcmp(name, stage_names[s]) == 0)
                snprintf(states[s], sizeof(states[s]), "%s", state);
    }
    json_decref(whole);
}

static void check_claims(char before[STAGES][32], char after[STAGES][32], const char *point)
{
    for (int s = 0; s < STAGES; s++)
        if (strcmp(before[s], "cached") == 0 && strcmp(after[s], "cached") != 0)
            wrong("status says cached, and the run does not find it so", "%s: %s: %s", point,
                  stage_names[s], after[s]);
}

void check_success(const struct campaign *campaign, const char *folder,
                   const struct reference *reference, const char *point)
{
    struct outcome outcome;
    char *difference = reference_difference(reference, folder);
    if (difference != NULL)
        wrong("exit 0, and something else is there", "%s: %s", point, difference);
    free(difference);
    project_run(campaign, folder, &outcome, "verify", NULL);
    if (outcome.code != 0)
        wrong("exit 0, and verify does not pass", "%s: exit %d: %s", point, outcome.code,
              last_line(&outcome));
    outcome_release(&outcome);
}

void aftermath(const struct campaign *campaign, const char *folder,
               const struct reference *reference, const char *point)
{
    struct outcome status, run, again, verify;
    char claimed[STAGES][32], found[STAGES][32];
    if (!reference->blobs_damaged)
        check_blobs(folder, point);
    project_run(campaign, folder, &status, "status", "--json", NULL);
    project_run(campaign, folder, &run, "run", "--json", NULL);
    if (status.code != 0 && status.code != 1)
        wrong("status afterwards", "%s: exit %d: %s", point, status.code, last_line(&status));
    if (run.code != 0)
        wrong("the next run does not succeed", "%s: exit %d: %s", point, run.code, last_line(&run));
    /* Once more in the short way, which rests on what this run found. */
    project_run(campaign, folder, &again, "run", NULL);
    if (run.code == 0 && again.code != 0)
        wrong("a run with nothing to do", "%s: exit %d: %s", point, again.code, last_line(&again));
    read_states(&status, claimed);
    read_states(&run, found);
    if (run.code == 0)
        check_claims(claimed, found, point);
    char *difference = reference_difference(reference, folder);
    if (difference != NULL)
        wrong("the next run gives something else", "%s: %s", point, difference);
    free(difference);
    project_run(campaign, folder, &verify, "verify", NULL);
    if (verify.code != 0)
        wrong("verify after the next run", "%s: exit %d: %s", point, verify.code,
              last_line(&verify));
    check_processes(0.0, point);
    check_blobs(folder, point);
    struct left left = {point, reference->paths, 0};
    files_walk(folder, look_left, &left);
    outcome_release(&status);
    outcome_release(&run);
    outcome_release(&again);
    outcome_release(&verify);
}
