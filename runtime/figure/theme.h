/* How all figures look: seaborn's whitegrid with room around it. Sizes in units of the canvas. */
#ifndef FIGURE_THEME_H
#define FIGURE_THEME_H

#include "figure/canvas.h"

static const struct colour THEME_INK = {0.15, 0.15, 0.15};
static const struct colour THEME_MUTED = {0.43, 0.43, 0.45};
static const struct colour THEME_FAINT = {0.66, 0.68, 0.72};
static const struct colour THEME_WHITE = {1, 1, 1};
static const struct colour THEME_RIGHT = {0.13, 0.50, 0.29};
static const struct colour THEME_WRONG = {0.75, 0.20, 0.19};

static const struct pen THEME_GRID = {.colour = {0.87, 0.88, 0.89}, .width = 1};
static const struct pen THEME_EDGE = {.colour = {0.74, 0.75, 0.77}, .width = 1};

#define THEME_MARGIN 22.0
#define THEME_TITLE_HEIGHT 34.0 /* from the top of a figure's title to what follows */

static const struct text_style THEME_TITLE = {
    .size = 15, .colour = {0.15, 0.15, 0.15}, .bold = true, .anchor = TEXT_TOP};
static const struct text_style THEME_SUBTITLE = {
    .size = 10.5, .colour = {0.43, 0.43, 0.45}, .anchor = TEXT_TOP};
static const struct text_style THEME_HEADING = {
    .size = 11.5, .colour = {0.15, 0.15, 0.15}, .bold = true, .anchor = TEXT_TOP};
static const struct text_style THEME_LABEL = {
    .size = 10.5, .colour = {0.15, 0.15, 0.15}, .align = TEXT_CENTRE, .anchor = TEXT_MIDDLE};
static const struct text_style THEME_TICK = {
    .size = 9.5, .colour = {0.3, 0.3, 0.32}, .align = TEXT_CENTRE, .anchor = TEXT_MIDDLE};

#endif
