#include "differ/differ_elements.h"

#include "base/json.h"

#include <math.h>
#include <string.h>

static bool is_real(enum npy_type type)
{
    return type == NPY_F32 || type == NPY_F64;
}

/* Steps between two numbers of sign and magnitude, `sign` being the bit of the one. Magnitudes grow
 * with the value, so they count steps from zero. */
static uint64_t steps(uint64_t a, uint64_t b, uint64_t sign)
{
    const uint64_t from = a & ~sign, to = b & ~sign;
    if ((a & sign) != (b & sign))
        return from + to;
    return from > to ? from - to : to - from;
}

static void add_real(struct element_difference *all, double a, double b, uint64_t ulp)
{
    if (isnan(a) || isnan(b)) {
        all->not_a_number++;
        return;
    }
    if (ulp > all->ulp)
        all->ulp = ulp;
    all->absolute = fmax(all->absolute, fabs(a - b));
}

static void add_f32(struct element_difference *all, const void *a, const void *b)
{
    uint32_t from, to;
    memcpy(&from, a, sizeof(from));
    memcpy(&to, b, sizeof(to));
    add_real(all, (double)*(const float *)a, (double)*(const float *)b,
             steps(from, to, UINT64_C(1) << 31));
}

static void add_f64(struct element_difference *all, const void *a, const void *b)
{
    uint64_t from, to;
    memcpy(&from, a, sizeof(from));
    memcpy(&to, b, sizeof(to));
    add_real(all, *(const double *)a, *(const double *)b, steps(from, to, UINT64_C(1) << 63));
}

static int64_t signed_at(enum npy_type type, const void *at)
{
    switch (type) {
    case NPY_I8: return *(const int8_t *)at;
    case NPY_I16: return *(const int16_t *)at;
    case NPY_I32: return *(const int32_t *)at;
    case NPY_I64: return *(const int64_t *)at;
    case NPY_U8: return *(const uint8_t *)at;
    case NPY_U16: return *(const uint16_t *)at;
    default: return *(const uint32_t *)at;
    }
}

static void add_whole(struct element_difference *all, enum npy_type type, const void *a,
                      const void *b)
{
    uint64_t from, to;
    bool above;
    if (type == NPY_U64) {
        from = *(const uint64_t *)a;
        to = *(const uint64_t *)b;
        above = from > to;
    } else {
        const int64_t x = signed_at(type, a), y = signed_at(type, b);
        from = (uint64_t)x;
        to = (uint64_t)y;
        above = x > y;
    }
    all->absolute = fmax(all->absolute, (double)(above ? from - to : to - from));
}

void elements_compare(enum npy_type type, const void *a, const void *b, int64_t count,
                      struct element_difference *difference)
{
    const size_t size = npy_type_size(type);
    struct element_difference all = {.first = -1};
    for (int64_t i = 0; i < count; i++) {
        const char *from = (const char *)a + (size_t)i * size;
        const char *to = (const char *)b + (size_t)i * size;
        if (memcmp(from, to, size) == 0)
            continue;
        if (all.differ++ == 0)
            all.first = i;
        if (type == NPY_F32)
            add_f32(&all, from, to);
        else if (type == NPY_F64)
            add_f64(&all, from, to);
        else
            add_whole(&all, type, from, to);
    }
    *difference = all;
}

/* ---- said ---- */

static int64_t product(int rank, const int64_t *shape)
{
    int64_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= shape[i];
    return count;
}

/* Where element `index` lies, along each axis. */
static void places(int64_t index, int rank, const int64_t *shape, int64_t place[NPY_MAX_RANK])
{
    for (int i = rank; i-- > 0;) {
        place[i] = index % shape[i];
        index /= shape[i];
    }
}

void elements_describe(const struct element_difference *difference, enum npy_type type, int rank,
                       const int64_t *shape, struct text *line)
{
    int64_t place[NPY_MAX_RANK];
    const int64_t of = product(rank, shape);
    places(difference->first, rank, shape, place);
    text_addf(line, "%lld of %lld element%s differ%s", (long long)difference->differ, (long long)of,
              of == 1 ? "" : "s", of == 1 ? "s" : "");
    if (difference->differ > difference->not_a_number && is_real(type))
        text_addf(line, ", by at most %llu ulp (%.3g)", (unsigned long long)difference->ulp,
                  difference->absolute);
    else if (!is_real(type))
        text_addf(line, ", by at most %.17g", difference->absolute);
    if (difference->not_a_number > 0)
        text_addf(line, ", %lld with NaN", (long long)difference->not_a_number);
    for (int i = 0; i < rank; i++)
        text_addf(line, "%s%lld", i == 0 ? ", the first at [" : ",", (long long)place[i]);
    if (rank > 0)
        text_add(line, "]");
}

json_t *elements_json(const struct element_difference *difference, enum npy_type type, int rank,
                      const int64_t *shape)
{
    int64_t place[NPY_MAX_RANK];
    json_t *first = json_array();
    places(difference->first, rank, shape, place);
    for (int i = 0; i < rank; i++)
        first = json_list_with(first, json_integer(place[i]));
    json_t *ulp = !is_real(type)                 ? json_null()
                  : difference->ulp <= INT64_MAX ? json_integer((json_int_t)difference->ulp)
                                                 : json_real((double)difference->ulp);
    return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}", "differ", (json_int_t)difference->differ,
                     "of", (json_int_t)product(rank, shape), "not_a_number",
                     (json_int_t)difference->not_a_number, "ulp", ulp, "absolute",
                     json_measured(difference->absolute), "first", first);
}
