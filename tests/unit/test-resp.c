#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/exchange.h"

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})

static const char *send_it(struct exchange *x)
{
    struct rbe_err e = {0};

    assert_int_equal(rbe_resp_send(&x->resp, &e), RBE_OK);
    return exchange_sent(x);
}

static const char *body_of(const char *sent)
{
    const char *empty = strstr(sent, "\r\n\r\n");

    assert_non_null(empty);
    return empty + 4;
}

static void expect_header(const char *sent, const char *line)
{
    rbe_autofree char *whole = rbe_strfmt("%s\r\n", line);
    const char *at = strstr(sent, whole);

    if (!at || at > body_of(sent) || (at > sent && at[-1] != '\n'))
        fail_msg("no \"%s\" in: %s", line, sent);
}

static void expect_no_header(const char *sent, const char *name)
{
    const char *at = strcasestr(sent, name);

    if (at && at < body_of(sent))
        fail_msg("\"%s\" in: %s", name, sent);
}

static void an_envelope(void **state)
{
    struct exchange x = {0};

    (void)state;
    exchange_begin(&x, ENV("REQUEST_METHOD=GET"), "");
    struct rbe_jsonw *w = rbe_resp_json(&x.resp, 0, "it's \"fine\"");
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_int(w, "a", 1);
    rbe_jsonw_int(w, "b", 2);
    rbe_jsonw_obj_end(w);
    const char *sent = send_it(&x);
    assert_string_equal(body_of(sent), "{\"code\":0,\"msg\":\"it's \\\"fine\\\"\",\"data\":{\"a\":1,\"b\":2}}");
    assert_int_equal(strncmp(sent, "Status: 200 OK\r\n", 16), 0);
    expect_header(sent, "Content-Type: application/json; charset=utf-8");
    expect_header(sent, "Content-Length: 53");
    expect_header(sent, "Cache-Control: no-store");
    expect_header(sent, "X-Content-Type-Options: nosniff");
    assert_int_equal(x.resp.sent, 53);
    exchange_end(&x);
}

static void data_not_written_is_null(void **state)
{
    struct exchange x = {0};

    (void)state;
    exchange_begin(&x, ENV("REQUEST_METHOD=GET"), "");
    (void)rbe_resp_json(&x.resp, 0, "a first try");
    (void)rbe_resp_json(&x.resp, 7, "ok");
    rbe_resp_status(&x.resp, 201);
    const char *sent = send_it(&x);
    assert_string_equal(body_of(sent), "{\"code\":7,\"msg\":\"ok\",\"data\":null}");
    assert_int_equal(strncmp(sent, "Status: 201 Created\r\n", 21), 0);
    exchange_end(&x);
}

static void head_has_the_headers_alone(void **state)
{
    struct exchange x = {0};

    (void)state;
    exchange_begin(&x, ENV("REQUEST_METHOD=HEAD"), "");
    rbe_jsonw_int(rbe_resp_json(&x.resp, 0, "ok"), NULL, 5);
    const char *sent = send_it(&x);
    assert_string_equal(body_of(sent), "");
    expect_header(sent, "Content-Length: 30");
    assert_int_equal(x.resp.sent, 0);
    exchange_end(&x);
}

static void headers_of_the_handlers_own(void **state)
{
    struct exchange x = {0};

    (void)state;
    exchange_begin(&x, ENV("REQUEST_METHOD=GET"), "");
    rbe_resp_header(&x.resp, "cache-control", "no-cache");
    rbe_resp_headerf(&x.resp, "Retry-After", "%d", 30);
    rbe_resp_header(&x.resp, "X-Evil", "a\r\nSet-Cookie: b");
    rbe_str_puts(rbe_resp_text(&x.resp, "text/plain; version=0.0.4"), "metrics\n");
    const char *sent = send_it(&x);
    expect_header(sent, "cache-control: no-cache");
    expect_header(sent, "Retry-After: 30");
    expect_header(sent, "Content-Type: text/plain; version=0.0.4");
    expect_no_header(sent, "no-store");
    expect_no_header(sent, "X-Evil");
    expect_no_header(sent, "Set-Cookie");
    assert_string_equal(body_of(sent), "metrics\n");
    exchange_end(&x);
}

static void nothing_written_is_an_empty_body(void **state)
{
    struct exchange x = {0};

    (void)state;
    exchange_begin(&x, ENV("REQUEST_METHOD=GET"), "");
    rbe_resp_status(&x.resp, 302);
    rbe_resp_header(&x.resp, "Location", "https://cdn.example/x");
    const char *sent = send_it(&x);
    assert_int_equal(strncmp(sent, "Status: 302 Found\r\n", 19), 0);
    expect_header(sent, "Content-Length: 0");
    expect_header(sent, "Location: https://cdn.example/x");
    assert_string_equal(body_of(sent), "");
    exchange_end(&x);
}

static const char *fail_with(struct exchange *x, const struct rbe_err *e)
{
    exchange_begin(x, ENV("REQUEST_METHOD=GET"), "");
    rbe_jsonw_int(rbe_resp_json(&x->resp, 0, "half an answer"), NULL, 1);
    rbe_resp_fail(&x->resp, e);
    return send_it(x);
}

static void failures_of_the_asker(void **state)
{
    struct exchange x = {0}, y = {0};
    struct rbe_err e = {0};

    (void)state;
    (void)rbe_fail(&e, RBE_BAD_SYSTEM, "unknown system \"x\"");
    const char *sent = fail_with(&x, &e);
    assert_int_equal(strncmp(sent, "Status: 400 Bad Request\r\n", 25), 0);
    assert_string_equal(body_of(sent), "{\"code\":8002,\"msg\":\"unknown system \\\"x\\\"\",\"data\":null}");
    expect_no_header(sent, "WWW-Authenticate");
    exchange_end(&x);

    (void)rbe_fail(&e, RBE_UNAUTHORIZED, "no");
    sent = fail_with(&y, &e);
    assert_int_equal(strncmp(sent, "Status: 401 ", 12), 0);
    expect_header(sent, "WWW-Authenticate: Bearer realm=\"rbe\"");
    exchange_end(&y);
}

static void violations_are_listed(void **state)
{
    struct exchange x = {0};
    struct rbe_err e = {0};

    (void)state;
    (void)rbe_invalid(&e, "version_name", "required", "must not be empty");
    (void)rbe_invalid(&e, "file", "required", "is missing");
    const char *sent = fail_with(&x, &e);
    assert_string_equal(body_of(sent),
                        "{\"code\":1001,\"msg\":\"version_name: must not be empty\",\"data\":{\"violations\":["
                        "{\"field\":\"version_name\",\"violation\":\"required\",\"message\":\"must not be empty\"},"
                        "{\"field\":\"file\",\"violation\":\"required\",\"message\":\"is missing\"}]}}");
    exchange_end(&x);
}

static void faults_tell_nothing_of_their_cause(void **state)
{
    static const struct {
        enum rbe_code code;
        const char *status, *msg;
    } cases[] = {
        {RBE_FAULT, "Status: 500 ", "internal error"},
        {RBE_UNAVAILABLE, "Status: 503 ", "temporarily unavailable"},
        {RBE_NOSPACE, "Status: 507 ", "no space left on the server"},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        struct exchange x = {0};
        struct rbe_err e = {0};

        (void)rbe_fail(&e, cases[i].code, "/srv/secret/path: broken");
        const char *sent = fail_with(&x, &e);
        assert_int_equal(strncmp(sent, cases[i].status, strlen(cases[i].status)), 0);
        assert_null(strstr(sent, "secret"));
        assert_non_null(strstr(sent, cases[i].msg));
        assert_non_null(strstr(sent, "\"code\":-1,"));
        exchange_end(&x);
    }
}

/* ---- files ---- */

static const char content[] = "0123456789abcdefghij";

static int content_fd(void)
{
    int fd = memfd_create("file", MFD_CLOEXEC);

    assert_int_equal(write(fd, content, 20), 20);
    return fd;
}

static const char *send_file(struct exchange *x, enum rbe_sending how, const char *const *env)
{
    exchange_begin(x, env, "");
    rbe_resp_file(&x->resp, &(struct rbe_resp_file){
                                .fd = content_fd(),
                                .size = 20,
                                .etag = "tag",
                                .content_type = "application/zip",
                                .file_name = "a \"b\"\xc3\xa4-1.0_x.zip",
                                .how = how,
                                .send_path = "/srv/100% \xc3\xa4/p/x.zip",
                            });
    return send_it(x);
}

static void a_whole_file(void **state)
{
    struct exchange x = {0};

    (void)state;
    const char *sent = send_file(&x, RBE_SEND_STREAM, ENV("REQUEST_METHOD=GET"));
    assert_int_equal(strncmp(sent, "Status: 200 OK\r\n", 16), 0);
    assert_string_equal(body_of(sent), content);
    expect_header(sent, "Content-Length: 20");
    expect_header(sent, "Content-Type: application/zip");
    expect_header(sent, "ETag: \"tag\"");
    expect_header(sent, "Accept-Ranges: bytes");
    expect_header(sent, "Content-Disposition: attachment; filename=\"a__b___-1.0_x.zip\"");
    assert_int_equal(x.resp.sent, 20);
    exchange_end(&x);
}

static void head_of_a_file(void **state)
{
    static const enum rbe_sending ways[] = {RBE_SEND_STREAM, RBE_SEND_X_SENDFILE, RBE_SEND_X_ACCEL};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(ways); i++) {
        struct exchange x = {0};
        const char *sent = send_file(&x, ways[i], ENV("REQUEST_METHOD=HEAD", "HTTP_RANGE=bytes=0-1"));

        assert_int_equal(strncmp(sent, "Status: 200 OK\r\n", 16), 0);
        assert_string_equal(body_of(sent), "");
        expect_header(sent, "Content-Length: 20");
        expect_header(sent, "ETag: \"tag\"");
        expect_header(sent, "Accept-Ranges: bytes");
        expect_no_header(sent, "X-Sendfile");
        expect_no_header(sent, "X-Accel");
        exchange_end(&x);
    }
}

static void expect_part(const char *range, const char *if_range, const char *content_range, const char *body)
{
    struct exchange x = {0};
    rbe_autofree char *r = rbe_strfmt("HTTP_RANGE=%s", range), *i = rbe_strfmt("HTTP_IF_RANGE=%s", if_range);
    rbe_autofree char *line = rbe_strfmt("Content-Range: %s", content_range ? content_range : "");
    rbe_autofree char *length = rbe_strfmt("Content-Length: %zu", strlen(body));
    const char *sent = send_file(&x, RBE_SEND_STREAM, ENV("REQUEST_METHOD=GET", r, if_range[0] ? i : NULL));

    assert_string_equal(body_of(sent), body);
    expect_header(sent, length);
    if (content_range) {
        assert_int_equal(strncmp(sent, "Status: 206 Partial Content\r\n", 29), 0);
        expect_header(sent, line);
    } else {
        assert_int_equal(strncmp(sent, "Status: 200 OK\r\n", 16), 0);
        expect_no_header(sent, "Content-Range");
    }
    exchange_end(&x);
}

static void parts_of_a_file(void **state)
{
    (void)state;
    expect_part("bytes=0-3", "", "bytes 0-3/20", "0123");
    expect_part("bytes=5-5", "", "bytes 5-5/20", "5");
    expect_part("bytes=-3", "", "bytes 17-19/20", "hij");
    expect_part("bytes=17-99", "", "bytes 17-19/20", "hij");
    expect_part("bytes=18-", "", "bytes 18-19/20", "ij");
    expect_part("bytes=0-1,4-5", "", NULL, content);
    expect_part("rubbish", "", NULL, content);
    expect_part("bytes=0-3", "\"tag\"", "bytes 0-3/20", "0123");
    expect_part("bytes=0-3", "\"other\"", NULL, content);
    expect_part("bytes=0-3", "W/\"tag\"", NULL, content);
    expect_part("bytes=0-3", "*", NULL, content);
    expect_part("bytes=0-3", "Thu, 15 Jan 2026 10:30:00 GMT", NULL, content);
    expect_part("bytes=99-", "\"other\"", NULL, content);
}

static void no_such_part(void **state)
{
    static const enum rbe_sending ways[] = {RBE_SEND_STREAM, RBE_SEND_X_SENDFILE};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(ways); i++) {
        struct exchange x = {0};
        const char *sent = send_file(&x, ways[i], ENV("REQUEST_METHOD=GET", "HTTP_RANGE=bytes=20-"));

        assert_int_equal(strncmp(sent, "Status: 416 ", 12), 0);
        expect_header(sent, "Content-Range: bytes */20");
        expect_no_header(sent, "Content-Disposition");
        assert_string_equal(body_of(sent), "{\"code\":1,\"msg\":\"range not satisfiable\",\"data\":null}");
        exchange_end(&x);
    }
}

static void expect_status(const char *condition, int status)
{
    static const enum rbe_sending ways[] = {RBE_SEND_STREAM, RBE_SEND_X_SENDFILE};

    for (size_t i = 0; i < RBE_COUNT(ways); i++) {
        struct exchange x = {0};
        char c[64];

        (void)snprintf(c, sizeof(c), "%s", condition);
        const char *sent = send_file(&x, ways[i], ENV("REQUEST_METHOD=GET", c));
        assert_int_equal(x.resp.status, status);
        expect_header(sent, "ETag: \"tag\"");
        if (status == 304) {
            assert_string_equal(body_of(sent), "");
            expect_no_header(sent, "Content-Length");
            expect_no_header(sent, "X-Sendfile");
        }
        exchange_end(&x);
    }
}

static void conditions(void **state)
{
    (void)state;
    expect_status("HTTP_IF_NONE_MATCH=\"tag\"", 304);
    expect_status("HTTP_IF_NONE_MATCH=W/\"tag\"", 304);
    expect_status("HTTP_IF_NONE_MATCH=\"a\", \"tag\"", 304);
    expect_status("HTTP_IF_NONE_MATCH=*", 304);
    expect_status("HTTP_IF_NONE_MATCH=\"a\"", 200);
    expect_status("HTTP_IF_NONE_MATCH=tag", 200);
    expect_status("HTTP_IF_MATCH=\"tag\"", 200);
    expect_status("HTTP_IF_MATCH=*", 200);
    expect_status("HTTP_IF_MATCH=\"a\"", 412);
    expect_status("HTTP_IF_MATCH=W/\"tag\"", 412);
}

static void the_web_server_sends_it(void **state)
{
    struct exchange x = {0}, y = {0};

    (void)state;
    const char *sent = send_file(&x, RBE_SEND_X_SENDFILE, ENV("REQUEST_METHOD=GET", "HTTP_RANGE=bytes=0-3"));
    assert_int_equal(strncmp(sent, "Status: 200 OK\r\n", 16), 0);
    expect_header(sent, "X-Sendfile: /srv/100%25%20%C3%A4/p/x.zip");
    expect_header(sent, "Content-Disposition: attachment; filename=\"a__b___-1.0_x.zip\"");
    expect_header(sent, "ETag: \"tag\"");
    expect_no_header(sent, "Content-Length");
    assert_string_equal(body_of(sent), "");
    exchange_end(&x);

    sent = send_file(&y, RBE_SEND_X_ACCEL, ENV("REQUEST_METHOD=GET"));
    expect_header(sent, "X-Accel-Redirect: /srv/100%25%20%C3%A4/p/x.zip");
    expect_no_header(sent, "X-Sendfile");
    exchange_end(&y);
}

static void a_large_file_needs_no_memory_of_its_size(void **state)
{
    enum { SIZE = 300 * 1000 };
    struct exchange x = {0};
    rbe_autofree char *bytes = rbe_alloc(SIZE);
    int fd = memfd_create("file", MFD_CLOEXEC);

    (void)state;
    for (size_t i = 0; i < SIZE; i++)
        bytes[i] = (char)('a' + i % 23);
    assert_int_equal(write(fd, bytes, SIZE), SIZE);
    exchange_begin(&x, ENV("REQUEST_METHOD=GET", "HTTP_RANGE=bytes=7-299990"), "");
    rbe_resp_file(&x.resp, &(struct rbe_resp_file){.fd = fd, .size = SIZE, .etag = "t", .content_type = "a/b",
                                                   .file_name = "f"});
    const char *sent = send_it(&x);
    assert_memory_equal(body_of(sent), bytes + 7, 299990 - 7 + 1);
    assert_int_equal(x.resp.sent, 299990 - 7 + 1);
    assert_true(x.resp.piece.cap <= 256 * 1024);
    exchange_end(&x);
}

static void a_file_that_is_shorter_than_said(void **state)
{
    struct exchange x = {0};
    struct rbe_err e = {0};

    (void)state;
    exchange_begin(&x, ENV("REQUEST_METHOD=GET"), "");
    rbe_resp_file(&x.resp, &(struct rbe_resp_file){.fd = content_fd(), .size = 25, .etag = "t", .content_type = "a/b",
                                                   .file_name = "f"});
    assert_int_equal(rbe_resp_send(&x.resp, &e), RBE_FAULT);
    assert_non_null(strstr(e.text, "5 bytes early"));
    exchange_end(&x);
}

static void a_file_that_is_not_sent_is_closed(void **state)
{
    struct exchange x = {0};
    struct rbe_err e = {0};
    int fd = content_fd();

    (void)state;
    exchange_begin(&x, ENV("REQUEST_METHOD=GET"), "");
    rbe_resp_file(&x.resp, &(struct rbe_resp_file){.fd = fd, .size = 20, .etag = "t", .content_type = "a/b",
                                                   .file_name = "f"});
    (void)rbe_fail(&e, RBE_GONE, "gone");
    rbe_resp_fail(&x.resp, &e);
    assert_int_equal(lseek(fd, 0, SEEK_CUR), -1);
    exchange_end(&x);
}

/* What is sent of a text that may be kept; env: method, and the condition where there is one. */
static const char *send_kept(const char *const *env, int status, int64_t max_age, bool private)
{
    static char sent[1024];
    struct exchange x = {0};

    exchange_begin(&x, env, "");
    rbe_str_puts(rbe_resp_text(&x.resp, "text/plain"), "body");
    rbe_resp_status(&x.resp, status);
    rbe_resp_keep(&x.resp, max_age, private);
    (void)snprintf(sent, sizeof(sent), "%s", send_it(&x));
    exchange_end(&x);
    return sent;
}

static void kept_answers(void **state)
{
    char etag[64] = "", tag[80], given[100];

    (void)state;
    const char *sent = send_kept(ENV("REQUEST_METHOD=GET"), 200, 0, false), *at = strstr(sent, "ETag: W/\"");
    assert_non_null(at);
    (void)snprintf(etag, sizeof(etag), "%.*s", (int)strcspn(at + strlen("ETag: "), "\r"), at + strlen("ETag: "));
    assert_int_equal(strlen(etag), strlen("W/\"\"") + 32);
    (void)snprintf(tag, sizeof(tag), "ETag: %s", etag);
    (void)snprintf(given, sizeof(given), "HTTP_IF_NONE_MATCH=\"other\", %s", etag);
    expect_header(sent, "Status: 200 OK");
    expect_header(sent, "Cache-Control: no-cache");
    assert_string_equal(body_of(sent), "body");
    sent = send_kept(ENV("REQUEST_METHOD=GET", given), 200, 60, false);
    expect_header(sent, "Status: 304 Not Modified");
    expect_header(sent, tag);
    expect_header(sent, "Cache-Control: max-age=60");
    expect_no_header(sent, "Content-Length");
    assert_string_equal(body_of(sent), "");
    sent = send_kept(ENV("REQUEST_METHOD=HEAD", "HTTP_IF_NONE_MATCH=\"other\""), 200, 0, true);
    expect_header(sent, "Status: 200 OK");
    expect_header(sent, "Cache-Control: private, no-cache");
    assert_string_equal(body_of(sent), "");
    /* only a 200 is kept */
    sent = send_kept(ENV("REQUEST_METHOD=GET", "HTTP_IF_NONE_MATCH=*"), 403, 60, false);
    expect_header(sent, "Status: 403 Forbidden");
    expect_header(sent, "Cache-Control: no-store");
    expect_no_header(sent, "ETag");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_answers),
        cmocka_unit_test(an_envelope),
        cmocka_unit_test(data_not_written_is_null),
        cmocka_unit_test(head_has_the_headers_alone),
        cmocka_unit_test(headers_of_the_handlers_own),
        cmocka_unit_test(nothing_written_is_an_empty_body),
        cmocka_unit_test(failures_of_the_asker),
        cmocka_unit_test(violations_are_listed),
        cmocka_unit_test(faults_tell_nothing_of_their_cause),
        cmocka_unit_test(a_whole_file),
        cmocka_unit_test(head_of_a_file),
        cmocka_unit_test(parts_of_a_file),
        cmocka_unit_test(no_such_part),
        cmocka_unit_test(conditions),
        cmocka_unit_test(the_web_server_sends_it),
        cmocka_unit_test(a_large_file_needs_no_memory_of_its_size),
        cmocka_unit_test(a_file_that_is_shorter_than_said),
        cmocka_unit_test(a_file_that_is_not_sent_is_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
