#include "runner/told.h"

#include "tap.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char path[] = "/tmp/reprise-told-XXXXXX";

static void collect(void *self, double when, const char *line)
{
    struct text *text = self;
    text_addf(text, "%.3f|%s", when, line);
}

static void told_lines_are_read_as_they_come(void **state)
{
    (void)state;
    struct plan_stage stage = {0};
    struct told told;
    struct told_reader reader = {0};
    struct text text = {0};
    told_open(&told, path);
    int fd = open(path, O_RDONLY);
    told_add(&told, &stage, "{\"a\":1}\n{\"b", 11, 1.5);
    told_read(&reader, fd, collect, &text);
    assert_string_equal(text_string(&text), "1.500|{\"a\":1}\n");
    told_read(&reader, fd, collect, &text);
    told_add(&told, &stage, "\\n\":2}\n", 7, 2.25);
    told_close(&told);
    told_read(&reader, fd, collect, &text);
    assert_string_equal(text_string(&text), "1.500|{\"a\":1}\n2.250|{\"b\\n\":2}\n");
    close(fd);
    text_release(&text);
}

/* A secret is masked as it stands; as JSON may have written it otherwise, the line is left out. */
static void told_lines_hide_secrets(void **state)
{
    (void)state;
    static char secret[] = "TOLD_SECRET";
    char *names[] = {secret};
    struct plan_stage stage = {.secrets = names, .secret_count = 1};
    struct told told;
    struct told_reader reader = {0};
    struct text text = {0};
    setenv("TOLD_SECRET", "hunter2\"", 1);
    told_open(&told, path);
    int fd = open(path, O_RDONLY);
    static const char lines[] = "hunter2\" shown\nhunter2\\\" as JSON\n";
    told_add(&told, &stage, lines, 9, 1.0);
    told_add(&told, &stage, lines + 9, sizeof(lines) - 10, 1.0);
    told_close(&told);
    told_read(&reader, fd, collect, &text);
    assert_string_equal(text_string(&text), "1.000|******** shown\n");
    close(fd);
    text_release(&text);
}

/* What floods is not followed to its end, and what has no file is not followed at all. */
static void told_file_is_bounded(void **state)
{
    (void)state;
    struct plan_stage stage = {0};
    struct told told;
    char line[4096];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    told_open(&told, path);
    for (int i = 0; i < 8000; i++)
        told_add(&told, &stage, line, sizeof(line), 1.0);
    assert_int_equal(told.fd, -1);
    int fd = open(path, O_RDONLY);
    assert_true(lseek(fd, 0, SEEK_END) <= 16 << 20);
    close(fd);
    told_open(&told, "/nowhere/told");
    told_add(&told, &stage, line, sizeof(line), 1.0);
    told_close(&told);
}

int main(void)
{
    close(mkstemp(path));
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(told_lines_are_read_as_they_come),
        cmocka_unit_test(told_lines_hide_secrets),
        cmocka_unit_test(told_file_is_bounded),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    return result;
}
