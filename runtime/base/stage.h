/* The stage's side of the protocol between the runner and an executable.
 *
 *   int main(int argc, char **argv) { return stage_main(argc, argv, &stage_kind); }
 *
 * The runner starts a stage in a fresh folder with REPRISE_STAGE naming a
 * stage.json (by hand: as the only argument):
 *
 *   {"schema": 2, "stage": "phase1", "key": "<64 hex>",
 *    "params":  {"train": {"epochs": 20, ...}, ...},
 *    "deps":    {"dataset": "deps/dataset/dataset"},       read-only
 *    "outs":    {"model": "outs/model.safetensors"},       parents exist
 *    "checkpoint": "../checkpoint",      kept for this key until it succeeds
 *    "scratch": "../../scratch/<64 hex>",   what an earlier run of this executable
 *                                        left to save time, read-only; optional
 *    "scratch_out": "scratch",           a folder for what a later run may find there
 *    "project": "../../../..",           folder of pipeline.yaml, for file: URLs; optional
 *    "resources": {"threads": 2,         how much to use; not in the key
 *                  "memory": 838860800},  bytes, where pipeline.yaml sets a limit
 *    "device": "auto" | "cpu" | "cuda",
 *    "progress_fd": 3}                   optional: JSON lines, see below
 *
 * Paths are relative to the folder that holds stage.json, or absolute. Where "schema" is left out,
 * as in the first versions, outs that the stage does not write are left out with a note.
 *
 * Progress lines, one object each: {"event":"progress","what":"epoch 3/20",
 * "done":120,"total":250,"unit":"step"}, {"event":"metric","name":
 * "val_accuracy","value":0.71,"step":3}, {"event":"note","text":"..."}. Metrics
 * of a part come when it is over, before "what" names the next one; a value that
 * is not finite is "inf", "-inf" or null.
 *
 * Success is exit 0 with every out present. Two questions that touch no dep and
 * write no out, which the runner asks only of an executable whose bytes hold the
 * option's name:
 *   EXE --fingerprint DEVICE  prints what of the machine the bits of the outs
 *       depend on, one `name value` a line, and the files that this answer rests
 *       on, `uses PATH` (base/uses.h).
 *   EXE --check STAGE.JSON  exits with 2 and a line on stderr where parameters,
 *       or names of deps or outs, are wrong; deps and outs may be missing there.
 *       Else it prints `metric NAME` for each number that its metrics will hold.
 * And one for people: EXE --print-program STAGE.JSON reads the deps and prints the
 * steps that a stage's network would take; EXE --profile-ops STAGE.JSON takes some
 * of them and prints where their time goes.
 */
#ifndef BASE_STAGE_H
#define BASE_STAGE_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct stage;

struct stage_kind {
    const char *name;
    const char *summary; /* a line for --help */
    int (*run)(struct stage *stage, struct error *err);
    /* Reads and checks every parameter, with the code that `run` uses; NULL where there are none.
     */
    int (*check)(struct stage *stage, struct error *err);
    /* Prints the fingerprint to stdout; NULL where the bits depend on nothing
     * but the executable. */
    int (*fingerprint)(const char *device, struct error *err);
    /* Prints what the stage would compute, as text for people; NULL where it is no network. */
    int (*print_program)(struct stage *stage, struct error *err);
    /* Computes a little of it and prints where the time goes; NULL where it is no training. */
    int (*profile)(struct stage *stage, struct error *err);
    const void *own; /* what stage_own() gives the functions above */
    /* Names with blanks between them, a ? after one that may be absent: the deps that are needed,
     * all outs that can be written. NULL: not checked. */
    const char *deps, *outs;
    /* The same: numbers of the metrics, by dotted name; a `*` in it stands for a name that only the
     * data tells (per_class.*.f1). */
    const char *metrics;
};

/* Parses argv, runs, prints an error as `stage 'name': message` to stderr,
 * and returns the exit status. */
int stage_main(int argc, char **argv, const struct stage_kind *kind);

/* What the stage's kind has as its own: functions that several kinds share. */
const void *stage_own(const struct stage *stage);

/* Paths, owned by the stage. A dep or out that stage.json lacks is an error;
 * stage_has_dep/out ask first. */
const char *stage_dep(const struct stage *stage, const char *name, struct error *err);
const char *stage_out(const struct stage *stage, const char *name, struct error *err);
bool stage_has_dep(const struct stage *stage, const char *name);
bool stage_has_out(const struct stage *stage, const char *name);
/* False in a check that is not told the outs. */
bool stage_lists_outs(const struct stage *stage);

/* Folder for checkpoints, or NULL where there is none. */
const char *stage_checkpoint(const struct stage *stage);
/* What an earlier run left there to save time, read-only, and the folder to fill for a later one;
 * NULL where there is none. No bit of an out may depend on it. */
const char *stage_scratch(const struct stage *stage);
const char *stage_scratch_out(const struct stage *stage);
/* What relative paths in parameters are relative to; NULL where nobody says. */
const char *stage_project(const struct stage *stage);
const char *stage_name(const struct stage *stage);
const char *stage_device(const struct stage *stage);
int stage_threads(const struct stage *stage); /* at least 1 */
/* The bytes that it may take; 0 where nobody set a limit. */
size_t stage_memory(const struct stage *stage);

/* Parameters by dotted name, with bounds checked. A missing one, or one of
 * another type, is an error that names it. The _or_null forms accept null or
 * absence and then leave *value as it is. A real is 0 or no less than what a float tells from it.
 * Texts are owned by the stage. */
int stage_int(struct stage *stage, const char *name, int64_t low, int64_t high, int64_t *value,
              struct error *err);
int stage_real(struct stage *stage, const char *name, double low, double high, double *value,
               struct error *err);
int stage_bool(struct stage *stage, const char *name, bool *value, struct error *err);
int stage_text(struct stage *stage, const char *name, const char **value, struct error *err);
int stage_int_or_null(struct stage *stage, const char *name, int64_t low, int64_t high,
                      int64_t *value, struct error *err);
int stage_real_or_null(struct stage *stage, const char *name, double low, double high,
                       double *value, struct error *err);
int stage_bool_or_null(struct stage *stage, const char *name, bool *value, struct error *err);
int stage_text_or_null(struct stage *stage, const char *name, const char **value,
                       struct error *err);
/* Index of a text among `count` choices. */
int stage_choice(struct stage *stage, const char *name, const char *const *choices, size_t count,
                 int *value, struct error *err);
int stage_choice_or_null(struct stage *stage, const char *name, const char *const *choices,
                         size_t count, int *value, struct error *err);
/* Any value, for lists and maps; NULL with an error if absent. Marks the
 * whole value as read. */
const json_t *stage_value(struct stage *stage, const char *name, struct error *err);
/* The same, NULL where it is null or absent. */
int stage_value_or_null(struct stage *stage, const char *name, const json_t **value,
                        struct error *err);

/* The map at a name, whose members are still to be read one by one. */
int stage_map_or_null(struct stage *stage, const char *name, const json_t **map, struct error *err);

/* Call after the last parameter was read: a parameter that nobody read is an
 * error that suggests the nearest one that was. */
int stage_params_done(struct stage *stage, struct error *err);

/* True once SIGTERM or SIGINT arrived: save a checkpoint and return
 * stage_interrupted(). */
bool stage_stop_requested(void);
int stage_interrupted(struct error *err);

/* Progress; they never fail. Without a descriptor, progress is not written and
 * notes go to stderr. */
void stage_progress(struct stage *stage, const char *what, int64_t done, int64_t total,
                    const char *unit);
void stage_metric(struct stage *stage, const char *name, double value, int64_t step);
void stage_note(struct stage *stage, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
