/* The file fit.checkpoint, and a state that another training goes on from; numbers little-endian:
 *
 *   file    = body digest                digest: SHA-256 of body
 *   body    = magic owner counts state words records weights kept m v averages
 *   magic   = "reprise fit checkpoint 3\n"
 *   owner   = 32 bytes                   of a checkpoint; zeros in a state
 *   counts  = i64 epochs, i64 weights, i64 moments, i64 averages, i64 bytes of words
 *   state   = f64 * STATE_VALUES
 *   words   = bytes                      of a state: fit_identity.h; none in a checkpoint
 *   records = (f64 * 5) * epochs         loss, accuracy, val_loss, val_accuracy, learning_rate
 *   weights, kept = f32 * weights;  m, v = f32 * moments
 *   averages = f32 * averages            of the weights, where the optimizer has them
 */
#include "nn/fit_checkpoint.h"

#include "base/file.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the file holds memory as it is");
_Static_assert(sizeof(struct epoch_record) == 5 * sizeof(double),
               "records are written as they are");

static const char magic[] = "reprise fit checkpoint 3\n";

enum { MAGIC_SIZE = sizeof(magic) - 1, COUNTS = 5, STATE_VALUES = 17 };

/* Of the last value. */
enum { SCHEDULED = 1, CAREFUL = 2 };

enum { EPOCHS_MAX = 1 << 24, WORDS_MAX = 1 << 20 };
static const int64_t values_max = INT64_C(1) << 36;

static const size_t head_size =
    MAGIC_SIZE + DIGEST_SIZE + COUNTS * sizeof(int64_t) + STATE_VALUES * sizeof(double);

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
    text_release(&checkpoint->words);
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
        s->told_rate,
        (s->scheduled ? SCHEDULED : 0) + (s->careful ? CAREFUL : 0),
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
    int64_t flags;
    s->learning_rate = (float)values[2];
    s->loss = (float)values[3];
    s->stopper.best = values[8];
    s->reducer.started = values[10] != 0;
    s->reducer.best = values[11];
    s->saver.best = values[13];
    s->stopped = values[14] != 0;
    s->told_rate = values[15];
    if (!take_integer(values[16], 0, &flags) || flags > (SCHEDULED | CAREFUL))
        return false;
    s->scheduled = (flags & SCHEDULED) != 0;
    s->careful = (flags & CAREFUL) != 0;
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
                                    c->average_count, (int64_t)c->words.size};
    const size_t weights = (size_t)c->weight_count * sizeof(float);
    const size_t moments = (size_t)c->moment_count * sizeof(float);
    double values[STATE_VALUES];
    state_to_values(&c->state, values);
    if (put(output, magic, MAGIC_SIZE, err) < 0 ||
        put(output, c->owner.bytes, DIGEST_SIZE, err) < 0 ||
        put(output, counts, sizeof(counts), err) < 0 ||
        put(output, values, sizeof(values), err) < 0 ||
        put(output, c->words.data, c->words.size, err) < 0 ||
        put(output, c->history.epochs, c->history.count * sizeof(struct epoch_record), err) < 0 ||
        put(output, c->weights, weights, err) < 0 || put(output, c->kept, weights, err) < 0 ||
        put(output, c->m, moments, err) < 0 || put(output, c->v, moments, err) < 0 ||
        put(output, c->averages, (size_t)c->average_count * sizeof(float), err) < 0)
        return -1;
    return 0;
}

int fit_checkpoint_write(const char *path, const struct fit_checkpoint *checkpoint,
                         struct error *err)
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
    int result = path == NULL ? -1 : fit_checkpoint_write(path, checkpoint, err);
    free(path);
    return result;
}

/* ---- reading ----
 *
 * Straight into the arrays: a file may be as large as the network, whose memory is all taken. */

/* A file that is whole, and what stands before the words. */
struct input {
    FILE *stream;
    size_t size;
    struct digest digest, owner;
    int64_t counts[COUNTS]; /* none so large that sums could overflow */
    double values[STATE_VALUES];
    struct fit_state state; /* what they say */
};

/* Bytes of the whole file. */
static size_t file_size(const int64_t counts[COUNTS])
{
    return head_size + (size_t)counts[4] + (size_t)counts[0] * sizeof(struct epoch_record) +
           2 * sizeof(float) * (size_t)(counts[1] + counts[2]) + sizeof(float) * (size_t)counts[3] +
           DIGEST_SIZE;
}

static bool take(struct input *input, void *to, size_t size)
{
    return size == 0 || fread(to, 1, size, input->stream) == size;
}

static bool has_magic(struct input *input)
{
    char found[MAGIC_SIZE];
    rewind(input->stream);
    return take(input, found, MAGIC_SIZE) && memcmp(found, magic, MAGIC_SIZE) == 0;
}

/* *good: whether its digest is at the end. */
static int check_digest(struct input *input, bool *good, struct error *err)
{
    char block[1 << 14];
    struct digest said;
    struct hasher *hasher = hasher_new(err);
    int result = hasher == NULL ? -1 : 0;
    *good = true;
    rewind(input->stream);
    for (size_t left = input->size - DIGEST_SIZE; left > 0 && *good && result == 0;) {
        const size_t more = left < sizeof(block) ? left : sizeof(block);
        *good = take(input, block, more);
        result = hasher_add(hasher, block, more, err);
        left -= more;
    }
    if (result == 0)
        result = hasher_finish(hasher, &input->digest, err);
    *good = *good && result == 0 && take(input, said.bytes, DIGEST_SIZE) &&
            digest_equal(&said, &input->digest);
    hasher_free(hasher);
    return result;
}

/* *good is false where the file is none of ours, or damaged; else it stands at the words. */
static int read_head(struct input *input, bool *good, struct error *err)
{
    const int64_t limits[COUNTS] = {EPOCHS_MAX, values_max, values_max, values_max, WORDS_MAX};
    *good = has_magic(input) && take(input, input->owner.bytes, DIGEST_SIZE) &&
            take(input, input->counts, sizeof(input->counts)) &&
            take(input, input->values, sizeof(input->values));
    for (int i = 0; i < COUNTS && *good; i++)
        *good = input->counts[i] >= 0 && input->counts[i] <= limits[i];
    *good = *good && input->size == file_size(input->counts) &&
            state_from_values(&input->state, input->values);
    if (*good && check_digest(input, good, err) < 0)
        return -1;
    *good = *good && fseek(input->stream, (long)head_size, SEEK_SET) == 0;
    return 0;
}

static bool has_counts(const struct input *input, const struct fit_checkpoint *c)
{
    return input->counts[1] == c->weight_count && input->counts[2] == c->moment_count &&
           input->counts[3] == c->average_count;
}

/* Whether it is a checkpoint of the same training. */
static bool belongs(const struct input *input, const struct fit_checkpoint *c)
{
    return digest_equal(&input->owner, &c->owner) && has_counts(input, c) && input->counts[4] == 0;
}

/* All behind the words. */
static int parse(struct input *input, struct fit_checkpoint *c, struct error *err)
{
    const size_t epochs = (size_t)input->counts[0];
    const size_t weights = (size_t)c->weight_count * sizeof(float);
    const size_t moments = (size_t)c->moment_count * sizeof(float);
    if (memory_grow(&c->history.epochs, &c->history.capacity, epochs, sizeof(struct epoch_record),
                    err) < 0)
        return -1;
    if (fseek(input->stream, (long)(head_size + (size_t)input->counts[4]), SEEK_SET) != 0 ||
        !take(input, c->history.epochs, epochs * sizeof(struct epoch_record)) ||
        !take(input, c->weights, weights) || !take(input, c->kept, weights) ||
        !take(input, c->m, moments) || !take(input, c->v, moments) ||
        !take(input, c->averages, (size_t)c->average_count * sizeof(float)))
        return error_set(err, ERR_IO, "a checkpoint changed while it was read");
    c->history.count = epochs;
    state_from_values(&c->state, input->values);
    return 0;
}

static int load(const char *path, struct fit_checkpoint *c, bool *found, const char **why,
                struct error *err)
{
    struct error ignored;
    struct input input;
    bool good;
    if (!file_exists(path))
        return 0;
    if ((input.stream = file_open(path, &input.size, &ignored)) == NULL) {
        *why = "ignoring a checkpoint that cannot be read";
        return 0;
    }
    int result = read_head(&input, &good, err);
    if (result == 0 && !good)
        *why = "ignoring a damaged checkpoint";
    else if (result == 0 && !belongs(&input, c))
        *why = "ignoring a checkpoint of another training";
    else if (result == 0)
        result = parse(&input, c, err);
    *found = result == 0 && *why == NULL;
    fclose(input.stream);
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

/* ---- a state ---- */

static bool all_finite(const float *values, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        if (!isfinite(values[i]))
            return false;
    return true;
}

/* That the file is a state after whole epochs. */
static int check_state(const char *path, struct input *input, struct error *err)
{
    const struct fit_state *s = &input->state;
    bool good;
    if (!has_magic(input))
        return error_set(err, ERR_FORMAT, "'%s' is no state of a training, or of another version",
                         path);
    if (read_head(input, &good, err) < 0)
        return -1;
    if (good && input->counts[4] == 0)
        return error_set(err, ERR_FORMAT,
                         "'%s' is a checkpoint of a training under way, not the state of one that "
                         "ended",
                         path);
    if (!good || s->step != 0 || s->epoch != input->counts[0] ||
        s->stopper.best_epoch >= s->epoch || s->saver.epoch >= s->epoch ||
        !isfinite(s->learning_rate) || !isfinite(s->told_rate))
        return error_set(err, ERR_FORMAT, "'%s' is damaged", path);
    return 0;
}

/* Close its stream. */
static int open_state(const char *path, struct input *input, struct error *err)
{
    if ((input->stream = file_open(path, &input->size, err)) == NULL)
        return -1;
    if (check_state(path, input, err) == 0)
        return 0;
    fclose(input->stream);
    return -1;
}

int fit_checkpoint_words(const char *path, struct text *words, int64_t *epochs, struct error *err)
{
    struct input input;
    if (open_state(path, &input, err) < 0)
        return -1;
    const size_t size = (size_t)input.counts[4];
    char *read = memory_new(size, 1, err);
    int result = read == NULL ? -1 : 0;
    if (result == 0 && !take(&input, read, size))
        result = error_set(err, ERR_IO, "cannot read '%s'", path);
    if (result == 0) {
        text_clear(words);
        text_append(words, read, size);
        *epochs = input.state.epoch;
        result = text_check(words, err);
    }
    free(read);
    fclose(input.stream);
    return result;
}

int fit_checkpoint_read(const char *path, struct fit_checkpoint *c, struct error *err)
{
    struct input input;
    if (open_state(path, &input, err) < 0)
        return -1;
    int result = has_counts(&input, c)
                     ? parse(&input, c, err)
                     : error_set(err, ERR_FORMAT, "'%s' has another number of weights", path);
    if (result == 0 && !(all_finite(c->m, c->moment_count) && all_finite(c->v, c->moment_count)))
        result = error_set(err, ERR_FORMAT, "'%s' has a moment that is not finite", path);
    if (result == 0)
        c->owner = input.digest;
    fclose(input.stream);
    return result;
}
