#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/exchange.h"

#define ENV(...) ((const char *const[]){__VA_ARGS__, NULL})

static void expect_path(const char *script, const char *info, const char *uri, const char *public_url, const char *want)
{
    struct exchange x = {.site = {.public_url = public_url}};
    char s[200], i[200], u[200];

    (void)snprintf(s, sizeof(s), "SCRIPT_NAME=%s", script);
    (void)snprintf(i, sizeof(i), "PATH_INFO=%s", info);
    (void)snprintf(u, sizeof(u), "REQUEST_URI=%s", uri);
    exchange_begin(&x, ENV(s, i, u), "");
    assert_string_equal(rbe_req_path(&x.req), want);
    exchange_end(&x);
}

static void paths(void **state)
{
    (void)state;
    expect_path("/resources/a/latest", "", "/ignored", "", "/resources/a/latest");
    expect_path("/resources", "/a/latest", "/ignored", NULL, "/resources/a/latest");
    expect_path("/cgi-bin/latest.fcgi", "/resources/a/latest", "", "", "/resources/a/latest");
    expect_path("/latest.cgi", "/x", "", "", "/x");
    expect_path("/latest.fcgi", "", "/x", "", "/x");
    expect_path("/cgi-bin/latest.fcgi", "", "/up/resources/a/latest?b=c", "https://host/up", "/resources/a/latest");
    expect_path("/latest.fcgi", "", "", "", "");
    expect_path("", "/x/y", "/ignored", "", "/x/y");
    expect_path("", "", "/a%20b/c?d=e", "", "/a b/c");
    expect_path("", "", "https://host/a/b?c", "", "/a/b");
    expect_path("", "", "https://host?c", "", "");
    expect_path("", "", "/a%2Fb", "", "");
    expect_path("", "", "/a%2fb", "", "");
    expect_path("", "", "/a%zz", "", "");
    expect_path("", "", "/a%00", "", "");
    expect_path("", "", "/a%252F", "", "/a%2F");
    expect_path("", "", "*", "", "");
    expect_path("/a\xff", "", "", "", "");
    expect_path("/a\nb", "", "", "", "");
    expect_path("/a+b", "", "", "", "/a+b");
    expect_path("/up/date/health", "", "", "https://host/up/date", "/health");
    expect_path("/health", "", "", "https://host/up/date", "/health");
    expect_path("/up/dated/health", "", "", "https://host/up/date", "/up/dated/health");
    expect_path("/up/date", "", "", "https://host/up/date", "/up/date");
    expect_path("/health", "", "", "https://host", "/health");
}

static void methods(void **state)
{
    static const struct {
        const char *env;
        enum rbe_method want;
    } cases[] = {{"REQUEST_METHOD=GET", RBE_GET},         {"REQUEST_METHOD=HEAD", RBE_HEAD},
                 {"REQUEST_METHOD=DELETE", RBE_DELETE},   {"REQUEST_METHOD=get", RBE_METHOD_OTHER},
                 {"REQUEST_METHOD=PATCH", RBE_METHOD_OTHER}, {"X=", RBE_METHOD_OTHER}};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        struct exchange x = {0};
        char env[64];

        (void)snprintf(env, sizeof(env), "%s", cases[i].env);
        exchange_begin(&x, ENV(env), "");
        assert_int_equal(rbe_req_method(&x.req), cases[i].want);
        exchange_end(&x);
    }
}

static void parameters(void **state)
{
    struct exchange x = {0};
    struct rbe_err e = {0};
    const char *name, *value;

    (void)state;
    exchange_begin(&x,
                   ENV("QUERY_STRING=os=win&current_version=1.0+2&x=%C3%A4%26&empty=&flag&&a=b=c&x=second&channel=&"
                       "name=n1&version_name=n2&arch=&current=9"),
                   "");
    assert_int_equal(rbe_req_query(&x.req, &e), RBE_OK);
    assert_string_equal(rbe_req_param(&x.req, "system"), "win");
    assert_string_equal(rbe_req_param(&x.req, "os"), "win");
    assert_string_equal(rbe_req_param(&x.req, "current"), "9");
    assert_string_equal(rbe_req_param(&x.req, "x"), "\xc3\xa4&");
    assert_string_equal(rbe_req_param(&x.req, "empty"), "");
    assert_string_equal(rbe_req_param(&x.req, "flag"), "");
    assert_string_equal(rbe_req_param(&x.req, "absent"), "");
    assert_string_equal(rbe_req_param(&x.req, "a"), "b=c");
    assert_string_equal(rbe_req_param(&x.req, "version_name"), "n2");
    assert_string_equal(rbe_req_param(&x.req, "name"), "n2");
    assert_true(rbe_req_param_at(&x.req, 1, &name, &value));
    assert_string_equal(name, "current_version");
    assert_string_equal(value, "1.0 2");
    assert_false(rbe_req_param_at(&x.req, 13, &name, &value));
    exchange_end(&x);
}

static void the_first_of_equal_names_counts(void **state)
{
    struct exchange x = {0};
    struct rbe_err e = {0};

    (void)state;
    exchange_begin(&x, ENV("QUERY_STRING=os=a&os=b&cdk=1&cdk=2&current=&current_version=7"), "");
    assert_int_equal(rbe_req_query(&x.req, &e), RBE_OK);
    assert_string_equal(rbe_req_param(&x.req, "system"), "a");
    assert_string_equal(rbe_req_param(&x.req, "cdk"), "1");
    /* An empty one says nothing. */
    assert_string_equal(rbe_req_param(&x.req, "current"), "7");
    exchange_end(&x);
}

static void no_query_is_no_failure(void **state)
{
    struct exchange x = {0};
    struct rbe_err e = {0};

    (void)state;
    exchange_begin(&x, ENV("X=y"), "");
    assert_int_equal(rbe_req_query(&x.req, &e), RBE_OK);
    assert_string_equal(rbe_req_param(&x.req, "system"), "");
    exchange_end(&x);
}

static void refuse_query(const char *query, const char *field)
{
    struct exchange x = {0};
    struct rbe_err e = {0};
    rbe_autofree char *env = rbe_strfmt("QUERY_STRING=%s", query);

    exchange_begin(&x, ENV(env), "");
    if (rbe_req_query(&x.req, &e) != RBE_INVALID)
        fail_msg("taken: %s", query);
    assert_string_equal(e.violation[0].field, field);
    exchange_end(&x);
}

static void broken_queries(void **state)
{
    rbe_auto(str) struct rbe_str many = {0}, longer = {0};

    (void)state;
    refuse_query("a=b&channel=%zz", "channel");
    refuse_query("channel=%", "channel");
    refuse_query("channel=%4", "channel");
    refuse_query("channel=a%00b", "channel");
    refuse_query("channel=%ff", "channel");
    refuse_query("channel=%c3", "channel");
    refuse_query("channel=%ed%a0%80", "channel");
    refuse_query("channel=a%0Ab", "channel");
    refuse_query("channel=%7f", "channel");
    refuse_query("channel=%c2%85", "channel");
    refuse_query("%zz=a", "query");
    refuse_query("%ff=a", "query");
    for (int i = 0; i <= RBE_REQ_PARAMS_MAX; i++)
        rbe_str_putf(&many, "p%d=1&", i);
    refuse_query(many.s, "query");
    rbe_str_puts(&longer, "p=");
    while (longer.len <= RBE_REQ_QUERY_MAX)
        rbe_str_putc(&longer, 'x');
    refuse_query(longer.s, "query");
}

static void every_broken_parameter_is_named(void **state)
{
    struct exchange x = {0};
    struct rbe_err e = {0};

    (void)state;
    exchange_begin(&x, ENV("QUERY_STRING=arch=%ff&os=linux&channel=%zz"), "");
    assert_int_equal(rbe_req_query(&x.req, &e), RBE_INVALID);
    assert_int_equal(e.violations, 2);
    assert_string_equal(e.violation[0].field, "arch");
    assert_string_equal(e.violation[1].field, "channel");
    exchange_end(&x);
}

static void as_many_parameters_as_allowed(void **state)
{
    rbe_auto(str) struct rbe_str query = {0};
    struct exchange x = {0};
    struct rbe_err e = {0};

    (void)state;
    rbe_str_puts(&query, "QUERY_STRING=");
    for (int i = 0; i < RBE_REQ_PARAMS_MAX; i++)
        rbe_str_putf(&query, "p%d=%d&", i, i);
    exchange_begin(&x, ENV(query.s), "");
    assert_int_equal(rbe_req_query(&x.req, &e), RBE_OK);
    assert_string_equal(rbe_req_param(&x.req, "p63"), "63");
    exchange_end(&x);
}

static void headers(void **state)
{
    struct exchange x = {0};

    (void)state;
    exchange_begin(&x,
                   ENV("HTTP_IF_NONE_MATCH=\"x\"", "CONTENT_TYPE=text/plain", "CONTENT_LENGTH=12", "REMOTE_ADDR=::1",
                       "HTTP_EMPTY="),
                   "");
    assert_string_equal(rbe_req_header(&x.req, "If-None-Match"), "\"x\"");
    assert_string_equal(rbe_req_header(&x.req, "content-type"), "text/plain");
    assert_string_equal(rbe_req_header(&x.req, "Content-Length"), "12");
    assert_string_equal(rbe_req_header(&x.req, "Empty"), "");
    assert_null(rbe_req_header(&x.req, "If-None"));
    assert_null(rbe_req_header(&x.req, "A-Name-That-Is-Longer-Than-Any-Header-This-Project-Will-Ever-Look-For-Any"));
    assert_int_equal(rbe_req_length(&x.req), 12);
    assert_string_equal(rbe_req_env(&x.req, "REMOTE_ADDR"), "::1");
    assert_string_equal(rbe_req_peer(&x.req), "::1");
    exchange_end(&x);
}

static void expect_bearer(const char *var, const char *want)
{
    struct exchange x = {0};
    char env[100];

    (void)snprintf(env, sizeof(env), "%s", var);
    exchange_begin(&x, ENV(env), "");
    const char *got = rbe_req_bearer(&x.req);
    if (want)
        assert_string_equal(got, want);
    else
        assert_null(got);
    exchange_end(&x);
}

static void bearer_tokens(void **state)
{
    (void)state;
    expect_bearer("HTTP_AUTHORIZATION=Bearer abc", "abc");
    expect_bearer("HTTP_AUTHORIZATION=bearer   abc  ", "abc");
    expect_bearer("HTTP_AUTHORIZATION=abc", "abc");
    expect_bearer("HTTP_AUTHORIZATION=bearerabc", "bearerabc");
    expect_bearer("REDIRECT_HTTP_AUTHORIZATION=Bearer abc", "abc");
    expect_bearer("HTTP_AUTHORIZATION=", NULL);
    expect_bearer("HTTP_AUTHORIZATION=Bearer", NULL);
    expect_bearer("HTTP_AUTHORIZATION=Bearer ", NULL);
    expect_bearer("X=y", NULL);
}

static void blocks(void **state)
{
    static const struct {
        const char *address, *block;
        bool in;
    } cases[] = {
        {"127.0.0.1", "127.0.0.1", true},       {"127.0.0.1", "127.0.0.0/8", true},
        {"128.0.0.1", "127.0.0.0/8", false},    {"10.1.2.3", "10.1.2.0/23", true},
        {"10.1.4.3", "10.1.2.0/23", false},     {"10.1.2.3", "0.0.0.0/0", true},
        {"::1", "0.0.0.0/0", false},            {"::1", "::1", true},
        {"::1", "::/0", true},                  {"10.0.0.1", "::/0", true},
        {"2001:db8::5", "2001:db8::/32", true}, {"2001:db9::5", "2001:db8::/32", false},
        {"::ffff:10.1.2.3", "10.0.0.0/8", true}, {"10.1.2.3", "::ffff:10.0.0.0/104", true},
        {"10.1.2.3", "10.1.2.3/33", false},     {"10.1.2.3", "10.1.2.3/x", false},
        {"10.1.2.3", "10.1.2.3/-1", false},     {"10.1.2.3", "", false},
        {"10.1.2.3", "localhost", false},       {"unix:", "0.0.0.0/0", false},
        {"", "0.0.0.0/0", false},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(cases); i++)
        if (rbe_address_in(cases[i].address, &cases[i].block, 1) != cases[i].in)
            fail_msg("%s in %s", cases[i].address, cases[i].block);
    assert_false(rbe_address_in(NULL, NULL, 0));
}

static void expect_address(const char *peer, const char *forwarded, const char *want)
{
    static const char *const trusted[] = {"127.0.0.1", "10.0.0.0/8", "::1"};
    struct exchange x = {.site = {.trusted_proxies = trusted, .n_trusted_proxies = RBE_COUNT(trusted)}};
    char p[64], f[200];

    (void)snprintf(p, sizeof(p), "REMOTE_ADDR=%s", peer);
    (void)snprintf(f, sizeof(f), "HTTP_X_FORWARDED_FOR=%s", forwarded);
    exchange_begin(&x, ENV(p, f), "");
    assert_string_equal(rbe_req_address(&x.req), want);
    assert_string_equal(rbe_req_peer(&x.req), peer);
    exchange_end(&x);
}

static void the_client_behind_proxies(void **state)
{
    (void)state;
    expect_address("192.0.2.9", "198.51.100.7", "192.0.2.9");
    expect_address("127.0.0.1", "198.51.100.7", "198.51.100.7");
    expect_address("127.0.0.1", "203.0.113.1, 198.51.100.7, 10.1.1.1", "198.51.100.7");
    expect_address("127.0.0.1", "10.1.1.1,10.2.2.2", "10.1.1.1");
    expect_address("::1", "[2001:db8::9]:443", "2001:db8::9");
    expect_address("::1", "2001:db8::9", "2001:db8::9");
    expect_address("::1", "198.51.100.7:8080", "198.51.100.7");
    expect_address("127.0.0.1", "198.51.100.7, rubbish", "127.0.0.1");
    expect_address("127.0.0.1", "198.51.100.7, unknown, 10.0.0.1", "10.0.0.1");
    expect_address("127.0.0.1", "", "127.0.0.1");
    expect_address("127.0.0.1", ",", "127.0.0.1");
    expect_address("127.0.0.1", "[::1", "127.0.0.1");
}

static void expect_url(const char *fixed, const char *const *env, const char *want)
{
    static const char *const trusted[] = {"127.0.0.1"};
    struct exchange x = {.site = {.public_url = fixed, .trusted_proxies = trusted, .n_trusted_proxies = 1}};
    struct rbe_err e = {0};
    const char *url = NULL;

    exchange_begin(&x, env, "");
    enum rbe_code code = rbe_req_base_url(&x.req, &url, &e);
    if (want) {
        assert_int_equal(code, RBE_OK);
        assert_string_equal(url, want);
    } else {
        assert_int_equal(code, RBE_INVALID);
        assert_string_equal(e.violation[0].field, "Host");
    }
    exchange_end(&x);
}

static void base_urls(void **state)
{
    (void)state;
    expect_url("https://u.example/p", ENV("HTTP_HOST=evil"), "https://u.example/p");
    expect_url("", ENV("HTTP_HOST=a.example"), "http://a.example");
    expect_url("", ENV("HTTP_HOST=a.example:8080", "HTTPS=on"), "https://a.example:8080");
    expect_url("", ENV("HTTP_HOST=a", "HTTPS=off"), "http://a");
    expect_url("", ENV("HTTP_HOST=a", "REQUEST_SCHEME=https"), "https://a");
    expect_url("", ENV("HTTP_HOST=a", "REQUEST_SCHEME=javascript"), "http://a");
    expect_url("", ENV("HTTP_HOST=[2001:db8::1]:81"), "http://[2001:db8::1]:81");
    expect_url("", ENV("HTTP_HOST=a", "REMOTE_ADDR=127.0.0.1", "HTTP_X_FORWARDED_PROTO=https",
                       "HTTP_X_FORWARDED_HOST=public.example"),
               "https://public.example");
    expect_url("", ENV("HTTP_HOST=a", "REMOTE_ADDR=127.0.0.1", "HTTP_X_FORWARDED_HOST=forged.example, b:99"),
               "http://b:99");
    expect_url("", ENV("HTTP_HOST=a", "REMOTE_ADDR=192.0.2.1", "HTTP_X_FORWARDED_PROTO=https",
                       "HTTP_X_FORWARDED_HOST=evil"),
               "http://a");
    expect_url("", ENV("X=y"), NULL);
    expect_url("", ENV("HTTP_HOST="), NULL);
    expect_url("", ENV("HTTP_HOST=a/b"), NULL);
    expect_url("", ENV("HTTP_HOST=a\"><x"), NULL);
    expect_url("", ENV("HTTP_HOST=user@a"), NULL);
    expect_url("", ENV("HTTP_HOST=a:"), NULL);
    expect_url("", ENV("HTTP_HOST=a:123456"), NULL);
    expect_url("", ENV("HTTP_HOST=a:8x"), NULL);
    expect_url("", ENV("HTTP_HOST=[::1"), NULL);
}

static void bodies(void **state)
{
    struct exchange x = {0};
    struct rbe_err e = {0};
    const char *body;
    size_t n;
    char small[3];

    (void)state;
    /* Never past the declared length. */
    exchange_begin(&x, ENV("CONTENT_LENGTH=5"), "hello, more");
    assert_int_equal(rbe_req_read(&x.req, small, sizeof(small), &n, &e), RBE_OK);
    assert_int_equal(n, 3);
    assert_int_equal(rbe_req_body(&x.req, 100, &body, &n, &e), RBE_OK);
    assert_string_equal(body, "lo");
    assert_int_equal(n, 2);
    assert_int_equal(rbe_req_read(&x.req, small, sizeof(small), &n, &e), RBE_OK);
    assert_int_equal(n, 0);
    exchange_end(&x);

    x = (struct exchange){0};
    exchange_begin(&x, ENV("X=y"), "undeclared");
    assert_int_equal(rbe_req_length(&x.req), -1);
    assert_int_equal(rbe_req_body(&x.req, 10, &body, &n, &e), RBE_OK);
    assert_string_equal(body, "undeclared");
    exchange_end(&x);

    x = (struct exchange){0};
    exchange_begin(&x, ENV("CONTENT_LENGTH=9"), "short");
    assert_int_equal(rbe_req_body(&x.req, 100, &body, &n, &e), RBE_REFUSED);
    assert_non_null(strstr(e.text, "5 of 9"));
    exchange_end(&x);

    x = (struct exchange){0};
    exchange_begin(&x, ENV("CONTENT_LENGTH=0"), "");
    assert_int_equal(rbe_req_body(&x.req, 100, &body, &n, &e), RBE_OK);
    assert_string_equal(body, "");
    exchange_end(&x);
}

static void bodies_that_are_too_large(void **state)
{
    struct exchange x = {0};
    struct rbe_err e = {0};
    const char *body;
    size_t n;

    (void)state;
    exchange_begin(&x, ENV("CONTENT_LENGTH=11"), "hello world");
    assert_int_equal(rbe_req_body(&x.req, 10, &body, &n, &e), RBE_TOOLARGE);
    exchange_end(&x);
    x = (struct exchange){0};
    exchange_begin(&x, ENV("X=y"), "hello world");
    assert_int_equal(rbe_req_body(&x.req, 10, &body, &n, &e), RBE_TOOLARGE);
    exchange_end(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths),
        cmocka_unit_test(methods),
        cmocka_unit_test(parameters),
        cmocka_unit_test(the_first_of_equal_names_counts),
        cmocka_unit_test(no_query_is_no_failure),
        cmocka_unit_test(broken_queries),
        cmocka_unit_test(every_broken_parameter_is_named),
        cmocka_unit_test(as_many_parameters_as_allowed),
        cmocka_unit_test(headers),
        cmocka_unit_test(bearer_tokens),
        cmocka_unit_test(blocks),
        cmocka_unit_test(the_client_behind_proxies),
        cmocka_unit_test(base_urls),
        cmocka_unit_test(bodies),
        cmocka_unit_test(bodies_that_are_too_large),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
