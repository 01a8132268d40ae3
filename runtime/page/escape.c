#include "page/escape.h"

#include <string.h>

void escape_html(struct text *text, const char *string)
{
    for (const char *at = string; *at != '\0'; at++) {
        switch (*at) {
        case '&': text_add(text, "&amp;"); break;
        case '<': text_add(text, "&lt;"); break;
        case '>': text_add(text, "&gt;"); break;
        case '"': text_add(text, "&quot;"); break;
        case '\'': text_add(text, "&#39;"); break;
        case '\n':
        case '\t': text_append(text, at, 1); break;
        default:
            if ((unsigned char)*at < 0x20 || *at == 0x7f)
                text_add(text, "\xef\xbf\xbd");
            else
                text_append(text, at, 1);
        }
    }
}

void escape_markdown(struct text *text, const char *string)
{
    for (const char *at = string; *at != '\0'; at++) {
        if (*at == '<')
            text_add(text, "&lt;");
        else if (*at == '&')
            text_add(text, "&amp;");
        else if ((unsigned char)*at < 0x20 || *at == 0x7f)
            text_add(text, " ");
        else if (strchr("\\`*_{}[]>#|!~$", *at) != NULL)
            text_addf(text, "\\%c", *at);
        else
            text_append(text, at, 1);
    }
}

void escape_base64(struct text *text, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t group = (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? bytes[i + 2] : 0);
        const char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                              left > 1 ? digits[group >> 6 & 63] : '=',
                              left > 2 ? digits[group & 63] : '='};
        text_append(text, four, 4);
    }
}
