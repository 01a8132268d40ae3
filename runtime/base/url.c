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
    static const char *const whole[] = {"sig",  "key",   "auth",      "authorization", "pass",
                                        "jwt",  "code",  "ticket",    "otp",           "totp",
                                        "pin",  "sid",   "session",   "bearer",        "hmac",
                                        "cred", "creds", "assertion", "samlresponse"};
    static const char *const starts[] = {"xamz", "xgoog"};
    static const char *const ends[] = {
        "token",      "secret",      "password",  "passwd",          "passphrase", "signature",
        "apikey",     "accesskey",   "secretkey", "authkey",         "privatekey", "accesskeyid",
        "credential", "credentials", "pwd",       "authcode",        "accesscode", "passcode",
        "sessionid",  "sessionkey",  "sharedkey", "subscriptionkey", "functionkey"};
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

/* Whether `name` is the scheme whose colon is `colon`. */
static bool is_scheme(const char *text, const char *colon, const char *name)
{
    const size_t length = strlen(name);
    return (size_t)(colon - text) >= length && strncasecmp(colon - length, name, length) == 0;
}

static bool user_is_no_secret(const char *text, const char *colon)
{
    static const char *const schemes[] = {"ssh", "sftp", "git", "svn", "rsync"};
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++)
        if (is_scheme(text, colon, schemes[i]))
            return true;
    return false;
}

/* Bytes of userinfo before its @, of a URL's `size` bytes after "//"; 0 for none. A password with
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

/* Called with each secret, from left to right. */
typedef void visit_fn(void *arg, const char *secret, size_t size);

/* From ? or # on. */
static void visit_parameters(const char *rest, size_t size, visit_fn *visit, void *arg)
{
    size_t i = 0;
    while (i < size) {
        i += strspn(rest + i, "?#&;");
        if (i >= size)
            return;
        const char *name = rest + i;
        size_t length = strcspn(name, "=?#&;"), whole = strcspn(name, "?#&;");
        length = length < size - i ? length : size - i;
        whole = whole < size - i ? whole : size - i;
        if (whole > length + 1 && is_secret_name(name, length))
            visit(arg, name + length + 1, whole - length - 1);
        i += whole;
    }
}

/* `rest` is what follows the slashes; `colon` that of the scheme, or NULL. */
static void visit_url(const char *text, const char *colon, const char *rest, size_t size,
                      visit_fn *visit, void *arg)
{
    size_t user = userinfo_size(rest, size);
    if (user > 0 &&
        (memchr(rest, ':', user) != NULL || colon == NULL || !user_is_no_secret(text, colon)))
        visit(arg, rest, user);
    size_t query = user + strcspn(rest + user, "?#;"); /* or a parameter of the path */
    query = query < size ? query : size;
    visit_parameters(rest + query, size - query, visit, arg);
}

static bool is_of_a_path(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("/._-~%+@", c) != NULL) || (unsigned char)c >= 128;
}

/* The two slashes of the next URL: behind a colon, or, where the scheme is left out, behind nothing
 * that would make them those of a path. */
static const char *find_slashes(const char *text, const char *from)
{
    const char *slashes = strstr(from, "//");
    while (slashes != NULL && slashes > text && is_of_a_path(slashes[-1]))
        slashes = strstr(slashes + 1, "//");
    return slashes;
}

static void visit_secrets(const char *text, visit_fn *visit, void *arg)
{
    const char *slashes = find_slashes(text, text);
    while (slashes != NULL) {
        const char *colon = slashes > text && slashes[-1] == ':' ? slashes - 1 : NULL;
        const char *rest = slashes + 2;
        /* One slash more than there should be is forgiven by those who fetch. */
        if (colon == NULL || !is_scheme(text, colon, "file"))
            rest += strspn(rest, "/");
        size_t size = url_size(rest);
        slashes = find_slashes(text, rest);
        if (slashes != NULL && slashes < rest + size) /* in a parameter */
            size = (size_t)(slashes - rest);
        visit_url(text, colon, rest, size, visit, arg);
    }
}

static void note_secret(void *arg, const char *secret, size_t size)
{
    (void)secret;
    (void)size;
    *(bool *)arg = true;
}

bool url_has_secret(const char *text)
{
    bool found = false;
    visit_secrets(text, note_secret, &found);
    return found;
}

struct showing {
    struct text *shown;
    const char *next; /* to be shown */
};

static void show_mask(void *arg, const char *secret, size_t size)
{
    struct showing *showing = arg;
    text_append(showing->shown, showing->next, (size_t)(secret - showing->next));
    text_add(showing->shown, mask);
    showing->next = secret + size;
}

void url_add_shown(struct text *shown, const char *text)
{
    struct showing showing = {shown, text};
    visit_secrets(text, show_mask, &showing);
    text_add(shown, showing.next);
}

static void put_stars(void *arg, const char *secret, size_t size)
{
    char *text = arg;
    memset(text + (secret - text), '*', size);
}

void url_put_stars(char *text)
{
    visit_secrets(text, put_stars, text);
}
