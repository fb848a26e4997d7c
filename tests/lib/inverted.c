/* A test program with one good and one failing assertion: what runs tests must notice (tests/regress/failing-test.t). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void good(void **state)
{
    (void)state;
    assert_int_equal(1, 1);
}

static void bad(void **state)
{
    (void)state;
    assert_int_equal(1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(good), cmocka_unit_test(bad)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
