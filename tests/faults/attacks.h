/* What a hostile stage tries against what is not its own: one attack each, which tells whether it
 * came through. attacker.c executes them by name.
 */
#ifndef TESTS_FAULTS_ATTACKS_H
#define TESTS_FAULTS_ATTACKS_H

#include <stdbool.h>

/* ATTACK_IMPOSSIBLE: this kernel has no such thing, or nobody may do it. */
enum attack_result { ATTACK_CAME_THROUGH = 0, ATTACK_WAS_REFUSED = 1, ATTACK_IMPOSSIBLE = 77 };

struct attack {
    const char *name;
    int words; /* how many it takes */
    enum attack_result (*run)(char **words);
};

/* Ended by one without a name. */
extern const struct attack attacks_on_files[], attacks_on_processes[], attacks_by_sockets[],
    attacks_on_the_kernel[];

/* Of a call that returns -1 with errno where it was refused. */
enum attack_result attack_judge(long returned);

#endif
