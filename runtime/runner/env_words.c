#include "runner/env_words.h"

#include "base/memory.h"
#include "base/text.h"
#include "runner/environment.h"

#include <stdlib.h>
#include <string.h>

void env_words_release(struct env_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->list[i]);
    free(words->list);
    *words = (struct env_words){0};
}

static int add(struct env_words *words, const char *word, struct error *err)
{
    if (memory_grow(&words->list, &words->capacity, words->count + 1, sizeof(*words->list), err) <
            0 ||
        (words->list[words->count] = memory_copy_text(word, err)) == NULL)
        return -1;
    words->count++;
    return 0;
}

/* ---- splitting ---- */

/* What a text of -S is while it is read. */
struct splitting {
    const struct plan_stage *stage;
    const char *at;
    char quote; /* that is open, or 0 */
    struct text word;
    bool in_word, ended; /* \c, or a comment */
};

/* "${NAME}" at a dollar; anything else is a dollar, which env would refuse. */
static void take_variable(struct splitting *splitting)
{
    const char *name = splitting->at + 2, *end = strchr(name, '}');
    if (splitting->at[1] != '{' || end == NULL) {
        text_append(&splitting->word, splitting->at++, 1);
        return;
    }
    struct text copy = {0};
    text_append(&copy, name, (size_t)(end - name));
    const char *value = environment_value(splitting->stage, text_string(&copy));
    text_add(&splitting->word, value != NULL ? value : "");
    splitting->word.failed |= copy.failed;
    text_release(&copy);
    splitting->at = end + 1;
}

/* A backslash and what it stands before. */
static void take_escape(struct splitting *splitting)
{
    static const char letters[] = "fnrtv", meant[] = "\f\n\r\t\v";
    char c = splitting->at[1];
    const char *letter = c == '\0' ? NULL : strchr(letters, c);
    splitting->at += c == '\0' ? 1 : 2;
    if (splitting->quote == '\'' && c != '\'' && c != '\\') {
        text_addf(&splitting->word, "\\%c", c);
        return;
    }
    if (c == 'c')
        splitting->ended = true;
    else if (c == '_' && splitting->quote == 0)
        splitting->in_word = false; /* ends the word, as a blank does */
    else
        text_addf(&splitting->word, "%c",
                  letter != NULL ? meant[letter - letters]
                  : c == '_'     ? ' '
                                 : c);
}

static void take_character(struct splitting *splitting)
{
    char c = *splitting->at;
    bool blank = c != '\0' && strchr(" \t\n\v\f\r", c) != NULL;
    if (splitting->quote == 0 && blank) {
        splitting->in_word = false;
        splitting->at++;
        return;
    }
    if (splitting->quote == 0 && !splitting->in_word && c == '#') {
        splitting->ended = true;
        return;
    }
    splitting->in_word = true;
    if ((c == '\'' || c == '"') && (splitting->quote == 0 || splitting->quote == c)) {
        splitting->quote = splitting->quote == 0 ? c : 0;
        splitting->at++;
    } else if (c == '\\')
        take_escape(splitting);
    else if (c == '$' && splitting->quote != '\'')
        take_variable(splitting);
    else
        text_append(&splitting->word, splitting->at++, 1);
}

static int split(const struct plan_stage *stage, const char *text, struct env_words *words,
                 struct error *err)
{
    struct splitting splitting = {.stage = stage, .at = text};
    int result = 0;
    while (result == 0 && !splitting.ended && *splitting.at != '\0') {
        bool was_in_word = splitting.in_word;
        take_character(&splitting);
        bool over = was_in_word && (!splitting.in_word || splitting.ended);
        if (over && (result = text_check(&splitting.word, err)) == 0)
            result = add(words, text_string(&splitting.word), err);
        if (over)
            text_clear(&splitting.word);
    }
    if (result == 0 && splitting.in_word && !splitting.ended &&
        (result = text_check(&splitting.word, err)) == 0)
        result = add(words, text_string(&splitting.word), err);
    text_release(&splitting.word);
    return result;
}

/* ---- options ---- */

/* What an option is to us. */
enum option { PLAIN, WITH_VALUE, SPLIT };

/* Of "--name" or "--name=value"; a name may be cut short. */
static enum option long_option(const char *word, const char **value)
{
    static const char *const with_value[] = {"unset", "chdir", "argv0"};
    const char *name = word + 2;
    size_t length = strcspn(name, "=");
    *value = name[length] == '=' ? name + length + 1 : NULL;
    if (strncmp("split-string", name, length) == 0)
        return SPLIT;
    for (size_t i = 0; i < sizeof(with_value) / sizeof(with_value[0]); i++)
        if (strncmp(with_value[i], name, length) == 0)
            return WITH_VALUE;
    return PLAIN;
}

/* Of "-iu NAME" or "-iuNAME": the first letter that takes a value ends them. */
static enum option short_options(const char *word, const char **value)
{
    *value = NULL;
    for (const char *letter = word + 1; *letter != '\0'; letter++) {
        if (strchr("uCaS", *letter) == NULL)
            continue;
        *value = letter[1] != '\0' ? letter + 1 : NULL;
        return *letter == 'S' ? SPLIT : WITH_VALUE;
    }
    return PLAIN;
}

/* Passes the options by; *split is the text of a -S among them, and *next the word behind it. */
static size_t pass_options(const struct env_words *words, const char **split)
{
    size_t i = 0;
    *split = NULL;
    while (i < words->count && words->list[i][0] == '-') {
        const char *word = words->list[i++], *value;
        if (strcmp(word, "--") == 0)
            break;
        enum option option =
            word[1] == '-' ? long_option(word, &value) : short_options(word, &value);
        if (option != PLAIN && value == NULL && i < words->count)
            value = words->list[i++];
        if (option == SPLIT) {
            *split = value != NULL ? value : "";
            break;
        }
    }
    return i;
}

static int copy_from(const struct env_words *words, size_t from, struct env_words *copy,
                     struct error *err)
{
    for (size_t i = from; i < words->count; i++)
        if (add(copy, words->list[i], err) < 0)
            return -1;
    return 0;
}

int env_words_make(const struct plan_stage *stage, const char *const *words, size_t count,
                   struct env_words *made, struct error *err)
{
    enum { ROUNDS = 16 }; /* a variable may name itself */
    struct env_words now = {0}, next = {0};
    const char *text;
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++)
        result = add(&now, words[i], err);
    size_t from = pass_options(&now, &text);
    for (int round = 0; result == 0 && text != NULL && round < ROUNDS; round++) {
        /* env begins anew with the words of the text before what follows it. */
        result = split(stage, text, &next, err);
        if (result == 0)
            result = copy_from(&now, from, &next, err);
        env_words_release(&now);
        now = next;
        next = (struct env_words){0};
        from = pass_options(&now, &text);
    }
    while (from < now.count && strchr(now.list[from], '=') != NULL)
        from++;
    if (result == 0)
        result = copy_from(&now, from, made, err);
    if (result < 0)
        env_words_release(made);
    env_words_release(&now);
    env_words_release(&next);
    return result;
}
