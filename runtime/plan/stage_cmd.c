#include "plan/stage_cmd.h"

#include "plan/secret_url.h"
#include "plan/suggest.h"
#include "plan/words.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What expand.c is given to find deps and outs. */
struct inside {
    const struct stage_draft *drafts, *draft;
    struct yaml_tree *tree;
};

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static int unknown_inner(const struct inside *inside, bool out, const char *name, size_t size,
                         struct yaml_place place, struct error *err)
{
    char word[128], buffer[SUGGEST_SIZE];
    const struct stage_draft *draft = inside->draft;
    const struct yaml_node *map = out ? draft->outs : draft->dep_map;
    snprintf(word, sizeof(word), "%.*s", (int)size, name);
    if (yaml_get(map, word) != NULL)
        return stage_draft_error(draft, place, err,
                                 "'${%s.%s}' stands for nothing: %s '%s' is null",
                                 out ? "outs" : "deps", word, out ? "the out" : "the dep", word);
    return stage_draft_error(draft, place, err, "no %s is called '%s'%s", out ? "out" : "dep", word,
                             suggest_key(buffer, word, map));
}

static bool is_called(const char *known, const char *name, size_t size)
{
    return strncmp(known, name, size) == 0 && known[size] == '\0';
}

static bool find_dep(const struct inside *inside, const char *name, size_t size, struct text *path)
{
    const struct plan_stage *stage = &inside->draft->stage;
    for (size_t i = 0; i < stage->dep_count; i++) {
        const struct plan_dep *dep = &stage->deps[i];
        if (!is_called(dep->name, name, size))
            continue;
        text_addf(path, "deps/%s", dep->name);
        const char *file = dep->path != NULL ? dep->path
                           : dep->member_count == 0
                               ? inside->drafts[dep->stage].stage.outs[dep->out].path
                               : ".";
        if (strcmp(file, ".") != 0)
            text_addf(path, "/%s", last_part(file));
        return true;
    }
    if (stage->lineage && is_called("lineage", name, size)) {
        text_add(path, "deps/lineage/lineage.json");
        return true;
    }
    return false;
}

static bool find_out(const struct inside *inside, const char *name, size_t size, struct text *path)
{
    const struct plan_stage *stage = &inside->draft->stage;
    for (size_t i = 0; i < stage->out_count; i++)
        if (is_called(stage->outs[i].name, name, size)) {
            text_addf(path, "outs/%s", stage->outs[i].path);
            return true;
        }
    return false;
}

/* A stage that is left out has neither, and nothing reads its command. */
static int find_inside(void *context, bool out, const char *name, size_t size,
                       struct yaml_place place, struct yaml_node **value, struct error *err)
{
    const struct inside *inside = context;
    struct text path = {0};
    bool found = inside->draft->left_out || (out ? find_out : find_dep)(inside, name, size, &path);
    *value = NULL;
    if (!found)
        unknown_inner(inside, out, name, size, place, err);
    else if (text_check(&path, err) == 0)
        *value = yaml_tree_text(inside->tree, place, text_string(&path), path.size, err);
    text_release(&path);
    return *value == NULL ? -1 : 0;
}

/* The words with every expression expanded. Text is cut before, so that a value with blanks in it
 * stays one word; text that is one variable is cut after. */
static int find_words(const struct stage_draft *draft, struct expand_scope *scope,
                      struct yaml_node *node, struct yaml_node **words, struct error *err)
{
    if (node->kind == YAML_KIND_TEXT && node->expression &&
        (!expand_is_expression(node) || expand_is_inner(node))) {
        if (words_split(draft->tree, node, true, &node, err) < 0)
            return -1;
        return expand(scope, node, words, err);
    }
    if (expand(scope, node, &node, err) < 0)
        return -1;
    *words = node;
    if (node->kind == YAML_KIND_MAP || (draft->left_out && node->kind == YAML_KIND_NULL))
        return stage_draft_wrong_type(draft, "'cmd'", "text or a list of words", node, err);
    return yaml_is_scalar(node) ? words_split(draft->tree, node, false, words, err) : 0;
}

/* NAME=... */
static bool is_assignment(const char *word)
{
    size_t size = 0;
    while (isalnum((unsigned char)word[size]) || word[size] == '_')
        size++;
    return size > 0 && !isdigit((unsigned char)word[0]) && word[size] == '=';
}

/* Whether only a shell knows the command. */
static bool is_builtin(const char *word)
{
    static const char *const builtins[] = {"cd",    ".",     "source", "export", "set",
                                           "unset", "alias", "eval",   "exec"};
    for (size_t i = 0; i < sizeof(builtins) / sizeof(*builtins); i++)
        if (strcmp(builtins[i], word) == 0)
            return true;
    return false;
}

/* What cannot be a program, and what was probably meant. */
static int check_program(const struct stage_draft *draft, const struct yaml_node *words,
                         const char *folder, struct error *err)
{
    const char *program = draft->stage.argv[0];
    bool assignment = is_assignment(program);
    /* Alone it sets nothing: it names the stage that comes with Reprise. */
    bool is_stage = words->count == 1 && strcmp(program, "export") == 0;
    if (!is_stage && is_builtin(program))
        return stage_draft_error(draft, words->items[0]->place, err,
                                 "'%s' means something only to a shell, and none is run: a stage "
                                 "begins in its own folder; or [sh, -c, '...']",
                                 program);
    bool dep = strncmp(program, "deps/", 5) == 0; /* is there when the stage runs */
    if (dep || (!assignment && strpbrk(program, " \t\n") == NULL))
        return 0;
    char *path = *program == '/' ? memory_copy_text(program, err) : file_join(folder, program, err);
    if (path == NULL)
        return -1;
    bool exists = file_exists(path);
    free(path);
    if (exists)
        return 0;
    struct yaml_place place = words->items[0]->place;
    if (assignment)
        return stage_draft_error(draft, place, err,
                                 "'%.80s' would set a variable only in a shell, and none is run: "
                                 "'env %.80s ...', or a value under 'params'",
                                 program, program);
    return stage_draft_error(draft, place, err,
                             "there is no program '%.80s': 'cmd' is one command only, and a list "
                             "is its words; make a stage of each command, or [sh, -c, '...']",
                             program);
}

/* The pointers and the words behind them are one piece of memory. */
static int fill_argv(struct stage_draft *draft, const struct yaml_node *words, struct error *err)
{
    struct plan_stage *stage = &draft->stage;
    size_t bytes = 0, head = ((size_t)words->count + 1) * sizeof(*stage->argv);
    for (size_t i = 0; i < words->count; i++) {
        const struct yaml_node *word = words->items[i];
        if (!yaml_is_scalar(word) || word->kind == YAML_KIND_NULL)
            return stage_draft_wrong_type(draft, "a word of 'cmd'", "text", word, err);
        if (secret_url_refuse(word, err) < 0)
            return -1;
        bytes += strlen(word->text) + 1;
    }
    if ((stage->argv = memory_new(head + bytes, 1, err)) == NULL)
        return -1;
    char *at = (char *)stage->argv + head;
    for (; stage->argc < words->count; stage->argc++) {
        const char *text = words->items[stage->argc]->text;
        size_t size = strlen(text) + 1;
        stage->argv[stage->argc] = memcpy(at, text, size);
        at += size;
    }
    return 0;
}

bool stage_cmd_needs_deps(const struct stage_draft *draft)
{
    return draft->cmd != NULL && draft->cmd->expression;
}

static int read_words(struct stage_draft *draft, const struct yaml_node *words, const char *folder,
                      struct error *err)
{
    if (fill_argv(draft, words, err) < 0)
        return -1;
    if (draft->stage.argc == 0 || draft->stage.argv[0][0] == '\0')
        return stage_draft_error(draft, draft->cmd->place, err, "'cmd' is empty");
    return check_program(draft, words, folder, err);
}

int stage_cmd_read(struct stage_draft *drafts, size_t index, struct expand_scope *scope,
                   const char *folder, struct error *err)
{
    struct stage_draft *draft = &drafts[index];
    struct inside inside = {drafts, draft, draft->tree};
    struct yaml_node *words, *node = draft->cmd;
    if (node == NULL || (node->kind == YAML_KIND_NULL && !draft->left_out))
        return draft->left_out
                   ? 0
                   : stage_draft_error(draft, draft->source->place, err, "'cmd' is missing");
    struct yaml_mark mark = yaml_tree_mark(draft->tree);
    scope->item = draft->source->item;
    scope->key = draft->source->key;
    scope->inner = find_inside;
    scope->inner_context = &inside;
    int status = draft->left_out ? expand(scope, node, &words, err)
                                 : find_words(draft, scope, node, &words, err);
    scope->inner = NULL;
    scope->inner_context = NULL;
    if (status == 0 && !draft->left_out)
        status = read_words(draft, words, folder, err);
    yaml_tree_rewind(draft->tree, mark);
    return status;
}
