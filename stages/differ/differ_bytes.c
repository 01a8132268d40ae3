#include "differ/differ_files.h"

#include "base/json.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK = 1 << 16, LINE_BYTES = 160 };

struct streams {
    FILE *a, *b;
    long long size_a, size_b;
    long long differ;           /* bytes, of what both have */
    long long first;            /* -1: as far as both go, they are equal */
    long long line, line_start; /* that holds the first; line from 1 */
    bool text;                  /* no byte is NUL */
};

/* Of equal bytes: where lines begin. */
static void count_lines(struct streams *s, const char *bytes, size_t size, long long at)
{
    const char *end = bytes;
    while ((end = memchr(end, '\n', (size_t)(bytes + size - end))) != NULL) {
        end++;
        s->line++;
        s->line_start = at + (end - bytes);
    }
}

static void add_block(struct streams *s, const char *a, const char *b, size_t size, long long at)
{
    size_t equal = 0;
    while (equal < size && a[equal] == b[equal])
        equal++;
    if (s->first < 0)
        count_lines(s, a, equal, at);
    if (s->first < 0 && equal < size)
        s->first = at + (long long)equal;
    for (size_t i = equal; i < size; i++)
        s->differ += a[i] != b[i];
}

/* Regular files: less than a block is the end. */
static void compare_streams(struct streams *s)
{
    char a[BLOCK], b[BLOCK];
    for (;;) {
        const size_t from = fread(a, 1, sizeof(a), s->a), to = fread(b, 1, sizeof(b), s->b);
        s->text = s->text && memchr(a, '\0', from) == NULL && memchr(b, '\0', to) == NULL;
        add_block(s, a, b, from < to ? from : to, s->size_a < s->size_b ? s->size_a : s->size_b);
        s->size_a += (long long)from;
        s->size_b += (long long)to;
        if (from < sizeof(a) && to < sizeof(b))
            break;
    }
    if (s->first < 0)
        s->first = s->size_a < s->size_b ? s->size_a : s->size_b;
}

/* The line at the first difference, cut where it is long; null where the file ends before. */
static json_t *line_of(FILE *stream, const struct streams *s)
{
    char bytes[LINE_BYTES];
    struct text clean = {0};
    if (fseek(stream, (long)s->line_start, SEEK_SET) != 0)
        return json_null();
    const size_t size = fread(bytes, 1, sizeof(bytes), stream);
    if (size == 0)
        return json_null();
    const char *end = memchr(bytes, '\n', size);
    size_t length = end != NULL ? (size_t)(end - bytes) : size;
    if (length > 0 && bytes[length - 1] == '\r')
        length--;
    text_add_clean(&clean, bytes, length);
    json_t *json = clean.failed ? NULL : json_string(text_string(&clean));
    text_release(&clean);
    return json;
}

static void add_line(struct text *line, const json_t *shown)
{
    if (json_is_null(shown))
        text_add(line, "absent");
    else
        text_addf(line, "'%s'", shown != NULL ? json_string_value(shown) : "");
}

static void describe_text(const struct streams *s, struct file_difference *found)
{
    struct text line = {0};
    json_t *a = line_of(s->a, s), *b = line_of(s->b, s);
    text_addf(&line, "line %lld: is ", s->line);
    add_line(&line, b);
    text_add(&line, ", was ");
    add_line(&line, a);
    difference_line(found, &line);
    found->format = "text";
    found->details = json_pack("{s:I, s:o, s:o}", "line", (json_int_t)s->line, "a", a, "b", b);
}

static void describe_bytes(const struct streams *s, struct file_difference *found)
{
    struct text line = {0};
    const long long both = s->size_a < s->size_b ? s->size_a : s->size_b;
    if (s->size_a != s->size_b)
        text_addf(&line, "is of %lld bytes, was of %lld; ", s->size_b, s->size_a);
    text_addf(&line, "%lld of %lld bytes differ, the first at %lld", s->differ, both, s->first);
    difference_line(found, &line);
    found->format = "bytes";
    found->details =
        json_pack("{s:I, s:I, s:I, s:I}", "differ", (json_int_t)s->differ, "first",
                  (json_int_t)s->first, "a", (json_int_t)s->size_a, "b", (json_int_t)s->size_b);
}

int bytes_compare(const struct file_pair *pair, struct file_difference *found, struct error *err)
{
    struct streams s = {.first = -1, .line = 1, .text = true};
    int result = 1;
    s.a = fopen(pair->a, "rbe");
    s.b = fopen(pair->b, "rbe");
    if (s.a == NULL || s.b == NULL)
        result = error_errno(err, "cannot read '%s'", s.a == NULL ? pair->a : pair->b);
    else {
        compare_streams(&s);
        if (s.text)
            describe_text(&s, found);
        else
            describe_bytes(&s, found);
    }
    if (s.a != NULL)
        fclose(s.a);
    if (s.b != NULL)
        fclose(s.b);
    return result;
}
