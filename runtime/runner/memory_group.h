/* A limit on the memory of all processes of a stage together, by a group of cgroup v2 (cgroups(7)):
 * where the runner's own group was given to it, so that it may make others below, and they can have
 * the controller "memory". A group with such groups below holds no process itself, so the runner
 * moves into one, where it is alone; it moves nobody else.
 *
 *   the runner's own ─┬─ reprise-runner      the runner, its launcher and keepers, until the end
 *                     └─ reprise-<keeper>    a stage; made and removed by its keeper
 *
 * A group that is left holds nothing that lives, and goes with the next run.
 *
 *   runner   memory_groups_open ─► runs ─► memory_groups_close
 *   keeper   memory_group_make ─► memory_group_enter, in the program ─► memory_group_end
 */
#ifndef RUNNER_MEMORY_GROUP_H
#define RUNNER_MEMORY_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Whether stages could have groups. `launcher` is one of ours, or 0. */
bool memory_groups_are_here(pid_t launcher);

/* A descriptor of the group in which those of stages are made, or -1 where that cannot be. Moves
 * this process and the launcher where that is needed, and closing moves them back. */
int memory_groups_open(pid_t launcher);
void memory_groups_close(int groups);

/* The group of one stage. The rest runs between fork and exec: it allocates nothing. */
struct memory_group {
    int groups;   /* where it lies; -1: there is none */
    int entrance; /* a descriptor; closed when the program has started */
    char name[32];
};

/* In `groups`, which may be -1. -1 with errno. */
int memory_group_make(struct memory_group *group, int groups, int64_t memory_bytes);

/* This process and all that comes of it. -1 with errno. */
int memory_group_enter(const struct memory_group *group);

/* When all in it have ended: removes it. True where the kernel killed any of them since all
 * together wanted more. */
bool memory_group_end(const struct memory_group *group);

/* In a keeper that outlives its runner: what memory_groups_close does, by the last. */
void memory_groups_abandon(int groups);

#endif
