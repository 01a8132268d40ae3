/* What the tests of runtime/data share: a folder for one test, checks of
 * errors, archives to order, and allocation failures one after the other. */
#ifndef TESTS_DATA_SCRATCH_H
#define TESTS_DATA_SCRATCH_H

#include "base/error.h"
#include "base/memory.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "tap.h"

struct data_scratch {
    char folder[64];
};

/* For cmocka_unit_test_setup_teardown: *state is a struct data_scratch. */
int data_scratch_set_up(void **state);
int data_scratch_tear_down(void **state);

struct scratch_path {
    char text[256];
};
struct scratch_path data_scratch_path(void **state, const char *name);
void data_scratch_write(const char *path, const void *data, size_t size);

/* A member of an archive to order; `kind` is an AE_IF... of libarchive. */
struct tar_member {
    const char *name;
    const void *data;
    size_t size;
    unsigned kind;
    const char *link;     /* target of a symbolic link */
    const char *hardlink; /* target of a hard link */
    bool sparse;          /* only the first byte is there */
};
/* Pax, compressed by gzip where `gzip`. */
void write_tar(const char *path, const struct tar_member *members, size_t count, bool gzip);

/* Fails the test with the message of `err` unless the call succeeds. */
#define EXPECT_OK(call)                                                                            \
    do {                                                                                           \
        struct error err = {0};                                                                    \
        if ((call) < 0)                                                                            \
            fail_msg("%s", err.message);                                                           \
    } while (0)

/* The call must fail with this kind and a message that holds `part`. */
#define EXPECT_ERROR(call, expected_kind, part)                                                    \
    do {                                                                                           \
        struct error err = {0};                                                                    \
        assert_int_equal((call), -1);                                                              \
        if (err.kind != (expected_kind) || strstr(err.message, part) == NULL)                      \
            fail_msg("error %d: '%s' lacks '%s'", (int)err.kind, err.message, part);               \
    } while (0)

/* Lets the first, second, ... allocation of the call fail until it meets no
 * more: each must make it fail with ERR_MEMORY, but for at most `tolerated`
 * that are best effort; and at least one must occur. */
#define EXPECT_ALLOCATION_FAILURES(call, tolerated)                                                \
    do {                                                                                           \
        unsigned failures = 0, survived = 0;                                                       \
        for (unsigned after = 1; after < 10000; after++) {                                         \
            struct error err = {0};                                                                \
            memory_fail_after(after);                                                              \
            int result = (call);                                                                   \
            if (memory_fail_after(0) == 0) {                                                       \
                if (result < 0)                                                                    \
                    fail_msg("%s", err.message);                                                   \
                break;                                                                             \
            }                                                                                      \
            if (result < 0 && err.kind != ERR_MEMORY)                                              \
                fail_msg("allocation %u: '%s'", after, err.message);                               \
            failures += result < 0;                                                                \
            survived += result == 0;                                                               \
        }                                                                                          \
        assert_true(failures > 0);                                                                 \
        assert_in_range(survived, 0, tolerated);                                                   \
    } while (0)

#endif
