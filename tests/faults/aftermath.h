/* The project that the campaigns attack, what an undisturbed run makes of it, and the judgement
 * after a fault. */
#ifndef TESTS_FAULTS_AFTERMATH_H
#define TESTS_FAULTS_AFTERMATH_H

#include "faults/campaign.h"
#include "faults/command.h"

enum { RUN_LIMIT_S = 20 };

/* A new project of three stages in a chain: a makes a file and a folder, b metrics and a program, c
 * what is published. */
void project_make(const char *folder);
/* `reprise ARGUMENTS` there; words ends with NULL. */
void project_run(const struct campaign *campaign, const char *folder, struct outcome *outcome, ...)
    __attribute__((sentinel));

/* What is right: bytes and modes of lock, artifacts and published files; and every path that may be
 * there. */
struct reference {
    char *state, *paths;
    bool blobs_damaged; /* before the command: only the run after it must have mended them */
};
void reference_take(const char *folder, struct reference *reference);
void reference_release(struct reference *reference);
/* NULL where the project is as the reference says; else the first difference, which the caller
 * frees. */
char *reference_difference(const struct reference *reference, const char *folder);

/* In a project where something was broken off or failed: nothing false is claimed, one more run
 * gives what is right, verify passes, and nothing is left: files, bad blobs, processes. Calls
 * wrong() with `point`. */
void aftermath(const struct campaign *campaign, const char *folder,
               const struct reference *reference, const char *point);
/* The part that holds at any moment: no blob of the cache has other bytes than its name says. */
void check_blobs(const char *folder, const char *point);
/* The run said that all is well: then it must be. */
void check_success(const struct campaign *campaign, const char *folder,
                   const struct reference *reference, const char *point);
/* No process that a run started lives on, some moments after the end. */
void check_processes(double grace_s, const char *point);
/* A failed run ends with a status of its own and says why; another ending is wrong. */
void check_ending(const struct outcome *outcome, bool silent, const char *point);

#endif
