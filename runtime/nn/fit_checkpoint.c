/* The file fit.checkpoint, numbers little-endian:
 *
 *   file    = body digest                digest: SHA-256 of body
 *   body    = magic owner counts state records weights kept m v averages
 *   magic   = "reprise fit checkpoint 2\n"
 *   owner   = 32 bytes
 *   counts  = i64 epochs, i64 weights, i64 moments, i64 averages
 *   state   = f64 * STATE_VALUES
 *   records = (f64 * 5) * epochs         loss, accuracy, val_loss, val_accuracy, learning_rate
 *   weights, kept = f32 * weights;  m, v = f32 * moments
 *   averages = f32 * averages            of the weights, where the optimizer has them
 */
#include "nn/fit_checkpoint.h"

#include "base/file.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file holds memory as it is");
_Static_assert(sizeof(struct epoch_record) == 5 * sizeof(double),
               "records are written as they are");

static const char magic[] = "reprise fit checkpoint 2\n";

enum { MAGIC_SIZE = sizeof(magic) - 1, COUNTS = 4, STATE_VALUES = 15 };

int fit_checkpoint_init(struct fit_checkpoint *checkpoint, int64_t weight_count,
                        int64_t moment_count, int64_t average_count, struct error *err)
{
    struct fit_checkpoint c = {
        .weight_count = weight_count, .moment_count = moment_count, .average_count = average_count};
    if ((c.weights = memory_new((size_t)weight_count, sizeof(float), err)) == NULL ||
        (c.kept = memory_new((size_t)weight_count, sizeof(float), err)) == NULL ||
        (c.m = memory_new((size_t)moment_count, sizeof(float), err)) == NULL ||
        (c.v = memory_new((size_t)moment_count, sizeof(float), err)) == NULL ||
        (c.averages = memory_new((size_t)average_count, sizeof(float), err)) == NULL) {
        fit_checkpoint_release(&c);
        return -1;
    }
    *checkpoint = c;
    return 0;
}

void fit_checkpoint_release(struct fit_checkpoint *checkpoint)
{
    free(checkpoint->weights);
    free(checkpoint->kept);
    free(checkpoint->m);
    free(checkpoint->v);
    free(checkpoint->averages);
    history_release(&checkpoint->history);
    *checkpoint = (struct fit_checkpoint){0};
}

static void state_to_values(const struct fit_state *s, double values[STATE_VALUES])
{
    const double all[STATE_VALUES] = {
        (double)s->epoch,
        (double)s->step,
        (double)s->learning_rate,
        (double)s->loss,
        (double)s->hits,
        (double)s->images,
        (double)s->stopper.wait,
        (double)s->stopper.best_epoch,
        s->stopper.best,
        (double)s->reducer.wait,
        (double)s->reducer.started,
        s->reducer.best,
        (double)s->saver.epoch,
        s->saver.best,
        (double)s->stopped,
    };
    memcpy(values, all, sizeof(all));
}

/* False where it is less, or nothing that a double holds exactly. */
static bool take_integer(double value, double least, int64_t *count)
{
    const double limit = 9007199254740992.0; /* 2^53 */
    if (!(value >= least && value <= limit) || (double)(int64_t)value != value)
        return false;
    *count = (int64_t)value;
    return true;
}

/* -1 stands for none. */
static bool take_count(double value, int64_t *count)
{
    return take_integer(value, -1, count);
}

static bool state_from_values(struct fit_state *s, const double *values)
{
    s->learning_rate = (float)values[2];
    s->loss = (float)values[3];
    s->stopper.best = values[8];
    s->reducer.started = values[10] != 0;
    s->reducer.best = values[11];
    s->saver.best = values[13];
    s->stopped = values[14] != 0;
    return take_count(values[0], &s->epoch) && take_count(values[1], &s->step) &&
           take_count(values[4], &s->hits) && take_count(values[5], &s->images) &&
           take_count(values[6], &s->stopper.wait) &&
           take_count(values[7], &s->stopper.best_epoch) &&
           take_integer(values[9], -REDUCE_COOLDOWN_MAX, &s->reducer.wait) &&
           take_count(values[12], &s->saver.epoch);
}

/* ---- writing ---- */

struct output {
    struct file_writer file;
    struct hasher *hasher;
};

static int put(struct output *output, const void *data, size_t size, struct error *err)
{
    if (size > 0 && fwrite(data, 1, size, output->file.stream) != size)
        return error_errno(err, "cannot write '%s'", output->file.path);
    return hasher_add(output->hasher, data, size, err);
}

static int put_body(struct output *output, const struct fit_checkpoint *c, struct error *err)
{
    const int64_t counts[COUNTS] = {(int64_t)c->history.count, c->weight_count, c->moment_count,
                                    c->average_count};
    const size_t weights = (size_t)c->weight_count * sizeof(float);
    const size_t moments = (size_t)c->moment_count * sizeof(float);
    double values[STATE_VALUES];
    state_to_values(&c->state, values);
    if (put(output, magic, MAGIC_SIZE, err) < 0 ||
        put(output, c->owner.bytes, DIGEST_SIZE, err) < 0 ||
        put(output, counts, sizeof(counts), err) < 0 ||
        put(output, values, sizeof(values), err) < 0 ||
        put(output, c->history.epochs, c->history.count * sizeof(struct epoch_record), err) < 0 ||
        put(output, c->weights, weights, err) < 0 || put(output, c->kept, weights, err) < 0 ||
        put(output, c->m, moments, err) < 0 || put(output, c->v, moments, err) < 0 ||
        put(output, c->averages, (size_t)c->average_count * sizeof(float), err) < 0)
        return -1;
    return 0;
}

static int save(const char *path, const struct fit_checkpoint *checkpoint, struct error *err)
{
    struct output output = {.hasher = hasher_new(err)};
    struct digest digest;
    int result = -1;
    if (output.hasher != NULL && file_make_parents(path, err) == 0 &&
        file_create(&output.file, path, err) == 0 && put_body(&output, checkpoint, err) == 0 &&
        hasher_finish(output.hasher, &digest, err) == 0) {
        if (fwrite(digest.bytes, 1, DIGEST_SIZE, output.file.stream) != DIGEST_SIZE)
            error_errno(err, "cannot write '%s'", path);
        else
            result = file_commit(&output.file, err);
    }
    file_abandon(&output.file);
    hasher_free(output.hasher);
    return result;
}

int fit_checkpoint_save(const char *folder, const struct fit_checkpoint *checkpoint,
                        struct error *err)
{
    char *path = file_join(folder, "fit.checkpoint", err);
    int result = path == NULL ? -1 : save(path, checkpoint, err);
    free(path);
    return result;
}

/* ---- reading ---- */

/* Bytes of the whole file, or 0 where the counts can't be right. */
static size_t file_size(const struct fit_checkpoint *c, int64_t epochs)
{
    if (epochs < 0 || epochs > 1 << 24)
        return 0;
    return MAGIC_SIZE + DIGEST_SIZE + COUNTS * sizeof(int64_t) + STATE_VALUES * sizeof(double) +
           (size_t)epochs * sizeof(struct epoch_record) +
           2 * sizeof(float) * (size_t)(c->weight_count + c->moment_count) +
           sizeof(float) * (size_t)c->average_count + DIGEST_SIZE;
}

static void take(const char **at, void *to, size_t size)
{
    if (size > 0)
        memcpy(to, *at, size);
    *at += size;
}

/* NULL, or what is wrong with the file. */
static const char *check(const char *data, size_t size, const struct fit_checkpoint *c,
                         int64_t *epochs, struct error *err)
{
    const size_t head = MAGIC_SIZE + DIGEST_SIZE + COUNTS * sizeof(int64_t);
    int64_t counts[COUNTS];
    double values[STATE_VALUES];
    struct fit_state ignored;
    struct digest digest;
    if (size < head + DIGEST_SIZE || memcmp(data, magic, MAGIC_SIZE) != 0 ||
        digest_of_bytes(data, size - DIGEST_SIZE, &digest, err) < 0 ||
        memcmp(digest.bytes, data + size - DIGEST_SIZE, DIGEST_SIZE) != 0)
        return "ignoring a damaged checkpoint";
    memcpy(counts, data + MAGIC_SIZE + DIGEST_SIZE, sizeof(counts));
    if (memcmp(data + MAGIC_SIZE, c->owner.bytes, DIGEST_SIZE) != 0 ||
        counts[1] != c->weight_count || counts[2] != c->moment_count ||
        counts[3] != c->average_count || size != file_size(c, counts[0]))
        return "ignoring a checkpoint of another training";
    memcpy(values, data + head, sizeof(values));
    if (!state_from_values(&ignored, values))
        return "ignoring a damaged checkpoint";
    *epochs = counts[0];
    return NULL;
}

static int parse(const char *data, int64_t epochs, struct fit_checkpoint *c, struct error *err)
{
    const char *at = data + MAGIC_SIZE + DIGEST_SIZE + COUNTS * sizeof(int64_t);
    const size_t weights = (size_t)c->weight_count * sizeof(float);
    const size_t moments = (size_t)c->moment_count * sizeof(float);
    double values[STATE_VALUES];
    if (memory_grow(&c->history.epochs, &c->history.capacity, (size_t)epochs,
                    sizeof(struct epoch_record), err) < 0)
        return -1;
    take(&at, values, sizeof(values));
    state_from_values(&c->state, values);
    take(&at, c->history.epochs, (size_t)epochs * sizeof(struct epoch_record));
    c->history.count = (size_t)epochs;
    take(&at, c->weights, weights);
    take(&at, c->kept, weights);
    take(&at, c->m, moments);
    take(&at, c->v, moments);
    take(&at, c->averages, (size_t)c->average_count * sizeof(float));
    return 0;
}

static int load(const char *path, struct fit_checkpoint *checkpoint, bool *found, const char **why,
                struct error *err)
{
    struct error ignored;
    char *data = NULL;
    size_t size = 0;
    int64_t epochs = 0;
    int result = 0;
    if (!file_exists(path))
        return 0;
    if (file_read(path, file_size(checkpoint, 1 << 24), &data, &size, &ignored) < 0) {
        *why = "ignoring a checkpoint that cannot be read";
        return 0;
    }
    *why = check(data, size, checkpoint, &epochs, &ignored);
    if (*why == NULL && (result = parse(data, epochs, checkpoint, err)) == 0)
        *found = true;
    free(data);
    return result;
}

int fit_checkpoint_load(const char *folder, struct fit_checkpoint *checkpoint, bool *found,
                        const char **why, struct error *err)
{
    *found = false;
    *why = NULL;
    char *path = file_join(folder, "fit.checkpoint", err);
    int result = path == NULL ? -1 : load(path, checkpoint, found, why, err);
    free(path);
    return result;
}
