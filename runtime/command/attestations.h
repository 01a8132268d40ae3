/* Where attestations lie, for `attest`, which writes them, and `verify --key`:
 *
 *   attestations/<profile>/<stage>.intoto.jsonl    an envelope of what is said of its outs
 *   attestations/<profile>/<stage>.<out>.sig       the signature of an out that is a model
 *
 * The folder is the project's, or what --attestations names; without a profile it is "(none)".
 */
#ifndef COMMAND_ATTESTATIONS_H
#define COMMAND_ATTESTATIONS_H

#include "command/options.h"
#include "runner/lockfile.h"

/* `out` NULL: of the stage itself. free() it; NULL without memory. */
char *attestations_path(const struct options *options, const struct lock_section *section,
                        const char *stage, const char *out, struct error *err);

#endif
