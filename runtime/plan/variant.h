/* Stages of a group are called "train@a"; "train@*" stands for several of them,
 * where * is any characters, also none. */
#ifndef PLAN_VARIANT_H
#define PLAN_VARIANT_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the first `size` bytes of `word` have an @ and a * behind it; then *group becomes the
 * size of what stands before the @. */
bool variant_is_pattern(const char *word, size_t size, size_t *group);

/* Whether a stage's name is one that such a pattern of `size` bytes stands for. */
bool variant_matches(const char *pattern, size_t size, const char *name);

#endif
