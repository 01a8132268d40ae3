/* What a campaign and the shim in the program under test tell each other, in a file that both map.
 */
#ifndef TESTS_FAULTS_FAILING_MALLOC_H
#define TESTS_FAULTS_FAILING_MALLOC_H

#include <stdatomic.h>

struct failing_malloc {
    long at;                   /* fails at this one, from 1; 0: only counts */
    int on;                    /* and at all that follow */
    atomic_long count, failed; /* how many were asked for, and refused */
    char caller[96]; /* of the first that was refused: library or program, symbol where it has one,
                        offset */
};

#endif
