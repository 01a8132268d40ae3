/* The CPU as a device: what open.c opens. */
#ifndef NN_CPU_CPU_DEVICE_H
#define NN_CPU_CPU_DEVICE_H

#include "base/error.h"
#include "nn/device.h"

#include <stdio.h>

/* `threads` <= 0 takes all there are. */
int cpu_device_open(int threads, struct device **device, struct error *err);
/* As device_fingerprint(). */
int cpu_device_fingerprint(FILE *stream, struct error *err);

#endif
