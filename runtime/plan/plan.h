/* The pipeline file made ready to run: parsed, overlaid with a profile,
 * expanded and checked. Every value keeps its place in the file, so any later
 * complaint can point at it.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct place {
    int line, column; /* 1-based, in plan->file; 0 for what --set gave */
};

/* A dep: another stage's out, or a file or folder of the project. */
struct plan_dep {
    char *name;
    char *path;   /* relative to the project; NULL for an out */
    size_t stage; /* index in plan->stages (always before this one) and */
    size_t out;   /* index of its out, where path is NULL */
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
    double bound;
    struct place place;
};

struct plan_resources {
    int threads; /* 0: all; 1 where the file says nothing */
    int gpu;
    int64_t memory_bytes, time_ms; /* 0: no limit */
};

struct plan_stage {
    char *name, *desc;
    char **argv; /* cmd as words, NULL at the end; no shell is run */
    size_t argc;
    bool frozen, network, lineage;
    json_t *params; /* object */
    struct plan_dep *deps;
    size_t dep_count;
    struct plan_out *outs;
    size_t out_count;
    struct plan_requirement *requirements;
    size_t requirement_count;
    char **env; /* names of variables that are let through and hashed */
    size_t env_count;
    struct plan_resources resources;
    struct place place;
};

struct plan {
    char *file;                /* as given: "pipeline.yaml" */
    char *folder;              /* of the project, absolute */
    char *profile;             /* "" where the file has none */
    json_t *sets;              /* what --set gave: {"a.b": value} */
    struct plan_stage *stages; /* in order of dependencies, ties as in the file */
    size_t count;
};

/* Reads `file`. `profile` NULL takes the file's default; `sets` are "a.b=value" texts (value as
 * YAML). Everything wrong is ERR_USAGE with `file:line:col: ` in front. */
int plan_read(const char *file, const char *profile, const char *const *sets, size_t set_count,
              struct plan **plan, struct error *err);
/* The same from text: `file` is what messages call it, `folder` the project. */
int plan_parse(const char *file, const char *folder, const char *data, size_t size,
               const char *profile, const char *const *sets, size_t set_count, struct plan **plan,
               struct error *err);
void plan_free(struct plan *plan);

/* Index of a stage, or -1 with ERR_USAGE and the nearest name. */
int plan_find(const struct plan *plan, const char *stage, size_t *index, struct error *err);

#endif
