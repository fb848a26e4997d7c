/* lib/wrap/net: requests as a server gets them, answers, and all that goes wrong on the way. */
#include "tests/unit/peer.h"

#include "lib/base/clock.h"
#include "lib/base/utf8.h"
#include "lib/wrap/net.h"

struct home {
    struct peer peer;
    struct rbe_net *net;
    struct rbe_net_answer answer;
    struct rbe_err e;
};

static void answer(const char *request, struct rbe_str *to, void *arg)
{
    char path[64] = "";

    (void)arg;
    (void)sscanf(request, "%*s %63[^ ?]", path);
    if (strcmp(path, "/echo") == 0)
        rbe_str_putf(to, "HTTP/1.1 201 Created\r\nContent-Length: %zu\r\n\r\n%s", strlen(request), request);
    else if (strcmp(path, "/large") == 0)
        rbe_str_putf(to, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n%01000d", 7);
    else if (strcmp(path, "/cut") == 0)
        rbe_str_puts(to, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nshort");
    else if (strcmp(path, "/away") == 0)
        rbe_str_puts(to, "HTTP/1.1 302 Found\r\nLocation: file:///etc/hostname\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(path, "/there") == 0)
        rbe_str_puts(to, "HTTP/1.1 302 Found\r\nLocation: /echo\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(path, "/told") == 0)
        rbe_str_puts(to, "HTTP/1.1 302 Found\r\nLocation: /part\r\nX-Of: redirect\r\nContent-Length: 3\r\n\r\nabc");
    else if (strcmp(path, "/part") == 0)
        rbe_str_puts(to, "HTTP/1.1 206 Partial Content\r\nETag:  \"e t\" \r\nContent-Range: bytes 2-5/9\r\nContent-Length: 4"
                         "\r\n\r\npart");
    else if (strcmp(path, "/loop") == 0)
        rbe_str_puts(to, "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(path, "/slow") == 0)
        (void)usleep(5000000);
    else if (strcmp(path, "/nothing") != 0)
        rbe_str_puts(to, "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n");
    if (strcmp(path, "/none") == 0 && strncmp(request, "HEAD", 4) != 0)
        rbe_str_puts(to, "none\n");
}

static void test_retry_after(void **state)
{
    static const struct {
        const char *headers;
        int64_t seconds;
    } rows[] = {
        {"Content-Length: 0\r\n", 0},
        {"Retry-After: 120\r\n", 120},
        {"retry-after:  7 \r\n", 7},
        {"Retry-After: 0\r\n", 0},
        {"Retry-After: -5\r\n", 0},
        {"Retry-After: soon\r\n", 0},
        {"Retry-After: 99999999999\r\n", 365 * 86400},
        {"Retry-After: 99999999999999999999\r\n", 0},
        /* a date counts from that of the answer, whatever this machine's clock shows */
        {"Date: Thu, 15 Jan 2026 10:30:00 GMT\r\nRetry-After: Thu, 15 Jan 2026 10:32:05 GMT\r\n", 125},
        {"Date: Thu, 29 Feb 2024 23:59:59 GMT\r\nRetry-After: Fri, 01 Mar 2024 00:00:00 GMT\r\n", 1},
        {"Date: Thu, 15 Jan 2026 10:30:00 GMT\r\nRetry-After: Thu, 15 Jan 2026 10:29:59 GMT\r\n", 0},
        {"Date: Thu, 15 Jan 2026 10:30:00 GMT\r\nRetry-After: Thu, 15 Jan 2099 10:30:00 GMT\r\n", 365 * 86400},
        {"Retry-After: Thu, 15 Jan 2026 10:30:00 GMT\r\n", 0},
        /* no dates */
        {"Date: Thu, 15 Jan 2026 10:30:00 GMT\r\nRetry-After: Fri, 15 Jan 2026 10:32:05 GMT\r\n", 0},
        {"Date: Thu, 15 Jan 2026 10:30:00 GMT\r\nRetry-After: Thu, 15 Jen 2026 10:32:05 GMT\r\n", 0},
        {"Date: Thu, 15 Jan 2026 10:30:00 GMT\r\nRetry-After: Sun, 30 Feb 2026 10:32:05 GMT\r\n", 0},
        {"Date: Thu, 15 Jan 2026 10:30:00 GMT\r\nRetry-After: Thu, 15 Jan 2026 10:32:05\r\n", 0},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        struct rbe_net_answer a = {0};

        rbe_str_puts(&a.headers, rows[i].headers);
        if (rbe_net_retry_after(&a) != rows[i].seconds)
            fail_msg("%s: %lld", rows[i].headers, (long long)rbe_net_retry_after(&a));
        rbe_net_answer_release(&a);
    }
    /* without a Date it counts from now */
    struct rbe_net_answer a = {0};
    char text[RBE_CLOCK_TEXT];
    rbe_clock_format_http(rbe_clock_now() + 600, text);
    rbe_str_putf(&a.headers, "Retry-After: %s\r\n", text);
    assert_in_range(rbe_net_retry_after(&a), 590, 600);
    rbe_net_answer_release(&a);
}

static int set_up(void **state)
{
    struct home *h = rbe_alloc(sizeof(*h));

    peer_start(&h->peer, answer, NULL);
    h->net = rbe_net_new();
    *state = h;
    return 0;
}

static int tear_down(void **state)
{
    struct home *h = *state;

    peer_stop(&h->peer);
    rbe_net_answer_release(&h->answer);
    rbe_net_free(h->net);
    free(h);
    return 0;
}

static enum rbe_code ask_for(struct home *h, struct rbe_net_request q, const char *path)
{
    rbe_autofree char *url = rbe_strfmt("%s%s", h->peer.url, path);

    q.url = url;
    q.timeout_ms = q.timeout_ms ? q.timeout_ms : 20000;
    q.max = q.max ? q.max : 4096;
    h->e = (struct rbe_err){0};
    return rbe_net_do(h->net, &q, &h->answer, &h->e);
}

static void test_methods(void **state)
{
    static const char *const headers[] = {"X-One: 1", "Content-Type: application/json", NULL};
    struct home *h = *state;
    const char *got;

    assert_int_equal(ask_for(h, (struct rbe_net_request){.method = RBE_NET_GET}, "/echo"), RBE_OK);
    assert_int_equal(h->answer.status, 201);
    got = rbe_str_text(&h->answer.body);
    assert_int_equal(h->answer.length, strlen(got));
    assert_memory_equal(got, "GET /echo HTTP/1.1\r\n", 20);
    assert_non_null(strstr(got, "User-Agent: rbe/"));

    assert_int_equal(ask_for(h, (struct rbe_net_request){.method = RBE_NET_POST, .headers = headers, .body = "{\"a\":1}",
                                                         .len = 7}, "/echo"), RBE_OK);
    got = rbe_str_text(&h->answer.body);
    assert_memory_equal(got, "POST /echo HTTP/1.1\r\n", 21);
    assert_non_null(strstr(got, "X-One: 1\r\n"));
    assert_non_null(strstr(got, "Content-Type: application/json\r\n"));
    assert_string_equal(strstr(got, "\r\n\r\n"), "\r\n\r\n{\"a\":1}");
    assert_int_equal(ask_for(h, (struct rbe_net_request){.method = RBE_NET_POST}, "/echo"), RBE_OK);
    assert_non_null(strstr(rbe_str_text(&h->answer.body), "Content-Length: 0\r\n"));
    /* nothing of one request is left in the next */
    assert_int_equal(ask_for(h, (struct rbe_net_request){.method = RBE_NET_GET}, "/echo"), RBE_OK);
    assert_memory_equal(rbe_str_text(&h->answer.body), "GET ", 4);
    assert_null(strstr(rbe_str_text(&h->answer.body), "X-One"));

    assert_int_equal(ask_for(h, (struct rbe_net_request){.method = RBE_NET_HEAD}, "/none"), RBE_OK);
    assert_int_equal(h->answer.status, 404);
    assert_int_equal(h->answer.length, 5);
    assert_int_equal(h->answer.body.len, 0);
}

static void test_size(void **state)
{
    struct home *h = *state;

    assert_int_equal(ask_for(h, (struct rbe_net_request){.max = 1000}, "/large"), RBE_OK);
    assert_int_equal(h->answer.body.len, 1000);
    assert_int_equal(ask_for(h, (struct rbe_net_request){.max = 999}, "/large?secret=1"), RBE_TOOLARGE);
    assert_null(strstr(h->e.text, "secret"));
    assert_int_equal(ask_for(h, (struct rbe_net_request){0}, "/cut"), RBE_UNAVAILABLE);
    assert_int_equal(ask_for(h, (struct rbe_net_request){0}, "/nothing"), RBE_UNAVAILABLE);
}

static void test_redirects(void **state)
{
    struct home *h = *state;

    assert_int_equal(ask_for(h, (struct rbe_net_request){0}, "/there"), RBE_OK);
    assert_int_equal(h->answer.status, 302);
    assert_int_equal(ask_for(h, (struct rbe_net_request){.redirects = 1}, "/there"), RBE_OK);
    assert_int_equal(h->answer.status, 201);
    assert_int_equal(ask_for(h, (struct rbe_net_request){.method = RBE_NET_POST, .redirects = 1}, "/there"), RBE_OK);
    assert_int_equal(h->answer.status, 302);
    assert_int_equal(ask_for(h, (struct rbe_net_request){.redirects = 5}, "/loop"), RBE_UNAVAILABLE);
    assert_int_equal(ask_for(h, (struct rbe_net_request){.redirects = 5}, "/away"), RBE_REFUSED);
}

static void test_schemes(void **state)
{
    static const char *const urls[] = {"file:///etc/hostname", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "http://", "",
                                       "127.0.0.1:1/", "localhost", "http://127.0.0.1:1/\x1b]0;x\a", "http://127.0.0.1:1/\xc2\x9b"};
    rbe_autofree char *bare = NULL;
    struct home *h = *state;

    for (size_t i = 0; i < RBE_COUNT(urls); i++) {
        const struct rbe_net_request q = {.url = urls[i], .timeout_ms = 1000, .max = 10};

        assert_int_equal(rbe_net_do(h->net, &q, &h->answer, &h->e), RBE_REFUSED);
        assert_false(rbe_utf8_has_control(h->e.text, strlen(h->e.text)));
    }
    /* libcurl would go there, in clear. */
    bare = rbe_strdup(strstr(h->peer.url, "//") + 2);
    assert_int_equal(rbe_net_do(h->net, &(struct rbe_net_request){.url = bare, .timeout_ms = 1000, .max = 10}, &h->answer, &h->e),
                     RBE_REFUSED);
    assert_non_null(strstr(h->e.text, "is no URL of http or https"));
}

static void test_away(void **state)
{
    struct home *h = *state;
    uint64_t began = rbe_clock_mono();

    assert_int_equal(ask_for(h, (struct rbe_net_request){.timeout_ms = 100}, "/slow?token=x"), RBE_UNAVAILABLE);
    assert_true(rbe_clock_mono() - began < UINT64_C(4000000000));
    assert_null(strstr(h->e.text, "token"));
    peer_stop(&h->peer);
    assert_int_equal(ask_for(h, (struct rbe_net_request){0}, "/echo"), RBE_UNAVAILABLE);
    assert_non_null(strstr(h->e.text, h->peer.url));
}

/* What a sink was given, and what it said. */
struct drain {
    struct rbe_str bytes;
    int status;
    enum rbe_code says;
    bool stop;
};

static enum rbe_code drain(void *arg, const struct rbe_net_answer *so_far, const void *p, size_t n, struct rbe_err *e)
{
    struct drain *d = arg;

    rbe_str_put(&d->bytes, p, n);
    d->status = so_far->status;
    return d->says == RBE_OK ? RBE_OK : rbe_fail(e, d->says, "the drain is full");
}

static bool stops(void *arg)
{
    return ((struct drain *)arg)->stop;
}

/* A body handed on piece by piece: that of the last answer alone, with its status and headers. */
static void test_sink(void **state)
{
    struct home *h = *state;
    struct drain d = {.says = RBE_OK};
    struct rbe_net_request q = {.method = RBE_NET_GET, .redirects = 3, .sink = drain, .stop = stops, .arg = &d};
    rbe_auto(str) struct rbe_str value = {0};

    assert_int_equal(ask_for(h, q, "/told"), RBE_OK);
    assert_int_equal(d.status, 206);
    assert_string_equal(rbe_str_text(&d.bytes), "part");
    assert_int_equal(h->answer.body.len, 0);
    assert_true(rbe_net_header(&h->answer, "etag", &value));
    assert_string_equal(value.s, "\"e t\"");
    assert_true(rbe_net_header(&h->answer, "Content-Range", &value));
    assert_string_equal(value.s, "bytes 2-5/9");
    assert_false(rbe_net_header(&h->answer, "X-Of", &value));
    assert_false(rbe_net_header(&h->answer, "Content", &value));

    d.says = RBE_NOSPACE;
    assert_int_equal(ask_for(h, q, "/part"), RBE_NOSPACE);
    assert_string_equal(h->e.text, "the drain is full");
    d = (struct drain){.bytes = d.bytes, .stop = true};
    assert_int_equal(ask_for(h, q, "/slow"), RBE_UNAVAILABLE);
    assert_non_null(strstr(h->e.text, "stopped"));
    q = (struct rbe_net_request){.method = RBE_NET_GET, .stall_s = 1};
    assert_int_equal(ask_for(h, q, "/slow"), RBE_UNAVAILABLE);
    rbe_str_release(&d.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_retry_after),
        cmocka_unit_test_setup_teardown(test_methods, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_size, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_redirects, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_schemes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_away, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_sink, set_up, tear_down),
    };

    /* a proxy of the surroundings is none of the test's */
    (void)setenv("no_proxy", "127.0.0.1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
