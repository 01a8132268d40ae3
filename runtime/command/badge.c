#include "command/badge.h"

#include "page/escape.h"

enum { FONT_PIXELS = 11, EM = 2048, MARGIN = 6, HEIGHT = 20, FIRST = ' ', LAST = '~' };

/* The advances of DejaVu Sans, from ' ' to '~'; Verdana's are nearly these. */
static const short advances[LAST - FIRST + 1] = {
    651,  821,  942,  1716, 1303, 1946, 1597, 563,  799,  799,  1024, 1716, 651,  739,  651,  690,
    1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 1303, 690,  690,  1716, 1716, 1716, 1087,
    2048, 1401, 1405, 1430, 1577, 1294, 1178, 1587, 1540, 604,  604,  1343, 1141, 1767, 1532, 1612,
    1235, 1612, 1423, 1300, 1251, 1499, 1401, 2025, 1403, 1251, 1403, 799,  690,  799,  1716, 1024,
    1024, 1255, 1300, 1126, 1300, 1260, 721,  1300, 1298, 569,  569,  1186, 569,  1995, 1298, 1253,
    1300, 1300, 842,  1067, 803,  1298, 1212, 1675, 1212, 1212, 1075, 1303, 690,  1303, 1716,
};

/* In pixels. What is not in the table is as wide as an m; textLength makes any font keep to it. */
static size_t width_of(const char *string)
{
    size_t sum = 0;
    for (const char *at = string; *at != '\0'; at++) {
        const bool plain = *at >= FIRST && *at <= LAST;
        const bool begins = ((unsigned char)*at & 0xc0) != 0x80;
        sum += begins ? (size_t)advances[(plain ? *at : 'm') - FIRST] : 0;
    }
    return (sum * FONT_PIXELS + EM - 1) / EM;
}

static void add_words(struct text *svg, size_t x, size_t width, const char *words)
{
    text_addf(svg, "<text x=\"%zu\" y=\"14\" textLength=\"%zu\">", x, width);
    escape_xml(svg, words);
    text_add(svg, "</text>\n");
}

void badge_svg(const char *label, const char *value, enum badge_verdict verdict, struct text *svg)
{
    static const char *const colours[] = {"#1565c0", "#2e7d32", "#c62828"};
    static const char *const says[] = {"", " (met)", " (missed)"};
    const size_t first = width_of(label), second = width_of(value);
    const size_t left = first + 2 * MARGIN, right = second + 2 * MARGIN;
    struct text name = {0};
    text_addf(&name, "%s: %s%s", label, value, says[verdict]);
    text_addf(svg,
              "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%zu\" height=\"%d\" role=\"img\" "
              "aria-label=\"",
              left + right, HEIGHT);
    escape_xml(svg, text_string(&name));
    text_add(svg, "\">\n<title>");
    escape_xml(svg, text_string(&name));
    text_addf(
        svg,
        "</title>\n<clipPath id=\"r\"><rect width=\"%zu\" height=\"%d\" rx=\"3\"/></clipPath>\n"
        "<g clip-path=\"url(#r)\"><rect width=\"%zu\" height=\"%d\" fill=\"#555\"/>"
        "<rect x=\"%zu\" width=\"%zu\" height=\"%d\" fill=\"%s\"/></g>\n"
        "<g fill=\"#fff\" font-family=\"DejaVu Sans,Verdana,sans-serif\" font-size=\"%d\">\n",
        left + right, HEIGHT, left, HEIGHT, left, right, HEIGHT, colours[verdict], FONT_PIXELS);
    add_words(svg, MARGIN, first, label);
    add_words(svg, left + MARGIN, second, value);
    text_add(svg, "</g>\n</svg>\n");
    svg->failed |= name.failed;
    text_release(&name);
}
