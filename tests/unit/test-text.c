/* lib/wrap/text: folding file names as file systems without letter case may take them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/wrap/text.h"

static char *fold(const char *s)
{
    struct rbe_str out = {0};

    rbe_text_fold(s, strlen(s), &out);
    return rbe_str_detach(&out);
}

static void test_equal(void **state)
{
    static const char *const pairs[][2] = {
        {"README", "readme"},
        {"Stra\u00dfe", "STRASSE"},
        {"\u00c9t\u00e9", "e\u0301te\u0301"},
        {"\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u03c3\u03af\u03c3\u03c5\u03c6\u03bf\u03c3"},
        {"change\u017f", "changes"},
        {"\u212a", "k"},
        {"\uac00", "\u1100\u1161"},
        {"a\u200db", "ab"},
        {"\ufeff.rbe", ".rbe"},
        {"a\u202eb\u206fc", "abc"},
        {"\ufb01", "fi"},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(pairs); i++) {
        rbe_autofree char *a = fold(pairs[i][0]), *b = fold(pairs[i][1]);

        assert_string_equal(a, b);
    }
}

static void test_different(void **state)
{
    static const char *const pairs[][2] = {{"a", "b"}, {"e", "\u00e9"}, {"o", "\u00f8"}, {"\u200b", ""}, {"1", "\u00b9"}};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(pairs); i++) {
        rbe_autofree char *a = fold(pairs[i][0]), *b = fold(pairs[i][1]);

        assert_string_not_equal(a, b);
    }
}

/* What the file promises: a path's fold is the folds of its components. */
static void test_by_component(void **state)
{
    rbe_autofree char *whole = fold("\u0391\u03a3/\u00c4b/\u0345x"), *one = fold("\u0391\u03a3"), *two = fold("\u00c4b"),
                      *three = fold("\u0345x");
    rbe_autofree char *joined = rbe_strfmt("%s/%s/%s", one, two, three);

    (void)state;
    assert_string_equal(whole, joined);
}

static void test_appends(void **state)
{
    rbe_auto(str) struct rbe_str out = {0};

    (void)state;
    rbe_text_fold("A", 1, &out);
    rbe_text_fold("\u00c4", 2, &out);
    rbe_text_fold("", 0, &out);
    assert_string_equal(rbe_str_text(&out), "aa\u0308");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_different),
        cmocka_unit_test(test_by_component),
        cmocka_unit_test(test_appends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
