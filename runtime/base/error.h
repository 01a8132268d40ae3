/* Errors as values. A function that can fail returns 0 or -1 and takes a
 * `struct error *` last; the message is complete, lower case, without a full
 * stop, and quotes its subject. Only main() prints it and picks the exit code.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

enum error_kind {
    ERR_NONE = 0,
    ERR_USAGE,            /* wrong command line or pipeline file: exit 2 */
    ERR_IO,               /* the operating system refused: exit 1 */
    ERR_MEMORY,           /* allocation failed: exit 1 */
    ERR_FORMAT,           /* data that is not what it should be: exit 1 */
    ERR_NETWORK,          /* a transfer failed: exit 1 */
    ERR_DEVICE,           /* a compute library or device failed: exit 1 */
    ERR_STAGE,            /* a stage failed, or its result is stale: exit 1 */
    ERR_MISMATCH,         /* a digest is not the recorded one: exit 102 */
    ERR_NOT_REPRODUCIBLE, /* a stage executed again gave other bytes: exit 104 */
    ERR_INTERRUPTED,      /* SIGINT or SIGTERM: exit 130 */
    ERR_UNKNOWN,          /* not known without more work than was allowed: ask again */
    ERR_CHANGED,          /* not what it was when its digest was taken: exit 1 */
};

struct error {
    enum error_kind kind;
    char message[1024];
};

/* Each of these returns -1, so that `return error_set(...)` reads as failure.
 * error_errno appends `: <strerror(errno)>`; error_prefix puts context before
 * a message that is already there, and keeps its kind. A message too long is
 * cut, and control bytes in it become blanks: it is one line that is safe to
 * print. `err` may not be NULL. */
int error_set(struct error *err, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int error_errno(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));
int error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The process exit status that stands for `err`; see enum error_kind. */
int error_exit_status(const struct error *err);

/* Stops on a bug of ours. Names the function and not the line, so that a
 * comment cannot change an executable's bytes and with them its digest. */
#define ASSERT(condition) ((condition) ? (void)0 : error_assertion_failed(#condition, __func__))
void error_assertion_failed(const char *condition, const char *function) __attribute__((noreturn));

#endif
