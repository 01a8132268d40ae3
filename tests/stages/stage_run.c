#include "stage_run.h"

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

void stage_run_init(struct stage_run *run, const char *stage)
{
    *run = (struct stage_run){.folder = "/tmp/reprise-stage-XXXXXX"};
    assert_non_null(mkdtemp(run->folder));
    run->description = json_pack("{s:s, s:{}, s:{}, s:{}, s:{s:i}, s:s}", "stage", stage, "params",
                                 "deps", "outs", "resources", "threads", 1, "device", "cpu");
    assert_non_null(run->description);
}

void stage_run_release(struct stage_run *run)
{
    struct error err;
    file_remove(run->folder, &err);
    json_decref(run->description);
    free(run->messages);
}

void stage_run_param(struct stage_run *run, const char *name, json_t *value)
{
    json_object_set_new(json_object_get(run->description, "params"), name, value);
}

void stage_run_dep(struct stage_run *run, const char *name, const char *path)
{
    json_t *deps = json_object_get(run->description, "deps");
    if (path == NULL)
        json_object_del(deps, name);
    else { /* tests name files from the repository's root, stage.json from its own folder */
        char *full = realpath(path, NULL);
        json_object_set_new(deps, name, json_string(full != NULL ? full : path));
        free(full);
    }
}

void stage_run_out(struct stage_run *run, const char *name, const char *path)
{
    struct error err = {0};
    char *full = file_join(run->folder, path, &err);
    assert_non_null(full);
    json_object_set_new(json_object_get(run->description, "outs"), name, json_string(full));
    free(full);
}

char *stage_run_read(const struct stage_run *run, const char *path, size_t *size)
{
    struct error err = {0};
    char *data, *full = file_join(run->folder, path, &err);
    assert_non_null(full);
    if (file_read(full, 64u << 20, &data, size, &err) < 0)
        fail_msg("%s", err.message);
    free(full);
    return data;
}

static int execute(struct stage_run *run, const char *option)
{
    struct error err = {0};
    struct text command = {0};
    size_t size;
    const char *build = getenv("BUILD");
    char *path = file_join(run->folder, "stage.json", &err);
    assert_non_null(path);
    assert_int_equal(json_write(path, run->description, &err), 0);
    text_addf(&command, "%s/stages/%s %s %s > %s/answer 2> %s/messages",
              build != NULL ? build : "build",
              json_string_value(json_object_get(run->description, "stage")), option, path,
              run->folder, run->folder);
    int status = system(text_string(&command));
    assert_true(WIFEXITED(status));
    free(run->messages);
    run->messages = stage_run_read(run, "messages", &size);
    text_release(&command);
    free(path);
    return WEXITSTATUS(status);
}

int stage_run_execute(struct stage_run *run)
{
    return execute(run, "");
}

int stage_run_check(struct stage_run *run)
{
    return execute(run, "--check");
}
