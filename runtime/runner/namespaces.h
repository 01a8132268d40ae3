/* What a confined stage finds in place of the machine's own: another process tree, other System V
 * IPC, and a mount tree in which /run, /tmp and /dev/shm are empty and its own, /var is empty, and
 * its work folder lies at one path, wherever the project does.
 *
 *   keeper ── init (namespaces_fork, namespaces_fill) ── program ── ...
 *
 * A stage that asks for it has a network, too, with its own loopback and nothing else.
 *
 * By user, mount, pid, IPC and network namespaces (namespaces(7)); a user namespace only where the
 * others are not allowed without. The init is process 1 inside: when it ends, the kernel kills the
 * rest.
 */
#ifndef RUNNER_NAMESPACES_H
#define RUNNER_NAMESPACES_H

#include "base/text.h"

#include <stdbool.h>
#include <sys/types.h>

/* Where the stage sees work/<key>, and in it the folder that it works in. */
#define NAMESPACES_HOME "/run/reprise"
#define NAMESPACES_FOLDER NAMESPACES_HOME "/run"

enum namespaces_level {
    NAMESPACES_NONE,  /* the machine's own of everything */
    NAMESPACES_FILES, /* all but processes: a /proc of its own is not allowed, as in a container */
    NAMESPACES_ALL,
};

/* What a kernel allows. */
struct namespaces_here {
    enum namespaces_level level;
    bool user;          /* a user namespace is needed for it */
    int why;            /* the errno for which it is not more */
    bool asked_network; /* by namespaces_try_network: */
    int why_no_network; /* an errno, or 0 where a stage may have one of its own */
};

struct namespaces {
    enum namespaces_level level;
    bool user;          /* with a user namespace */
    bool network;       /* with a network of its own */
    char *const *shown; /* work/<key>, then what else of the folders that are hidden is to be seen,
                           each at its place; NULL at the end; absolute */
};

/* How far this kernel goes, found by trying in a child. REPRISE_NAMESPACES=none|files lowers it,
 * for tests. */
struct namespaces_here namespaces_here(void);
/* And whether a network of a stage's own is allowed, found in the same way. */
void namespaces_try_network(struct namespaces_here *here);
bool namespaces_have_network(const struct namespaces_here *here);

/* The path by which a stage knows the folder that it works in, which is `outside` to others. */
const char *namespaces_folder(const struct namespaces_here *here, const char *outside);

/* The folders that are hidden, from 0 on; NULL behind the last. */
const char *namespaces_hidden(size_t i);
/* True of a path below one of them, which is hidden unless it is shown. */
bool namespaces_hides(const char *path);

/* What is missing here, appended as words; and what is in force. */
void namespaces_missing(const struct namespaces_here *here, struct text *missing);
void namespaces_in_force(const struct namespaces_here *here, struct text *words);

/* As fork; 0 in the child, which is in new namespaces then, or has an errno in *why. Between fork
 * and exec, as what follows: allocates nothing. */
pid_t namespaces_fork(const struct namespaces *namespaces, int *why);

/* In that child: hides, shows, and allows Landlock's `rules` (or -1) what is new. -1 with errno. */
int namespaces_fill(const struct namespaces *namespaces, int rules);

/* And then: all mounts but those of its own are for reading only, since Landlock knows nothing of
 * files' modes, times and attributes. Before Linux 5.12, which has no such call, they stay as they
 * are. -1 with errno. */
int namespaces_seal(void);

#endif
