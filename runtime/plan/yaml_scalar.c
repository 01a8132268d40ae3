#include "plan/yaml_scalar.h"

#include "base/text.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool one_of(const char *text, const char *const *words)
{
    while (*words != NULL && strcmp(text, *words) != 0)
        words++;
    return *words != NULL;
}

static const char *skip_digits(const char *text)
{
    while (isdigit((unsigned char)*text))
        text++;
    return text;
}

/* [-+]? [0-9]+ */
static bool is_decimal(const char *text)
{
    text += *text == '-' || *text == '+';
    return *text != '\0' && *skip_digits(text) == '\0';
}

/* 0o [0-7]+ or 0x [0-9a-fA-F]+; the base, or 0. */
static int based(const char *text)
{
    if (text[0] != '0' || (text[1] != 'o' && text[1] != 'x') || text[2] == '\0')
        return 0;
    const char *digits = text[1] == 'o' ? "01234567" : "0123456789abcdefABCDEF";
    if (text[2 + strspn(text + 2, digits)] != '\0')
        return 0;
    return text[1] == 'o' ? 8 : 16;
}

/* [-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )? */
static bool is_real(const char *text)
{
    text += *text == '-' || *text == '+';
    const char *whole = skip_digits(text);
    const char *end = whole;
    if (*whole == '.')
        end = skip_digits(whole + 1);
    if (whole == text && end <= whole + 1)
        return false;
    if (*end == 'e' || *end == 'E') {
        end++;
        end += *end == '-' || *end == '+';
        if (!isdigit((unsigned char)*end))
            return false;
        end = skip_digits(end);
    }
    return *end == '\0';
}

static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
static const char *const trues[] = {"true", "True", "TRUE", NULL};
static const char *const falses[] = {"false", "False", "FALSE", NULL};
static const char *const not_finite[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                         "+.INF", "-.inf", "-.Inf", "-.INF", ".nan",
                                         ".NaN",  ".NAN",  NULL};

static int resolve_integer(struct yaml_node *node, int base, struct error *err)
{
    errno = 0;
    long long value = strtoll(node->text + (base == 10 ? 0 : 2), NULL, base);
    if (errno != 0)
        return yaml_error(err, node->place, "'%s' does not fit in 64 bits; quote it if it is text",
                          node->text);
    node->kind = YAML_KIND_INTEGER;
    node->integer = value;
    return 0;
}

int yaml_scalar_resolve(struct yaml_node *node, struct error *err)
{
    const char *text = node->text;
    node->kind = YAML_KIND_TEXT;
    if (isalpha((unsigned char)*text) && strchr("nNtTfF", *text) == NULL)
        return 0; /* as most texts begin */
    if (one_of(text, nulls)) {
        node->kind = YAML_KIND_NULL;
    } else if (one_of(text, trues) || one_of(text, falses)) {
        node->kind = YAML_KIND_BOOL;
        node->boolean = one_of(text, trues);
    } else if (one_of(text, not_finite)) {
        return yaml_error(err, node->place, "'%s' is not a finite number; quote it if it is text",
                          text);
    } else if (is_decimal(text)) {
        return resolve_integer(node, 10, err);
    } else if (based(text) != 0) {
        return resolve_integer(node, based(text), err);
    } else if (is_real(text)) {
        if (!text_to_double(text, &node->real))
            return yaml_error(err, node->place, "'%s' is out of the range of numbers", text);
        node->kind = YAML_KIND_REAL;
    }
    return 0;
}

bool yaml_scalar_is_special(const char *text)
{
    return one_of(text, nulls) || one_of(text, trues) || one_of(text, falses) ||
           one_of(text, not_finite) || is_decimal(text) || based(text) != 0 || is_real(text);
}
