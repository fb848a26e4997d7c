/* lib/wrap/json: strict reading, and what a caller sees of values of each type. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/wrap/json.h"

static enum rbe_code parse(const char *text, struct rbe_json **ret, struct rbe_err *e)
{
    return rbe_json_parse(text, strlen(text), ret, e);
}

static void test_values(void **state)
{
    (void)state;
    struct rbe_err e = {0};
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    int64_t n = 0;
    bool b = false;
    size_t len = 0;

    assert_int_equal(parse(" {\"a\":\"x\\u00e9\",\"n\":-42,\"b\":true,\"z\":null,\"l\":[\"p\",7,{}],"
                           "\"u\":\"a\\u0000b\",\"f\":1.5}\n",
                           &doc, &e), RBE_OK);
    assert_true(rbe_json_is_object(doc));
    assert_string_equal(rbe_json_text(rbe_json_find(doc, "a"), NULL), "x\xc3\xa9");
    assert_true(rbe_json_int(rbe_json_find(doc, "n"), &n));
    assert_int_equal(n, -42);
    assert_true(rbe_json_bool(rbe_json_find(doc, "b"), &b));
    assert_true(b);
    assert_null(rbe_json_find(doc, "z"));
    assert_null(rbe_json_find(doc, "absent"));
    assert_int_equal(rbe_json_count(rbe_json_find(doc, "l")), 3);
    assert_string_equal(rbe_json_text(rbe_json_at(rbe_json_find(doc, "l"), 0), NULL), "p");
    assert_null(rbe_json_text(rbe_json_at(rbe_json_find(doc, "l"), 1), NULL));
    assert_true(rbe_json_is_object(rbe_json_at(rbe_json_find(doc, "l"), 2)));
    assert_null(rbe_json_at(rbe_json_find(doc, "l"), 3));
    assert_null(rbe_json_text(rbe_json_find(doc, "u"), NULL));
    assert_non_null(rbe_json_text(rbe_json_find(doc, "u"), &len));
    assert_int_equal(len, 3);
    assert_false(rbe_json_int(rbe_json_find(doc, "f"), &n));
    assert_false(rbe_json_int(rbe_json_find(doc, "a"), &n));
    assert_false(rbe_json_bool(rbe_json_find(doc, "n"), &b));
    assert_int_equal(rbe_json_count(doc), (size_t)-1);
    assert_int_equal(rbe_json_count(NULL), (size_t)-1);
    assert_false(rbe_json_is_object(NULL));
    assert_null(rbe_json_find(NULL, "a"));
}

static void test_members(void **state)
{
    (void)state;
    struct rbe_err e = {0};
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    const struct rbe_json *v = NULL;

    assert_int_equal(parse("{\"one\":1,\"two\":null,\"three\":\"3\"}", &doc, &e), RBE_OK);
    assert_string_equal(rbe_json_member(doc, 0, &v), "one");
    assert_string_equal(rbe_json_member(doc, 1, &v), "two");
    assert_null(v);
    assert_string_equal(rbe_json_member(doc, 2, &v), "three");
    assert_string_equal(rbe_json_text(v, NULL), "3");
    assert_null(rbe_json_member(doc, 3, &v));
}

static void test_good(void **state)
{
    (void)state;
    static const char *const good[] = {
        "null", "true", "false", "0", "-0", "1.5e3", "1E-2", "1e+7", "\"\"", "[]", "{}", " [1 , 2]\r\n\t", "\"NaN . e- \\\" .\"",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "[-1,2.25]", "123",
    };

    for (size_t i = 0; i < RBE_COUNT(good); i++) {
        struct rbe_err e = {0};
        rbe_autoptr(json) struct rbe_json *doc = NULL;

        if (parse(good[i], &doc, &e) != RBE_OK)
            fail_msg("%s: %s", good[i], e.text);
        assert_non_null(doc);
    }
}

static void test_beyond_ascii(void **state)
{
    static const char text[] = "\x7f\xc2\x80\xc3\xbc\xe2\x80\xa8\xef\xbf\xbd\xf0\x90\x80\x80\xf0\x9f\x98\x80\xf4\x8f\xbf\xbf";
    rbe_autofree char *quoted = rbe_strfmt("{\"\xc3\xbc\":\"%s\"}", text);
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    struct rbe_err e = {0};
    struct rbe_json *none;

    (void)state;
    assert_int_equal(parse(quoted, &doc, &e), RBE_OK);
    assert_string_equal(rbe_json_text(rbe_json_find(doc, "\xc3\xbc"), NULL), text);
    assert_int_equal(parse("[\"\xf0\x9f\x98\x80\" 1]", &none, &e), RBE_INVALID);
    assert_non_null(strstr(e.text, "at byte 8"));
}

static void test_bad(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "", " ", "{", "[1,]", "{\"a\":1,}", "{} x", "{} {}", "/* c */ {}", "{} // c", "{'a':1}", "nul", "NULL", "True", "NaN",
        "Infinity", "-Infinity", "[1.]", "[1e]", "[.5]", "01", "[1 2]", "\"\x01\"", "\"a\nb\"", "\"\\x\"", "\"\\\xc3\xbc\"", "\xff", "\"\xc3\"",
        "{\"a\":1,\"a\":1}", "{\"a\":1,\"\\u0061\":2}", "[{\"b\":{\"a\":null,\"c\":\":\",\"a\":null}}]",
        "{\"a\"}", "{a:1}", "[-]", "[1e+]", "\"open", "+1", "[1-2]", "[\"a\":1]",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    };

    for (size_t i = 0; i < RBE_COUNT(bad); i++) {
        struct rbe_err e = {0};
        rbe_autoptr(json) struct rbe_json *doc = NULL;

        if (parse(bad[i], &doc, &e) != RBE_INVALID)
            fail_msg("taken: %s", bad[i]);
        assert_null(doc);
        assert_int_equal(e.violations, 1);
        assert_string_equal(e.violation[0].field, "body");
    }
    struct rbe_err e = {0};
    struct rbe_json *doc = NULL;
    assert_int_equal(rbe_json_parse("[1]\0", 4, &doc, &e), RBE_INVALID);
}

/* A number that does not fit is no number, not the nearest one. json-c from 0.17 on refuses one that fits no number of its own. */
static void test_large_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool fits;
        int64_t value;
    } cases[] = {
        {"9223372036854775806", true, INT64_MAX - 1},
        {"-9223372036854775807", true, -INT64_MAX},
        {"9223372036854775808", false, 0},
        {"99999999999999999999999", false, 0},
        {"-99999999999999999999999", false, 0},
        {"1.0", false, 0},
    };

    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        struct rbe_err e = {0};
        rbe_autoptr(json) struct rbe_json *doc = NULL;
        int64_t n = 0;

        enum rbe_code code = parse(cases[i].text, &doc, &e);
        assert_int_equal(code, cases[i].fits || code == RBE_OK ? RBE_OK : RBE_INVALID);
        assert_int_equal(doc && rbe_json_int(doc, &n), cases[i].fits);
        if (cases[i].fits)
            assert_true(n == cases[i].value);
    }
}

/* A few bytes of text that stand for much memory: refused before any of it is taken. */
static void test_memory(void **state)
{
    static const struct {
        const char *value;
        size_t n;
        enum rbe_code want;
    } cases[] = {
        {"{}", 2000, RBE_OK}, {"{}", 1200000, RBE_INVALID}, {"[]", 4000000, RBE_INVALID}, {"\"\"", 6000000, RBE_INVALID},
        {"\"[{,\"", 2000, RBE_OK},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        rbe_auto(str) struct rbe_str text = {0};
        rbe_autoptr(json) struct rbe_json *doc = NULL;
        struct rbe_err e = {0};

        for (size_t k = 0; k < cases[i].n; k++) {
            rbe_str_putc(&text, k ? ',' : '[');
            rbe_str_puts(&text, cases[i].value);
        }
        rbe_str_putc(&text, ']');
        assert_int_equal(rbe_json_parse(text.s, text.len, &doc, &e), cases[i].want);
        if (cases[i].want != RBE_OK)
            assert_string_equal(e.text, "body: not JSON: too many values");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_members),       cmocka_unit_test(test_good),
        cmocka_unit_test(test_beyond_ascii), cmocka_unit_test(test_bad), cmocka_unit_test(test_large_numbers),
        cmocka_unit_test(test_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
