#include "data/fetch.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/stage.h"
#include "base/text.h"
#include "base/url.h"

#include <curl/curl.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const struct fetch_limits fetch_default_limits = {
    .attempts = 8,
    .connects = 3,
    .delay_ms = 500,
    .delay_cap_ms = 30000,
    .size = (int64_t)4 << 30,
    .connect_ms = 10000,
    .stall_s = 30,
    .stall_rate = 100,
    .redirects = 5,
};

enum { ETAG_SIZE = 256, HEAD_SIZE = 512 };

/* ---- file: URLs ---- */

static bool starts_with(const char *text, const char *start)
{
    return strncasecmp(text, start, strlen(start)) == 0;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* In place; false for an escape that is none or a NUL. */
static bool decode_escapes(char *path)
{
    char *to = path;
    for (const char *from = path; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }
        int high = hex_digit(from[1]), low = high < 0 ? -1 : hex_digit(from[2]);
        if (low < 0 || (high | low) == 0)
            return false;
        *to++ = (char)(high << 4 | low);
        from += 2;
    }
    *to = '\0';
    return true;
}

char *fetch_local_path(const char *url, const char *project, struct error *err)
{
    if (!starts_with(url, "file:")) {
        error_set(err, ERR_USAGE, "'%s' is not a file: URL", url);
        return NULL;
    }
    const char *path = url + strlen("file:");
    bool escaped = starts_with(path, "//");
    if (escaped)
        path += starts_with(path, "//localhost/") ? strlen("//localhost") : strlen("//");
    if (*path == '\0' || (escaped && *path != '/')) {
        error_set(err, ERR_USAGE,
                  "'%s' names no path: write file:relative/path or file:///absolute/path", url);
        return NULL;
    }
    char *local = *path == '/' || project == NULL ? memory_copy_text(path, err)
                                                  : file_join(project, path, err);
    if (local != NULL && escaped && !decode_escapes(local)) {
        error_set(err, ERR_USAGE, "'%s' holds a %% that begins no escape: write %%25", url);
        free(local);
        local = NULL;
    }
    return local;
}

static int check_syntax(const char *url, struct error *err)
{
    CURLU *parts = curl_url();
    if (parts == NULL)
        return error_set(err, ERR_MEMORY, "out of memory for a URL");
    CURLUcode code = curl_url_set(parts, CURLUPART_URL, url, 0);
    curl_url_cleanup(parts);
    if (code == CURLUE_OUT_OF_MEMORY)
        return error_set(err, ERR_MEMORY, "out of memory for a URL");
    return code == CURLUE_OK
               ? 0
               : error_set(err, ERR_USAGE, "'%s' is no URL: %s", url, curl_url_strerror(code));
}

int fetch_check_url(const char *url, const char *setting, struct error *err)
{
    if (url_has_secret(url))
        return error_set(
            err, ERR_USAGE,
            "parameter '%s' holds a user, a password or a token, which the key, the log "
            "and the lock would keep: put it into .netrc",
            setting);
    if (starts_with(url, "file:")) {
        char *path = fetch_local_path(url, NULL, err);
        free(path);
        return path != NULL ? 0 : -1;
    }
    if (starts_with(url, "https://") || starts_with(url, "http://"))
        return check_syntax(url, err);
    return error_set(err, ERR_USAGE, "'%s' is not an https:, http: or file: URL", url);
}

/* ---- digests ---- */

/* Servers answer what they don't have with a page and status 200. */
static bool is_html(const char *path)
{
    static const char *const starts[] = {"<!doctype html", "<html", "<head", "<?xml", "<!--"};
    char head[HEAD_SIZE + 1];
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL)
        return false;
    head[fread(head, 1, HEAD_SIZE, stream)] = '\0';
    fclose(stream);
    const char *text = head;
    if (memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    text += strspn(text, " \t\r\n");
    for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
        if (starts_with(text, starts[i]))
            return true;
    return false;
}

static int verify(const struct fetch_request *request, const char *path, struct error *err)
{
    struct digest found;
    char expected_hex[DIGEST_HEX_SIZE], found_hex[DIGEST_HEX_SIZE];
    if (digest_of_file(path, &found, err) < 0)
        return -1;
    if (digest_equal(&found, &request->sha256))
        return 0;
    digest_to_hex(&request->sha256, expected_hex);
    digest_to_hex(&found, found_hex);
    return error_set(err, ERR_MISMATCH, "'%s' has sha256 %s, not the pinned %s%s", request->url,
                     found_hex, expected_hex,
                     is_html(path) ? ": the server sent an HTML page instead of the file" : "");
}

static char *fetch_local(const struct fetch_request *request, struct error *err)
{
    struct stat st;
    char *path = fetch_local_path(request->url, request->project, err);
    if (path == NULL)
        return NULL;
    int result = 0;
    if (stat(path, &st) < 0)
        result = error_errno(err, "cannot read '%s' for %s", path, request->setting);
    else if (!S_ISREG(st.st_mode))
        result = error_set(err, ERR_IO, "'%s' is not a regular file", path);
    else
        result = verify(request, path, err);
    if (result == 0)
        return path;
    free(path);
    return NULL;
}

/* ---- one attempt ---- */

struct transfer {
    const struct fetch_request *request;
    const struct fetch_limits *limits;
    CURL *curl;
    char *final, *partial, *etag_path;
    FILE *stream;    /* of the partial file, at its end */
    int64_t resumed; /* bytes that were there when the attempt began */
    int64_t size;    /* bytes that are there now */
    bool placed;     /* the answer's status was looked at */
    bool reached;    /* the host answered, in this attempt or an earlier one */
    bool too_large;
    int64_t range_start; /* of Content-Range; -1 without one */
    char etag[ETAG_SIZE];
    char reason[CURL_ERROR_SIZE];
};

static void copy_header(char *to, size_t size, const char *value, size_t length)
{
    while (length > 0 && (*value == ' ' || *value == '\t'))
        value++, length--;
    while (length > 0 && strchr(" \t\r\n", value[length - 1]) != NULL)
        length--;
    if (length >= size)
        length = 0; /* too long to keep: then there is none */
    memcpy(to, value, length);
    to[length] = '\0';
}

static size_t on_header(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t length = size * count;
    const size_t etag = strlen("etag:"), range = strlen("content-range:");
    char value[64];
    transfer->reached = true;
    if (length >= 5 && strncasecmp(data, "HTTP/", 5) == 0) { /* the next answer of a redirect */
        transfer->range_start = -1;
        transfer->etag[0] = '\0';
    } else if (length > etag && strncasecmp(data, "etag:", etag) == 0) {
        copy_header(transfer->etag, sizeof(transfer->etag), data + etag, length - etag);
        if (transfer->etag[0] != '"') /* a weak one cannot vouch for bytes */
            transfer->etag[0] = '\0';
    } else if (length > range && strncasecmp(data, "content-range:", range) == 0) {
        copy_header(value, sizeof(value), data + range, length - range);
        long long start;
        char *dash = strchr(value, '-');
        if (dash != NULL)
            *dash = '\0';
        if (starts_with(value, "bytes ") && text_to_int64(value + strlen("bytes "), &start))
            transfer->range_start = start;
    }
    return length;
}

/* Before the first byte: a whole answer (200) replaces what was there, a part
 * (206) must begin where it ends. */
static bool place_answer(struct transfer *transfer)
{
    long status = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    transfer->placed = true;
    if (status == 206 && transfer->range_start != transfer->resumed) {
        snprintf(transfer->reason, sizeof(transfer->reason), "the server sent another range");
        return false;
    }
    struct error ignored;
    if (status != 206) {
        if (ftruncate(fileno(transfer->stream), 0) < 0)
            return false;
        rewind(transfer->stream);
        transfer->resumed = transfer->size = 0;
        file_remove(transfer->etag_path, &ignored);
        if (transfer->etag[0] != '\0')
            file_write(transfer->etag_path, transfer->etag, strlen(transfer->etag), &ignored);
    }
    return true;
}

static size_t on_data(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t length = size * count;
    if (!transfer->placed && !place_answer(transfer))
        return 0;
    if ((int64_t)length > transfer->limits->size - transfer->size) {
        transfer->too_large = true;
        return 0;
    }
    transfer->size += (int64_t)fwrite(data, 1, length, transfer->stream);
    return ferror(transfer->stream) ? 0 : length;
}

static int on_progress(void *context, curl_off_t total, curl_off_t done, curl_off_t up_total,
                       curl_off_t up_done)
{
    struct transfer *transfer = context;
    const struct fetch_request *request = transfer->request;
    (void)done, (void)up_total, (void)up_done;
    if (stage_stop_requested())
        return 1;
    if (request->progress == NULL || !transfer->placed)
        return 0;
    int64_t whole = total > 0 ? transfer->resumed + total : 0;
    return request->progress(request->context, transfer->size, whole) ? 0 : 1;
}

/* Where to go on, and the ETag of the file that the part is from. */
static struct curl_slist *ask_for_rest(struct transfer *transfer)
{
    char range[32], *etag = NULL;
    size_t size;
    struct error ignored;
    if (transfer->resumed == 0)
        return NULL;
    snprintf(range, sizeof(range), "%lld-", (long long)transfer->resumed);
    curl_easy_setopt(transfer->curl, CURLOPT_RANGE, range);
    struct curl_slist *headers = NULL;
    struct text line = {0};
    if (file_read(transfer->etag_path, ETAG_SIZE, &etag, &size, &ignored) == 0 &&
        strpbrk(etag, "\r\n") == NULL) {
        text_addf(&line, "If-Range: %s", etag);
        headers = curl_slist_append(NULL, text_string(&line));
        curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER, headers);
    }
    text_release(&line);
    free(etag);
    return headers;
}

/* In HOME, which is a stage's own folder when the runner starts it, or at home. */
static void set_netrc(struct transfer *transfer)
{
    const char *named = getenv("NETRC"), *home = getenv("HOME");
    const struct passwd *user = getpwuid(geteuid());
    struct text path = {0};
    curl_easy_setopt(transfer->curl, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
    if (named != NULL && *named != '\0')
        text_add(&path, named);
    else if (home != NULL)
        text_addf(&path, "%s/.netrc", home);
    if (!file_exists(text_string(&path)) && user != NULL) {
        text_clear(&path);
        text_addf(&path, "%s/.netrc", user->pw_dir);
    }
    if (file_exists(text_string(&path)))
        curl_easy_setopt(transfer->curl, CURLOPT_NETRC_FILE, text_string(&path));
    text_release(&path);
}

static void set_options(struct transfer *transfer)
{
    CURL *curl = transfer->curl;
    const struct fetch_limits *limits = transfer->limits;
    const char *url = transfer->request->url;
    bool secure = starts_with(url, "https:");          /* and stays so when redirected */
    const char *authorities = getenv("SSL_CERT_FILE"); /* as OpenSSL and the curl tool take it */
    if (authorities != NULL && *authorities != '\0')
        curl_easy_setopt(curl, CURLOPT_CAINFO, authorities);
    set_netrc(transfer);
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)limits->redirects);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "reprise");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)limits->connect_ms);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)limits->stall_s);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, (long)limits->stall_rate);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->reason);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer);
}

enum outcome { OUTCOME_DONE, OUTCOME_RETRY, OUTCOME_FAILED };

static enum outcome fail_unreachable(struct transfer *transfer, bool again, struct error *err)
{
    const struct fetch_request *request = transfer->request;
    const char *host = strstr(request->url, "://");
    host = host != NULL ? host + 3 : request->url;
    size_t path = strcspn(host, "?#");
    const char *name = host;
    for (size_t i = 0; i < path; i++)
        if (host[i] == '/')
            name = host + i + 1;
    error_set(err, ERR_NETWORK,
              "cannot reach '%.*s' for '%s' (%s): place the file yourself and run with --set "
              "%s=file:/path/to/%.*s",
              (int)strcspn(host, "/?#"), host, request->url, transfer->reason, request->setting,
              (int)strcspn(name, "?#"), name);
    return again ? OUTCOME_RETRY : OUTCOME_FAILED;
}

static enum outcome judge_status(struct transfer *transfer, struct error *err)
{
    static const long transient[] = {408, 425, 429, 500, 502, 503, 504};
    long status = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    error_set(err, ERR_NETWORK, "'%s': the server answered with status %ld", transfer->request->url,
              status);
    if (status == 416 && transfer->resumed > 0) { /* nothing after what is there: is that all? */
        return OUTCOME_DONE;
    }
    for (size_t i = 0; i < sizeof(transient) / sizeof(transient[0]); i++)
        if (status == transient[i])
            return OUTCOME_RETRY;
    return OUTCOME_FAILED;
}

/* libcurl may name where a redirect leads. */
static void hide_secrets(char *reason, size_t size)
{
    struct text shown = {0};
    url_add_shown(&shown, reason);
    snprintf(reason, size, "%s", text_string(&shown));
    text_release(&shown);
}

static enum outcome judge(struct transfer *transfer, CURLcode code, struct error *err)
{
    const char *url = transfer->request->url;
    if (transfer->reason[0] == '\0')
        snprintf(transfer->reason, sizeof(transfer->reason), "%s", curl_easy_strerror(code));
    hide_secrets(transfer->reason, sizeof(transfer->reason));
    switch (code) {
    case CURLE_OK: return OUTCOME_DONE;
    case CURLE_HTTP_RETURNED_ERROR: return judge_status(transfer, err);
    case CURLE_ABORTED_BY_CALLBACK: stage_interrupted(err); return OUTCOME_FAILED;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT: return fail_unreachable(transfer, true, err);
    case CURLE_OPERATION_TIMEDOUT:
        if (!transfer->reached) /* it took its time already */
            return fail_unreachable(transfer, false, err);
        break;
    case CURLE_WRITE_ERROR:
        if (transfer->too_large)
            error_set(err, ERR_NETWORK, "'%s' has more than the %lld bytes allowed", url,
                      (long long)transfer->limits->size);
        else if (ferror(transfer->stream))
            error_errno(err, "cannot write '%s'", transfer->partial);
        else
            break;
        return OUTCOME_FAILED;
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM: break;
    default:
        error_set(err, ERR_NETWORK, "cannot fetch '%s': %s", url, transfer->reason);
        return OUTCOME_FAILED;
    }
    error_set(err, ERR_NETWORK, "cannot fetch '%s': %s after %lld bytes", url, transfer->reason,
              (long long)transfer->size);
    return OUTCOME_RETRY;
}

static enum outcome attempt(struct transfer *transfer, struct error *err)
{
    struct stat st;
    if ((transfer->stream = fopen(transfer->partial, "abe")) == NULL ||
        fstat(fileno(transfer->stream), &st) < 0) {
        error_errno(err, "cannot write '%s'", transfer->partial);
        if (transfer->stream != NULL)
            fclose(transfer->stream);
        return OUTCOME_FAILED;
    }
    transfer->resumed = transfer->size = st.st_size;
    transfer->placed = transfer->too_large = false;
    transfer->reason[0] = '\0';
    curl_easy_reset(transfer->curl);
    set_options(transfer);
    struct curl_slist *headers = ask_for_rest(transfer);
    CURLcode code = curl_easy_perform(transfer->curl);
    enum outcome outcome = judge(transfer, code, err);
    curl_slist_free_all(headers);
    /* An empty body calls on_data never: then what was there is not the file. */
    if (outcome == OUTCOME_DONE && code == CURLE_OK && !transfer->placed)
        place_answer(transfer);
    if (fclose(transfer->stream) != 0 && outcome == OUTCOME_DONE) {
        error_errno(err, "cannot write '%s'", transfer->partial);
        outcome = OUTCOME_FAILED;
    }
    return outcome;
}

/* ---- attempts ---- */

/* Between half and all of the back-off, so that many clients don't come back
 * at once; or as long as the server asks, within the bound. */
static int wait_for(struct transfer *transfer, int tries, struct error *err)
{
    const struct fetch_limits *limits = transfer->limits;
    int64_t delay = limits->delay_ms;
    for (int i = 1; i < tries && delay < limits->delay_cap_ms; i++)
        delay *= 2;
    uint32_t random = 0;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
        random = (uint32_t)getpid() * 2654435761u;
    delay = delay / 2 + (int64_t)((double)random * 0x1p-32 * (double)(delay - delay / 2));
    curl_off_t asked = 0;
    curl_easy_getinfo(transfer->curl, CURLINFO_RETRY_AFTER, &asked);
    if (asked > 0 && asked < limits->delay_cap_ms / 1000 && asked * 1000 > delay)
        delay = asked * 1000;
    delay = delay < limits->delay_cap_ms ? delay : limits->delay_cap_ms;
    struct timespec left = {delay / 1000, delay % 1000 * 1000000};
    while (!stage_stop_requested() && nanosleep(&left, &left) < 0 && errno == EINTR)
        continue;
    return stage_stop_requested() ? stage_interrupted(err) : 0;
}

static int discard(struct transfer *transfer, struct error *err)
{
    return file_remove(transfer->partial, err) < 0 || file_remove(transfer->etag_path, err) < 0 ? -1
                                                                                                : 0;
}

/* The digest decides. A wrong file does not stay; one that was pieced together
 * is worth another try from its beginning. */
static enum outcome conclude(struct transfer *transfer, bool may_retry, struct error *err)
{
    struct error ignored;
    if (verify(transfer->request, transfer->partial, err) < 0) {
        if (err->kind != ERR_MISMATCH)
            return OUTCOME_FAILED;
        bool pieced = transfer->resumed > 0;
        discard(transfer, &ignored);
        return pieced && may_retry ? OUTCOME_RETRY : OUTCOME_FAILED;
    }
    if (rename(transfer->partial, transfer->final) < 0) {
        error_errno(err, "cannot rename '%s'", transfer->partial);
        return OUTCOME_FAILED;
    }
    file_remove(transfer->etag_path, &ignored);
    return OUTCOME_DONE;
}

static int run_attempts(struct transfer *transfer, struct error *err)
{
    const struct fetch_limits *limits = transfer->limits;
    for (int tries = 1;; tries++) {
        enum outcome outcome = attempt(transfer, err);
        bool may_retry = tries < (transfer->reached ? limits->attempts : limits->connects);
        if (outcome == OUTCOME_DONE)
            outcome = conclude(transfer, may_retry, err);
        if (outcome == OUTCOME_DONE)
            return 0;
        if (outcome == OUTCOME_FAILED || !may_retry || wait_for(transfer, tries, err) < 0)
            return -1;
    }
}

static char *path_with(const struct fetch_request *request, const char *suffix, struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    struct text path = {0};
    digest_to_hex(&request->sha256, hex);
    text_addf(&path, "%s/%s%s", request->folder, hex, suffix);
    if (text_check(&path, err) < 0)
        text_release(&path);
    return path.data;
}

static char *fetch_remote(const struct fetch_request *request, const struct fetch_limits *limits,
                          struct error *err)
{
    struct transfer transfer = {.request = request, .limits = limits, .range_start = -1};
    int result = -1;
    if ((transfer.final = path_with(request, "", err)) == NULL ||
        (transfer.partial = path_with(request, ".part", err)) == NULL ||
        (transfer.etag_path = path_with(request, ".etag", err)) == NULL)
        goto done;
    if (file_exists(transfer.final)) { /* an earlier try got this far */
        struct error ignored;
        result = verify(request, transfer.final, &ignored);
        if (result == 0)
            goto done;
        if (file_remove(transfer.final, err) < 0)
            goto done;
    }
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
        (transfer.curl = curl_easy_init()) == NULL) {
        error_set(err, ERR_NETWORK, "libcurl does not start");
        goto done;
    }
    result = run_attempts(&transfer, err);
    curl_easy_cleanup(transfer.curl);
done:
    if (result < 0) {
        free(transfer.final);
        transfer.final = NULL;
    }
    free(transfer.partial);
    free(transfer.etag_path);
    return transfer.final;
}

char *fetch_file(const struct fetch_request *request, const struct fetch_limits *limits,
                 struct error *err)
{
    if (fetch_check_url(request->url, request->setting, err) < 0)
        return NULL;
    return starts_with(request->url, "file:") ? fetch_local(request, err)
                                              : fetch_remote(request, limits, err);
}
