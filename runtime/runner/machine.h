/* The machine that a run is on, for its record: for people, in no key. */
#ifndef RUNNER_MACHINE_H
#define RUNNER_MACHINE_H

#include <jansson.h>

/* {"processor": "AMD EPYC ...", "processors": 2, "memory": 25769803776, "system": "Linux 6.1.0
 * x86_64"}; the first is "" where the kernel doesn't name it. NULL without memory. */
json_t *machine_json(void);

#endif
