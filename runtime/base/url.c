#include "base/url.h"

#include <string.h>
#include <strings.h>

enum { NAME_SIZE = 64 };

static const char mask[] = "***";

/* ---- parameters ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* "X-Amz%2DSignature" as "xamzsignature": small letters and digits, escapes decoded. Of a long name
 * the end, which says what it is, is kept. */
static void bare_name(const char *name, size_t size, char bare[NAME_SIZE])
{
    size_t used = 0;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        if (c == '%' && i + 2 < size && hex_digit(name[i + 1]) >= 0 &&
            hex_digit(name[i + 2]) >= 0) {
            c = (char)(hex_digit(name[i + 1]) << 4 | hex_digit(name[i + 2]));
            i += 2;
        }
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')))
            continue;
        if (used == NAME_SIZE - 1)
            memmove(bare, bare + 1, --used);
        bare[used++] = c;
    }
    bare[used] = '\0';
}

static bool is_secret_name(const char *name, size_t size)
{
    static const char *const whole[] = {"sig",  "key", "auth", "authorization",
                                        "pass", "pwd", "jwt"};
    static const char *const starts[] = {"xamz", "xgoog"};
    static const char *const ends[] = {"token",      "secret",     "password",   "passwd",
                                       "passphrase", "signature",  "apikey",     "accesskey",
                                       "secretkey",  "authkey",    "privatekey", "accesskeyid",
                                       "credential", "credentials"};
    char bare[NAME_SIZE];
    bare_name(name, size, bare);
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        if (strcmp(bare, whole[i]) == 0)
            return true;
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (strncmp(bare, starts[i], strlen(starts[i])) == 0)
            return true;
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        size_t length = strlen(bare), end = strlen(ends[i]);
        if (length >= end && strcmp(bare + length - end, ends[i]) == 0)
            return true;
    }
    return false;
}

/* ---- the parts of a URL ---- */

static size_t url_size(const char *rest)
{
    size_t size = 0;
    while ((unsigned char)rest[size] > ' ' && rest[size] != 127 &&
           strchr("\"<>", rest[size]) == NULL)
        size++;
    return size;
}

static bool user_is_no_secret(const char *text, const char *colon)
{
    static const char *const schemes[] = {"ssh", "sftp", "git", "svn", "rsync"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        const size_t length = strlen(schemes[i]);
        if ((size_t)(colon - text) >= length &&
            strncasecmp(colon - length, schemes[i], length) == 0)
            return true;
    }
    return false;
}

/* Bytes of userinfo before its @, of a URL's `size` bytes after "://"; 0 for none. A password with
 * a slash in it, which is no URL, is one still: what looks like a port is no number. */
static size_t userinfo_size(const char *rest, size_t size)
{
    size_t authority = strcspn(rest, "/?#");
    authority = authority < size ? authority : size;
    const char *at = memrchr(rest, '@', authority);
    if (at != NULL)
        return (size_t)(at - rest);
    const char *colon = rest[0] == '[' ? NULL : memchr(rest, ':', authority);
    if (colon == NULL || strspn(colon + 1, "0123456789") >= authority - (size_t)(colon + 1 - rest))
        return 0;
    at = memrchr(rest, '@', size);
    return at != NULL ? (size_t)(at - rest) : 0;
}

/* `shown` is NULL where nobody wants to see it. */
static void show(struct text *shown, const char *bytes, size_t size)
{
    if (shown != NULL)
        text_append(shown, bytes, size);
}

/* From ? or # on. */
static bool scan_parameters(const char *rest, size_t size, struct text *shown)
{
    bool found = false;
    size_t i = 0;
    while (i < size) {
        size_t begin = i;
        i += strspn(rest + i, "?#&;");
        const char *name = rest + i;
        size_t length = strcspn(name, "=?#&;"), whole = strcspn(name, "?#&;");
        length = length < size - i ? length : size - i;
        whole = whole < size - i ? whole : size - i;
        bool secret = whole > length + 1 && is_secret_name(name, length);
        found = found || secret;
        show(shown, rest + begin, i - begin + (secret ? length + 1 : whole));
        show(shown, mask, secret ? strlen(mask) : 0);
        i += whole;
    }
    return found;
}

/* `rest` is what follows "://" in `text`. */
static bool scan_url(const char *text, const char *rest, size_t size, struct text *shown)
{
    bool found = false;
    size_t user = userinfo_size(rest, size), from = 0;
    if (user > 0) {
        found = memchr(rest, ':', user) != NULL || !user_is_no_secret(text, rest - 3);
        show(shown, mask, found ? strlen(mask) : 0);
        from = found ? user : 0;
    }
    size_t query = user + strcspn(rest + user, "?#;"); /* or a parameter of the path */
    query = query < size ? query : size;
    show(shown, rest + from, query - from);
    return scan_parameters(rest + query, size - query, shown) || found;
}

static bool scan(const char *text, struct text *shown)
{
    bool found = false;
    const char *from = text, *mark;
    while ((mark = strstr(from, "://")) != NULL) {
        const char *rest = mark + 3;
        size_t size = url_size(rest);
        const char *inner = strstr(rest, "://"); /* in a parameter */
        if (inner != NULL && inner < rest + size)
            size = (size_t)(inner - rest);
        show(shown, from, (size_t)(rest - from));
        found |= scan_url(text, rest, size, shown);
        from = rest + size;
    }
    show(shown, from, strlen(from));
    return found;
}

bool url_has_secret(const char *text)
{
    return scan(text, NULL);
}

void url_add_shown(struct text *shown, const char *text)
{
    scan(text, shown);
}
