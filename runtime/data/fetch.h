/* Fetches a file by URL and by its SHA-256, which is what makes it the right
 * one: whatever the way, the caller gets a verified file or an error.
 *
 * https and http go through libcurl into "<sha256>.part" in a folder that
 * survives a failed try, and go on from there: by Range (RFC 9110, 14.2) with
 * the stored ETag as If-Range (13.1.5). A server without ranges sends the whole
 * file again; a resumed file with a wrong digest is fetched anew once.
 * https is verified against the system's authorities, or those of the file that
 * the environment names in SSL_CERT_FILE, and is never redirected to http.
 * file: URLs are read where they are.
 * Users and passwords are in .netrc: the file that the environment names in NETRC, or in HOME, or
 * in the home folder that the system knows of. A URL that holds one is refused.
 */
#ifndef DATA_FETCH_H
#define DATA_FETCH_H

#include "base/digest.h"
#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

struct fetch_limits {
    int attempts;     /* in all, at least 1 */
    int connects;     /* of these while the host was never reached: no network is found out soon */
    int64_t delay_ms; /* before the second attempt; doubles, with jitter, up to delay_cap_ms */
    int64_t delay_cap_ms;
    int64_t size;       /* bytes of a file */
    int64_t connect_ms; /* to establish a connection */
    int64_t stall_s;    /* without at least stall_rate bytes per second */
    int64_t stall_rate;
    int redirects;
};
extern const struct fetch_limits fetch_default_limits;

/* `total` is 0 where the server does not tell. Returning false interrupts. */
typedef bool fetch_progress_fn(void *context, int64_t done, int64_t total);

struct fetch_request {
    const char *url;
    struct digest sha256;
    const char *setting; /* what to --set to another URL: "dataset.url" */
    const char *folder;  /* for partial and fetched files; exists */
    const char *project; /* what file:relative/path is relative to; NULL: the current folder */
    fetch_progress_fn *progress; /* or NULL */
    void *context;
};

/* The file's path in fresh memory, or NULL. A fetched file lies in the folder
 * under its digest. ERR_MISMATCH for a wrong digest, of which nothing stays. */
char *fetch_file(const struct fetch_request *request, const struct fetch_limits *limits,
                 struct error *err);

/* Refuses what fetch_file() would: a URL of another scheme, a file: URL that names no path, and one
 * that holds a user, a password or a token, without showing it. ERR_USAGE. */
int fetch_check_url(const char *url, const char *setting, struct error *err);

/* The path that a file: URL names, in fresh memory: file:relative/path and
 * file:/absolute/path as they are, file:///absolute/path with its % escapes
 * decoded. NULL with ERR_USAGE for anything else. */
char *fetch_local_path(const char *url, const char *project, struct error *err);

#endif
