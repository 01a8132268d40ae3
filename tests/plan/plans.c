#include "plan/plans.h"

#include "base/file.h"
#include "base/text.h"

#include "tap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int plans_setup(void **state)
{
    struct error err = {0};
    struct plans *plans = calloc(1, sizeof(*plans));
    if (plans == NULL)
        return -1;
    snprintf(plans->folder, sizeof(plans->folder), "/tmp/reprise-plan-XXXXXX");
    if (mkdtemp(plans->folder) == NULL)
        return -1;
    snprintf(plans->project, sizeof(plans->project), "%s/project", plans->folder);
    *state = plans;
    return file_make_folders(plans->project, &err);
}

int plans_teardown(void **state)
{
    struct plans *plans = *state;
    struct error err = {0};
    int status = file_remove(plans->folder, &err);
    free(plans);
    return status;
}

void plans_add(const struct plans *plans, const char *name, const char *text)
{
    struct error err = {0};
    char *path = file_join(plans->project, name, &err);
    assert_non_null(path);
    assert_int_equal(file_make_parents(path, &err), 0);
    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
    free(path);
}

void plans_link(const struct plans *plans, const char *name, const char *target)
{
    struct error err = {0};
    char *path = file_join(plans->project, name, &err);
    assert_non_null(path);
    assert_int_equal(symlink(target, path), 0);
    free(path);
}

struct plan *plans_read(const struct plans *plans, const char *text)
{
    struct error err = {0};
    struct plan *plan = NULL;
    if (plan_parse("pipeline.yaml", plans->project, text, strlen(text), NULL, NULL, 0, &plan,
                   &err) < 0)
        fail_msg("%s", err.message);
    return plan;
}

void plans_refused(const struct plans *plans, const char *text, const char *message)
{
    struct error err = {0};
    struct plan *plan = NULL;
    struct text expected = {0};
    text_addf(&expected, "pipeline.yaml:%s", message);
    if (plan_parse("pipeline.yaml", plans->project, text, strlen(text), NULL, NULL, 0, &plan,
                   &err) == 0)
        fail_msg("taken, and not refused with: %s", message);
    assert_string_equal(err.message, text_string(&expected));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_null(plan);
    text_release(&expected);
}

const struct plan_stage *plans_stage(const struct plan *plan, const char *name)
{
    struct error err = {0};
    size_t index;
    if (plan_find(plan, name, &index, &err) < 0)
        fail_msg("%s", err.message);
    return &plan->stages[index];
}

void plans_assert_words(const struct plan *plan, const char *stage, const char *expected)
{
    const struct plan_stage *found = plans_stage(plan, stage);
    struct text words = {0};
    for (size_t i = 0; i < found->argc; i++)
        text_addf(&words, "[%s]", found->argv[i]);
    assert_null(found->argv[found->argc]);
    assert_string_equal(text_string(&words), expected);
    text_release(&words);
}
