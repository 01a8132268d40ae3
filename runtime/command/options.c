#include "command/options.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum { JOBS_LIMIT = 4096, WORDS_WIDTH = 13 };

/* What an option does to struct options: offsets keep the table flat. */
enum option_kind { OPTION_FLAG, OPTION_TEXT, OPTION_JOBS, OPTION_SET };

struct option {
    char letter; /* also names it in command.flags; upper case where there is no short form */
    bool has_short;
    const char *name, *argument, *help;
    enum option_kind kind;
    size_t offset;
};

#define FIELD(name) offsetof(struct options, name)

/* What options take that take nothing else. */
static const struct choice {
    const char *option, *values[8]; /* NULL last */
    bool by_command;                /* it checks them, and the help says which are its */
} choices[] = {{"device", {"auto", "cpu", "cuda"}, false},
               {"format", {"dot", "mermaid", "table", "csv", "markdown", "github"}, true},
               {"template", {"pictures", "stages", "notebook"}, false},
               {"sandbox", {"auto", "require", "trace", "off"}, false},
               {"kind", {"p256", "ed25519"}, false}};

static const struct option options_table[] = {
    {'n', true, "dry-run", NULL, "say what would run, and run nothing", OPTION_FLAG,
     FIELD(dry_run)},
    {'j', true, "jobs", "N", "use N processors (default: all)", OPTION_JOBS, FIELD(project.jobs)},
    {'k', true, "keep-going", NULL, "after a failure, run what does not depend on it", OPTION_FLAG,
     FIELD(project.keep_going)},
    {'f', true, "force", NULL, "execute the given stages, or all, again", OPTION_FLAG,
     FIELD(force)},
    {'q', true, "quiet", NULL, "say nothing unless something is wrong", OPTION_FLAG, FIELD(quiet)},
    {'v', true, "verbose", NULL, "show what the stages print", OPTION_FLAG, FIELD(verbose)},
    {'J', false, "json", NULL, "print the result as JSON", OPTION_FLAG, FIELD(json)},
    {'C', true, "directory", "DIR", "work in DIR", OPTION_TEXT, FIELD(project.folder)},
    {'F', false, "file", "FILE", "the pipeline file (default: pipeline.yaml)", OPTION_TEXT,
     FIELD(project.file)},
    {'P', false, "profile", "NAME", "overlay this profile of the file", OPTION_TEXT,
     FIELD(project.profile)},
    {'S', false, "set", "A.B=VALUE", "override a value of `vars`; may be repeated", OPTION_SET,
     FIELD(project.sets)},
    {'D', false, "device", "DEVICE", "", OPTION_TEXT, FIELD(project.device)},
    {'W', false, "keep-work", NULL, "keep the work folder of each executed stage", OPTION_FLAG,
     FIELD(project.keep_work)},
    {'L', false, "locked", NULL, "hold the results against the lock file, and leave it alone",
     OPTION_FLAG, FIELD(project.locked)},
    {'A', false, "as-recorded", NULL, "under the --set that the lock file records", OPTION_FLAG,
     FIELD(as_recorded)},
    {'X', false, "strict", NULL, "fail on what is adopted, or cannot be reproduced here",
     OPTION_FLAG, FIELD(strict)},
    {'r', false, "rerun", NULL, "execute stages again, and compare every bit", OPTION_FLAG,
     FIELD(rerun)},
    {'s', false, "sample", "N", "execute N stages again, drawn by the lock's digest", OPTION_TEXT,
     FIELD(sample)},
    {'R', false, "reason", "TEXT", "why the results may stay", OPTION_TEXT, FIELD(reason)},
    {'T', false, "format", "FORMAT", "dot, mermaid; table, csv, markdown; github", OPTION_TEXT,
     FIELD(format)},
    {'M', false, "template", "NAME", " (default: what is there)", OPTION_TEXT,
     FIELD(template_name)},
    {'B', false, "weights", "FILE|URL", "the base's weights, a URL with #sha256=DIGEST",
     OPTION_TEXT, FIELD(weights)},
    {'N', false, "top", "N", "so many classes a picture, most likely first", OPTION_TEXT,
     FIELD(top)},
    {'H', false, "html", "FILE", "write a page for people, too", OPTION_TEXT, FIELD(html)},
    {'u', false, "junit", "FILE", "write each check as JUnit's XML, too", OPTION_TEXT,
     FIELD(junit)},
    {'b', false, "badge", "NAME", "a metric as an SVG badge, green where it keeps its bound",
     OPTION_TEXT, FIELD(badge)},
    {'E', false, "age", "TIME", "keep what was used since then (default: 30d)", OPTION_TEXT,
     FIELD(age)},
    {'Z', false, "size", "BYTES", "keep no more than that, as 20G, but for what is held",
     OPTION_TEXT, FIELD(size)},
    {'U', false, "runs", NULL, "a row for each run", OPTION_FLAG, FIELD(runs)},
    {'G', false, "sort", "COLUMN", "rows by a column; -COLUMN the largest first", OPTION_TEXT,
     FIELD(sort)},
    {'K', false, "key", "FILE", "sign with this key, or verify signatures by it", OPTION_TEXT,
     FIELD(key)},
    {'Y', false, "kind", "KIND", " (default: p256)", OPTION_TEXT, FIELD(kind)},
    {'I', false, "attestations", "DIR", "where they lie (default: attestations)", OPTION_TEXT,
     FIELD(attestations)},
    {'Q', false, "signature", "FILE", "verify a model by this signature, and no project",
     OPTION_TEXT, FIELD(signature)},
    {'c', false, "crate", NULL, "write ro-crate-metadata.json of the last run", OPTION_FLAG,
     FIELD(crate)},
    {'x', false, "sandbox", "MODE", ": confine stages (default: off)", OPTION_TEXT,
     FIELD(project.sandbox)},
    {'g', false, "suggest-deps", NULL, "say what of the stages' deps is missing or unread",
     OPTION_FLAG, FIELD(suggest_deps)},
    {'l', false, "lock", NULL, "hold the lock file against the pipeline, and nothing else",
     OPTION_FLAG, FIELD(lock_only)},
    {'d', false, "no-data", NULL, "take files of data as the lock file has them, unread",
     OPTION_FLAG, FIELD(no_data)},
    {'O', false, "offline", NULL, "a base that needs no network", OPTION_FLAG, FIELD(offline)},
    {'h', true, "help", NULL, "show this help", OPTION_FLAG, FIELD(help)},
    {'V', false, "version", NULL, "show the version", OPTION_FLAG, FIELD(version)},
};
enum { OPTION_COUNT = sizeof(options_table) / sizeof(options_table[0]) };

static int processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
}

static const struct option *find_long(const char *name, size_t length)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strlen(options_table[i].name) == length &&
            memcmp(options_table[i].name, name, length) == 0)
            return &options_table[i];
    return NULL;
}

static const struct option *find_short(char letter)
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (options_table[i].has_short && options_table[i].letter == letter)
            return &options_table[i];
    return NULL;
}

static int unknown_option(const char *word, struct error *err)
{
    const char *names[OPTION_COUNT];
    for (size_t i = 0; i < OPTION_COUNT; i++)
        names[i] = options_table[i].name;
    char name[64];
    snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 2, "="),
             word[1] == '-' ? word + 2 : "");
    const char *nearest = text_nearest(name, names, OPTION_COUNT);
    if (nearest != NULL)
        return error_set(err, ERR_USAGE, "unknown option '%s', did you mean '--%s'?", word,
                         nearest);
    return error_set(err, ERR_USAGE, "unknown option '%s': see reprise --help", word);
}

static const struct choice *choice_of(const struct option *option)
{
    for (size_t i = 0; option != NULL && i < sizeof(choices) / sizeof(choices[0]); i++)
        if (strcmp(option->name, choices[i].option) == 0)
            return &choices[i];
    return NULL;
}

static size_t count_values(const struct choice *choice)
{
    size_t count = 0;
    while (choice != NULL && !choice->by_command && choice->values[count] != NULL)
        count++;
    return count;
}

/* "auto, cpu or cuda", or nothing. */
static void join_values(const struct choice *choice, char *text, size_t size)
{
    const size_t count = count_values(choice);
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s",
                                 i == 0           ? ""
                                 : i + 1 == count ? " or "
                                                  : ", ",
                                 choice->values[i]);
}

static int check_value(const struct option *option, const char *value, struct error *err)
{
    const struct choice *choice = choice_of(option);
    const size_t count = count_values(choice);
    char all[128];
    for (size_t i = 0; i < count; i++)
        if (strcmp(value, choice->values[i]) == 0)
            return 0;
    if (count == 0)
        return 0;
    const char *nearest = text_nearest(value, choice->values, count);
    join_values(choice, all, sizeof(all));
    return error_set(err, ERR_USAGE, "--%s '%s': expected %s%s%s", option->name, value, all,
                     nearest != NULL ? ", did you mean " : "", nearest != NULL ? nearest : "");
}

static int apply(struct options *options, const struct option *option, const char *value,
                 struct error *err)
{
    char *field = (char *)options + option->offset;
    long long jobs;
    switch (option->kind) {
    case OPTION_FLAG: *(bool *)field = true; return 0;
    case OPTION_TEXT: *(const char **)field = value; return 0;
    case OPTION_SET: options->project.sets[options->project.set_count++] = value; return 0;
    case OPTION_JOBS:
        if (!text_to_int64(value, &jobs) || jobs < 1 || jobs > JOBS_LIMIT)
            return error_set(err, ERR_USAGE, "--jobs '%s': expected a number from 1 to %d", value,
                             JOBS_LIMIT);
        options->project.jobs = (int)jobs;
        return 0;
    }
    return 0;
}

/* One word that starts with '-', which may hold several short options or take
 * its value from the next word. */
static int parse_option(struct options *options, char **argv, int argc, int *at, char *seen,
                        struct error *err)
{
    const char *word = argv[*at], *value = NULL;
    for (size_t i = 1; word[i] != '\0'; i++) {
        const struct option *option;
        bool is_long = word[1] == '-';
        if (is_long) {
            size_t length = strcspn(word + 2, "=");
            option = find_long(word + 2, length);
            value = word[2 + length] == '=' ? word + 3 + length : NULL;
        } else {
            option = find_short(word[i]);
            value = option != NULL && option->argument != NULL && word[i + 1] != '\0' ? word + i + 1
                                                                                      : NULL;
        }
        if (option == NULL)
            return unknown_option(word, err);
        if (option->argument == NULL && value != NULL)
            return error_set(err, ERR_USAGE, "--%s takes no value", option->name);
        if (option->argument != NULL && value == NULL) {
            if (*at + 1 >= argc)
                return error_set(err, ERR_USAGE, "--%s needs a value: %s", option->name,
                                 option->argument);
            value = argv[++*at];
        }
        /* As of a variable of a script that is not set: no name, folder or number is empty. */
        if (option->argument != NULL && *value == '\0')
            return error_set(err, ERR_USAGE, "--%s needs a value: %s", option->name,
                             option->argument);
        if (check_value(option, value, err) < 0 || apply(options, option, value, err) < 0)
            return -1;
        if (strchr(seen, option->letter) == NULL)
            seen[strlen(seen)] = option->letter;
        if (is_long || option->argument != NULL)
            return 0;
    }
    return 0;
}

/* The option that a word is; NULL where it is none. */
static const struct option *find_word(const char *word)
{
    bool is_long = word[0] == '-' && word[1] == '-';
    const struct option *option = is_long ? find_long(word + 2, strlen(word + 2)) : NULL;
    if (word[0] == '-' && word[1] != '\0' && word[2] == '\0')
        option = find_short(word[1]);
    return option;
}

bool options_has_value(const char *word)
{
    const struct option *option = find_word(word);
    return option != NULL && option->argument != NULL;
}

const char *const *options_values(const char *word)
{
    static const char *const none[] = {NULL};
    const struct choice *choice = choice_of(find_word(word));
    return choice != NULL ? choice->values : none;
}

void options_each(const struct command *command, const char *current,
                  void (*visit)(const char *current, const char *before, const char *word,
                                const char *after))
{
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (command == NULL || strchr(command->flags, options_table[i].letter) != NULL)
            visit(current, "--", options_table[i].name,
                  options_table[i].argument != NULL ? "=" : "");
}

static int find_command(const char *word, const struct command **found, struct error *err)
{
    const char *names[32];
    size_t count = 0;
    for (const struct command *command = commands; command->name != NULL; command++) {
        if (strcmp(command->name, word) == 0) {
            *found = command;
            return 0;
        }
        names[count++] = command->name;
    }
    const char *nearest = text_nearest(word, names, count);
    if (nearest != NULL)
        return error_set(err, ERR_USAGE, "unknown command '%s', did you mean '%s'?", word, nearest);
    return error_set(err, ERR_USAGE, "unknown command '%s': see reprise --help", word);
}

static int check(const struct options *options, const char *seen, struct error *err)
{
    const struct command *command = options->command;
    if (options->help || options->version)
        return 0;
    if (command == NULL)
        return error_set(err, ERR_USAGE, "no command: try reprise run, or reprise --help");
    for (; *seen != '\0'; seen++)
        if (strchr(command->flags, *seen) == NULL)
            for (size_t i = 0; i < OPTION_COUNT; i++)
                if (options_table[i].letter == *seen)
                    return error_set(err, ERR_USAGE, "'%s' does not take --%s", command->name,
                                     options_table[i].name);
    if (strcmp(command->name, "run") != 0 && options->project.sandbox != NULL &&
        strcmp(options->project.sandbox, "trace") == 0)
        return error_set(err, ERR_USAGE,
                         "'%s' does not take --sandbox=trace: 'run' records what stages read",
                         command->name);
    if (options->word_count < command->least || options->word_count > command->most)
        return error_set(err, ERR_USAGE, "usage: reprise %s [OPTION...] %s", command->name,
                         command->words);
    return 0;
}

int options_parse(int argc, char **argv, struct options *options, struct error *err)
{
    char seen[OPTION_COUNT + 1] = "";
    bool only_words = false;
    *options = (struct options){.project = {.device = "auto", .jobs = processors()}};
    options->words = memory_new((size_t)argc, sizeof(*options->words), err);
    options->project.sets = memory_new((size_t)argc, sizeof(*options->project.sets), err);
    if (options->words == NULL || options->project.sets == NULL)
        return -1;
    for (int i = 1; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0)
            only_words = true;
        else if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
            if (parse_option(options, argv, argc, &i, seen, err) < 0)
                return -1;
        } else if (options->command == NULL) {
            if (strcmp(argv[i], "help") == 0)
                options->help = true;
            else if (find_command(argv[i], &options->command, err) < 0)
                return -1;
        } else
            options->words[options->word_count++] = argv[i];
    }
    return check(options, seen, err);
}

void options_release(struct options *options)
{
    free(options->words);
    free(options->project.sets);
    *options = (struct options){0};
}

int options_place(const struct options *options, const char *file, char **path, struct error *err)
{
    const char *folder = options->project.folder != NULL ? options->project.folder : ".";
    char here[PATH_MAX];
    *path = NULL;
    if (file == NULL)
        return 0;
    if (realpath(folder, here) == NULL)
        return error_errno(err, "cannot work in '%s'", folder);
    *path = file[0] == '/' ? memory_copy_text(file, err) : file_join(here, file, err);
    return *path == NULL ? -1 : 0;
}

static void list_options(const char *flags, FILE *stream)
{
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &options_table[i];
        char left[64], values[128], letter[4] = {'-', option->letter, ',', '\0'};
        if (flags != NULL && strchr(flags, option->letter) == NULL)
            continue;
        snprintf(left, sizeof(left), "%s --%s%s%s", option->has_short ? letter : "   ",
                 option->name, option->argument != NULL ? " " : "",
                 option->argument != NULL ? option->argument : "");
        join_values(choice_of(option), values, sizeof(values));
        fprintf(stream, "  %-24s %s%s\n", left, values, option->help);
    }
}

void options_help(const struct options *options, FILE *stream)
{
    const struct command *command = options->command;
    if (command != NULL) {
        fprintf(stream, "usage: reprise %s [OPTION...] %s\n%s\n\n", command->name, command->words,
                command->summary);
        list_options(command->flags, stream);
        return;
    }
    fputs("usage: reprise COMMAND [OPTION...] [WORD...]\n"
          "Runs the pipeline in pipeline.yaml, and can prove that it ran.\n\n",
          stream);
    for (command = commands; command->name != NULL; command++)
        if (strlen(command->words) <= WORDS_WIDTH)
            fprintf(stream, "  %-8s %-*s %s\n", command->name, WORDS_WIDTH, command->words,
                    command->summary);
        else
            fprintf(stream, "  %-8s %s\n%*s%s\n", command->name, command->words, 12 + WORDS_WIDTH,
                    "", command->summary);
    fputc('\n', stream);
    list_options(NULL, stream);
    fputs("\nexit status: 0 done, 1 a stage failed or is stale, 2 wrong usage or pipeline file,\n"
          "102 a digest does not match, 104 not reproducible, 130 interrupted\n",
          stream);
}
