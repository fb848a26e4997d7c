/* lib/base/zone: against libc, on the zones of this machine and on files made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>
#include <time.h>

#include "lib/base/zone.h"
#include "lib/wrap/file.h"

/* A file without transitions and with that footer. */
static struct rbe_zone *made(const char *footer)
{
    static const unsigned char header[44] = {'T', 'Z', 'i', 'f', '2', [20 + 19] = 1, [20 + 23] = 4};
    static const unsigned char block[10] = {0, 0, 0, 0, 0, 0, 'U', 'T', 'C', 0};
    rbe_auto(str) struct rbe_str file = {0};

    for (int i = 0; i < 2; i++) {
        rbe_str_put(&file, header, sizeof(header));
        rbe_str_put(&file, block, sizeof(block));
    }
    rbe_str_putf(&file, "\n%s\n", footer);
    return rbe_zone_parse(file.s, file.len);
}

static void use_tz(const char *tz)
{
    (void)setenv("TZ", tz, 1);
    tzset();
}

static int64_t by_libc(int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;

    assert_non_null(localtime_r(&t, &tm));
    return tm.tm_gmtoff;
}

static void compare(const struct rbe_zone *z, const char *what, int64_t from, int64_t to)
{
    uint64_t x = 88172645463325252;

    for (int i = 0; i < 3000; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        int64_t t = from + (int64_t)(x % (uint64_t)(to - from));

        if (rbe_zone_offset(z, t) != by_libc(t))
            fail_msg("%s at %lld: %lld, libc says %lld", what, (long long)t, (long long)rbe_zone_offset(z, t),
                     (long long)by_libc(t));
    }
}

static void test_rules(void **state)
{
    static const char *const footers[] = {
        "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0", "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "JST-9",
        "<-0330>3:30", "AAA3BBB2,J60/0,J300/24", "AAA-3BBB,59,300/1:30:30", "NZST-12NZDT,M9.5.0,M4.1.0/3",
        "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "EET-2EEST,M3.4.4/50,M10.4.4/50", "AAA0BBB-1:15,J1/0,J365/25",
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(footers); i++) {
        struct rbe_zone *z = made(footers[i]);

        assert_non_null(z);
        use_tz(footers[i]);
        compare(z, footers[i], 0, INT64_C(4102444800));
        rbe_zone_free(z);
    }
}

static void test_zones_of_this_machine(void **state)
{
    static const char *const names[] = {"Europe/Berlin",    "America/New_York", "Asia/Shanghai", "Australia/Lord_Howe",
                                        "America/Sao_Paulo", "Asia/Kathmandu",   "Africa/Casablanca", "Europe/Dublin",
                                        "Pacific/Apia",     "America/Godthab",  "UTC"};
    int seen = 0;

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(names); i++) {
        rbe_autofree char *path = rbe_strfmt("/usr/share/zoneinfo/%s", names[i]);
        rbe_auto(str) struct rbe_str file = {0};
        struct rbe_err e = {0};

        if (rbe_file_get(path, RBE_ZONE_BYTES_MAX, &file, &e) != RBE_OK)
            continue;
        struct rbe_zone *z = rbe_zone_parse(file.s, file.len);
        assert_non_null(z);
        use_tz(names[i]);
        compare(z, names[i], INT64_C(-3000000000), INT64_C(6000000000));
        compare(z, names[i], INT64_C(1600000000), INT64_C(1900000000));
        rbe_zone_free(z);
        seen++;
    }
    if (seen == 0)
        skip();
}

static void test_days(void **state)
{
    struct rbe_zone *z = made("CET-1CEST,M3.5.0,M10.5.0/3");

    (void)state;
    assert_int_equal(rbe_zone_day(NULL, 0), 0);
    assert_int_equal(rbe_zone_day(NULL, 86399), 0);
    assert_int_equal(rbe_zone_day(NULL, 86400), 1);
    assert_int_equal(rbe_zone_day(NULL, -1), -1);
    assert_int_equal(rbe_zone_day(NULL, -86400), -1);
    assert_int_equal(rbe_zone_day(NULL, -86401), -2);
    /* 2026-01-15 23:00 UTC is midnight in winter, 2026-07-15 22:00 UTC in summer */
    assert_int_equal(rbe_zone_day(z, 1768517999), 20468);
    assert_int_equal(rbe_zone_day(z, 1768518000), 20469);
    assert_int_equal(rbe_zone_day(z, 1784152799), 20649);
    assert_int_equal(rbe_zone_day(z, 1784152800), 20650);
    rbe_zone_free(z);
}

static void test_refused(void **state)
{
    static const char *const footers[] = {
        "C-1", "CET", "CET-x", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0", "CET-1CEST,J0,J5", "CET-1CEST,366,5", "<CET-1", "CET-168", "CET-1:60", "CET-1 ",
        "CET-1CEST,M3.5.0,M10.5.0/3x", "CET-1CEST,M3.5.0/,M10.5.0", "CET-1CEST,M3.5,M10.5.0",
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(footers); i++)
        if (made(footers[i]))
            fail_msg("'%s' was taken", footers[i]);
    assert_null(rbe_zone_parse("", 0));
    assert_null(rbe_zone_parse("TZif", 4));
    /* every beginning of a file is none */
    rbe_auto(str) struct rbe_str file = {0};
    struct rbe_err e = {0};
    if (rbe_file_get("/usr/share/zoneinfo/Europe/Berlin", RBE_ZONE_BYTES_MAX, &file, &e) != RBE_OK)
        return;
    for (size_t n = 0; n < file.len; n++)
        assert_null(rbe_zone_parse(file.s, n));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_zones_of_this_machine),
        cmocka_unit_test(test_days),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
