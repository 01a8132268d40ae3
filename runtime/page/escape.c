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

void escape_html_dotted(struct text *text, const char *name)
{
    for (; *name != '\0'; name++) {
        escape_html(text, (const char[2]){*name, '\0'});
        text_add(text, name[0] == '.' && name[1] != '\0' ? "<wbr>" : "");
    }
}

void escape_html_metric(struct text *text, const char *stage, const char *metric)
{
    escape_html(text, stage);
    text_add(text, ".<wbr>");
    escape_html_dotted(text, metric);
}

void escape_xml(struct text *text, const char *bytes)
{
    struct text clean = {0};
    text_add_clean(&clean, bytes, strlen(bytes));
    /* U+FFFE and U+FFFF are characters of UTF-8, but none of XML. */
    for (char *at = clean.data; at != NULL && (at = strstr(at, "\xef\xbf")) != NULL; at += 3)
        if (at[2] == '\xbe' || at[2] == '\xbf')
            at[2] = '\xbd';
    escape_html(text, text_string(&clean));
    text->failed |= clean.failed;
    text_release(&clean);
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
