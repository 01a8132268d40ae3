/* Runs of the stage report on the inputs in tests/stages/report/. */
#ifndef TESTS_REPORT_RUN_H
#define TESTS_REPORT_RUN_H

#include "stage_run.h"

#define FIXTURES "tests/stages/report/"

/* With what it must have. */
void report_run_init(struct stage_run *run, double target);
/* All that it may have besides. */
void report_run_add_all(struct stage_run *run);
/* Runs it; a file of its outs, to be freed. */
char *report_run_execute(struct stage_run *run, const char *file);

void report_expect_part(const char *page, const char *part);
/* Each element is closed where it was opened. */
void report_expect_balanced(const char *page);

#endif
