#include "nn/cpu/depthwise_bf16.h"

#include "nn/cpu/strip.h"

#include <string.h>

enum {
    MOST_TAPS = 5,
    ROWS = 2,            /* of y at once */
    MOST_PAIRS = 4,      /* of rows of x that they meet */
    PAIR = 2 * STRIP,    /* numbers in a vector of pairs */
    HELD = ROWS * 2 * 3, /* pairs of taps of 3 x 3, for both rows of y */
};

/* Of 3 rows or 5; what completes the last is 0. */
static int64_t pairs_of_taps(const struct conv_shape *s)
{
    return (s->r + 1) / 2;
}

/* With stride 2 a row of y begins at a pair; with stride 1 every other one in its middle, for which
 * the taps are woven otherwise. */
static int64_t strip_count(const struct conv_shape *s)
{
    return (s->stride == 1 ? ROWS : 1) * pairs_of_taps(s) * s->s * PAIR;
}

size_t depthwise_bf16_packed_size(const struct conv_shape *s)
{
    return (size_t)(s->c / STRIP * strip_count(s)) * sizeof(uint16_t);
}

/* Of an image. */
static int64_t count_x(const struct conv_shape *s)
{
    return s->h * s->w * s->c;
}

static int64_t count_y(const struct conv_shape *s)
{
    return conv_out_height(s) * conv_out_width(s) * s->c;
}

/* A row of zeros above and below x, one for what is below y; an image of y. */
size_t depthwise_bf16_scratch_bytes(const struct conv_shape *s)
{
    return (size_t)((s->w + conv_out_width(s)) * s->c + count_y(s)) * sizeof(uint16_t);
}

/* Of 16 channels the taps of a column in two rows. */
static void weave_taps(const struct conv_shape *s, int64_t row, int64_t column, bool turned,
                       const float *kernel, const float *scale, uint16_t *to)
{
    const int64_t last = s->r * s->s - 1;
    for (int64_t i = 0; i < PAIR; i++) {
        const int64_t r = row + i % 2, channel = i / 2, tap = r * s->s + column;
        float value = 0;
        if (r >= 0 && r < s->r)
            value = kernel[(turned ? last - tap : tap) * s->c + channel];
        to[i] = bf16_from_f32(scale != NULL ? value * scale[channel] : value);
    }
}

void depthwise_bf16_pack(const struct conv_shape *s, enum conv_pass pass, const float *kernel,
                         const float *scale, void *packed)
{
    const int64_t first = s->stride == 1 ? 1 - ROWS : 0;
    uint16_t *to = packed;
    for (int64_t channel = 0; channel < s->c; channel += STRIP)
        for (int64_t begin = 0; begin >= first; begin--)
            for (int64_t row = begin; row < s->r; row += 2)
                for (int64_t column = 0; column < s->s; column++, to += PAIR)
                    weave_taps(s, row, column, pass == CONV_BACKWARD_DATA, kernel + channel,
                               scale != NULL ? scale + channel : NULL, to);
}

#if defined(__x86_64__)
#include <immintrin.h>

#define BF16_VECTORS __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))
#define BF16_INLINE VECTOR_INLINE BF16_VECTORS
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

bool depthwise_bf16_takes(const struct conv_shape *s, const struct conv_options *options,
                          enum conv_pass pass)
{
    const int64_t half = s->r / 2;
    const bool same = s->stride == 1 && s->pad_top == half && s->pad_bottom == half &&
                      s->pad_left == half && s->pad_right == half;
    return (pass == CONV_FORWARD || (pass == CONV_BACKWARD_DATA && same)) &&
           (options->passes & pass) != 0 && options->dtype == DTYPE_BF16 &&
           options->y == DTYPE_BF16 && !options->residual && s->groups == s->c && s->k == s->c &&
           s->c % STRIP == 0 && s->stride <= 2 && s->r == s->s &&
           (s->r == 3 || s->r == MOST_TAPS) && onednn_has_bf16();
}

/* What does not change from band to band. */
struct task {
    const struct conv_shape *shape;
    int64_t height, columns; /* of y */
    int64_t x_row, y_row;    /* numbers in a row */
    const struct depthwise_operands *operands;
    const uint16_t *zeros; /* in place of rows of x outside of it */
    uint16_t *below;       /* in place of the row of y after its last */
};

/* A strip of channels of two rows of y, and of the rows of x that they meet. */
struct band {
    const uint16_t *x[2 * MOST_PAIRS];
    const uint16_t *kernel;
    const float *bias; /* NULL: none */
    uint16_t *y[ROWS];
    uintptr_t next; /* what this strip fetches of the rows of x that the next band meets first */
};

/* Of bf16 as integers, whose order is the same. */
struct clamp {
    __m512i least, most;
    __m512i largest; /* magnitude so far, times 2; beyond infinity's are NaN's */
};

struct sums {
    __m512 of[ROWS][MOST_TAPS]; /* from the column of y that is done next */
};

/* The pairs of two rows at a place. */
BF16_INLINE __m512bh weave(const uint16_t *upper, const uint16_t *lower)
{
    const __m512i order =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512i both =
        _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const void *)upper)),
                           _mm256_loadu_si256((const void *)lower), 1);
    return (__m512bh)_mm512_permutexvar_epi16(order, both);
}

/* What a kernel is where it is compiled. */
struct kind {
    int taps, stride;
};

/* Those of 3 x 3 stay in registers; for those of 5 x 5 there are not enough. */
struct taps {
    const uint16_t *all;
    __m512bh held[HELD]; /* with stride 2 half of them */
};

BF16_INLINE __m512bh taps_at(struct kind kind, const struct taps *taps, int i)
{
    return kind.taps == 3 ? taps->held[i] : (__m512bh)_mm512_loadu_si512(taps->all + i * PAIR);
}

/* Columns of y that a column of x, or as many as the stride, belong to. */
BF16_INLINE int reach(struct kind kind)
{
    return (kind.taps + kind.stride - 1) / kind.stride;
}

/* What a column of x adds to the sums that it is part of: of those taps that it meets. */
BF16_INLINE void add_column(struct kind kind, const struct band *band, const struct taps *taps,
                            int64_t at, int first_tap, struct sums *sums)
{
    const int pairs = (kind.taps + 1) / 2, later = kind.stride - 1;
    UNROLL
    for (int pair = 0; pair < pairs + later; pair++) {
        const __m512bh x = weave(band->x[2 * pair] + at, band->x[2 * pair + 1] + at);
        UNROLL
        for (int i = 0; i < ROWS * kind.taps; i++) {
            const int row = i % ROWS, tap = i / ROWS;
            const int of_taps = pair - row * later; /* the second row begins a pair later */
            const int begin = kind.stride == 1 ? row * pairs : 0;
            if (of_taps < 0 || of_taps >= pairs || tap % kind.stride != first_tap)
                continue;
            __m512 *sum = &sums->of[row][reach(kind) - 1 - tap / kind.stride];
            *sum =
                _mm512_dpbf16_ps(*sum, x, taps_at(kind, taps, (begin + of_taps) * kind.taps + tap));
        }
    }
}

/* Writes the sums that are done to the column of y at `at`. */
BF16_INLINE void finish_column(const struct band *band, int64_t at, const struct sums *sums,
                               struct clamp *clamp)
{
    __m512i both = (__m512i)_mm512_cvtne2ps_pbh(sums->of[1][0], sums->of[0][0]);
    clamp->largest = _mm512_max_epu16(clamp->largest, _mm512_add_epi16(both, both));
    both = _mm512_min_epi16(_mm512_max_epi16(both, clamp->least), clamp->most);
    _mm256_storeu_si256((void *)(band->y[0] + at), _mm512_castsi512_si256(both));
    _mm256_storeu_si256((void *)(band->y[1] + at), _mm512_extracti64x4_epi64(both, 1));
}

BF16_INLINE void next_column(struct kind kind, __m512 bias, struct sums *sums)
{
    const int last = reach(kind) - 1;
    UNROLL
    for (int row = 0; row < ROWS; row++) {
        UNROLL
        for (int i = 0; i < last; i++)
            sums->of[row][i] = sums->of[row][i + 1];
        sums->of[row][last] = bias;
    }
}

/* With stride 2 rows are read but once or twice, and would be waited for: a column brings its share
 * of those to come into the cache. */
BF16_INLINE void fetch_ahead(struct kind kind, const struct band *band, int64_t column)
{
    const uintptr_t line = 64, from = band->next + (uintptr_t)column * 2 * line;
    if (kind.stride == 1)
        return;
    _mm_prefetch((const void *)from, _MM_HINT_T1);
    _mm_prefetch((const void *)(from + line), _MM_HINT_T1);
}

BF16_INLINE void run_band(struct kind kind, const struct task *task, const struct band *band,
                          struct clamp *clamp)
{
    const struct conv_shape *s = task->shape;
    const __m512 bias = band->bias != NULL ? _mm512_loadu_ps(band->bias) : _mm512_setzero_ps();
    const int behind = reach(kind) - 1, there = HELD / kind.stride;
    struct taps taps = {.all = band->kernel};
    struct sums sums;
    if (kind.taps == 3) {
        UNROLL
        for (int i = 0; i < HELD; i++)
            taps.held[i] = (__m512bh)_mm512_loadu_si512(band->kernel + i % there * PAIR);
    }
    UNROLL
    for (int i = 0; i <= behind; i++)
        sums.of[0][i] = sums.of[1][i] = bias;
    int64_t column = -s->pad_left; /* of x */
    for (int64_t done = -behind; done < task->columns; done++) {
        UNROLL
        for (int tap = 0; tap < kind.stride; tap++, column++) {
            if (column < 0 || column >= s->w)
                continue;
            fetch_ahead(kind, band, column);
            add_column(kind, band, &taps, column * s->c, tap, &sums);
        }
        if (done >= 0)
            finish_column(band, done * s->c, &sums, clamp);
        next_column(kind, bias, &sums);
    }
}

/* Not inline: the compiler keeps the sums in registers here. */
BF16_VECTORS static void run_kind(const struct task *task, const struct band *band,
                                  struct clamp *clamp)
{
    const int64_t taps = task->shape->r, stride = task->shape->stride;
    if (taps == 3 && stride == 1)
        run_band((struct kind){3, 1}, task, band, clamp);
    else if (taps == 3)
        run_band((struct kind){3, 2}, task, band, clamp);
    else if (stride == 1)
        run_band((struct kind){MOST_TAPS, 1}, task, band, clamp);
    else
        run_band((struct kind){MOST_TAPS, 2}, task, band, clamp);
}

/* The rows of y from `top` on, of an image. */
BF16_VECTORS static void run_rows(const struct task *task, const uint16_t *x, uint16_t *y,
                                  int64_t top, struct clamp *clamp)
{
    const struct conv_shape *s = task->shape;
    const uint16_t *packed = task->operands->packed;
    const float *bias = task->operands->bias;
    const int64_t first = top * s->stride - s->pad_top;
    const int64_t next = first + 2 * (pairs_of_taps(s) + s->stride - 1);
    for (int64_t channel = 0; channel < s->c; channel += STRIP) {
        uint16_t *to = y + top * task->y_row + channel;
        struct band band = {.kernel = packed + channel / STRIP * strip_count(s),
                            .bias = bias != NULL ? bias + channel : NULL,
                            .y = {to, top + 1 < task->height ? to + task->y_row : task->below},
                            .next = (uintptr_t)x +
                                    (uintptr_t)(next * task->x_row + channel * 4 * s->w) * 2};
        for (int64_t i = 0; i < 2 * MOST_PAIRS; i++)
            band.x[i] = first + i >= 0 && first + i < s->h ? x + (first + i) * task->x_row + channel
                                                           : task->zeros;
        run_kind(task, &band, clamp);
    }
}

/* Returns whether no sum was NaN. */
BF16_VECTORS static bool run_image(const struct task *task, int64_t image, uint16_t *y)
{
    const short six = 0x40c0, twice_infinity = (short)0xff00;
    const enum activation activation = task->operands->activation;
    const uint16_t *x = (const uint16_t *)task->operands->x + image * count_x(task->shape);
    struct clamp clamp = {.least = _mm512_set1_epi16(activation == ACTIVATION_NONE ? INT16_MIN : 0),
                          .most =
                              _mm512_set1_epi16(activation == ACTIVATION_RELU6 ? six : INT16_MAX),
                          .largest = _mm512_setzero_si512()};
    for (int64_t top = 0; top < task->height; top += ROWS)
        run_rows(task, x, y, top, &clamp);
    return _mm512_cmpgt_epu16_mask(clamp.largest, _mm512_set1_epi16(twice_infinity)) == 0;
}

/* `scratch` is depthwise_bf16_scratch_bytes; returns what is left of it. */
static uint16_t *task_init(struct task *task, const struct conv_shape *s,
                           const struct depthwise_operands *operands, uint16_t *scratch)
{
    *task = (struct task){.shape = s,
                          .height = conv_out_height(s),
                          .columns = conv_out_width(s),
                          .x_row = s->w * s->c,
                          .y_row = conv_out_width(s) * s->c,
                          .operands = operands,
                          .zeros = scratch,
                          .below = scratch + s->w * s->c};
    memset(scratch, 0, (size_t)task->x_row * sizeof(*scratch));
    return task->below + task->y_row;
}

int depthwise_bf16(struct lane *lane, const struct conv_shape *shape,
                   const struct depthwise_operands *operands, bool *taken, struct error *err)
{
    struct task task;
    uint16_t *scratch = lane_scratch(lane, depthwise_bf16_scratch_bytes(shape), err);
    if (scratch == NULL)
        return -1;
    task_init(&task, shape, operands, scratch);
    *taken = true;
    for (int64_t image = 0; image < shape->n && *taken; image++)
        *taken = run_image(&task, image, (uint16_t *)operands->y + image * count_y(shape));
    return 0;
}

int depthwise_bf16_sound(struct lane *lane, const struct conv_shape *shape,
                         const struct depthwise_operands *operands, struct error *err)
{
    struct task task;
    const int64_t count = count_y(shape);
    uint16_t *scratch = lane_scratch(lane, depthwise_bf16_scratch_bytes(shape), err);
    if (scratch == NULL)
        return -1;
    uint16_t *tried = task_init(&task, shape, operands, scratch);
    for (int64_t image = 0; image < shape->n; image++)
        if (run_image(&task, image, tried))
            memcpy((uint16_t *)operands->y + image * count, tried, (size_t)count * sizeof(*tried));
    return 0;
}

#else

bool depthwise_bf16_takes(const struct conv_shape *s, const struct conv_options *options,
                          enum conv_pass pass)
{
    (void)s, (void)options, (void)pass;
    return false;
}

int depthwise_bf16(struct lane *lane, const struct conv_shape *shape,
                   const struct depthwise_operands *operands, bool *taken, struct error *err)
{
    (void)lane, (void)shape, (void)operands, (void)err;
    *taken = false;
    return 0;
}

int depthwise_bf16_sound(struct lane *lane, const struct conv_shape *shape,
                         const struct depthwise_operands *operands, struct error *err)
{
    (void)lane, (void)shape, (void)operands, (void)err;
    return 0;
}

#endif
