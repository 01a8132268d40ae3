#include "card_bed.h"

#include "twin.h"

#include "tap.h"

int card_bed_open(struct device **device, struct error *err)
{
    return twin_open(4, device, err);
}

double card_bed_limit(enum dtype dtype)
{
    return dtype == DTYPE_BF16 ? 5e-2 : 1e-5;
}

void card_bed_assert_closed(void)
{
    assert_int_equal(twin_held(), 0);
}
