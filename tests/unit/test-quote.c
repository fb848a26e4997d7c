/* lib/base/quote: names of any bytes made fit for a message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdbool.h>
#include <string.h>

#include "lib/base/quote.h"
#include "lib/base/utf8.h"

static void test_spellings(void **state)
{
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", "\"\""},
        {"a b/c.txt", "\"a b/c.txt\""},
        {"a\"b\\c", "\"a\\\"b\\\\c\""},
        {"a\nb\x7f", "\"a\\x0ab\\x7f\""},
        {"n\u00e4me", "\"n\u00e4me\""},
        {"caf\xe9", "\"caf\\xe9\""},
        {"a\xc2\x85", "\"a\\xc2\\x85\""},
        {"\xed\xa0\x80", "\"\\xed\\xa0\\x80\""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_string_equal(rbe_quote(rows[i].in, strlen(rows[i].in)).text, rows[i].out);
    assert_string_equal(rbe_quote("a\0b", 3).text, "\"a\\x00b\"");
}

static void test_length_is_bounded(void **state)
{
    char name[1000];

    (void)state;
    for (size_t len = 0; len < sizeof(name); len += 3) {
        for (size_t i = 0; i < len; i++)
            name[i] = i % 3 == 0 ? '\xe2' : i % 3 == 1 ? '\x82' : '\xac';
        for (size_t width = 16; width < RBE_QUOTE_TEXT; width += 13) {
            struct rbe_quote q = rbe_quote_within(name, len, width);
            size_t n = strlen(q.text);

            assert_true(n <= width);
            assert_true(rbe_utf8_valid(q.text, n));
            assert_true(q.text[0] == '"' && q.text[n - 1] == '"');
            assert_true((strstr(q.text, "...") != NULL) == (len + 2 > width));
        }
    }
}

static void test_both_ends_are_kept(void **state)
{
    char name[400];

    (void)state;
    memset(name, 'x', sizeof(name));
    memcpy(name, "first/", 6);
    memcpy(name + sizeof(name) - 5, "/last", 5);
    struct rbe_quote q = rbe_quote(name, sizeof(name));
    assert_memory_equal(q.text, "\"first/", 7);
    assert_string_equal(q.text + strlen(q.text) - 6, "/last\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_length_is_bounded),
        cmocka_unit_test(test_both_ends_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
