/* A web server on the loopback that misbehaves to order, for tests of fetch. */
#ifndef TESTS_HTTP_SERVER_H
#define TESTS_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

/* What one request gets. The connection is closed after it. */
struct http_answer {
    int status;          /* 200; 206 is answered to a Range where `ranges` */
    const char *headers; /* further lines, each with \r\n; or NULL */
    const char *body;
    size_t size;
    bool ranges; /* honours Range */
    size_t cut;  /* body bytes after which the connection breaks; 0 for never */
    long shift;  /* added to the start of the range that is sent */
    bool without_length;
};

struct http_server;

enum { HTTP_MAX_REQUESTS = 32 };

/* Request i gets answer i, later ones the last. */
struct http_server *http_server_start(const struct http_answer *answers, size_t count);
int http_server_port(const struct http_server *server);
/* How many requests came, and of request i what Range asked for (-1: none) and
 * the text of If-Range. */
int http_server_requests(struct http_server *server);
long http_server_range(struct http_server *server, int request);
const char *http_server_if_range(struct http_server *server, int request);
/* What the last Authorization said; "" for none. */
const char *http_server_authorization(struct http_server *server);
void http_server_stop(struct http_server *server);

/* A port of the loopback on which nobody listens. */
int http_free_port(void);

#endif
