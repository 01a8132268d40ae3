#include "http_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct http_server {
    const struct http_answer *answers;
    size_t count;
    int listener, port;
    pthread_t thread;
    pthread_mutex_t lock;
    int requests;
    long ranges[HTTP_MAX_REQUESTS];
    char if_ranges[HTTP_MAX_REQUESTS][128];
    char authorization[128];
};

static int listen_on_loopback(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        abort();
    *port = ntohs(address.sin_port);
    return fd;
}

int http_free_port(void)
{
    int port;
    close(listen_on_loopback(&port));
    return port;
}

/* Reads to the empty line; false where the client went away. */
static bool read_request(int fd, char *request, size_t size)
{
    size_t used = 0;
    while (used + 1 < size) {
        ssize_t got = recv(fd, request + used, size - 1 - used, 0);
        if (got <= 0)
            return false;
        used += (size_t)got;
        request[used] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL)
            return true;
    }
    return false;
}

static const struct http_answer *note_request(struct http_server *server, const char *request,
                                              long *start)
{
    const char *range = strstr(request, "Range: bytes=");
    const char *if_range = strstr(request, "If-Range: ");
    *start = range != NULL ? strtol(range + strlen("Range: bytes="), NULL, 10) : -1;
    pthread_mutex_lock(&server->lock);
    int i = server->requests < HTTP_MAX_REQUESTS ? server->requests++ : HTTP_MAX_REQUESTS - 1;
    server->ranges[i] = *start;
    if (if_range != NULL) {
        if_range += strlen("If-Range: ");
        snprintf(server->if_ranges[i], sizeof(server->if_ranges[i]), "%.*s",
                 (int)strcspn(if_range, "\r"), if_range);
    }
    const char *authorization = strstr(request, "Authorization: ");
    if (authorization != NULL) {
        authorization += strlen("Authorization: ");
        snprintf(server->authorization, sizeof(server->authorization), "%.*s",
                 (int)strcspn(authorization, "\r"), authorization);
    }
    pthread_mutex_unlock(&server->lock);
    return &server->answers[(size_t)i < server->count ? (size_t)i : server->count - 1];
}

static void send_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        data += sent;
        size -= (size_t)sent;
    }
}

static void answer_request(struct http_server *server, int fd)
{
    char request[4096] = "", head[1024], length[64] = "", range[96] = "";
    long start;
    if (!read_request(fd, request, sizeof(request)))
        return;
    const struct http_answer *answer = note_request(server, request, &start);
    bool part = answer->ranges && start > 0 && (size_t)start <= answer->size;
    size_t from = part ? (size_t)(start + answer->shift) : 0;
    size_t size = answer->size - from;
    if (part)
        snprintf(range, sizeof(range), "Content-Range: bytes %zu-%zu/%zu\r\n", from,
                 answer->size - 1, answer->size);
    if (!answer->without_length)
        snprintf(length, sizeof(length), "Content-Length: %zu\r\n", size);
    snprintf(head, sizeof(head), "HTTP/1.1 %d Answer\r\nConnection: close\r\n%s%s%s\r\n",
             part ? 206 : answer->status, length, range,
             answer->headers != NULL ? answer->headers : "");
    send_all(fd, head, strlen(head));
    if (answer->cut > 0 && answer->cut < size)
        size = answer->cut;
    if (size > 0)
        send_all(fd, answer->body + from, size);
}

static void *serve(void *context)
{
    struct http_server *server = context;
    for (;;) {
        int fd = accept(server->listener, NULL, NULL);
        if (fd < 0)
            return NULL;
        const struct timeval patience = {5, 0};
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
        answer_request(server, fd);
        shutdown(fd, SHUT_WR);
        char rest[256];
        while (recv(fd, rest, sizeof(rest), 0) > 0)
            continue;
        close(fd);
    }
}

struct http_server *http_server_start(const struct http_answer *answers, size_t count)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        abort();
    server->answers = answers;
    server->count = count;
    server->listener = listen_on_loopback(&server->port);
    pthread_mutex_init(&server->lock, NULL);
    if (pthread_create(&server->thread, NULL, serve, server) != 0)
        abort();
    return server;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

int http_server_requests(struct http_server *server)
{
    pthread_mutex_lock(&server->lock);
    int requests = server->requests;
    pthread_mutex_unlock(&server->lock);
    return requests;
}

long http_server_range(struct http_server *server, int request)
{
    pthread_mutex_lock(&server->lock);
    long range = server->ranges[request];
    pthread_mutex_unlock(&server->lock);
    return range;
}

const char *http_server_if_range(struct http_server *server, int request)
{
    return server->if_ranges[request];
}

const char *http_server_authorization(struct http_server *server)
{
    return server->authorization;
}

void http_server_stop(struct http_server *server)
{
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
    pthread_mutex_destroy(&server->lock);
    free(server);
}
