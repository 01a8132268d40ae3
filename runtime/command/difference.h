/* What differs between two sides (side.h), as JSON that text, page and programs are made from:
 *
 *   {"schema": 1, "a": {"name", "started", "profile", "sets"}, "b": {...},
 *    "params": [{"name", "a", "b", "stages": [name, ...]}],
 *    "metrics": [{"stage", "metric", "a", "b", "difference", "better"}],
 *    "stages": [{"name", "state", "changes": [{"component", "a", "b"}], "known",
 *                "seconds": {"a", "b"}, "cached": {"a", "b"},
 *                "outs": [{"name", "equal", "a", "b"}]}]}
 *
 * "state" of a stage is equal, changed, added or removed; "known" is false where the parts of a key
 * can't be read any more. Values of params are texts, as in a key (JSON); null where absent. Of
 * metrics all numbers are listed, also equal ones: "better" says whether b is better than a, null
 * where they are equal or nobody says which way is better. Outs are digests.
 */
#ifndef COMMAND_DIFFERENCE_H
#define COMMAND_DIFFERENCE_H

#include "command/side.h"

/* NULL with an error. json_decref() it. */
json_t *difference_make(const struct plan *plan, const struct side *a, const struct side *b,
                        struct error *err);

/* As people read it, 80 columns wide where names let it. */
void difference_text(const json_t *difference, struct text *text);

/* For the summary of a CI's job: tables of Markdown. difference_markdown.c. */
void difference_markdown(const json_t *difference, struct text *text);
/* The line about pictures, in both. */
void difference_pictures(const json_t *pictures, struct text *text);

#endif
