#include "command/commands.h"

#include <stddef.h>

const struct command commands[] = {
    {"init", "[DIR]", "write a pipeline for what is there", command_init, "MBOh", 0, 1},
    {"run", "[STAGE...]", "execute what is not cached, and bring the artifacts", command_run,
     "njkfqvJLCFPSDWh", 0, 1024},
    {"status", "[STAGE...]", "say what is cached and what would run", command_status, "qJCFPSDh", 0,
     1024},
    {"why", "STAGE", "show which part of a stage's key changed", command_why, "JCFPSDh", 1, 1},
    {"dag", "", "draw the pipeline as dot or mermaid", command_dag, "CFPSTh", 0, 0},
    {"verify", "[STAGE...]", "hold pipeline, artifacts and cache against the lock file",
     command_verify, "qJAXYKCFPSDh", 0, 1024},
    {"adopt", "STAGE...", "keep results although a stage's files changed", command_adopt,
     "qRCFPSDh", 1, 1024},
    {"metrics", "[STAGE...]", "print the metrics of the cached results", command_metrics,
     "JTUGCFPSDh", 0, 1024},
    {"diff", "[A [B]]", "what changed from one run, profile or revision to another", command_diff,
     "JHCFPSDh", 0, 2},
    {"log", "[RUN|STAGE]", "list the runs, show one, or what a stage printed", command_log,
     "JCFPSDh", 0, 1},
    {"watch", "", "follow the runs that are at work here, with their curves", command_watch,
     "CFPSDh", 0, 0},
    {"du", "[REVISION...]", "say what the cache holds, and what gc would remove", command_du,
     "JEZCFPSDh", 0, 256},
    {"gc", "[REVISION...]", "remove results that no lock file names and no run used lately",
     command_gc, "nqJEZCFPSDh", 0, 256},
    {"predict", "MODEL PICTURE|FOLDER...", "what a model says of pictures, as CSV or JSON",
     command_predict, "JNDh", 2, 65536},
    {NULL, NULL, NULL, NULL, NULL, 0, 0},
};
