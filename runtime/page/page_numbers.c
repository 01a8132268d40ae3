#include "page/page_numbers.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PERCENT_DECIMALS = 2, MOST_DECIMALS = 15 };

void page_percent(struct text *text, double fraction)
{
    page_percent_with(text, fraction, PERCENT_DECIMALS);
}

void page_percent_with(struct text *text, double fraction, int decimals)
{
    if (isfinite(fraction))
        text_addf(text, "%.*f%%", decimals, 100 * fraction);
    else
        text_add(text, "\xe2\x80\x93");
}

int page_decimals_apart(double fraction, double bound)
{
    int decimals = PERCENT_DECIMALS;
    for (; isfinite(bound) && fraction != bound && decimals < MOST_DECIMALS; decimals++) {
        char shown[64], shown_bound[64];
        snprintf(shown, sizeof(shown), "%.*f", decimals, 100 * fraction);
        snprintf(shown_bound, sizeof(shown_bound), "%.*f", decimals, 100 * bound);
        if (strcmp(shown, shown_bound) != 0)
            break;
    }
    return decimals;
}

void page_interval(struct text *text, double hits, double count)
{
    static const double z = 1.959963984540054; /* the normal distribution's quantile of 0.975 */
    const double share = hits / count, shrink = 1 + z * z / count;
    const double middle = (share + z * z / (2 * count)) / shrink;
    const double half =
        z / shrink * sqrt(share * (1 - share) / count + z * z / (4 * count * count));
    if (isfinite(middle) && isfinite(half))
        text_addf(text, "%.1f%% to %.1f%%", 100 * fmax(middle - half, 0),
                  100 * fmin(middle + half, 1));
    else
        text_add(text, "\xe2\x80\x93");
}

void page_real(struct text *text, double value)
{
    if (isnan(value))
        text_add(text, "\xe2\x80\x93");
    else
        text_addf(text, "%.4f", value);
}

void page_count(struct text *text, int64_t number)
{
    char digits[32];
    int length = snprintf(digits, sizeof(digits), "%lld", (long long)number);
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0 && digits[i - 1] != '-')
            text_add(text, ",");
        text_append(text, digits + i, 1);
    }
}

void page_size(struct text *text, int64_t bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double size = (double)bytes;
    int unit = 0;
    while (size >= 999.5 && unit < 4) {
        size /= 1000;
        unit++;
    }
    text_addf(text, unit == 0 || size >= 99.95 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}
