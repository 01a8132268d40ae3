#include "nn/cpu/winograd_cpu.h"

#include "base/memory.h"
#include "nn/cpu/strip.h"
#include "nn/reach.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TILE = 6, /* places of x, in either direction */
    STEP = 4, /* places of y */
    MATRICES = TILE * TILE,
    MOST_TILES = 64, /* at once: what they become stays in the cache */
    HEADER_BYTES = 64,
};

/* The points, besides 0 and infinity. */
#define P 0.625f
#define Q 1.5f
#define P2 (P * P)
#define Q2 (Q * Q)
/* By what the kernel is divided at 0, at P and -P, at Q and -Q: products of the differences to the
 * other points. */
#define OF_0 (1.0 / ((double)P2 * (double)Q2))
#define OF_P (1.0 / (2.0 * (double)P2 * ((double)P2 - (double)Q2)))
#define OF_Q (1.0 / (2.0 * (double)Q2 * ((double)Q2 - (double)P2)))

/* What magnitudes can grow by on the way, by sums of the magnitudes in a line of what is computed
 * below, in either direction: 5.3 to x and 8.3 from the products to y; for the kernel's gradient
 * 5.3 to x, 8.2 to dy and 2.8 from the sums. */
#define GROWTH 2048.0f
#define GRADIENT_GROWTH 16384.0f

struct winograd {
    int64_t n, height, width, c, k; /* of input and output: backward those of dy and dx */
    enum conv_pass pass;
    bool bias, residual;
    enum activation activation;
    int64_t rows, columns; /* of tiles in an image */
    int64_t tiles;         /* that are cut into blocks: of an image, or of all */
    int64_t block;         /* tiles at once */
    struct primitive multiply;
    struct primitive pack; /* the kernel's matrices -> as the products want them */
};

/* Before the packed kernel. */
struct header {
    float limit; /* of magnitudes of x; 0 where the kernel is not finite */
};

/* Four times the kernel is to be read, which few tiles of an image do not pay for unless it is
 * small. */
bool winograd_takes(const struct conv_shape *s, const struct conv_options *options)
{
    const int64_t tiles = (s->h + STEP - 1) / STEP * ((s->w + STEP - 1) / STEP);
    const bool same = s->r == 3 && s->s == 3 && s->stride == 1 && s->groups == 1 &&
                      s->pad_top == 1 && s->pad_bottom == 1 && s->pad_left == 1 &&
                      s->pad_right == 1;
    return same && options->dtype == DTYPE_F32 && options->y == DTYPE_F32 && s->c % STRIP == 0 &&
           s->k % STRIP == 0 && s->h * s->w >= 64 && (tiles >= 9 || s->c * s->k <= 128 * 128);
}

/* One of the products' operands: MATRICES of them. */
static int matrices_new(const_dnnl_memory_desc_t *layout, int64_t rows, int64_t columns,
                        dnnl_format_tag_t tag, struct error *err)
{
    const dnnl_dims_t dims = {MATRICES, rows, columns};
    return onednn_layout_new(layout, 3, dims, dnnl_f32, tag, err);
}

/* [tiles,c] x [c,k], or for a kernel's gradient [c,tiles] x [tiles,k], which is added up. */
static int layouts_init(const struct winograd *w, const_dnnl_memory_desc_t *layouts,
                        struct error *err)
{
    const bool gradient = w->pass == CONV_BACKWARD_WEIGHTS;
    const int64_t rows = gradient ? w->c : w->block, sums = gradient ? w->block : w->c;
    const dnnl_format_tag_t left = gradient ? dnnl_acb : dnnl_abc;
    const dnnl_format_tag_t right = gradient ? dnnl_abc : dnnl_format_tag_any;
    if (matrices_new(&layouts[0], rows, sums, left, err) != 0 ||
        matrices_new(&layouts[1], sums, w->k, right, err) != 0 ||
        matrices_new(&layouts[2], rows, w->k, dnnl_abc, err) != 0)
        return -1;
    return 0;
}

static int products_init(struct winograd *w, struct cpu *cpu,
                         const const_dnnl_memory_desc_t *layouts,
                         const_dnnl_primitive_attr_t attributes, struct error *err)
{
    static const int arguments[] = {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST};
    dnnl_primitive_desc_t description = NULL;
    const_dnnl_memory_desc_t plain = NULL;
    int status = onednn_check(onednn_describe_product(&description, cpu_engine(cpu), layouts[0],
                                                      layouts[1], layouts[2], attributes),
                              "dnnl_matmul", err);
    if (status == 0)
        status = primitive_init(&w->multiply, cpu, description, arguments, 3, err);
    if (status == 0 && strstr(w->multiply.name, "ref") != NULL)
        status = error_set(err, ERR_DEVICE, "oneDNN has only its reference for the products");
    if (status == 0 && w->pass != CONV_BACKWARD_WEIGHTS)
        status =
            matrices_new(&plain, w->c, w->k, w->pass == CONV_FORWARD ? dnnl_abc : dnnl_acb, err);
    if (status == 0 && w->pass != CONV_BACKWARD_WEIGHTS)
        status = primitive_init_reorder(
            &w->pack, cpu, plain,
            dnnl_primitive_desc_query_md(description, dnnl_query_weights_md, 0), err);
    if (description != NULL)
        dnnl_primitive_desc_destroy(description);
    onednn_layout_free(plain);
    return status;
}

static int primitives_init(struct winograd *w, struct cpu *cpu, struct error *err)
{
    const_dnnl_memory_desc_t layouts[3] = {0};
    dnnl_primitive_attr_t attributes = NULL;
    omp_set_num_threads(1);
    int status = layouts_init(w, layouts, err);
    if (status == 0)
        status = primitive_attributes_new(&attributes, err);
    if (status == 0 && w->pass == CONV_BACKWARD_WEIGHTS)
        status = onednn_check(onednn_add_to_output(attributes), "dnnl_post_ops_append_sum", err);
    if (status == 0)
        status = products_init(w, cpu, layouts, attributes, err);
    if (attributes != NULL)
        dnnl_primitive_attr_destroy(attributes);
    for (int i = 0; i < 3; i++)
        onednn_layout_free(layouts[i]);
    return status;
}

int winograd_new(struct cpu *cpu, const struct conv_shape *s, const struct conv_options *options,
                 enum conv_pass pass, struct winograd **winograd, struct error *err)
{
    struct winograd *made = memory_new(1, sizeof *made, err);
    if (made == NULL)
        return -1;
    *made = (struct winograd){.n = s->n,
                              .height = s->h,
                              .width = s->w,
                              .c = s->c,
                              .k = s->k,
                              .pass = pass,
                              .bias = options->bias,
                              .residual = options->residual,
                              .activation = options->activation,
                              .rows = (s->h + STEP - 1) / STEP,
                              .columns = (s->w + STEP - 1) / STEP};
    if (pass == CONV_BACKWARD_DATA) {
        made->c = s->k;
        made->k = s->c;
        made->bias = made->residual = false;
        made->activation = ACTIVATION_NONE;
    }
    made->tiles = made->rows * made->columns * (pass == CONV_BACKWARD_WEIGHTS ? s->n : 1);
    const int64_t blocks = (made->tiles + MOST_TILES - 1) / MOST_TILES;
    made->block = (made->tiles + blocks - 1) / blocks;
    if (primitives_init(made, cpu, err) == 0) {
        *winograd = made;
        return 0;
    }
    winograd_free(made);
    return -1;
}

void winograd_free(struct winograd *w)
{
    if (w == NULL)
        return;
    primitive_release(&w->multiply);
    primitive_release(&w->pack);
    free(w);
}

const char *winograd_implementation(const struct winograd *w)
{
    return w->multiply.name;
}

size_t winograd_packed_size(const struct winograd *w)
{
    return HEADER_BYTES + scratch_part(w->pack.bytes[1]);
}

size_t winograd_scratch_bytes(const struct winograd *w)
{
    if (w == NULL)
        return 0;
    size_t products = w->multiply.scratch_bytes;
    for (int i = 0; i < 3; i++)
        if (i != 1 || w->pass == CONV_BACKWARD_WEIGHTS)
            products += scratch_part(w->multiply.bytes[i]);
    const size_t packing = scratch_part(w->pack.bytes[0]) + w->pack.scratch_bytes;
    return products > packing ? products : packing;
}

/* Takes the next so many bytes of the scratch memory. */
static float *take(char **scratch, size_t bytes)
{
    float *taken = (float *)(void *)*scratch;
    *scratch += scratch_part(bytes);
    return taken;
}

/* ---- kernel ---- */

typedef double strip_doubles __attribute__((vector_size(STRIP * sizeof(double))));

/* out [TILE] of three numbers in a line of the kernel. */
VECTOR_INLINE void spread_kernel(const strip_doubles *g, strip_doubles *out)
{
    const double p = (double)P, q = (double)Q, p2 = (double)P2, q2 = (double)Q2;
    out[0] = g[0] * OF_0;
    out[1] = (g[0] + p2 * g[2] + p * g[1]) * OF_P;
    out[2] = (g[0] + p2 * g[2] - p * g[1]) * OF_P;
    out[3] = (g[0] + q2 * g[2] + q * g[1]) * OF_Q;
    out[4] = (g[0] + q2 * g[2] - q * g[1]) * OF_Q;
    out[5] = g[2];
}

/* matrices [TILE,TILE,c,k] of kernel [3,3,c,k] * scale [k], in f64 and rounded once; `turned` by
 * half a turn. */
VECTORISE static void transform_kernel(int64_t c, int64_t k, const float *kernel,
                                       const float *scale, bool turned, float *matrices)
{
    for (int64_t i = 0; i < c * k; i += STRIP) {
        strip_doubles by_column[3][TILE], line[TILE], factor;
        strip_values values;
        if (scale != NULL) {
            memcpy(&values, scale + i % k, sizeof values);
            factor = __builtin_convertvector(values, strip_doubles);
        }
        for (int s = 0; s < 3; s++) {
            for (int r = 0; r < 3; r++) {
                const int place = turned ? 8 - (r * 3 + s) : r * 3 + s;
                memcpy(&values, kernel + place * c * k + i, sizeof values);
                line[r] = __builtin_convertvector(values, strip_doubles);
                if (scale != NULL)
                    line[r] *= factor;
            }
            spread_kernel(line, by_column[s]);
        }
        for (int r = 0; r < TILE; r++) {
            const strip_doubles row[3] = {by_column[0][r], by_column[1][r], by_column[2][r]};
            spread_kernel(row, line);
            for (int s = 0; s < TILE; s++) {
                values = __builtin_convertvector(line[s], strip_values);
                memcpy(matrices + (r * TILE + s) * c * k + i, &values, sizeof values);
            }
        }
    }
}

/* The magnitude of the input below which no sum on the way comes to REACH_LIMIT. Forward an output
 * channel is a column of a matrix, backward a row. */
static float limit_of(const struct winograd *w, int64_t rows, int64_t columns,
                      const float *matrices)
{
    float gain = 1.0f;
    if (w->pass == CONV_FORWARD)
        for (int64_t i = 0; i < MATRICES; i++)
            gain =
                reach_larger(gain, reach_gain(rows, columns, matrices + i * rows * columns, NULL));
    else
        for (int64_t i = 0; i < MATRICES * rows; i++)
            gain =
                reach_larger(gain, (float)columns * reach_largest(columns, matrices + i * columns));
    return gain < INFINITY ? REACH_LIMIT / GROWTH / gain : 0.0f;
}

int winograd_pack(struct lane *lane, const struct winograd *w, const float *kernel,
                  const float *scale, void *packed, struct error *err)
{
    const bool backward = w->pass == CONV_BACKWARD_DATA;
    const int64_t rows = backward ? w->k : w->c, columns = backward ? w->c : w->k;
    char *scratch = lane_scratch(lane, winograd_scratch_bytes(w), err);
    if (scratch == NULL)
        return -1;
    float *matrices = take(&scratch, w->pack.bytes[0]);
    transform_kernel(rows, columns, kernel, scale, backward, matrices);
    ((struct header *)packed)->limit = limit_of(w, rows, columns, matrices);
    return primitive_execute(
        &w->pack, lane, (const void *[]){matrices, (char *)packed + HEADER_BYTES}, scratch, err);
}

/* ---- pictures ---- */

/* out [TILE] of a line of a tile of x. */
VECTOR_INLINE void spread_input(const strip_values *d, strip_values *out)
{
    const strip_values even_p = d[4] - Q2 * d[2], odd_p = P * (d[3] - Q2 * d[1]);
    const strip_values even_q = d[4] - P2 * d[2], odd_q = Q * (d[3] - P2 * d[1]);
    out[0] = P2 * Q2 * d[0] - (P2 + Q2) * d[2] + d[4];
    out[1] = even_p + odd_p;
    out[2] = even_p - odd_p;
    out[3] = even_q + odd_q;
    out[4] = even_q - odd_q;
    out[5] = P2 * Q2 * d[1] - (P2 + Q2) * d[3] + d[5];
}

/* out [STEP] of a line of products. */
VECTOR_INLINE void gather_output(const strip_values *m, strip_values *out)
{
    const strip_values even_p = m[1] + m[2], odd_p = m[1] - m[2];
    const strip_values even_q = m[3] + m[4], odd_q = m[3] - m[4];
    out[0] = m[0] + even_p + even_q;
    out[1] = P * odd_p + Q * odd_q;
    out[2] = P2 * even_p + Q2 * even_q;
    out[3] = P2 * P * odd_p + Q2 * Q * odd_q + m[5];
}

/* `largest` takes the bits of each number's magnitude where they are larger: those of a NaN are
 * the largest. */
VECTOR_INLINE void keep_largest(const strip_values *values, strip_bits *largest)
{
    const strip_bits magnitude = (strip_bits)*values & 0x7fffffffu;
    const strip_bits larger = (strip_bits)(magnitude > *largest);
    *largest = (larger & magnitude) | (~larger & *largest);
}

VECTOR_INLINE float largest_of(const strip_bits *bits)
{
    uint32_t most = 0;
    float largest;
    for (int i = 0; i < STRIP; i++)
        most = (*bits)[i] > most ? (*bits)[i] : most;
    memcpy(&largest, &most, sizeof largest);
    return largest;
}

/* The first place of y that a tile covers. */
struct place {
    int64_t image, row, column;
};

static struct place place_of(const struct winograd *w, int64_t tile)
{
    const int64_t in_image = tile % (w->rows * w->columns);
    return (struct place){tile / (w->rows * w->columns), in_image / w->columns * STEP,
                          in_image % w->columns * STEP};
}

/* A tile of all matrices, which lie `stride` apart, where there are no more tiles. */
static void clear_tile(int64_t channels, int64_t stride, float *matrices)
{
    for (int64_t i = 0; i < MATRICES; i++)
        memset(matrices + i * stride, 0, (size_t)channels * sizeof *matrices);
}

/* A tile of x, a strip of its channels; `matrices` points to its place in the first of them. */
VECTOR_INLINE void transform_tile(const struct winograd *w, const float *x,
                                  const struct place *place, float *matrices, strip_bits *largest)
{
    strip_values by_column[TILE][TILE], line[TILE];
    x += place->image * w->height * w->width * w->c;
    for (int j = 0; j < TILE; j++) {
        for (int i = 0; i < TILE; i++) {
            const int64_t row = place->row - 1 + i, column = place->column - 1 + j;
            line[i] = (strip_values){0};
            if (row < 0 || row >= w->height || column < 0 || column >= w->width)
                continue;
            memcpy(&line[i], x + (row * w->width + column) * w->c, sizeof line[i]);
            if (i > 0 && i <= STEP && j > 0 && j <= STEP) /* not another tile's own */
                keep_largest(&line[i], largest);
        }
        spread_input(line, by_column[j]);
    }
    for (int i = 0; i < TILE; i++) {
        const strip_values row_of[TILE] = {by_column[0][i], by_column[1][i], by_column[2][i],
                                           by_column[3][i], by_column[4][i], by_column[5][i]};
        spread_input(row_of, line);
        for (int j = 0; j < TILE; j++)
            memcpy(matrices + (i * TILE + j) * w->block * w->c, &line[j], sizeof line[j]);
    }
}

/* A block of x's tiles [first, end) -> matrices [MATRICES,block,c]. Returns the largest magnitude,
 * a NaN where there is one. */
VECTORISE static float transform_input(const struct winograd *w, const float *x, int64_t first,
                                       int64_t end, float *matrices)
{
    strip_bits largest = {0};
    for (int64_t t = 0; t < w->block; t++, matrices += w->c) {
        const struct place place = place_of(w, first + t);
        if (first + t >= end)
            clear_tile(w->c, w->block * w->c, matrices);
        else
            for (int64_t i = 0; i < w->c; i += STRIP)
                transform_tile(w, x + i, &place, matrices + i, &largest);
    }
    return largest_of(&largest);
}

struct result {
    const float *bias, *residual; /* or NULL */
    float *y;
};

VECTOR_INLINE void finish_tile(const struct winograd *w, const float *products,
                               const struct place *place, int64_t channel,
                               const struct result *result)
{
    strip_values by_column[TILE][STEP], line[TILE], bias = {0}, residual;
    if (result->bias != NULL)
        memcpy(&bias, result->bias + channel, sizeof bias);
    for (int j = 0; j < TILE; j++) {
        for (int i = 0; i < TILE; i++)
            memcpy(&line[i], products + (i * TILE + j) * w->block * w->k + channel, sizeof line[i]);
        gather_output(line, by_column[j]);
    }
    for (int i = 0; i < STEP && place->row + i < w->height; i++) {
        const strip_values row_of[TILE] = {by_column[0][i], by_column[1][i], by_column[2][i],
                                           by_column[3][i], by_column[4][i], by_column[5][i]};
        const int64_t row = place->image * w->height + place->row + i;
        gather_output(row_of, line);
        for (int j = 0; j < STEP && place->column + j < w->width; j++) {
            const int64_t at = (row * w->width + place->column + j) * w->k + channel;
            strip_values sum = line[j] + bias;
            float values[STRIP];
            if (result->residual != NULL) {
                memcpy(&residual, result->residual + at, sizeof residual);
                sum += residual;
            }
            memcpy(values, &sum, sizeof values);
            STRIP_LOOP
            for (int v = 0; v < STRIP; v++)
                values[v] = strip_activate(w->activation, values[v]);
            memcpy(result->y + at, values, sizeof values);
        }
    }
}

/* products [MATRICES,block,k] -> a block of y's tiles [first, end). */
VECTORISE static void transform_output(const struct winograd *w, const float *products,
                                       int64_t first, int64_t end, const struct result *result)
{
    for (int64_t t = 0; t < w->block && first + t < end; t++) {
        const struct place place = place_of(w, first + t);
        for (int64_t k = 0; k < w->k; k += STRIP)
            finish_tile(w, products + t * w->k, &place, k, result);
    }
}

static int run_image(struct lane *lane, const struct winograd *w, int64_t image, const float *x,
                     const void *packed, const struct result *result, bool *taken,
                     struct error *err)
{
    const struct header *header = packed;
    const void *kernel = (const char *)packed + HEADER_BYTES;
    const int64_t end = (image + 1) * w->tiles;
    char *scratch = lane_scratch(lane, winograd_scratch_bytes(w), err);
    if (scratch == NULL)
        return -1;
    float *matrices = take(&scratch, w->multiply.bytes[0]);
    float *products = take(&scratch, w->multiply.bytes[2]);
    for (int64_t first = image * w->tiles; first < end; first += w->block) {
        *taken = transform_input(w, x, first, end, matrices) < header->limit;
        if (!*taken)
            return 0;
        if (primitive_execute(&w->multiply, lane, (const void *[]){matrices, kernel, products},
                              scratch, err) != 0)
            return -1;
        transform_output(w, products, first, end, result);
    }
    return 0;
}

/* Each image goes by itself, so that bits do not depend on how many there are. */
int winograd_run(struct lane *lane, const struct winograd *w, const float *x, const void *packed,
                 const float *bias, const float *residual, float *y, bool *taken, struct error *err)
{
    const struct result result = {w->bias ? bias : NULL, w->residual ? residual : NULL, y};
    *taken = true;
    for (int64_t image = 0; image < w->n && *taken; image++)
        if (run_image(lane, w, image, x, packed, &result, taken, err) != 0)
            return -1;
    return 0;
}

int winograd_run_sound(struct lane *lane, const struct winograd *w, const float *x,
                       const void *packed, const float *bias, const float *residual, float *y,
                       struct error *err)
{
    const struct header *header = packed;
    const struct result result = {w->bias ? bias : NULL, w->residual ? residual : NULL, y};
    const int64_t count = w->height * w->width * w->c;
    bool taken;
    for (int64_t image = 0; image < w->n; image++)
        if (reach_largest(count, x + image * count) < header->limit &&
            run_image(lane, w, image, x, packed, &result, &taken, err) != 0)
            return -1;
    return 0;
}

/* ---- the kernel's gradient: the derivatives of the above ---- */

/* out [TILE] of a line of a tile of dy. */
VECTOR_INLINE void spread_output(const strip_values *y, strip_values *out)
{
    const strip_values even_p = y[0] + P2 * y[2], odd_p = P * y[1] + P2 * P * y[3];
    const strip_values even_q = y[0] + Q2 * y[2], odd_q = Q * y[1] + Q2 * Q * y[3];
    out[0] = y[0];
    out[1] = even_p + odd_p;
    out[2] = even_p - odd_p;
    out[3] = even_q + odd_q;
    out[4] = even_q - odd_q;
    out[5] = y[3];
}

/* As transform_tile, of dy. */
VECTOR_INLINE void transform_gradient_tile(const struct winograd *w, const float *dy,
                                           const struct place *place, float *matrices,
                                           strip_bits *largest)
{
    strip_values by_column[STEP][TILE], line[TILE];
    dy += place->image * w->height * w->width * w->k;
    for (int j = 0; j < STEP; j++) {
        for (int i = 0; i < STEP; i++) {
            const int64_t row = place->row + i, column = place->column + j;
            line[i] = (strip_values){0};
            if (row >= w->height || column >= w->width)
                continue;
            memcpy(&line[i], dy + (row * w->width + column) * w->k, sizeof line[i]);
            keep_largest(&line[i], largest);
        }
        spread_output(line, by_column[j]);
    }
    for (int i = 0; i < TILE; i++) {
        const strip_values row_of[STEP] = {by_column[0][i], by_column[1][i], by_column[2][i],
                                           by_column[3][i]};
        spread_output(row_of, line);
        for (int j = 0; j < TILE; j++)
            memcpy(matrices + (i * TILE + j) * w->block * w->k, &line[j], sizeof line[j]);
    }
}

/* As transform_input, of dy -> matrices [MATRICES,block,k]. */
VECTORISE static float transform_gradient(const struct winograd *w, const float *dy, int64_t first,
                                          float *matrices)
{
    strip_bits largest = {0};
    for (int64_t t = 0; t < w->block; t++, matrices += w->k) {
        const struct place place = place_of(w, first + t);
        if (first + t >= w->tiles)
            clear_tile(w->k, w->block * w->k, matrices);
        else
            for (int64_t i = 0; i < w->k; i += STRIP)
                transform_gradient_tile(w, dy + i, &place, matrices + i, &largest);
    }
    return largest_of(&largest);
}

/* out [3] of a line of sums. */
VECTOR_INLINE void gather_kernel(const strip_doubles *u, strip_doubles *out)
{
    const double p = (double)P, q = (double)Q, p2 = (double)P2, q2 = (double)Q2;
    const strip_doubles even_p = (u[1] + u[2]) * OF_P, even_q = (u[3] + u[4]) * OF_Q;
    out[0] = u[0] * OF_0 + even_p + even_q;
    out[1] = (u[1] - u[2]) * (p * OF_P) + (u[3] - u[4]) * (q * OF_Q);
    out[2] = even_p * p2 + even_q * q2 + u[5];
}

/* sums [MATRICES,c,k] -> dw [3,3,c,k], in f64 and rounded once. */
VECTORISE static void gather_gradient(int64_t c, int64_t k, const float *sums, float *dw)
{
    for (int64_t i = 0; i < c * k; i += STRIP) {
        strip_doubles by_column[TILE][3], line[TILE];
        strip_values values;
        for (int s = 0; s < TILE; s++) {
            for (int r = 0; r < TILE; r++) {
                memcpy(&values, sums + (r * TILE + s) * c * k + i, sizeof values);
                line[r] = __builtin_convertvector(values, strip_doubles);
            }
            gather_kernel(line, by_column[s]);
        }
        for (int r = 0; r < 3; r++) {
            const strip_doubles row[TILE] = {by_column[0][r], by_column[1][r], by_column[2][r],
                                             by_column[3][r], by_column[4][r], by_column[5][r]};
            gather_kernel(row, line);
            for (int s = 0; s < 3; s++) {
                values = __builtin_convertvector(line[s], strip_values);
                memcpy(dw + (r * 3 + s) * c * k + i, &values, sizeof values);
            }
        }
    }
}

/* Whether no sum over `count` products of such magnitudes comes to REACH_LIMIT on its way. */
static bool is_safe(float x, float dy, int64_t count)
{
    return x < REACH_LIMIT / GROWTH && dy < REACH_LIMIT / GROWTH &&
           x * dy < REACH_LIMIT / GRADIENT_GROWTH / (float)count;
}

int winograd_gradient(struct lane *lane, const struct winograd *w, const float *x, const float *dy,
                      float *dw, bool *taken, struct error *err)
{
    char *scratch = lane_scratch(lane, winograd_scratch_bytes(w), err);
    if (scratch == NULL)
        return -1;
    float *matrices = take(&scratch, w->multiply.bytes[0]);
    float *gradients = take(&scratch, w->multiply.bytes[1]);
    float *sums = take(&scratch, w->multiply.bytes[2]);
    float most_x = 0.0f, most_dy = 0.0f; /* so far: a tile has its neighbours' places, too */
    memset(sums, 0, w->multiply.bytes[2]);
    for (int64_t first = 0; first < w->tiles; first += w->block) {
        most_x = reach_larger(most_x, transform_input(w, x, first, w->tiles, matrices));
        most_dy = reach_larger(most_dy, transform_gradient(w, dy, first, gradients));
        *taken = is_safe(most_x, most_dy, w->tiles);
        if (!*taken)
            return 0;
        if (primitive_execute(&w->multiply, lane, (const void *[]){matrices, gradients, sums},
                              scratch, err) != 0)
            return -1;
    }
    gather_gradient(w->c, w->k, sums, dw);
    return 0;
}
