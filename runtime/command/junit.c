#include "command/junit.h"

#include "base/json.h"
#include "command/print.h"
#include "page/escape.h"

#include <string.h>

static const json_t *list_of(const json_t *one, const char *name)
{
    return json_object_get(one, name);
}

static bool is_of(const json_t *one, const char *level)
{
    return strcmp(json_text(one, "level"), level) == 0;
}

static void add_lines(struct text *xml, const json_t *list, const char *member)
{
    size_t index;
    json_t *entry;
    json_array_foreach ((json_t *)list, index, entry) {
        escape_xml(xml, member != NULL ? json_text(entry, member) : json_string_value(entry));
        text_add(xml, "\n");
    }
}

/* Several problems of one case are one failure: readers take no more. */
static void add_case(struct text *xml, const json_t *one)
{
    const json_t *problems = list_of(one, "problems"), *notes = list_of(one, "notes");
    text_addf(xml, "    <testcase classname=\"%s\" name=\"", json_text(one, "level"));
    escape_xml(xml, json_text(one, "name"));
    const bool plain = json_array_size(problems) + json_array_size(notes) == 0;
    text_add(xml, plain ? "\"/>\n" : "\">\n");
    if (json_array_size(problems) > 0) {
        const json_t *first = json_array_get(problems, 0);
        text_addf(xml, "      <failure type=\"%s\" message=\"", json_text(first, "type"));
        escape_xml(xml, json_text(first, "text"));
        text_add(xml, "\">");
        add_lines(xml, problems, "text");
        text_add(xml, "</failure>\n");
    }
    if (json_array_size(notes) > 0) {
        text_add(xml, "      <system-out>");
        add_lines(xml, notes, NULL);
        text_add(xml, "</system-out>\n");
    }
    text_add(xml, plain ? "" : "    </testcase>\n");
}

/* The suite of a level; of NULL the counts of all. */
static void add_counts(struct text *xml, const json_t *cases, const char *level, size_t errors)
{
    size_t index, count = errors, failures = 0;
    json_t *one;
    json_array_foreach ((json_t *)cases, index, one)
        if (level == NULL || is_of(one, level)) {
            count++;
            failures += json_array_size(list_of(one, "problems")) > 0;
        }
    text_addf(xml, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\"", count, failures, errors);
}

static void add_suite(struct text *xml, const json_t *cases, const char *level)
{
    size_t index;
    json_t *one;
    bool begun = false;
    json_array_foreach ((json_t *)cases, index, one) {
        if (!is_of(one, level))
            continue;
        if (!begun) {
            text_addf(xml, "  <testsuite name=\"%s\"", level);
            add_counts(xml, cases, level, 0);
            text_add(xml, ">\n");
        }
        begun = true;
        add_case(xml, one);
    }
    text_add(xml, begun ? "  </testsuite>\n" : "");
}

static void add_stopped(struct text *xml, const struct error *stopped)
{
    text_add(xml, "  <testsuite name=\"verify\" tests=\"1\" failures=\"0\" errors=\"1\">\n"
                  "    <testcase classname=\"verify\" name=\"verify\">\n"
                  "      <error type=\"stopped\" message=\"");
    escape_xml(xml, stopped->message);
    text_add(xml, "\"/>\n    </testcase>\n  </testsuite>\n");
}

int junit_write(const char *path, const json_t *cases, const struct error *stopped,
                struct error *err)
{
    static const char *const levels[] = {"lock",    "artifacts", "published", "cache",
                                         "require", "signature", "rerun"};
    struct text xml = {0};
    text_add(&xml, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"reprise\"");
    add_counts(&xml, cases, NULL, stopped != NULL);
    text_add(&xml, ">\n");
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
        add_suite(&xml, cases, levels[i]);
    if (stopped != NULL)
        add_stopped(&xml, stopped);
    text_add(&xml, "</testsuites>\n");
    int result = text_check(&xml, err);
    if (result == 0)
        result = print_into(path, xml.data, xml.size, err);
    text_release(&xml);
    return result;
}
