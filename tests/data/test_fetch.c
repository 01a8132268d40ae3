#include "data/fetch.h"

#include "base/file.h"
#include "data_scratch.h"
#include "http_server.h"

#include <stdlib.h>

enum { SIZE = 300000 };

/* Quick, and few enough to count. */
static const struct fetch_limits limits = {
    .attempts = 4,
    .connects = 2,
    .delay_ms = 2,
    .delay_cap_ms = 10,
    .size = 1 << 20,
    .connect_ms = 2000,
    .stall_s = 5,
    .stall_rate = 1,
    .redirects = 3,
};

static char content[SIZE];

static int make_content(void **state)
{
    (void)state;
    uint32_t x = 7;
    for (size_t i = 0; i < SIZE; i++)
        content[i] = (char)((x = x * 1664525u + 1013904223u) >> 24);
    setenv("no_proxy", "*", 1);
    return 0;
}

struct fetched {
    struct http_server *server;
    struct error err;
    char *path;
    int requests;
};

static char *call(void **state, const char *url, const struct digest *digest, struct error *err)
{
    const struct data_scratch *scratch = *state;
    const struct fetch_request request = {
        .url = url, .sha256 = *digest, .setting = "dataset.url", .folder = scratch->folder};
    return fetch_file(&request, &limits, err);
}

/* Fetches `content` from a server with these answers, which goes on running. */
static void fetch_from(void **state, const struct http_answer *answers, size_t count,
                       const char *expected, size_t size, struct fetched *fetched)
{
    char url[128];
    struct digest digest;
    *fetched = (struct fetched){.server = http_server_start(answers, count)};
    EXPECT_OK(digest_of_bytes(expected, size, &digest, &err));
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/d/data.tar.gz?x=1",
             http_server_port(fetched->server));
    fetched->path = call(state, url, &digest, &fetched->err);
    fetched->requests = http_server_requests(fetched->server);
}

static void expect_content(const struct fetched *fetched)
{
    char *data;
    size_t size;
    if (fetched->path == NULL)
        fail_msg("%s", fetched->err.message);
    EXPECT_OK(file_read(fetched->path, 1 << 20, &data, &size, &err));
    assert_int_equal(size, SIZE);
    assert_memory_equal(data, content, SIZE);
    free(data);
}

static void expect_failure(const struct fetched *fetched, enum error_kind kind, const char *part)
{
    assert_null(fetched->path);
    if (fetched->err.kind != kind || strstr(fetched->err.message, part) == NULL)
        fail_msg("error %d: '%s' lacks '%s'", (int)fetched->err.kind, fetched->err.message, part);
}

static void finish(struct fetched *fetched)
{
    http_server_stop(fetched->server);
    free(fetched->path);
}

static size_t files_in(void **state)
{
    const struct data_scratch *scratch = *state;
    char **names;
    size_t count;
    EXPECT_OK(file_list(scratch->folder, &names, &count, &err));
    file_free_names(names, count);
    return count;
}

#define WHOLE .status = 200, .body = content, .size = SIZE

static void fetch_gets_a_file_and_does_not_ask_again(void **state)
{
    const struct http_answer answer = {WHOLE};
    struct fetched fetched;
    char url[128];
    struct digest digest;
    fetch_from(state, &answer, 1, content, SIZE, &fetched);
    expect_content(&fetched);
    assert_int_equal(fetched.requests, 1);
    assert_int_equal(files_in(state), 1);
    EXPECT_OK(digest_of_bytes(content, SIZE, &digest, &err));
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", http_server_port(fetched.server));
    struct error err = {0};
    char *again = call(state, url, &digest, &err);
    assert_string_equal(again, fetched.path);
    assert_int_equal(http_server_requests(fetched.server), 1);
    free(again);
    finish(&fetched);
}

static void fetch_resumes_after_broken_connections(void **state)
{
    const struct http_answer answers[] = {
        {WHOLE, .headers = "ETag: \"v1\"\r\n", .cut = 100000},
        {WHOLE, .headers = "ETag: \"v1\"\r\n", .ranges = true, .cut = 50000},
        {WHOLE, .headers = "ETag: \"v1\"\r\n", .ranges = true},
    };
    struct fetched fetched;
    fetch_from(state, answers, 3, content, SIZE, &fetched);
    expect_content(&fetched);
    assert_int_equal(fetched.requests, 3);
    assert_int_equal(http_server_range(fetched.server, 0), -1);
    assert_int_equal(http_server_range(fetched.server, 1), 100000);
    assert_int_equal(http_server_range(fetched.server, 2), 150000);
    assert_string_equal(http_server_if_range(fetched.server, 1), "\"v1\"");
    assert_int_equal(files_in(state), 1);
    finish(&fetched);
}

static void fetch_resumes_what_an_earlier_process_left(void **state)
{
    const struct http_answer cut = {WHOLE, .cut = 1000, .ranges = true};
    const struct http_answer whole = {WHOLE, .ranges = true};
    struct fetched fetched;
    fetch_from(state, &cut, 1, content, SIZE, &fetched);
    expect_failure(&fetched, ERR_NETWORK, "after 4000 bytes");
    assert_int_equal(fetched.requests, limits.attempts);
    finish(&fetched);
    fetch_from(state, &whole, 1, content, SIZE, &fetched);
    expect_content(&fetched);
    assert_int_equal(http_server_range(fetched.server, 0), 4000);
    finish(&fetched);
}

static void fetch_starts_over_where_the_server_ignores_ranges(void **state)
{
    const struct http_answer answers[] = {{WHOLE, .cut = 100000}, {WHOLE}};
    struct fetched fetched;
    fetch_from(state, answers, 2, content, SIZE, &fetched);
    expect_content(&fetched);
    assert_int_equal(http_server_range(fetched.server, 1), 100000);
    finish(&fetched);
}

static void fetch_starts_over_after_a_range_of_another_file(void **state)
{
    static char other[SIZE];
    const struct http_answer answers[] = {
        {.status = 200, .body = other, .size = SIZE, .cut = 100000},
        {WHOLE, .ranges = true},
        {WHOLE}};
    struct fetched fetched;
    fetch_from(state, answers, 3, content, SIZE, &fetched);
    expect_content(&fetched);
    assert_int_equal(fetched.requests, 3);
    assert_int_equal(http_server_range(fetched.server, 2), -1);
    finish(&fetched);
}

static void fetch_refuses_a_range_that_was_not_asked_for(void **state)
{
    const struct http_answer answers[] = {
        {WHOLE, .cut = 100000}, {WHOLE, .ranges = true, .shift = 10}, {WHOLE, .ranges = true}};
    struct fetched fetched;
    fetch_from(state, answers, 3, content, SIZE, &fetched);
    expect_content(&fetched);
    assert_int_equal(fetched.requests, 3);
    assert_int_equal(http_server_range(fetched.server, 2), 100000);
    finish(&fetched);
}

static void fetch_retries_what_passes_and_not_what_stays(void **state)
{
    const struct http_answer passing[] = {{.status = 503}, {.status = 429}, {WHOLE}};
    const struct http_answer absent = {.status = 404, .body = "<html>", .size = 6};
    const struct http_answer broken = {.status = 500};
    struct fetched fetched;
    fetch_from(state, &absent, 1, content, SIZE, &fetched);
    expect_failure(&fetched, ERR_NETWORK, "the server answered with status 404");
    assert_int_equal(fetched.requests, 1);
    finish(&fetched);
    fetch_from(state, &broken, 1, content, SIZE, &fetched);
    expect_failure(&fetched, ERR_NETWORK, "status 500");
    assert_int_equal(fetched.requests, limits.attempts);
    finish(&fetched);
    fetch_from(state, passing, 3, content, SIZE, &fetched);
    expect_content(&fetched);
    finish(&fetched);
}

static void fetch_says_both_digests_and_recognises_a_page(void **state)
{
    static const char page[] = "\n <!DOCTYPE html><title>Moved</title>";
    const struct http_answer wrong = {.status = 200, .body = "something", .size = 9};
    const struct http_answer html = {.status = 200, .body = page, .size = sizeof(page) - 1};
    struct fetched fetched;
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    fetch_from(state, &wrong, 1, content, SIZE, &fetched);
    EXPECT_OK(digest_of_bytes(content, SIZE, &digest, &err));
    digest_to_hex(&digest, hex);
    expect_failure(&fetched, ERR_MISMATCH, hex);
    EXPECT_OK(digest_of_bytes("something", 9, &digest, &err));
    digest_to_hex(&digest, hex);
    expect_failure(&fetched, ERR_MISMATCH, hex);
    assert_null(strstr(fetched.err.message, "HTML"));
    assert_int_equal(fetched.requests, 1);
    assert_int_equal(files_in(state), 0);
    finish(&fetched);
    fetch_from(state, &html, 1, content, SIZE, &fetched);
    expect_failure(&fetched, ERR_MISMATCH, "the server sent an HTML page instead of the file");
    assert_int_equal(files_in(state), 0);
    finish(&fetched);
}

static void fetch_keeps_to_its_size_limit(void **state)
{
    static char large[(1 << 20) + 1];
    const struct http_answer announced = {.status = 200, .body = large, .size = sizeof(large)};
    const struct http_answer endless = {
        .status = 200, .body = large, .size = sizeof(large), .without_length = true};
    struct fetched fetched;
    fetch_from(state, &announced, 1, content, SIZE, &fetched);
    expect_failure(&fetched, ERR_NETWORK, "more than the 1048576 bytes allowed");
    finish(&fetched);
    fetch_from(state, &endless, 1, content, SIZE, &fetched);
    expect_failure(&fetched, ERR_NETWORK, "more than the 1048576 bytes allowed");
    assert_int_equal(fetched.requests, 1);
    finish(&fetched);
}

static void fetch_follows_few_redirects_and_only_to_http(void **state)
{
    const struct http_answer loop = {.status = 302, .headers = "Location: /again\r\n"};
    const struct http_answer local = {.status = 302, .headers = "Location: file:///etc/passwd\r\n"};
    const struct http_answer once[] = {{.status = 302, .headers = "Location: /b\r\n"}, {WHOLE}};
    struct fetched fetched;
    fetch_from(state, &loop, 1, content, SIZE, &fetched);
    expect_failure(&fetched, ERR_NETWORK, "redirects");
    assert_int_equal(fetched.requests, limits.redirects + 1);
    finish(&fetched);
    fetch_from(state, &local, 1, content, SIZE, &fetched);
    expect_failure(&fetched, ERR_NETWORK, "file");
    finish(&fetched);
    fetch_from(state, once, 2, content, SIZE, &fetched);
    expect_content(&fetched);
    finish(&fetched);
}

static void fetch_without_a_network_says_the_way_out(void **state)
{
    char url[128], part[256];
    struct digest digest = {0};
    struct error err = {0};
    int port = http_free_port();
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/a/cifar-10-binary.tar.gz?v=1", port);
    snprintf(part, sizeof(part), "cannot reach '127.0.0.1:%d' for '%s'", port, url);
    assert_null(call(state, url, &digest, &err));
    assert_int_equal(err.kind, ERR_NETWORK);
    assert_non_null(strstr(err.message, part));
    assert_non_null(strstr(err.message, "place the file yourself and run with --set "
                                        "dataset.url=file:/path/to/cifar-10-binary.tar.gz"));
    assert_null(call(state, "http://no-such-host.invalid/x", &digest, &err));
    assert_non_null(strstr(err.message, "cannot reach 'no-such-host.invalid'"));
    assert_null(call(state, "ftp://host/x", &digest, &err));
    assert_int_equal(err.kind, ERR_USAGE);
}

/* ---- secrets ---- */

static void fetch_refuses_a_url_with_a_secret_and_does_not_show_it(void **state)
{
    static const char *const urls[] = {"http://user:S3CRET@127.0.0.1:1/x", "https://S3CRET@host/x",
                                       "http://127.0.0.1:1/x?a=1&Access_Token=S3CRET",
                                       "https://h/x?X-Amz-Signature=S3CRET#b", "ftp://u:S3CRET@h/"};
    struct digest digest = {0};
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        struct error err = {0};
        assert_null(call(state, urls[i], &digest, &err));
        assert_int_equal(err.kind, ERR_USAGE);
        assert_non_null(strstr(err.message, "parameter 'dataset.url'"));
        assert_non_null(strstr(err.message, ".netrc"));
        assert_null(strstr(err.message, "S3CRET"));
    }
}

static void fetch_does_not_show_the_secrets_of_a_redirect(void **state)
{
    static const char *const places[] = {"http://user:S3CRET@127.0.0.1:1/?token=S3CRET",
                                         "ftp://user:S3CRET@127.0.0.1/?sig=S3CRET",
                                         "http://user:S3CRET@[::x/?token=S3CRET"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        char header[128];
        snprintf(header, sizeof(header), "Location: %s\r\n", places[i]);
        const struct http_answer answer = {.status = 302, .headers = header};
        struct fetched fetched;
        fetch_from(state, &answer, 1, content, SIZE, &fetched);
        assert_null(fetched.path);
        assert_int_equal(fetched.err.kind, ERR_NETWORK);
        assert_null(strstr(fetched.err.message, "S3CRET"));
        finish(&fetched);
    }
}

static void fetch_takes_user_and_password_from_netrc(void **state)
{
    const struct data_scratch *scratch = *state;
    const struct http_answer answer = {WHOLE};
    const char line[] = "machine 127.0.0.1 login user password S3CRET\n";
    struct scratch_path path = data_scratch_path(state, ".netrc");
    struct fetched fetched;
    data_scratch_write(path.text, line, sizeof(line) - 1);
    setenv("HOME", scratch->folder, 1);
    fetch_from(state, &answer, 1, content, SIZE, &fetched);
    expect_content(&fetched);
    assert_string_equal(http_server_authorization(fetched.server), "Basic dXNlcjpTM0NSRVQ=");
    finish(&fetched);
}

static void fetch_reads_local_files_where_they_are(void **state)
{
    struct data_scratch *scratch = *state;
    struct scratch_path path = data_scratch_path(state, "a b.tar");
    char url[128];
    struct error err = {0};
    struct fetch_request request = {
        .url = "file:a b.tar", .setting = "dataset.url", .project = scratch->folder};
    data_scratch_write(path.text, "<html>", 6);
    if (digest_of_file(path.text, &request.sha256, &err) < 0)
        fail_msg("%s", err.message);
    char *found = fetch_file(&request, &limits, &err);
    assert_string_equal(found, path.text);
    free(found);
    snprintf(url, sizeof(url), "file://%s/a%%20b.tar", scratch->folder);
    request.url = url;
    found = fetch_file(&request, &limits, &err);
    assert_string_equal(found, path.text);
    free(found);
    request.sha256.bytes[0] ^= 1;
    assert_null(fetch_file(&request, &limits, &err));
    assert_int_equal(err.kind, ERR_MISMATCH);
    assert_true(file_exists(path.text));
    request.url = "file:absent";
    assert_null(fetch_file(&request, &limits, &err));
    assert_non_null(strstr(err.message, "dataset.url"));
    request.url = "file:";
    assert_null(fetch_file(&request, &limits, &err));
    assert_int_equal(err.kind, ERR_USAGE);
}

static void fetch_local_path_takes_the_forms_of_a_file_url(void **state)
{
    (void)state;
    static const struct {
        const char *url, *path; /* NULL: refused */
    } cases[] = {
        {"file:a/b.tar", "/project/a/b.tar"},
        {"file:/a/b.tar", "/a/b.tar"},
        {"file:///a/b.tar", "/a/b.tar"},
        {"file://localhost/a/b.tar", "/a/b.tar"},
        {"FILE:///a%2Fb%25", "/a/b%"},
        {"file:/a%20b", "/a%20b"},
        {"file://host/a", NULL},
        {"file:///a%0", NULL},
        {"file:///a%00", NULL},
        {"file:///a%zz", NULL},
        {"file:", NULL},
        {"http://a", NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err = {0};
        char *path = fetch_local_path(cases[i].url, "/project", &err);
        if (cases[i].path == NULL) {
            assert_null(path);
            assert_int_equal(err.kind, ERR_USAGE);
        } else
            assert_string_equal(path, cases[i].path);
        free(path);
    }
    struct error err = {0};
    char *path = fetch_local_path("file:a", NULL, &err);
    assert_string_equal(path, "a");
    free(path);
}

static bool stop_late(void *context, int64_t done, int64_t total)
{
    (void)total;
    *(int64_t *)context = done;
    return false;
}

static void fetch_stops_when_progress_says_so(void **state)
{
    const struct data_scratch *scratch = *state;
    const struct http_answer answer = {WHOLE};
    struct http_server *server = http_server_start(&answer, 1);
    char url[128];
    int64_t done = -1;
    struct error err = {0};
    struct fetch_request request = {.url = url,
                                    .setting = "dataset.url",
                                    .folder = scratch->folder,
                                    .progress = stop_late,
                                    .context = &done};
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/", http_server_port(server));
    assert_null(fetch_file(&request, &limits, &err));
    assert_int_equal(err.kind, ERR_INTERRUPTED);
    assert_true(done > 0);
    http_server_stop(server);
}

static int fetch_and_forget(const struct fetch_request *request, struct error *err)
{
    char *path = fetch_file(request, &limits, err);
    free(path);
    return path != NULL ? 0 : -1;
}

static void fetch_survives_failing_allocations(void **state)
{
    struct data_scratch *scratch = *state;
    struct scratch_path path = data_scratch_path(state, "a.tar");
    struct fetch_request request = {.url = "file:a.tar",
                                    .setting = "dataset.url",
                                    .folder = scratch->folder,
                                    .project = scratch->folder};
    data_scratch_write(path.text, content, SIZE);
    EXPECT_OK(digest_of_file(path.text, &request.sha256, &err));
    EXPECT_ALLOCATION_FAILURES(fetch_and_forget(&request, &err), 0);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, data_scratch_set_up, data_scratch_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(fetch_gets_a_file_and_does_not_ask_again),
        TEST(fetch_resumes_after_broken_connections),
        TEST(fetch_resumes_what_an_earlier_process_left),
        TEST(fetch_starts_over_where_the_server_ignores_ranges),
        TEST(fetch_starts_over_after_a_range_of_another_file),
        TEST(fetch_refuses_a_range_that_was_not_asked_for),
        TEST(fetch_retries_what_passes_and_not_what_stays),
        TEST(fetch_says_both_digests_and_recognises_a_page),
        TEST(fetch_keeps_to_its_size_limit),
        TEST(fetch_follows_few_redirects_and_only_to_http),
        TEST(fetch_without_a_network_says_the_way_out),
        TEST(fetch_refuses_a_url_with_a_secret_and_does_not_show_it),
        TEST(fetch_does_not_show_the_secrets_of_a_redirect),
        TEST(fetch_takes_user_and_password_from_netrc),
        TEST(fetch_reads_local_files_where_they_are),
        TEST(fetch_local_path_takes_the_forms_of_a_file_url),
        TEST(fetch_stops_when_progress_says_so),
        TEST(fetch_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, make_content, NULL);
}
