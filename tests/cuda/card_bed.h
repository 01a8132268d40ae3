/* The card that networks are tested on: the twin in `make test`, a real one in ci/gpu. */
#ifndef TESTS_CARD_BED_H
#define TESTS_CARD_BED_H

#include "nn/device.h"

#include <stdbool.h>
#include <stddef.h>

int card_bed_open(struct device **device, struct error *err);
/* How far results may be from the CPU's, as a share of the largest. Once a sum in another order is
 * rounded to the other of two bf16, what follows differs by as much as bf16 differs from f32: of
 * mobilenet_v2's last map by 4%. */
double card_bed_limit(enum dtype dtype);
/* Fails the test where something of a device that was closed is still held. */
void card_bed_assert_closed(void);

#endif
