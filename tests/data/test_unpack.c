#include "data/unpack.h"

#include "base/file.h"
#include "data_scratch.h"

#include <archive_entry.h>
#include <stdlib.h>

struct visit {
    const char *wanted; /* suffix */
    int taken;
    char text[64];
};

static bool wants(void *context, const char *path)
{
    const struct visit *visit = context;
    return strstr(path, visit->wanted) != NULL;
}

static int take(void *context, const char *path, void *data, size_t size, struct error *err)
{
    struct visit *visit = context;
    (void)err;
    visit->taken++;
    snprintf(visit->text, sizeof(visit->text), "%s=%.*s", path, (int)size, (const char *)data);
    free(data);
    return 0;
}

static const struct unpack_limits limits = {10, 1000, 2000};

static int unpack(const char *path, struct visit *visit, struct error *err)
{
    const struct unpack_visitor visitor = {wants, take, visit};
    return unpack_archive(path, &limits, &visitor, err);
}

static void unpack_hands_over_what_is_wanted(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar");
    const struct tar_member members[] = {
        {.name = "d/", .kind = AE_IFDIR},
        {.name = "d/a.txt", .data = "one", .size = 3},
        {.name = "d/..b", .data = "two", .size = 3},
        {.name = "d/empty", .size = 0},
    };
    for (int gzip = 0; gzip < 2; gzip++) {
        struct visit visit = {.wanted = "..b"};
        write_tar(path.text, members, 4, gzip == 1);
        EXPECT_OK(unpack(path.text, &visit, &err));
        assert_int_equal(visit.taken, 1);
        assert_string_equal(visit.text, "d/..b=two");
    }
    struct visit visit = {.wanted = "empty"};
    EXPECT_OK(unpack(path.text, &visit, &err));
    assert_string_equal(visit.text, "d/empty=");
}

static void unpack_refuses_members_that_are_not_plain_files(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar.gz");
    static const struct {
        struct tar_member member;
        const char *message;
    } cases[] = {
        {{.name = "/etc/passwd", .data = "x", .size = 1}, "'/etc/passwd' has an absolute path"},
        {{.name = "../x", .data = "x", .size = 1}, "'../x' leaves its folder"},
        {{.name = "a/../../x", .data = "x", .size = 1}, "leaves its folder"},
        {{.name = "a/..", .kind = AE_IFDIR}, "leaves its folder"},
        {{.name = "l", .kind = AE_IFLNK, .link = "/etc/passwd"}, "'l' is a symbolic link"},
        {{.name = "h", .hardlink = "ok"}, "'h' is a hard link"},
        {{.name = "c", .kind = AE_IFCHR}, "'c' is a device"},
        {{.name = "b", .kind = AE_IFBLK}, "'b' is a device"},
        {{.name = "p", .kind = AE_IFIFO}, "'p' is a pipe"},
        {{.name = "s", .data = "x123", .size = 4, .sparse = true}, "'s' is a sparse file"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct tar_member members[] = {{.name = "ok", .data = "x", .size = 1},
                                             cases[i].member};
        struct visit visit = {.wanted = "nothing"};
        write_tar(path.text, members, 2, true);
        EXPECT_ERROR(unpack(path.text, &visit, &err), ERR_FORMAT, cases[i].message);
    }
}

static void unpack_keeps_to_its_limits(void **state)
{
    static const char zeros[1001];
    struct scratch_path path = data_scratch_path(state, "a.tar.gz");
    struct tar_member members[11];
    struct visit visit = {.wanted = "nothing"};
    for (int i = 0; i < 11; i++)
        members[i] = (struct tar_member){.name = "f", .data = zeros, .size = 10};
    write_tar(path.text, members, 11, true);
    EXPECT_ERROR(unpack(path.text, &visit, &err), ERR_FORMAT, "more than 10 members");
    members[0].size = 1001;
    write_tar(path.text, members, 1, true);
    EXPECT_ERROR(unpack(path.text, &visit, &err), ERR_FORMAT, "1001 bytes, more than the 1000");
    for (int i = 0; i < 3; i++)
        members[i].size = 700;
    write_tar(path.text, members, 3, true);
    EXPECT_ERROR(unpack(path.text, &visit, &err), ERR_FORMAT, "unpacks to more than 2000 bytes");
    assert_int_equal(visit.taken, 0);
}

static void unpack_refuses_what_is_truncated_or_no_archive(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar.gz");
    struct scratch_path cut = data_scratch_path(state, "cut.tar.gz");
    char noise[900];
    uint32_t x = 1;
    for (size_t i = 0; i < sizeof(noise); i++)
        noise[i] = (char)((x = x * 1664525u + 1013904223u) >> 24);
    const struct tar_member member = {.name = "f", .data = noise, .size = sizeof(noise)};
    struct visit visit = {.wanted = "f"};
    char *data;
    size_t size;
    for (int gzip = 0; gzip < 2; gzip++) {
        write_tar(path.text, &member, 1, gzip == 1);
        EXPECT_OK(file_read(path.text, 1 << 20, &data, &size, &err));
        for (size_t kept = 0; kept < 512 + 800; kept += 131) {
            size_t bytes = gzip == 1 ? kept * 700 / 1312 : kept;
            data_scratch_write(cut.text, data, bytes);
            EXPECT_ERROR(unpack(cut.text, &visit, &err), ERR_FORMAT, "cut.tar.gz");
        }
        free(data);
    }
    data_scratch_write(cut.text, "<!doctype html><p>not found", 27);
    EXPECT_ERROR(unpack(cut.text, &visit, &err), ERR_FORMAT, "truncated or damaged");
    EXPECT_ERROR(unpack("/nonexistent/x.tar", &visit, &err), ERR_FORMAT, "/nonexistent/x.tar");
    assert_int_equal(visit.taken, 0);
}

static void unpack_survives_failing_allocations(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar.gz");
    const struct tar_member member = {.name = "f", .data = "x", .size = 1};
    struct visit visit = {.wanted = "f"};
    write_tar(path.text, &member, 1, true);
    EXPECT_ALLOCATION_FAILURES(unpack(path.text, &visit, &err), 0);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, data_scratch_set_up, data_scratch_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(unpack_hands_over_what_is_wanted),
        TEST(unpack_refuses_members_that_are_not_plain_files),
        TEST(unpack_keeps_to_its_limits),
        TEST(unpack_refuses_what_is_truncated_or_no_archive),
        TEST(unpack_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
