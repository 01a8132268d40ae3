#include "runner/commands.h"

#include <stdio.h>

static const char version[] = "0.1.0";

const struct command commands[] = {
    {"run", "[STAGE...]", "execute what is not cached, and bring the artifacts", command_run,
     "njkfqvJCFPSDWh", 0, 1024},
    {"status", "[STAGE...]", "say what is cached and what would run", command_status, "qJCFPSDh", 0,
     1024},
    {"why", "STAGE", "show which part of a stage's key changed", command_why, "JCFPSDh", 1, 1},
    {"dag", "", "draw the pipeline as dot or mermaid", command_dag, "CFPSTh", 0, 0},
    {"verify", "", "hold pipeline, artifacts and cache against the lock file", command_verify,
     "qJCFPSDh", 0, 0},
    {"metrics", "[STAGE...]", "print the metrics of the cached results", command_metrics, "JCFPSDh",
     0, 1024},
    {"log", "[RUN|STAGE]", "list the runs, show one, or what a stage printed", command_log,
     "JCFPSDh", 0, 1},
    {NULL, NULL, NULL, NULL, NULL, 0, 0},
};

int main(int argc, char **argv)
{
    struct options options = {0};
    struct error err = {0};
    int result = options_parse(argc, argv, &options, &err);
    if (result == 0 && options.help)
        options_help(&options, stdout);
    else if (result == 0 && options.version)
        printf("reprise %s\n", version);
    else if (result == 0)
        result = options.command->run(&options, &err);
    if (fflush(stdout) != 0 && result == 0)
        result = error_errno(&err, "cannot write to stdout");
    if (result < 0)
        fprintf(stderr, "reprise: %s\n", err.message);
    options_release(&options);
    return result < 0 ? error_exit_status(&err) : 0;
}
