#include "known.h"

#include "naive.h"

#include <math.h>
#include <stddef.h>

#include "tap.h"

float *known_read(struct known_text *golden, int64_t count)
{
    float *values = naive_new(count, sizeof(*values));
    for (int64_t i = 0; i < count; i++)
        values[i] = (float)known_number(golden);
    return values;
}

void known_compare(const char *what, const float *a, const float *b, int64_t count,
                   double tolerance, double floor)
{
    for (int64_t i = 0; i < count; i++) {
        double difference = fabs((double)a[i] - (double)b[i]);
        if (!(difference <= tolerance * fmax(fabs((double)b[i]), floor)))
            fail_msg("%s[%lld] is %.9g, should be %.9g", what, (long long)i, (double)a[i],
                     (double)b[i]);
    }
}
