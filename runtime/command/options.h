/* The command line: `reprise COMMAND [OPTION...] [WORD...]`. */
#ifndef COMMAND_OPTIONS_H
#define COMMAND_OPTIONS_H

#include "runner/project.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct options {
    const struct command *command;
    const char **words; /* after the command: stages, or a run */
    size_t word_count;
    struct project_settings project;
    const char *format, *junit, *badge, *reason, *template_name, *weights, *top, *html, *age, *size,
        *sort, *key, *kind, *attestations, *signature, *sample;
    bool dry_run, force, quiet, verbose, json, help, version, as_recorded, strict, offline, runs,
        crate, lock_only, no_data, rerun, suggest_deps;
};

/* A subcommand. Returns 0, or -1 with the error that says how it went. */
typedef int command_fn(const struct options *options, struct error *err);

struct command {
    const char *name, *words, *summary;
    command_fn *run;
    const char *flags;  /* the letters of the options that it takes, see options.c */
    size_t least, most; /* words */
};

/* The commands, in the order of the help; ends with a NULL name. commands.c. */
extern const struct command commands[];

int options_parse(int argc, char **argv, struct options *options, struct error *err);
void options_release(struct options *options);
/* For completions: whether "--name" takes a value in the next word, and all that this may be, NULL
 * last (nothing but that where any may be); each option of a command (NULL:
 * of all), as "--name" with "=" behind it where it takes a value. */
bool options_has_value(const char *word);
const char *const *options_values(const char *word);
void options_each(const struct command *command, const char *current,
                  void (*visit)(const char *current, const char *before, const char *word,
                                const char *after));

/* The absolute path of a file that is to be written, from where the caller is or sent us: opening a
 * project goes to its folder. NULL of NULL. free() it. */
int options_place(const struct options *options, const char *file, char **path, struct error *err);

void options_help(const struct options *options, FILE *stream);

#endif
