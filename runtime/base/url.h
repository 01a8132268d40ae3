/* Secrets in URLs, with a scheme or without (//host/x): a user or password before the host, and
 * parameters that grant access (token, sig, key, code, X-Amz-Signature, ...), in the query or the
 * fragment. A URL is part of keys, logs and the lock, so one with a secret is refused before work;
 * credentials belong in .netrc. RFC 3986, 3.2.1 and 4.2.
 */
#ifndef BASE_URL_H
#define BASE_URL_H

#include "base/text.h"

#include <stdbool.h>

/* Whether a URL with a secret stands anywhere in the text. A user without a password is one too,
 * but for schemes whose user is no secret (ssh://git@host). */
bool url_has_secret(const char *text);

/* Appends the text with each URL's user and password, and its secret parameters' values, as ***. */
void url_add_shown(struct text *shown, const char *text);

/* The same in place: as many stars as the secrets have bytes. */
void url_put_stars(char *text);

#endif
