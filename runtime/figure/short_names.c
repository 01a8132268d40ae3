#include "figure/short_names.h"

#include "base/memory.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ELLIPSIS "\xe2\x80\xa6"

enum { LONGEST = 255 }; /* bytes of a name that are looked at */

/* A name whose look another may share. */
struct look {
    uint64_t look;
    size_t index;
};

struct maker {
    struct canvas *canvas;
    struct text_style style;
    double room;
    const char *const *names;
    const size_t *numbers; /* or NULL */
    struct short_names *made;
    struct look *looks; /* [count] */
};

static double width_of(const struct maker *maker, const char *text)
{
    return canvas_text_width(maker->canvas, text, maker->style);
}

/* Not within a character of several bytes. */
static size_t whole(const char *text, size_t length)
{
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length;
}

/* Writes the longest start of `text` that fits the room with `tail` behind it, and the tail. */
static void cut(const struct maker *maker, const char *text, const char *tail, double room,
                char *out, size_t size)
{
    size_t low = 0, high = strnlen(text, LONGEST);
    while (low < high) {
        size_t middle = (low + high + 1) / 2;
        snprintf(out, size, "%.*s%s", (int)whole(text, middle), text, tail);
        if (width_of(maker, out) <= room)
            low = middle;
        else
            high = middle - 1;
    }
    snprintf(out, size, "%.*s%s", (int)whole(text, low), text, tail);
}

static size_t number_of(const struct maker *maker, size_t index)
{
    return maker->numbers != NULL ? maker->numbers[index] : index;
}

static int set(const struct maker *maker, size_t index, const char *text, struct error *err)
{
    char *copy = memory_copy_text(text, err);
    if (copy == NULL)
        return -1;
    free(maker->made->texts[index]);
    maker->made->texts[index] = copy;
    return 0;
}

/* A name that could be another's number. */
static bool is_number(const char *name)
{
    return name[0] == '#' && name[1] != '\0' && name[1 + strspn(name + 1, "0123456789")] == '\0';
}

/* As it is, cut at its end, or its number. */
static int set_first(const struct maker *maker, size_t index, struct error *err)
{
    char text[2 * LONGEST + 32];
    const char *name = maker->names[index];
    if (!canvas_text_writable(maker->canvas, name, maker->style.bold)) {
        maker->made->unwritten++;
        snprintf(text, sizeof(text), "#%zu", number_of(maker, index));
    } else if (is_number(name)) {
        snprintf(text, sizeof(text), "#%zu", number_of(maker, index));
    } else if (width_of(maker, name) <= maker->room) {
        return set(maker, index, name, err);
    } else {
        cut(maker, name, ELLIPSIS, maker->room, text, sizeof(text));
    }
    return set(maker, index, text, err);
}

/* ---- those that look alike ---- */

static int by_look(const void *a, const void *b)
{
    const struct look *x = a, *y = b;
    if (x->look != y->look)
        return x->look < y->look ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Bytes that the names of a group begin with alike, in whole characters. */
static size_t common_start(const struct maker *maker, const struct look *group, size_t count)
{
    const char *first = maker->names[group[0].index];
    size_t common = strnlen(first, LONGEST);
    for (size_t i = 1; i < count; i++) {
        const char *name = maker->names[group[i].index];
        size_t same = 0;
        while (same < common && name[same] == first[same])
            same++;
        common = same;
    }
    return whole(first, common);
}

/* The part in which the group differs, behind an ellipsis and as much of the start as has room. */
static int keep_difference(const struct maker *maker, const struct look *group, size_t count,
                           struct error *err)
{
    size_t common = common_start(maker, group, count);
    for (size_t i = 0; i < count; i++) {
        char tail[2 * LONGEST + 32], text[3 * LONGEST + 64];
        const char *name = maker->names[group[i].index];
        if (width_of(maker, name) <= maker->room)
            continue; /* nothing of it is hidden */
        snprintf(tail, sizeof(tail), ELLIPSIS "%.*s", LONGEST, name + common);
        if (width_of(maker, tail) > 0.7 * maker->room) {
            char end[2 * LONGEST + 32];
            cut(maker, name + common, ELLIPSIS, 0.7 * maker->room - width_of(maker, ELLIPSIS), end,
                sizeof(end));
            snprintf(tail, sizeof(tail), ELLIPSIS "%.*s", 2 * LONGEST, end);
        }
        cut(maker, name, tail, maker->room, text, sizeof(text));
        if (set(maker, group[i].index, text, err) < 0)
            return -1;
    }
    return 0;
}

/* "cat #3", cut before the number. */
static int add_number(const struct maker *maker, const struct look *group, size_t count,
                      struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        char tail[64], text[2 * LONGEST + 64];
        size_t index = group[i].index;
        const char *name = maker->names[index];
        if (!canvas_text_writable(maker->canvas, name, maker->style.bold))
            continue;
        snprintf(tail, sizeof(tail), " #%zu", number_of(maker, index));
        snprintf(text, sizeof(text), "%.*s%s", LONGEST, name, tail);
        if (width_of(maker, text) > maker->room) {
            snprintf(tail, sizeof(tail), ELLIPSIS " #%zu", number_of(maker, index));
            cut(maker, name, tail, maker->room, text, sizeof(text));
        }
        if (set(maker, index, text, err) < 0)
            return -1;
    }
    return 0;
}

/* Where a class is called like what another got: no two numbers are the same. */
static int number_alone(const struct maker *maker, const struct look *group, size_t count,
                        struct error *err)
{
    for (size_t i = 0; i < count; i++) {
        char text[32];
        snprintf(text, sizeof(text), "#%zu", number_of(maker, group[i].index));
        if (set(maker, group[i].index, text, err) < 0)
            return -1;
    }
    return 0;
}

/* Gives every group of names that look alike to `part`; *alike is how many names there were. */
static int tell_apart(const struct maker *maker,
                      int (*part)(const struct maker *, const struct look *, size_t,
                                  struct error *),
                      size_t *alike, struct error *err)
{
    const size_t count = maker->made->count;
    for (size_t i = 0; i < count; i++)
        maker->looks[i] = (struct look){
            canvas_text_look(maker->canvas, maker->made->texts[i], maker->style.bold), i};
    qsort(maker->looks, count, sizeof(*maker->looks), by_look);
    *alike = 0;
    for (size_t i = 0, next; i < count; i = next) {
        for (next = i + 1; next < count && maker->looks[next].look == maker->looks[i].look;)
            next++;
        if (next - i < 2)
            continue;
        *alike += next - i;
        if (part(maker, maker->looks + i, next - i, err) < 0)
            return -1;
    }
    return 0;
}

static int make_all(const struct maker *maker, struct error *err)
{
    size_t alike;
    for (size_t i = 0; i < maker->made->count; i++)
        if (set_first(maker, i, err) < 0)
            return -1;
    if (tell_apart(maker, keep_difference, &alike, err) < 0 ||
        (alike > 0 && tell_apart(maker, add_number, &alike, err) < 0))
        return -1;
    /* Twice: a number alone may be what a third name looks like. */
    for (int round = 0; alike > 0 && round < 2; round++)
        if (tell_apart(maker, number_alone, &alike, err) < 0)
            return -1;
    for (size_t i = 0; i < maker->made->count; i++) {
        maker->made->widths[i] = width_of(maker, maker->made->texts[i]);
        maker->made->shortened += strcmp(maker->made->texts[i], maker->names[i]) != 0;
        maker->made->numbered += is_number(maker->made->texts[i]);
    }
    return 0;
}

int short_names_make(struct short_names *short_names, struct canvas *canvas,
                     const char *const *names, const size_t *numbers, size_t count, double room,
                     struct text_style style, struct error *err)
{
    struct short_names made = {.count = count};
    struct maker maker = {.canvas = canvas,
                          .style = style,
                          .room = room,
                          .names = names,
                          .numbers = numbers,
                          .made = &made,
                          .looks = memory_new(count, sizeof(*maker.looks), err)};
    int result = -1;
    if (maker.looks != NULL && (made.texts = memory_new(count, sizeof(char *), err)) != NULL &&
        (made.widths = memory_new(count, sizeof(double), err)) != NULL)
        result = make_all(&maker, err);
    free(maker.looks);
    if (result == 0)
        *short_names = made;
    else
        short_names_release(&made);
    return result;
}

int short_names_of(struct short_names *short_names, const char *const *names, size_t count,
                   double room, struct text_style style, struct error *err)
{
    struct canvas *canvas = canvas_new(err);
    int result = canvas == NULL
                     ? -1
                     : short_names_make(short_names, canvas, names, NULL, count, room, style, err);
    canvas_free(canvas);
    return result;
}

const char *short_names_note(const struct short_names *short_names)
{
    if (short_names->unwritten > 0)
        return "#n is class n, from 0: the font lacks its letters; classes.txt has all names";
    if (short_names->numbered > 0)
        return "#n is class n, counted from 0; classes.txt has all names";
    return short_names->shortened > 0 ? "names are shortened; classes.txt has them in full" : NULL;
}

void short_names_release(struct short_names *short_names)
{
    for (size_t i = 0; short_names->texts != NULL && i < short_names->count; i++)
        free(short_names->texts[i]);
    free(short_names->texts);
    free(short_names->widths);
    *short_names = (struct short_names){0};
}

int short_names_unwritten(const char *const *names, size_t count, size_t *unwritten,
                          struct error *err)
{
    struct canvas *canvas = canvas_new(err);
    if (canvas == NULL)
        return -1;
    *unwritten = 0;
    for (size_t i = 0; i < count; i++)
        *unwritten += !canvas_text_writable(canvas, names[i], false);
    canvas_free(canvas);
    return 0;
}
