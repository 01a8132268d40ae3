#include "runner/environment.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

/* In the key as a whole, since it does not change without this program. */
static const struct {
    const char *name, *value;
} fixed_variables[] = {
    {"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
    {"LANG", "C.UTF-8"},
    {"LC_ALL", "C.UTF-8"},
    {"TZ", "UTC"},
    {"PYTHONHASHSEED", "0"},
    {"PYTHONDONTWRITEBYTECODE", "1"}, /* a dep must not change by being read */
};

/* Let through and not in the key: they choose the way and not the result. A
 * download is pinned by its digest; which device it is, the fingerprint says. */
static const char *const passed_always[] = {"CUDA_VISIBLE_DEVICES"};
static const char *const proxies[] = {"http_proxy", "https_proxy", "all_proxy",
                                      "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"};
static const char *const passed_to_network[] = {"no_proxy", "NO_PROXY", "SSL_CERT_FILE",
                                                "SSL_CERT_DIR", "CURL_CA_BUNDLE"};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_declared(const struct plan_stage *stage, const char *name)
{
    for (size_t i = 0; i < stage->env_count; i++)
        if (strcmp(stage->env[i], name) == 0)
            return true;
    for (size_t i = 0; i < stage->secret_count; i++)
        if (strcmp(stage->secrets[i], name) == 0)
            return true;
    return false;
}

const char *environment_value(const struct plan_stage *stage, const char *name)
{
    if (is_declared(stage, name))
        return getenv(name);
    for (size_t i = 0; i < COUNT(fixed_variables); i++)
        if (strcmp(fixed_variables[i].name, name) == 0)
            return fixed_variables[i].value;
    return NULL;
}

const char *environment_proxy(size_t i)
{
    return i < COUNT(proxies) ? proxies[i] : NULL;
}

struct variables {
    const struct plan_stage *stage;
    char **list;
    size_t count, capacity;
};

static int add(struct variables *variables, const char *name, const char *value, struct error *err)
{
    struct text text = {0};
    size_t length = strlen(name);
    if (value == NULL)
        return 0;
    for (size_t i = 0; i < variables->count; i++)
        if (strncmp(variables->list[i], name, length) == 0 && variables->list[i][length] == '=')
            return 0; /* a name declared twice */
    /* Room for the NULL at the end, too. */
    if (memory_grow(&variables->list, &variables->capacity, variables->count + 2,
                    sizeof(*variables->list), err) < 0)
        return -1;
    text_addf(&text, "%s=%s", name, value);
    if (text_check(&text, err) < 0) {
        text_release(&text);
        return -1;
    }
    variables->list[variables->count++] = text.data;
    return 0;
}

/* A variable of the runner's own gives way to a declared one, also to one that is not set. */
static int add_own(struct variables *variables, const char *name, const char *value,
                   struct error *err)
{
    return is_declared(variables->stage, name) ? 0 : add(variables, name, value, err);
}

static int add_below(struct variables *variables, const char *name, const char *folder,
                     const char *part, struct error *err)
{
    char *path = file_join(folder, part, err);
    int result = path == NULL ? -1 : add_own(variables, name, path, err);
    free(path);
    return result;
}

static int add_passed(struct variables *variables, const char *const *names, size_t count,
                      struct error *err)
{
    for (size_t i = 0; i < count; i++)
        if (add_own(variables, names[i], getenv(names[i]), err) < 0)
            return -1;
    return 0;
}

static int add_all(struct variables *variables, const struct environment_place *place,
                   struct error *err)
{
    const struct plan_stage *stage = variables->stage;
    char number[16];
    snprintf(number, sizeof(number), "%d", place->threads);
    if (add_below(variables, "REPRISE_STAGE", place->folder, "stage.json", err) < 0 ||
        add_below(variables, "HOME", place->folder, "home", err) < 0 ||
        add_below(variables, "TMPDIR", place->folder, "home", err) < 0 ||
        add_own(variables, "OMP_NUM_THREADS", number, err) < 0 ||
        (place->cards != NULL &&
         add_own(variables, "CUDA_VISIBLE_DEVICES", place->cards, err) < 0) ||
        add_own(variables, "REPRISE_CUDNN", place->cudnn, err) < 0 ||
        add_own(variables, "REPRISE_PROGRAM", place->program, err) < 0)
        return -1;
    for (size_t i = 0; i < COUNT(fixed_variables); i++)
        if (add_own(variables, fixed_variables[i].name, fixed_variables[i].value, err) < 0)
            return -1;
    for (size_t i = 0; i < stage->env_count; i++)
        if (add(variables, stage->env[i], getenv(stage->env[i]), err) < 0)
            return -1;
    for (size_t i = 0; i < stage->secret_count; i++)
        if (add(variables, stage->secrets[i], getenv(stage->secrets[i]), err) < 0)
            return -1;
    if (place->cards == NULL && add_passed(variables, passed_always, COUNT(passed_always), err) < 0)
        return -1;
    if (!stage->network)
        return 0;
    return add_passed(variables, proxies, COUNT(proxies), err) < 0
               ? -1
               : add_passed(variables, passed_to_network, COUNT(passed_to_network), err);
}

int environment_make(const struct plan_stage *stage, const struct environment_place *place,
                     char ***environment, size_t *count, struct error *err)
{
    struct variables variables = {.stage = stage};
    if (add_all(&variables, place, err) < 0) {
        file_free_names(variables.list, variables.count);
        return -1;
    }
    *environment = variables.list;
    *count = variables.count;
    return 0;
}
