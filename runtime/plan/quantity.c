#include "plan/quantity.h"

#include "base/text.h"

#include <string.h>

/* Digits at *text; false where there are none or too many. */
static bool read_number(const char **text, int64_t *value)
{
    const char *start = *text;
    int64_t number = 0;
    for (; **text >= '0' && **text <= '9'; ++*text)
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, **text - '0', &number))
            return false;
    *value = number;
    return *text > start;
}

bool quantity_memory(const char *text, int64_t *bytes)
{
    static const char units[] = "KMGT";
    int64_t number;
    if (!read_number(&text, &number))
        return false;
    if (*text != '\0') {
        const char *unit = strchr(units, *text);
        if (unit == NULL || text[1] != '\0')
            return false;
        for (const char *u = units; u <= unit; u++)
            if (__builtin_mul_overflow(number, 1024, &number))
                return false;
    }
    *bytes = number;
    return true;
}

bool quantity_time(const char *text, int64_t *milliseconds)
{
    static const struct {
        char name;
        int64_t ms;
    } units[] = {{'d', 86400000}, {'h', 3600000}, {'m', 60000}, {'s', 1000}};
    int64_t total = 0, number;
    size_t next = 0;
    do {
        if (!read_number(&text, &number))
            return false;
        size_t unit = next;
        while (unit < 4 && *text != units[unit].name && *text != '\0')
            unit++;
        bool bare = *text == '\0';
        if (unit == 4 || (bare && next > 0))
            return false;
        if (__builtin_mul_overflow(number, bare ? 1000 : units[unit].ms, &number) ||
            __builtin_add_overflow(total, number, &total))
            return false;
        text += !bare;
        next = unit + 1;
    } while (*text != '\0');
    *milliseconds = total;
    return true;
}

bool quantity_bound(const char *text, enum plan_relation *relation, struct number *bound)
{
    /* Longer signs first. */
    static const struct {
        const char *sign;
        enum plan_relation relation;
    } relations[] = {{"<=", PLAN_LESS_EQUAL},
                     {">=", PLAN_GREATER_EQUAL},
                     {"==", PLAN_EQUAL},
                     {"<", PLAN_LESS},
                     {">", PLAN_GREATER}};
    for (size_t i = 0; i < sizeof(relations) / sizeof(*relations); i++) {
        size_t size = strlen(relations[i].sign);
        if (strncmp(text, relations[i].sign, size) != 0)
            continue;
        *relation = relations[i].relation;
        return number_parse(text + size + strspn(text + size, " "), bound);
    }
    return false;
}
