#include "figure/font.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/uses.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FT_CONFIG_STANDARD_LIBRARY_H "figure/freetype_limits.h"
#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_OUTLINE_H
#include FT_TRUETYPE_TABLES_H

struct font {
    FT_Library library;
    FT_Face face;
    char *path;
    const char *const *folders;
    const char *file; /* borrowed, as font_folders are */
};

const char *const font_folders[] = {
    "/usr/share/fonts/truetype/dejavu",   /* Debian, Ubuntu */
    "/usr/share/fonts/dejavu-sans-fonts", /* Fedora */
    "/usr/share/fonts/TTF",               /* Arch */
    "/usr/share/fonts/truetype",          /* openSUSE */
    NULL,
};

/* The one place where FreeType's status becomes an error. */
static int check(FT_Error status, const char *call, struct error *err)
{
    if (status == 0)
        return 0;
    if (status == FT_Err_Out_Of_Memory)
        return error_set(err, ERR_MEMORY, "out of memory in freetype's %s", call);
    return error_set(err, ERR_DEVICE, "freetype's %s failed with status %d", call, (int)status);
}

static char *find(const char *const *folders, const char *file, struct error *err)
{
    for (size_t i = 0; folders[i] != NULL; i++) {
        char *path = file_join(folders[i], file, err);
        if (path == NULL || file_exists(path))
            return path;
        free(path);
    }
    error_set(err, ERR_IO, "font '%s' is missing: install the package fonts-dejavu-core", file);
    return NULL;
}

struct font *font_open(const char *const *folders, const char *file, struct error *err)
{
    struct font *font = NULL;
    char *path = find(folders, file, err);
    if (path == NULL || (font = memory_new(1, sizeof(*font), err)) == NULL)
        goto failed;
    if (check(FT_Init_FreeType(&font->library), "FT_Init_FreeType", err) < 0)
        goto failed;
    if (check(FT_New_Face(font->library, path, 0, &font->face), "FT_New_Face", err) < 0 ||
        !FT_IS_SCALABLE(font->face) || font->face->units_per_EM == 0) {
        error_set(err, ERR_FORMAT, "'%s' is not a font with outlines", path);
        goto failed;
    }
    font->path = path;
    font->folders = folders;
    font->file = file;
    return font;
failed:
    free(path);
    font_close(font);
    return NULL;
}

void font_close(struct font *font)
{
    if (font == NULL)
        return;
    if (font->face != NULL)
        FT_Done_Face(font->face);
    if (font->library != NULL)
        FT_Done_FreeType(font->library);
    free(font->path);
    free(font);
}

/* The next code point of UTF-8 (RFC 3629), U+FFFD for a byte that starts none. */
static uint32_t next_code_point(const char **text)
{
    static const struct {
        uint8_t mask, lead, more;
        uint32_t least;
    } forms[] = {{0x80, 0x00, 0, 0},
                 {0xe0, 0xc0, 1, 0x80},
                 {0xf0, 0xe0, 2, 0x800},
                 {0xf8, 0xf0, 3, 0x10000}};
    const uint8_t *bytes = (const uint8_t *)*text;
    *text += 1;
    for (size_t f = 0; f < sizeof(forms) / sizeof(forms[0]); f++) {
        if ((bytes[0] & forms[f].mask) != forms[f].lead)
            continue;
        uint32_t code = bytes[0] & (uint8_t)~forms[f].mask;
        for (unsigned i = 1; i <= forms[f].more; i++) {
            if ((bytes[i] & 0xc0) != 0x80) /* a NUL ends here too */
                return 0xfffd;
            code = code << 6 | (bytes[i] & 0x3f);
        }
        if (code < forms[f].least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
            return 0xfffd;
        *text += forms[f].more;
        return code;
    }
    return 0xfffd;
}

/* Steps to the next glyph: its index, and in *pen, font units, where it starts. */
static int next_glyph(const struct font *font, const char **text, FT_UInt *glyph, FT_Pos *pen,
                      struct error *err)
{
    FT_UInt previous = *glyph;
    *glyph = FT_Get_Char_Index(font->face, next_code_point(text));
    if (previous != 0 && FT_HAS_KERNING(font->face)) {
        FT_Vector kerning;
        if (check(FT_Get_Kerning(font->face, previous, *glyph, FT_KERNING_UNSCALED, &kerning),
                  "FT_Get_Kerning", err) < 0)
            return -1;
        *pen += kerning.x;
    }
    return check(FT_Load_Glyph(font->face, *glyph, FT_LOAD_NO_SCALE), "FT_Load_Glyph", err);
}

int font_advance(const struct font *font, const char *text, double *advance, struct error *err)
{
    FT_Pos pen = 0;
    FT_UInt glyph = 0;
    while (*text != '\0') {
        if (next_glyph(font, &text, &glyph, &pen, err) < 0)
            return -1;
        pen += font->face->glyph->metrics.horiAdvance;
    }
    *advance = (double)pen / font->face->units_per_EM;
    return 0;
}

bool font_writes(const struct font *font, const char *text)
{
    /* Hebrew to Arabic, the scripts of India to Burma, Khmer, and forms of the first for
     * presentation. */
    static const uint32_t shaped[][2] = {
        {0x0590, 0x08ff}, {0x0900, 0x109f}, {0x1780, 0x17ff}, {0xfb1d, 0xfdff}, {0xfe70, 0xfefc}};
    while (*text != '\0') {
        uint32_t point = next_code_point(&text);
        for (size_t i = 0; i < sizeof(shaped) / sizeof(shaped[0]); i++)
            if (point >= shaped[i][0] && point <= shaped[i][1])
                return false;
        if (FT_Get_Char_Index(font->face, point) == 0)
            return false;
    }
    return true;
}

/* FNV-1a, a 64-bit word at a time. */
static uint64_t mix(uint64_t hash, int64_t value)
{
    return (hash ^ (uint64_t)value) * 0x100000001b3u;
}

/* A distance in steps of 1/8 em: outlines of equally many points differ by more where it is seen in
 * a label. */
static int64_t coarse(const struct font *font, FT_Pos distance)
{
    const FT_Pos em = font->face->units_per_EM;
    return (distance * 8 + em / 2 + 8 * em) / em;
}

/* Each glyph from its own left edge: kerning, which letters of another script lack, is not seen
 * either; blanks between are. */
int font_look(const struct font *font, const char *text, uint64_t *look, struct error *err)
{
    const FT_GlyphSlot slot = font->face->glyph;
    FT_Pos pen = 0, blank = 0;
    FT_UInt glyph = 0;
    bool inked = false;
    uint64_t hash = 0xcbf29ce484222325u;
    while (*text != '\0') {
        if (next_glyph(font, &text, &glyph, &pen, err) < 0)
            return -1;
        if (slot->outline.n_points == 0) {
            blank += slot->metrics.horiAdvance;
            continue;
        }
        hash = mix(hash, inked ? blank * 4 / font->face->units_per_EM : 0);
        hash = mix(hash, slot->outline.n_points);
        for (int i = 0; i < slot->outline.n_points; i++) {
            const FT_Vector *point = &slot->outline.points[i];
            hash = mix(mix(hash, coarse(font, point->x - slot->metrics.horiBearingX)),
                       coarse(font, point->y));
        }
        inked = true;
        blank = 0;
    }
    *look = hash;
    return 0;
}

int font_ink(const struct font *font, const char *text, double box[4], struct error *err)
{
    const double em = font->face->units_per_EM;
    const FT_GlyphSlot slot = font->face->glyph;
    FT_Pos pen = 0;
    FT_UInt glyph = 0;
    bool inked = false;
    box[0] = box[1] = box[2] = box[3] = 0;
    while (*text != '\0') {
        FT_BBox ink;
        if (next_glyph(font, &text, &glyph, &pen, err) < 0)
            return -1;
        FT_Outline_Get_CBox(&slot->outline, &ink);
        const double own[4] = {(double)(pen + ink.xMin) / em, -(double)ink.yMax / em,
                               (double)(pen + ink.xMax) / em, -(double)ink.yMin / em};
        pen += slot->metrics.horiAdvance;
        if (slot->outline.n_points == 0)
            continue;
        for (int i = 0; i < 4; i++)
            if (!inked || (i < 2 ? own[i] < box[i] : own[i] > box[i]))
                box[i] = own[i];
        inked = true;
    }
    return 0;
}

double font_cap_height(const struct font *font)
{
    const TT_OS2 *os2 = FT_Get_Sfnt_Table(font->face, FT_SFNT_OS2);
    if (os2 == NULL || os2->version < 2 || os2->sCapHeight <= 0)
        return 0.73;
    return (double)os2->sCapHeight / font->face->units_per_EM;
}

/* Where an outline's point goes on the sheet, y downwards. */
struct tracer {
    cairo_t *cairo;
    double x, y, scale;
    double last_x, last_y;
    bool open;
};

static void place(const struct tracer *tracer, const FT_Vector *point, double *x, double *y)
{
    *x = tracer->x + (double)point->x * tracer->scale;
    *y = tracer->y - (double)point->y * tracer->scale;
}

static void keep(struct tracer *tracer, double x, double y)
{
    tracer->last_x = x;
    tracer->last_y = y;
}

static int trace_move(const FT_Vector *to, void *user)
{
    struct tracer *tracer = user;
    double x, y;
    place(tracer, to, &x, &y);
    if (tracer->open)
        cairo_close_path(tracer->cairo);
    cairo_move_to(tracer->cairo, x, y);
    keep(tracer, x, y);
    tracer->open = true;
    return 0;
}

static int trace_line(const FT_Vector *to, void *user)
{
    struct tracer *tracer = user;
    double x, y;
    place(tracer, to, &x, &y);
    cairo_line_to(tracer->cairo, x, y);
    keep(tracer, x, y);
    return 0;
}

/* A quadratic curve raised to the cubic that cairo draws. */
static int trace_conic(const FT_Vector *control, const FT_Vector *to, void *user)
{
    struct tracer *tracer = user;
    double cx, cy, x, y;
    place(tracer, control, &cx, &cy);
    place(tracer, to, &x, &y);
    cairo_curve_to(tracer->cairo, tracer->last_x + (cx - tracer->last_x) * 2 / 3,
                   tracer->last_y + (cy - tracer->last_y) * 2 / 3, x + (cx - x) * 2 / 3,
                   y + (cy - y) * 2 / 3, x, y);
    keep(tracer, x, y);
    return 0;
}

static int trace_cubic(const FT_Vector *first, const FT_Vector *second, const FT_Vector *to,
                       void *user)
{
    struct tracer *tracer = user;
    double ax, ay, bx, by, x, y;
    place(tracer, first, &ax, &ay);
    place(tracer, second, &bx, &by);
    place(tracer, to, &x, &y);
    cairo_curve_to(tracer->cairo, ax, ay, bx, by, x, y);
    keep(tracer, x, y);
    return 0;
}

int font_trace(const struct font *font, const char *text, double x, double y, double size,
               cairo_t *cairo, struct error *err)
{
    static const FT_Outline_Funcs funcs = {trace_move, trace_line, trace_conic, trace_cubic, 0, 0};
    FT_GlyphSlot slot = font->face->glyph;
    FT_Pos pen = 0;
    FT_UInt glyph = 0;
    double scale = size / font->face->units_per_EM;
    while (*text != '\0') {
        if (next_glyph(font, &text, &glyph, &pen, err) < 0)
            return -1;
        struct tracer tracer = {
            .cairo = cairo, .x = x + (double)pen * scale, .y = y, .scale = scale};
        if (check(FT_Outline_Decompose(&slot->outline, &funcs, &tracer), "FT_Outline_Decompose",
                  err) < 0)
            return -1;
        if (tracer.open)
            cairo_close_path(cairo);
        pen += slot->metrics.horiAdvance;
    }
    return 0;
}

int font_print_identity(const struct font *font, FILE *stream, struct error *err)
{
    const char *name = FT_Get_Postscript_Name(font->face);
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    if (digest_of_file(font->path, &digest, err) < 0)
        return -1;
    digest_to_hex(&digest, hex);
    fprintf(stream, "font.%s %s\n", name != NULL ? name : "unnamed", hex);
    for (size_t i = 0; font->folders[i] != NULL; i++) {
        char *path = file_join(font->folders[i], font->file, err);
        if (path == NULL)
            return -1;
        bool found = strcmp(path, font->path) == 0;
        uses_print(stream, path);
        free(path);
        if (found)
            break;
    }
    return 0;
}

void font_print_library(const struct font *font, FILE *stream)
{
    FT_Int major = 0, minor = 0, patch = 0;
    FT_Library_Version(font->library, &major, &minor, &patch);
    fprintf(stream, "freetype %d.%d.%d\n", major, minor, patch);
}
