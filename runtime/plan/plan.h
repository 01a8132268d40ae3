/* The pipeline file made ready to run: what plan_read.h reads, as data. Every
 * value keeps its place in the file, so any later complaint can point at it.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "base/error.h"
#include "base/number.h"
#include "base/table.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct place {
    int line, column; /* 1-based, in plan->file; 0 for what --set gave */
};

/* One of the stages that "stage@*.out" stands for. */
struct plan_member {
    char *name;        /* what follows the @ */
    size_t stage, out; /* as in struct plan_dep */
};

/* A dep: another stage's out, a file or folder, or an out of all stages of a group. */
struct plan_dep {
    char *name;
    char *path;   /* of a file or folder: relative to the project where it lies inside; else
                     absolute, or it begins with "../"; "." for the project's folders, all but
                     hidden ones and the runner's. NULL for an out or a group */
    size_t stage; /* of an out: index in plan->stages (always before this one) and */
    size_t out;   /* of its out */
    struct plan_member *members; /* of a group, sorted by name; none elsewhere */
    size_t member_count;
    struct place place;
};

struct plan_out {
    char *name;
    char *path;    /* relative to the stage's folder: no "..", not absolute, unique in the stage */
    char *publish; /* folder of the project that receives a copy after a run, or NULL */
    bool metrics;  /* listed under `metrics`: a JSON object of numbers */
    bool plots;
    struct place place;
};

/* `require`: {out.member: ">= 0.65"} */
enum plan_relation { PLAN_LESS, PLAN_LESS_EQUAL, PLAN_EQUAL, PLAN_GREATER_EQUAL, PLAN_GREATER };
struct plan_requirement {
    size_t out;
    char *member; /* dotted path inside the metrics file */
    enum plan_relation relation;
    struct number bound;
    struct place place;
};

struct plan_resources {
    int threads; /* 0: all; 1 where the file says nothing */
    int gpu;
    int64_t memory_bytes, time_ms, disk_bytes, processes; /* 0: no limit */
};

struct plan_stage {
    char *name, *desc;
    char **argv; /* cmd as words, NULL at the end, in one piece of memory; no shell is run */
    size_t argc;
    bool frozen, network, lineage;
    bool loopback;  /* sockets of its own network, where only it is */
    json_t *params; /* object */
    struct plan_dep *deps;
    size_t dep_count;
    struct plan_out *outs;
    size_t out_count;
    struct plan_requirement *requirements;
    size_t requirement_count;
    char **env; /* names of variables that are let through and hashed */
    size_t env_count;
    char **secrets; /* names of those let through, in no key, and masked in the log */
    size_t secret_count;
    struct plan_resources resources;
    struct place place;
};

struct plan {
    char *file;      /* as given: "pipeline.yaml" */
    char *folder;    /* of the project, absolute */
    char *cudnn;     /* folder of cuDNN, absolute, or NULL */
    char *profile;   /* "" where the file has none */
    char **profiles; /* all that can be chosen; "" among them where there is no default */
    size_t profile_count;
    json_t *sets;              /* what --set gave: {"a.b": value} */
    struct plan_stage *stages; /* in order of dependencies, ties as in the file */
    size_t count;
    char **groups; /* names of the stages with foreach or matrix */
    size_t group_count;
    struct table names; /* stages by name */
};

void plan_free(struct plan *plan);
/* Whether the file has a profile. */
bool plan_has_profile(const struct plan *plan, const char *profile);
/* Frees what a stage points at. */
void plan_stage_release(struct plan_stage *stage);

/* Index of a stage, or -1 with ERR_USAGE and the nearest name. */
int plan_find(const struct plan *plan, const char *stage, size_t *index, struct error *err);

/* The stages that a word of the command line names, in the plan's order: "split" a stage or all
 * of a group, "split@*" all of a group; * stands for any characters of a variant's name. -1 with
 * ERR_USAGE and the nearest name where it names none. free() *indices. */
int plan_select(const struct plan *plan, const char *word, size_t **indices, size_t *count,
                struct error *err);

#endif
