/* DejaVu Sans as outlines. Glyphs are traced into cairo's path in the font's own units, unhinted,
 * and filled like any shape: neither fontconfig nor a renderer's settings can change them.
 */
#ifndef FIGURE_FONT_H
#define FIGURE_FONT_H

#include "base/error.h"

#include <cairo.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct font;

/* Where the systems we know keep the fonts; ends with NULL. */
extern const char *const font_folders[];

/* Opens `file` in the first of `folders` that has it. NULL with an error that names the package if
 * none has. Both stay the caller's and must outlive the font. */
struct font *font_open(const char *const *folders, const char *file, struct error *err);
void font_close(struct font *font);

/* In ems: the advance of a line of UTF-8, with kerning, and the height of a capital. */
int font_advance(const struct font *font, const char *text, double *advance, struct error *err);
double font_cap_height(const struct font *font);

/* Whether every character has a glyph, and none is of a script whose letters join, stack or run
 * from the right: a row of single glyphs cannot write those. */
bool font_writes(const struct font *font, const char *text);

/* A number for what a line looks like: equal for texts whose glyphs differ by nothing that is seen
 * in a label, whatever their characters (a Latin and a Cyrillic a) or kerning. */
int font_look(const struct font *font, const char *text, uint64_t *look, struct error *err);

/* Left, top, right and bottom of the ink of a line, in ems from the start of the baseline, y
 * downwards; all 0 where there is none. */
int font_ink(const struct font *font, const char *text, double box[4], struct error *err);

/* Appends the outlines of a line to the path; the baseline starts at (x, y), one em is `size`. */
int font_trace(const struct font *font, const char *text, double x, double y, double size,
               cairo_t *cairo, struct error *err);

/* A `name value` line each: the font file's digest, with `uses` lines for it and for where another
 * would be found first; and FreeType's version. */
int font_print_identity(const struct font *font, FILE *stream, struct error *err);
void font_print_library(const struct font *font, FILE *stream);

#endif
