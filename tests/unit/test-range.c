#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lib/base/mem.h"
#include "lib/web/range.h"

static void ranges(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
        enum rbe_range want;
        uint64_t first, last;
    } cases[] = {
        {"bytes=0-0", 10, RBE_RANGE_PART, 0, 0},
        {"bytes=0-9", 10, RBE_RANGE_PART, 0, 9},
        {"bytes=0-", 10, RBE_RANGE_PART, 0, 9},
        {"bytes=9-", 10, RBE_RANGE_PART, 9, 9},
        {"bytes=3-100", 10, RBE_RANGE_PART, 3, 9},
        {"bytes=3-99999999999999999999999", 10, RBE_RANGE_PART, 3, 9},
        {"BYTES=3-5", 10, RBE_RANGE_PART, 3, 5},
        {"bytes= 3-5 ", 10, RBE_RANGE_PART, 3, 5},
        {"bytes=,3-5,", 10, RBE_RANGE_PART, 3, 5},
        {"bytes=-1", 10, RBE_RANGE_PART, 9, 9},
        {"bytes=-10", 10, RBE_RANGE_PART, 0, 9},
        {"bytes=-11", 10, RBE_RANGE_PART, 0, 9},
        {"bytes=5000000000-5000000001", 6000000000, RBE_RANGE_PART, 5000000000, 5000000001},
        {"bytes=-99999999999999999999999", 10, RBE_RANGE_PART, 0, 9},
        {"bytes=10-", 10, RBE_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=10-20", 10, RBE_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=99999999999999999999999-", 10, RBE_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-0", 10, RBE_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=0-", 0, RBE_RANGE_UNSATISFIABLE, 0, 0},
        {"bytes=-5", 0, RBE_RANGE_WHOLE, 0, 0},
        {"bytes=0-1,3-4", 10, RBE_RANGE_WHOLE, 0, 0},
        {"bytes=0-1, 20-30", 10, RBE_RANGE_WHOLE, 0, 0},
        {"bytes=5-3", 10, RBE_RANGE_WHOLE, 0, 0},
        {"bytes=", 10, RBE_RANGE_WHOLE, 0, 0},
        {"bytes=,", 10, RBE_RANGE_WHOLE, 0, 0},
        {"bytes=-", 10, RBE_RANGE_WHOLE, 0, 0},
        {"bytes=a-b", 10, RBE_RANGE_WHOLE, 0, 0},
        {"bytes=1", 10, RBE_RANGE_WHOLE, 0, 0},
        {"bytes=1-2x", 10, RBE_RANGE_WHOLE, 0, 0},
        {"bytes=1-2 3", 10, RBE_RANGE_WHOLE, 0, 0},
        {"bytes=+1-2", 10, RBE_RANGE_WHOLE, 0, 0},
        {"bytes 1-2", 10, RBE_RANGE_WHOLE, 0, 0},
        {"lines=1-2", 10, RBE_RANGE_WHOLE, 0, 0},
        {"", 10, RBE_RANGE_WHOLE, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        uint64_t first = 77, last = 77;
        enum rbe_range got = rbe_range_parse(cases[i].text, strlen(cases[i].text), cases[i].size, &first, &last);

        if (got != cases[i].want)
            fail_msg("%s of %llu: %d", cases[i].text, (unsigned long long)cases[i].size, got);
        if (got == RBE_RANGE_PART) {
            assert_int_equal(first, cases[i].first);
            assert_int_equal(last, cases[i].last);
            assert_true(last < cases[i].size);
        }
    }
}

static void the_length_counts_not_a_nul(void **state)
{
    uint64_t first, last;

    (void)state;
    assert_int_equal(rbe_range_parse("bytes=3-59", 9, 100, &first, &last), RBE_RANGE_PART);
    assert_int_equal(last, 5);
}

static void tags(void **state)
{
    static const struct {
        const char *text;
        bool strong, weak;
    } cases[] = {
        {"\"abc\"", true, true},
        {"W/\"abc\"", false, true},
        {"*", true, true},
        {" * ", true, true},
        {"\"x\", \"abc\"", true, true},
        {"\"x\",W/\"abc\"", false, true},
        {",, \"abc\"", true, true},
        {"\"a,b\", \"abc\"", true, true},
        {"\"ab\"", false, false},
        {"\"abcd\"", false, false},
        {"\"\"", false, false},
        {"abc", false, false},
        {"\"abc", false, false},
        {"w/\"abc\"", false, false},
        {"*, \"abc\"", false, false},
        {"Thu, 15 Jan 2026 10:30:00 GMT", false, false},
        {"", false, false},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        if (rbe_range_listed(cases[i].text, strlen(cases[i].text), "abc", false) != cases[i].strong)
            fail_msg("strong: %s", cases[i].text);
        if (rbe_range_listed(cases[i].text, strlen(cases[i].text), "abc", true) != cases[i].weak)
            fail_msg("weak: %s", cases[i].text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges),
        cmocka_unit_test(the_length_counts_not_a_nul),
        cmocka_unit_test(tags),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
