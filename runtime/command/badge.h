/* A badge for a README: a label and a value in a small picture of its own, SVG. */
#ifndef COMMAND_BADGE_H
#define COMMAND_BADGE_H

#include "base/text.h"

enum badge_verdict { BADGE_NO_BOUND, BADGE_MET, BADGE_MISSED };

void badge_svg(const char *label, const char *value, enum badge_verdict verdict, struct text *svg);

#endif
