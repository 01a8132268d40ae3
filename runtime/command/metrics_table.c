#include "command/metrics_table.h"

#include "base/json.h"
#include "base/memory.h"
#include "base/utf8.h"
#include "command/numbers.h"
#include "command/print.h"
#include "page/escape.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- parameters that set rows apart ---- */

static const char *last_name(const char *dotted)
{
    const char *dot = strrchr(dotted, '.');
    return dot != NULL ? dot + 1 : dotted;
}

static const json_t *param(const json_t *row, const char *name)
{
    return json_object_get(json_object_get(row, "params"), name);
}

/* Two absent values are equal, too. */
static bool same(const json_t *a, const json_t *b)
{
    return a == b || (a != NULL && b != NULL && json_equal(a, b));
}

/* What a row does not have sets it apart from none. */
static bool is_constant(const json_t *rows, const char *name)
{
    size_t index;
    json_t *row;
    const json_t *first = NULL;
    json_array_foreach ((json_t *)rows, index, row) {
        const json_t *own = param(row, name);
        if (first == NULL)
            first = own;
        if (own != NULL && !same(own, first))
            return false;
    }
    return true;
}

static bool is_seed(const char *name)
{
    const size_t length = strlen(name);
    return length >= 4 && strcmp(name + length - 4, "seed") == 0;
}

/* Whether both say the same in each row, and are called so. */
static bool says_the_same(const json_t *rows, const char *a, const char *b)
{
    size_t index;
    json_t *row;
    if (strcmp(last_name(a), last_name(b)) != 0)
        return false;
    json_array_foreach ((json_t *)rows, index, row)
        if (!same(param(row, a), param(row, b)))
            return false;
    return true;
}

static json_t *with_name(json_t *names, const json_t *rows, const char *name)
{
    size_t index;
    json_t *kept;
    json_array_foreach (names, index, kept)
        if (strcmp(json_string_value(kept), name) == 0 ||
            says_the_same(rows, json_string_value(kept), name))
            return names;
    return is_constant(rows, name) ? names : json_list_with(names, json_string(name));
}

static json_t *names_of_params(const json_t *rows)
{
    size_t index;
    const char *name;
    json_t *row, *ignored, *names = json_array();
    json_array_foreach ((json_t *)rows, index, row)
        json_object_foreach (json_object_get(row, "params"), name, ignored)
            names = with_name(names, rows, name);
    return names;
}

/* Those of the names that the row has. */
static json_t *params_of(const json_t *row, const json_t *names, bool seeds)
{
    size_t index;
    json_t *name, *params = json_object();
    json_array_foreach ((json_t *)names, index, name) {
        const char *text = json_string_value(name);
        if (param(row, text) != NULL && (seeds || !is_seed(text)))
            params = json_object_with(params, text, json_incref((json_t *)param(row, text)));
    }
    return params;
}

static json_t *reduced(const json_t *rows, const json_t *names)
{
    size_t index;
    json_t *row, *list = json_array();
    json_array_foreach ((json_t *)rows, index, row) {
        json_t *kept =
            json_object_with(json_object(), "name", json_incref(json_object_get(row, "name")));
        kept = json_object_with(kept, "params", params_of(row, names, true));
        list = json_list_with(
            list, json_object_with(kept, "metrics", json_incref(json_object_get(row, "metrics"))));
    }
    return list;
}

/* ---- means over seeds ---- */

/* A number that one of the rows lacks has no mean. */
static void moments(const json_t *rows, const char *metric, double *mean, double *deviation)
{
    const size_t n = json_array_size(rows);
    double sum = 0, squares = 0, value;
    for (int pass = 0; pass < 2; pass++) {
        size_t index;
        json_t *row;
        json_array_foreach ((json_t *)rows, index, row) {
            const json_t *number = json_object_get(json_object_get(row, "metrics"), metric);
            value = numbers_value(number, &value) ? value : NAN;
            sum += pass == 0 ? value : 0;
            squares += pass == 0 ? 0 : (value - *mean) * (value - *mean);
        }
        *mean = sum / (double)n;
    }
    *deviation = sqrt(squares / (double)(n - 1));
}

/* Of rows that say the same but for seeds; there is none of a row that is alone. */
static json_t *with_mean(json_t *means, const json_t *group)
{
    const char *metric;
    const json_t *rows = json_object_get(group, "rows"), *stage = json_object_get(group, "stage");
    json_t *ignored, *mean = json_object(), *deviation = json_object();
    if (json_array_size(rows) < 2) {
        json_decref(mean);
        json_decref(deviation);
        return means;
    }
    json_object_foreach (json_object_get(json_array_get(rows, 0), "metrics"), metric, ignored) {
        double middle = NAN, spread = NAN;
        moments(rows, metric, &middle, &spread);
        mean = json_object_with(mean, metric, json_measured(middle));
        deviation = json_object_with(deviation, metric, json_measured(spread));
    }
    json_t *entry =
        json_object_with(json_object(), "params", json_incref(json_object_get(group, "params")));
    if (stage != NULL)
        entry = json_object_with(entry, "stage", json_incref((json_t *)stage));
    entry = json_object_with(entry, "n", json_integer((json_int_t)json_array_size(rows)));
    entry = json_object_with(entry, "mean", mean);
    return json_list_with(means, json_object_with(entry, "deviation", deviation));
}

/* What a run found with seeds that an earlier one had, too, stands for both. */
static int add_row(json_t *rows, const json_t *names, json_t *row)
{
    size_t index;
    json_t *other, *seeds = params_of(row, names, true);
    int result = 1;
    json_array_foreach (rows, index, other) {
        json_t *theirs = params_of(other, names, true);
        if (json_object_get(row, "stage") == NULL && same(seeds, theirs))
            result = json_array_set(rows, index, row);
        json_decref(theirs);
    }
    json_decref(seeds);
    return result == 1 ? json_array_append(rows, row) : result;
}

/* {stage and params without seeds, as text: {"stage", "params", "rows"}}, in the order of the rows;
 * NULL where memory ran out. */
static json_t *with_row(json_t *groups, const json_t *names, json_t *row)
{
    struct error ignored;
    json_t *group = json_object_with(json_object(), "params", params_of(row, names, false));
    if (json_object_get(row, "stage") != NULL)
        group = json_object_with(group, "stage", json_incref(json_object_get(row, "stage")));
    char *key = group == NULL ? NULL : json_to_text(group, true, &ignored);
    json_t *rows = key == NULL ? NULL : json_object_get(json_object_get(groups, key), "rows");
    if (rows != NULL) {
        json_decref(group);
        if (add_row(rows, names, row) < 0)
            groups = json_object_with(groups, key, NULL);
    } else {
        group = json_object_with(group, "rows", json_list_with(json_array(), json_incref(row)));
        groups = json_object_with(groups, key != NULL ? key : "", key != NULL ? group : NULL);
        if (key == NULL)
            json_decref(group);
    }
    free(key);
    return groups;
}

static json_t *means_of(const json_t *rows, const json_t *names)
{
    size_t index;
    const char *key;
    json_t *entry, *means = json_array();
    bool seeds = false;
    json_array_foreach ((json_t *)names, index, entry)
        seeds = seeds || is_seed(json_string_value(entry));
    if (!seeds)
        return means;
    json_t *groups = json_object();
    json_array_foreach ((json_t *)rows, index, entry)
        groups = with_row(groups, names, entry);
    json_object_foreach (groups, key, entry)
        means = with_mean(means, entry);
    if (groups == NULL)
        means = json_list_with(means, NULL);
    json_decref(groups);
    return means;
}

/* ---- order ---- */

struct sorted {
    json_t *row;
    const json_t *value;
    size_t at;
    bool descending;
};

/* Numbers come before texts, and those before what is neither. */
static int kind_of(const json_t *value)
{
    double ignored;
    return numbers_value(value, &ignored) ? 0 : json_is_string(value) ? 1 : 2;
}

static int compare_values(const json_t *a, const json_t *b)
{
    double x, y;
    if (a == NULL || b == NULL)
        return (a == NULL) - (b == NULL);
    if (kind_of(a) != kind_of(b))
        return kind_of(a) - kind_of(b);
    if (numbers_value(a, &x) && numbers_value(b, &y))
        return (x > y) - (x < y);
    return json_is_string(a) ? strcmp(json_string_value(a), json_string_value(b)) : 0;
}

/* What has no value comes last, either way. */
static int compare_sorted(const void *left, const void *right)
{
    const struct sorted *a = left, *b = right;
    const int order = compare_values(a->value, b->value);
    const bool turned = a->descending && a->value != NULL && b->value != NULL;
    return order != 0 ? (turned ? -order : order) : (a->at > b->at) - (a->at < b->at);
}

static const json_t *value_in(const json_t *row, const char *column)
{
    const json_t *metric = json_object_get(json_object_get(row, "metrics"), column);
    const json_t *value = strcmp(column, "name") == 0 ? json_object_get(row, "name")
                          : metric != NULL            ? metric
                                                      : param(row, column);
    return json_is_null(value) ? NULL : value; /* what a run did not set */
}

static int no_column(const json_t *rows, const char *column, struct error *err)
{
    const char *names[256], *name;
    size_t count = 0, index;
    json_t *row, *ignored;
    json_array_foreach ((json_t *)rows, index, row) {
        json_object_foreach (json_object_get(row, "metrics"), name, ignored)
            if (count < 256)
                names[count++] = name;
        json_object_foreach (json_object_get(row, "params"), name, ignored)
            if (count < 256)
                names[count++] = name;
    }
    const char *nearest = text_nearest(column, names, count);
    return error_set(err, ERR_USAGE, "--sort '%s': there is no such column%s%s%s", column,
                     nearest != NULL ? ", did you mean '" : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "'?" : "");
}

static int sort_rows(json_t **rows, const char *column, struct error *err)
{
    const size_t count = json_array_size(*rows);
    const bool descending = column[0] == '-';
    size_t found = 0;
    struct sorted *list = memory_new(count, sizeof(*list), err);
    if (list == NULL)
        return -1;
    for (size_t i = 0; i < count; i++) {
        json_t *row = json_array_get(*rows, i);
        list[i] = (struct sorted){row, value_in(row, column + descending), i, descending};
        found += list[i].value != NULL;
    }
    json_t *ordered = json_array();
    if (found > 0)
        qsort(list, count, sizeof(*list), compare_sorted);
    for (size_t i = 0; i < count; i++)
        ordered = json_list_with(ordered, json_incref(list[i].row));
    free(list);
    int result = found > 0 || count == 0 ? 0 : no_column(*rows, column + descending, err);
    json_decref(*rows);
    *rows = ordered;
    return result;
}

json_t *metrics_table_make(json_t *rows, const char *sort, struct error *err)
{
    json_t *names = names_of_params(rows), *means = means_of(rows, names);
    json_t *list = reduced(rows, names);
    json_decref(rows);
    json_decref(names);
    int result = sort != NULL && list != NULL ? sort_rows(&list, sort, err) : 0;
    json_t *table = json_object_with(json_pack("{s:i}", "schema", 1), "rows", list);
    table = json_object_with(table, "means", means);
    if (table == NULL && result == 0)
        result = error_set(err, ERR_MEMORY, "out of memory for the metrics");
    if (result == 0)
        return table;
    json_decref(table);
    return NULL;
}

/* ---- for people and spreadsheets ---- */

struct column {
    const char *name;
    size_t width;
};

struct columns {
    struct column *list; /* that of the row's name, then `params` parameters, then metrics */
    size_t count, params;
};

/* Room for all names of all rows, though most are the same. */
static size_t most_columns(const json_t *rows)
{
    size_t index, most = 1;
    json_t *row;
    json_array_foreach ((json_t *)rows, index, row)
        most += json_object_size(json_object_get(row, "params")) +
                json_object_size(json_object_get(row, "metrics"));
    return most;
}

/* Unless one from `first` on has that name: a parameter and a metric may be called alike. */
static void add_column(struct columns *columns, size_t first, const char *name)
{
    for (size_t i = first; i < columns->count; i++)
        if (strcmp(columns->list[i].name, name) == 0)
            return;
    columns->list[columns->count++].name = name;
}

static size_t depth_of(const char *name)
{
    size_t depth = 0;
    for (; *name != '\0'; name++)
        depth += *name == '.';
    return depth;
}

/* Of a stage's metrics those that lie in no map; of a run's they begin with the stage. */
static size_t least_depth(const json_t *rows)
{
    size_t index, least = SIZE_MAX;
    const char *name;
    json_t *row, *ignored;
    json_array_foreach ((json_t *)rows, index, row)
        json_object_foreach (json_object_get(row, "metrics"), name, ignored)
            least = depth_of(name) < least ? depth_of(name) : least;
    return least;
}

/* For people numbers that lie deeper are too many. */
static void find_columns(const json_t *rows, bool all, struct columns *columns)
{
    size_t index;
    const char *name;
    json_t *row, *ignored;
    columns->list[columns->count++].name = "name";
    json_array_foreach ((json_t *)rows, index, row)
        json_object_foreach (json_object_get(row, "params"), name, ignored)
            add_column(columns, 1, name);
    columns->params = columns->count - 1;
    const size_t deepest = all ? SIZE_MAX : least_depth(rows);
    json_array_foreach ((json_t *)rows, index, row)
        json_object_foreach (json_object_get(row, "metrics"), name, ignored)
            if (depth_of(name) <= deepest)
                add_column(columns, columns->params + 1, name);
}

static void add_cell_text(struct text *cell, const json_t *value)
{
    struct error ignored;
    double number;
    if (value == NULL || json_is_null(value))
        return;
    if (json_is_string(value))
        text_add(cell, json_string_value(value));
    else if (numbers_value(value, &number))
        numbers_show(cell, value);
    else {
        char *json = json_to_text(value, true, &ignored);
        text_add(cell, json != NULL ? json : "?");
        free(json);
    }
}

/* A parameter may be a map, which a table has no room for. */
static void shorten(struct text *cell)
{
    enum { LONGEST = 32 };
    size_t end = LONGEST - 3;
    if (cell->size <= LONGEST)
        return;
    while (end > 0 && ((unsigned char)cell->data[end] & 0xc0) == 0x80)
        end--;
    cell->size = end;
    text_add(cell, "...");
}

/* Commas, quotes and line ends want quotes. */
static void add_quoted(struct text *text, const char *cell)
{
    const bool plain = strpbrk(cell, ",\"\r\n") == NULL;
    text_add(text, plain ? "" : "\"");
    for (; *cell != '\0'; cell++)
        text_addf(text, !plain && *cell == '"' ? "\"%c" : "%c", *cell);
    text_add(text, plain ? "" : "\"");
}

static void put_cell(struct text *text, struct columns *columns, size_t at, const char *cell,
                     enum metrics_form form, bool measure)
{
    size_t *width = &columns->list[at].width;
    const size_t length = utf8_count(cell);
    if (measure)
        *width = length > *width ? length : *width;
    else if (form == METRICS_CSV) {
        text_add(text, at > 0 ? "," : "");
        add_quoted(text, cell);
    } else if (form == METRICS_MARKDOWN) {
        text_add(text, "| ");
        escape_markdown(text, cell);
        text_add(text, " ");
    } else
        text_addf(text, at == 0 ? "%-*s" : "  %*s", print_width(cell, (int)*width), cell);
}

static void end_row(struct text *text, enum metrics_form form, bool measure)
{
    static const char *const ends[] = {"\n", "\r\n", "|\n"};
    text_add(text, measure ? "" : ends[form]);
}

/* A line of the table, or its widths. */
static void put_row(struct text *text, struct columns *columns, const char *name,
                    const json_t *params, const json_t *metrics, enum metrics_form form,
                    bool measure)
{
    put_cell(text, columns, 0, name, form, measure);
    for (size_t i = 1; i < columns->count; i++) {
        struct text cell = {0};
        add_cell_text(
            &cell, json_object_get(i <= columns->params ? params : metrics, columns->list[i].name));
        if (form == METRICS_TABLE)
            shorten(&cell);
        put_cell(text, columns, i, text_string(&cell), form, measure);
        text_release(&cell);
    }
    end_row(text, form, measure);
}

static void put_heads(struct text *text, struct columns *columns, enum metrics_form form,
                      bool measure)
{
    for (size_t i = 0; i < columns->count; i++)
        put_cell(text, columns, i, columns->list[i].name, form, measure);
    end_row(text, form, measure);
    for (size_t i = 0; i < columns->count && form == METRICS_MARKDOWN; i++)
        text_addf(text, "%s%s", i == 0 ? "|---|" : "--:|", i + 1 == columns->count ? "\n" : "");
}

/* Where the rows are of several stages, a mean says of which it is. */
static void add_of(const json_t *table, const json_t *mean, struct text *name)
{
    const char *stage = json_text(mean, "stage");
    const size_t length = strlen(stage);
    size_t index;
    json_t *row;
    bool several = false;
    json_array_foreach (json_object_get(table, "rows"), index, row) {
        const char *own = json_text(row, "name");
        several = several || strncmp(own, stage, length) != 0 || strcspn(own, "@") != length;
    }
    if (several && length > 0)
        text_addf(name, "%s: ", stage);
}

static void put_all(const json_t *table, struct columns *columns, enum metrics_form form,
                    bool measure, struct text *text)
{
    size_t index;
    json_t *row;
    put_heads(text, columns, form, measure);
    json_array_foreach (json_object_get(table, "rows"), index, row)
        put_row(text, columns, json_string_value(json_object_get(row, "name")),
                json_object_get(row, "params"), json_object_get(row, "metrics"), form, measure);
    json_array_foreach (json_object_get(table, "means"), index, row) {
        struct text deviation = {0}, mean = {0};
        add_of(table, row, &deviation);
        text_addf(&mean, "%smean of %lld", text_string(&deviation),
                  (long long)json_integer_value(json_object_get(row, "n")));
        text_add(&deviation, "deviation");
        put_row(text, columns, text_string(&mean), json_object_get(row, "params"),
                json_object_get(row, "mean"), form, measure);
        put_row(text, columns, text_string(&deviation), json_object_get(row, "params"),
                json_object_get(row, "deviation"), form, measure);
        text_release(&mean);
        text_release(&deviation);
    }
}

void metrics_table_text(const json_t *table, enum metrics_form form, struct text *text)
{
    struct error ignored;
    const json_t *rows = json_object_get(table, "rows");
    struct columns columns = {.list =
                                  memory_new(most_columns(rows), sizeof(*columns.list), &ignored)};
    if (columns.list == NULL) {
        text->failed = true;
        return;
    }
    find_columns(rows, form == METRICS_CSV, &columns);
    if (form == METRICS_TABLE)
        put_all(table, &columns, form, true, text);
    put_all(table, &columns, form, false, text);
    free(columns.list);
}
