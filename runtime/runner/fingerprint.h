/* What of the machine the bits of an executable's outs depend on: the output
 * of `EXE --fingerprint DEVICE`, one `name value` a line. Asked once for each
 * executable and state of the machine, and remembered in cache/fingerprints.json,
 * so that a run with nothing to do starts no process.
 *
 * Only an executable that `cmd` names by its path, and whose bytes contain both
 * "--fingerprint" and "REPRISE_STAGE", is asked: another program would take the
 * words for work. Where the answer fails, is late or is anything else, the key
 * is not known, and that is an error.
 */
#ifndef RUNNER_FINGERPRINT_H
#define RUNNER_FINGERPRINT_H

#include "store/store.h"

struct fingerprints;

int fingerprints_open(struct store *store, const char *device, struct fingerprints **fingerprints,
                      struct error *err);

/* Saves what is new. */
void fingerprints_close(struct fingerprints *fingerprints);

/* The lines, "" where there are none; valid until close. NULL with an error. */
const char *fingerprint_of(struct fingerprints *fingerprints, const char *executable,
                           const struct digest *digest, struct error *err);

#endif
