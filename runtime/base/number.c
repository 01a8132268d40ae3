#include "base/number.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

static struct number of_integer(long long integer)
{
    return (struct number){.is_integer = true, .integer = integer, .real = (double)integer};
}

bool number_parse(const char *text, struct number *number)
{
    long long integer;
    double real;
    if (text_to_int64(text, &integer)) {
        *number = of_integer(integer);
        return true;
    }
    if (!text_to_double(text, &real))
        return false;
    *number = (struct number){.real = real};
    return true;
}

bool number_from_json(const json_t *json, struct number *number)
{
    if (json_is_integer(json))
        *number = of_integer(json_integer_value(json));
    else if (json_is_real(json))
        *number = (struct number){.real = json_real_value(json)};
    return json_is_number(json);
}

json_t *number_to_json(const struct number *number)
{
    return number->is_integer ? json_integer(number->integer) : json_real(number->real);
}

static int compare_reals(double a, double b)
{
    return (a > b) - (a < b);
}

/* Within 64 bits, a real is compared by its whole part first, which is exact, and then by the rest.
 */
static int compare_with_real(long long integer, double real)
{
    static const double limit = 9223372036854775808.0; /* 2^63 */
    if (real >= limit || real < -limit)
        return real > 0 ? -1 : 1;
    long long whole = (long long)real;
    if (integer != whole)
        return integer < whole ? -1 : 1;
    return compare_reals(0.0, real - (double)whole);
}

int number_compare(const struct number *a, const struct number *b)
{
    if (a->is_integer && b->is_integer)
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (a->is_integer)
        return compare_with_real(a->integer, b->real);
    if (b->is_integer)
        return -compare_with_real(b->integer, a->real);
    return compare_reals(a->real, b->real);
}

void number_show(const struct number *number, char text[JSON_NUMBER_SIZE])
{
    if (number->is_integer)
        snprintf(text, JSON_NUMBER_SIZE, "%lld", number->integer);
    else
        snprintf(text, JSON_NUMBER_SIZE, "%.6g", number->real);
}

void number_text(const struct number *number, char text[JSON_NUMBER_SIZE])
{
    if (number->is_integer || !json_number_text(number->real, text))
        number_show(number, text);
}

void number_show_apart(const struct number *value, const struct number *bound,
                       char shown[JSON_NUMBER_SIZE], char shown_bound[JSON_NUMBER_SIZE])
{
    number_show(value, shown);
    number_show(bound, shown_bound);
    if (strcmp(shown, shown_bound) == 0 && number_compare(value, bound) != 0) {
        number_text(value, shown);
        number_text(bound, shown_bound);
    }
}
