#include "plan/words.h"

#include "base/text.h"

#include <ctype.h>
#include <string.h>

struct splitter {
    struct yaml_tree *tree;
    const struct yaml_node *command;
    bool expressions;
    const char *at, *start; /* of the word */
    struct text word;
    bool literal; /* the word stands in the command as it is */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static int unfinished(const struct splitter *splitter, const char *what, struct error *err)
{
    return yaml_error(err, splitter->command->place, "the command ends %s", what);
}

/* Copies "${...}" and, where the backslash is left to expand.c, "\${". */
static bool copy_expression(struct splitter *splitter)
{
    if (!splitter->expressions)
        return false;
    if (strncmp(splitter->at, "\\${", 3) == 0) {
        text_append(&splitter->word, splitter->at, 3);
        splitter->at += 3;
        return true;
    }
    const char *end = strncmp(splitter->at, "${", 2) == 0 ? strchr(splitter->at, '}') : NULL;
    if (end == NULL)
        return false;
    text_append(&splitter->word, splitter->at, (size_t)(end + 1 - splitter->at));
    splitter->at = end + 1;
    return true;
}

static int read_single_quotes(struct splitter *splitter, struct error *err)
{
    const char *end = strchr(++splitter->at, '\'');
    if (end == NULL)
        return unfinished(splitter, "inside '...'", err);
    text_append(&splitter->word, splitter->at, (size_t)(end - splitter->at));
    splitter->at = end + 1;
    return 0;
}

static int read_double_quotes(struct splitter *splitter, struct error *err)
{
    splitter->at++;
    while (*splitter->at != '"') {
        if (*splitter->at == '\0')
            return unfinished(splitter, "inside \"...\"", err);
        if (copy_expression(splitter))
            continue;
        if (*splitter->at == '\\' && splitter->at[1] != '\0' &&
            strchr("\"\\$`", splitter->at[1]) != NULL)
            splitter->at++;
        text_append(&splitter->word, splitter->at++, 1);
    }
    splitter->at++;
    return 0;
}

/* What would make a shell do something. */
static bool needs_shell(const char *at)
{
    if (*at == '$')
        return at[1] == '(' || at[1] == '{' || at[1] == '_' || isalpha((unsigned char)at[1]);
    return strchr("|&;<>`", *at) != NULL;
}

static size_t characters(const char *start, const char *end)
{
    size_t count = 0;
    for (; start < end; start++)
        count += (*start & 0xC0) != 0x80;
    return count;
}

/* Bytes of the word from here to its end, as far as blanks tell. */
static size_t rest_of_word(const char *at)
{
    return strcspn(at, " \t\n\r");
}

/* What a shell would replace by names of files or a person's folder. */
static bool is_pattern(const struct splitter *splitter)
{
    const char *at = splitter->at;
    if (*at == '~')
        return at == splitter->start;
    if (*at == '[')
        return memchr(at, ']', rest_of_word(at)) != NULL;
    return *at == '*' || *at == '?';
}

static int pattern_error(const struct splitter *splitter, struct error *err)
{
    const struct yaml_node *command = splitter->command;
    struct yaml_place place = command->place;
    if (command->verbatim > 0 && place.line > 0)
        place.column = command->verbatim + (int)characters(command->text, splitter->start);
    return yaml_error(err, place,
                      "'%c' in '%.*s' means something only to a shell, and none is run: %s; in "
                      "quotes or in a list of words it stays as it is",
                      *splitter->at, (int)rest_of_word(splitter->start), splitter->start,
                      *splitter->at == '~' ? "write the path out" : "name the files, or a folder");
}

static int read_character(struct splitter *splitter, struct error *err)
{
    if (*splitter->at == '\\') {
        splitter->literal = false;
        if (*++splitter->at == '\0')
            return unfinished(splitter, "with a backslash", err);
        if (*splitter->at == '\n') { /* the word goes on in the next line */
            splitter->at++;
            return 0;
        }
    } else if (splitter->expressions && strncmp(splitter->at, "${", 2) == 0) {
        return yaml_error(err, splitter->command->place,
                          "'${' without '}'; '\\${' stands for the characters");
    } else if (is_pattern(splitter)) {
        return pattern_error(splitter, err);
    } else if (needs_shell(splitter->at)) {
        return yaml_error(err, splitter->command->place,
                          "'%c' means something only to a shell, and none is run: quote it, or "
                          "cmd: [sh, -c, '...']",
                          *splitter->at);
    }
    text_append(&splitter->word, splitter->at++, 1);
    return 0;
}

static int read_word(struct splitter *splitter, struct error *err)
{
    int status = 0;
    while (status == 0 && *splitter->at != '\0' && !is_blank(*splitter->at)) {
        if (copy_expression(splitter))
            continue;
        if (*splitter->at == '\'' || *splitter->at == '"')
            splitter->literal = false;
        if (*splitter->at == '\'')
            status = read_single_quotes(splitter, err);
        else if (*splitter->at == '"')
            status = read_double_quotes(splitter, err);
        else
            status = read_character(splitter, err);
    }
    return status;
}

static int add_word(struct splitter *splitter, struct yaml_node *list, struct error *err)
{
    const struct yaml_node *command = splitter->command;
    splitter->start = splitter->at;
    splitter->literal = true;
    text_clear(&splitter->word);
    if (read_word(splitter, err) < 0 || text_check(&splitter->word, err) < 0)
        return -1;
    struct yaml_node *word = yaml_tree_text(splitter->tree, command->place,
                                            text_string(&splitter->word), splitter->word.size, err);
    if (word == NULL)
        return -1;
    if (splitter->literal && command->verbatim > 0)
        word->verbatim = command->verbatim + (int)characters(command->text, splitter->start);
    return yaml_list_add(list, word, err);
}

/* Also over line breaks, where the next line seems to go on: it is indented or begins with an
 * option. Between lines that do not, a shell would see two commands. */
static int skip_blanks(struct splitter *splitter, bool inside, struct error *err)
{
    for (;;) {
        if (strncmp(splitter->at, "\\\n", 2) == 0) {
            splitter->at += 2;
            continue;
        }
        if (!is_blank(*splitter->at))
            return 0;
        char next = splitter->at[1];
        if (inside && *splitter->at == '\n' && next != '\0' && next != '-' && next != '\\' &&
            !is_blank(next))
            return yaml_error(err, splitter->command->place,
                              "a line break ends a command only in a shell, and none is run: 'cmd' "
                              "is one command only; indent lines that go on, or make a stage of "
                              "each command, or [sh, -c, '...']");
        splitter->at++;
    }
}

int words_split(struct yaml_tree *tree, const struct yaml_node *command, bool expressions,
                struct yaml_node **words, struct error *err)
{
    struct splitter splitter = {
        .tree = tree, .command = command, .expressions = expressions, .at = command->text};
    size_t most = 1;
    for (const char *c = command->text; *c != '\0'; c++)
        most += is_blank(*c);
    struct yaml_node *list = yaml_tree_list(tree, command->place, most, err);
    int status = list == NULL ? -1 : skip_blanks(&splitter, false, err);
    while (status == 0 && *splitter.at != '\0')
        if ((status = add_word(&splitter, list, err)) == 0)
            status = skip_blanks(&splitter, true, err);
    text_release(&splitter.word);
    *words = list;
    return status;
}
