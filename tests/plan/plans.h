/* Plans from text, in a folder of the test's own. */
#ifndef TESTS_PLANS_H
#define TESTS_PLANS_H

#include "plan/plan_read.h"

/* A new folder with project/ in it, which is the plan's folder. cmocka's setup and teardown: *state
 * becomes it. */
struct plans {
    char folder[64], project[80];
};
int plans_setup(void **state);
int plans_teardown(void **state);

/* Writes a file of the project; its folders are made. */
void plans_add(const struct plans *plans, const char *name, const char *text);
/* A link in the project. */
void plans_link(const struct plans *plans, const char *name, const char *target);

/* Fails the test where the text is refused. plan_free() it. */
struct plan *plans_read(const struct plans *plans, const char *text);
/* Fails the test where it is not refused with exactly this message behind "pipeline.yaml:". */
void plans_refused(const struct plans *plans, const char *text, const char *message);

const struct plan_stage *plans_stage(const struct plan *plan, const char *name);

/* The words of a stage's command, each in [ ]. */
void plans_assert_words(const struct plan *plan, const char *stage, const char *expected);

#endif
