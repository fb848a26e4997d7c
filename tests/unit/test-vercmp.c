/* lib/core/vercmp: which names each parser takes, the order of the specifications' own examples, and the laws of an
 * order over thousands of made-up names, against a second comparator that works on the names themselves.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/core/vercmp.h"

enum { SEMVER = 1, DATETIME = 2 };

static int parser_of(const char *name)
{
    struct rbe_verkey key;

    rbe_verkey_of(name, &key);
    assert_true(key.len <= RBE_VERKEY_MAX);
    assert_true((key.parser == 0) == (key.len == 0));
    return key.parser;
}

/* -1, 0, 1; both names are of one parser. */
static int order(const char *a, const char *b)
{
    struct rbe_verkey x, y;

    rbe_verkey_of(a, &x);
    rbe_verkey_of(b, &y);
    assert_int_not_equal(x.parser, 0);
    assert_int_equal(x.parser, y.parser);
    int way = rbe_verkey_cmp(x.bytes, x.len, y.bytes, y.len);
    return (way > 0) - (way < 0);
}

/* Each name is below all behind it. */
static void assert_rising(const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < n; k++)
            if (order(names[i], names[k]) != (i > k) - (i < k))
                fail_msg("%s against %s", names[i], names[k]);
}

static void test_semver_order(void **state)
{
    static const char *const spec[] = {
        "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1",
        "1.0.0",
    };
    static const char *const numbers[] = {
        "0.0.0", "0.0.9", "0.0.10", "0.9.0", "0.10.0", "1.0.0", "2.0.0", "2.1.0", "2.1.1", "10.0.0",
        "18446744073709551615.0.0", "18446744073709551616.0.0", "99999999999999999999999.999999999999999999.0",
        "99999999999999999999999.999999999999999999.1",
    };
    static const char *const pre[] = {
        "1.0.0-0", "1.0.0-0.0", "1.0.0-0.a", "1.0.0-9", "1.0.0-10", "1.0.0-99999999999999999999",
        "1.0.0-100000000000000000000", "1.0.0--", "1.0.0---", "1.0.0-0a", "1.0.0-A", "1.0.0-A-", "1.0.0-AB", "1.0.0-a",
        "1.0.0-a.0", "1.0.0-a.a", "1.0.0-a-", "1.0.0-a0", "1.0.0-aa", "1.0.0", "1.0.1-0",
    };

    (void)state;
    assert_rising(spec, RBE_COUNT(spec));
    assert_rising(numbers, RBE_COUNT(numbers));
    assert_rising(pre, RBE_COUNT(pre));
}

static void test_semver_ties(void **state)
{
    (void)state;
    assert_int_equal(order("1.0.0+a", "1.0.0+b"), 0);
    assert_int_equal(order("1.0.0", "1.0.0+20240101.001"), 0);
    assert_int_equal(order("1.0.0-rc.1+x", "1.0.0-rc.1"), 0);
    assert_int_equal(order("v1.0.0", "1.0.0"), 0);
    assert_int_equal(order("V1.0.0-a", "v1.0.0-a"), 0);
}

static void test_semver_names(void **state)
{
    static const char *const good[] = {
        "0.0.4", "1.2.3", "10.20.30", "1.1.2-prerelease+meta", "1.1.2+meta", "1.1.2+meta-valid", "1.0.0-alpha",
        "1.0.0-alpha.beta.1", "1.0.0-alpha.0valid", "1.0.0-alpha-a.b-c-somethinglong+build.1-aef.1-its-okay",
        "1.0.0-rc.1+build.1", "2.0.0-rc.1+build.123", "1.2.3-beta", "10.2.3-DEV-SNAPSHOT", "1.2.3-SNAPSHOT-123",
        "2.0.0+build.1848", "2.0.1-alpha.1227", "1.0.0-alpha+beta", "1.2.3----RC-SNAPSHOT.12.9.1--.12+788",
        "1.2.3----R-S.12.9.1--.12+meta", "1.0.0+0.build.1-rc.10000aaa-kk-0.1",
        "99999999999999999999999.999999999999999999.99999999999999999", "1.0.0-0A.is.legal", "1.0.0+001", "1.0.0+-",
        "v1.2.3", "V1.2.3",
    };
    static const char *const bad[] = {
        "", "v", "1", "1.2", "1.2.3.4", "1.2.3-0123", "1.2.3-0123.0123", "1.1.2+.123", "+invalid", "-invalid",
        "-invalid+invalid", "alpha", "alpha.beta.1", "alpha+beta", "1.0.0-alpha_beta", "1.0.0-alpha..",
        "1.0.0-alpha..1", "1.0.0-", "1.0.0+", "1.0.0-+a", "01.1.1", "1.01.1", "1.1.01", "00.0.0", "1.2.3.DEV",
        "1.2-SNAPSHOT", "1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788", "-1.0.3-gamma+b7718", "+justmeta",
        "9.8.7+meta+meta", "9.8.7-whatever+meta+meta", "1.2.3 ", " 1.2.3", "1.2.3\n", "vv1.2.3", "v-1.2.3",
        "1.2.3-\xc3\xa9", "1..3", "1.2.", ".2.3", "1,2,3", "1.0.0-00", "1.0.0-a.01", "1.0.0+a..b",
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(good); i++)
        if (parser_of(good[i]) != SEMVER)
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < RBE_COUNT(bad); i++)
        if (parser_of(bad[i]) != 0)
            fail_msg("%s", bad[i]);
}

static void test_longest_names(void **state)
{
    char name[131] = "1.0.0-";

    (void)state;
    for (size_t i = 6; i < 130; i++)
        name[i] = i % 2 ? '.' : '1';
    name[129] = '\0';
    assert_int_equal(parser_of(name), 0);
    name[127] = '\0';
    assert_int_equal(parser_of(name), SEMVER);
    for (size_t i = 6; i < 128; i += 2)
        name[i] = 'a';
    assert_int_equal(parser_of(name), SEMVER);
    memset(name, '9', 124);
    memcpy(name + 124, ".0.0", 5);
    assert_int_equal(parser_of(name), SEMVER);
    assert_int_equal(order("1.0.0", name), -1);
}

static void test_datetime_names(void **state)
{
    static const char *const good[] = {
        "2024-01-15", "2024-01-15T10:30:00Z", "2024-01-15t10:30:00z", "2024-01-15T10:30:00+02:00",
        "2024-01-15T10:30:00.123456789012-23:59", "2024-01-15 10:30:00", "2024-01-15 10:30:00.000", "20240115103000",
        "v2024-01-15", "V20240115103000", "0000-01-01", "9999-12-31T23:59:59Z",
        /* leap days */
        "2000-02-29", "2024-02-29", "1600-02-29", "20240229000000", "2024-02-29 23:59:59.9", "0000-02-29",
    };
    static const char *const bad[] = {
        "2024-13-01", "2024-00-10", "2024-01-00", "2024-01-32", "2024-04-31", "2023-02-29", "1900-02-29", "2100-02-29",
        "2023-02-29T00:00:00Z", "20230229000000", "2024-02-30", "2024-1-15", "24-01-15", "2024-01-15T10:30:00",
        "2024-01-15T10:30Z", "2024-01-15T24:00:00Z", "2024-01-15T10:60:00Z", "2016-12-31T23:59:60Z",
        "2024-01-15T10:30:00.Z", "2024-01-15T10:30:00,5Z", "2024-01-15T10:30:00+2:00", "2024-01-15T10:30:00+0200",
        "2024-01-15T10:30:00+24:00", "2024-01-15T10:30:00+02:60", "2024-01-15T10:30:00Zz", "2024-01-15 10:30",
        "2024-01-15 10:30:00Z", "2024-01-15 10:30:00+02:00", "2024-01-15  10:30:00", "2024-01-15_10:30:00",
        "2024-01-15T", "2024-01-15 ", "2024-01-15T10:30:00", "20240115", "2024011510300", "202401151030000",
        "20241315103000", "20240115103060", "2024/01/15", "-2024-01-15", "12024-01-15", "2024-01-15-1",
        "20240115T103000Z", "20240115 03000", "+2024-01-15",
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(good); i++)
        if (parser_of(good[i]) != DATETIME)
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < RBE_COUNT(bad); i++)
        if (parser_of(bad[i]) != 0)
            fail_msg("%s", bad[i]);
}

static void test_datetime_order(void **state)
{
    static const char *const rising[] = {
        "0000-01-01T00:00:00+23:59", "0000-01-01", "1969-12-31T23:59:59.5Z", "1970-01-01", "1999-12-31T23:59:59Z",
        "2000-01-01", "2023-12-31T23:59:59Z", "2024-01-01T00:00:00+00:00", "2024-01-15", "20240115000001",
        "2024-01-15 00:00:01.01", "2024-01-15T00:00:01.1Z", "2024-01-15T00:00:01.10000000000000000000000000000001Z",
        "2024-01-15T00:00:01.2Z", "2024-01-15 10:30:00", "2024-02-28 23:59:59", "2024-02-29", "2024-03-01",
        "9999-12-31T23:59:59Z", "9999-12-31T23:59:59.9-23:59",
    };
    static const char *const same[][2] = {
        {"2024-01-15", "2024-01-15T00:00:00Z"},
        {"2024-01-15 10:30:00", "20240115103000"},
        {"2024-01-15T10:30:00Z", "2024-01-15T12:30:00+02:00"},
        {"2024-01-15T10:30:00Z", "2024-01-15t05:00:00-05:30"},
        {"2024-01-15T10:30:00Z", "2024-01-15 10:30:00.000"},
        {"2024-01-15T10:30:00.5Z", "2024-01-15 10:30:00.5000"},
        {"2024-01-15T10:30:00Z", "2024-01-15T10:30:00-00:00"},
        /* over the end of a year, a leap day and a century */
        {"2023-12-31T23:30:00Z", "2024-01-01T01:00:00+01:30"},
        {"2024-01-01T00:30:00Z", "2023-12-31T20:30:00-04:00"},
        {"2024-02-29T12:00:00Z", "2024-03-01T01:00:00+13:00"},
        {"2023-02-28T23:00:00Z", "2023-03-01T00:00:00+01:00"},
        {"1999-12-31T23:59:59Z", "2000-01-01T14:59:59+15:00"},
        {"v2024-01-15", "2024-01-15"},
    };

    (void)state;
    assert_rising(rising, RBE_COUNT(rising));
    for (size_t i = 0; i < RBE_COUNT(same); i++)
        if (order(same[i][0], same[i][1]) != 0)
            fail_msg("%s against %s", same[i][0], same[i][1]);
}

static void test_table(void **state)
{
    rbe_auto(str) struct rbe_str rules = {0};

    (void)state;
    assert_string_equal(rbe_verparser_name(0), "none");
    assert_string_equal(rbe_verparser_name(SEMVER), "semver");
    assert_string_equal(rbe_verparser_name(DATETIME), "datetime");
    assert_string_equal(rbe_verparser_name(3), "none");
    assert_string_equal(rbe_verparser_name(-1), "none");
    /* kept in databases: a row may be added, none may move */
    rbe_vercmp_rules(&rules);
    assert_string_equal(rbe_str_text(&rules), "semver-1 datetime-1");
    assert_int_equal(parser_of("nightly"), 0);
    assert_int_equal(parser_of("\xe7\x89\x88"), 0);
}

/* ---- the laws of an order, on made-up names ---- */

enum { NAMES = 3000, NAME = 64, TRIPLES = 60000 };

struct made {
    char text[NAME];
    long long part[9];           /* of a date: year … second, offset in minutes, fraction in milliseconds */
    struct rbe_verkey key;
};

static uint64_t random_state;

/* xorshift64*, so that every run sees the same names */
static unsigned roll(unsigned n)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return (unsigned)((random_state * UINT64_C(2685821657736338717)) >> 33) % n;
}

static void make_semver(struct made *m)
{
    static const char *const words[] = {
        "0", "1", "2", "9", "10", "11", "99", "12345678901", "a", "alpha", "beta", "rc", "A", "-", "0a", "a-",
    };
    size_t n = (size_t)snprintf(m->text, NAME, "%s%u.%u.%u", roll(4) ? "" : "v", roll(3), roll(12), roll(3));
    unsigned count = roll(4);

    for (unsigned i = 0; i < count; i++)
        n += (size_t)snprintf(m->text + n, NAME - n, "%c%s", i ? '.' : '-', words[roll(RBE_COUNT(words))]);
    if (roll(4) == 0)
        (void)snprintf(m->text + n, NAME - n, "+b%u", roll(9));
}

static void make_datetime(struct made *m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    long long *p = m->part, sign = roll(2) ? 1 : -1;

    p[0] = 1999 + roll(3);
    p[1] = 1 + roll(12);
    p[2] = roll(2) ? 1 + roll(2) : days[p[1] - 1] - (long long)roll(2);
    p[3] = roll(24);
    p[4] = roll(2) ? 0 : roll(60);
    p[5] = roll(2) ? 0 : roll(60);
    p[6] = sign * (long long)(roll(3) ? roll(3) * 60 : roll(1440));
    p[7] = roll(3) * 500 / 2;
    unsigned ahead = (unsigned)(p[6] < 0 ? -p[6] : p[6]);
    (void)snprintf(m->text, NAME, "%04d-%02d-%02dT%02d:%02d:%02d.%03d%c%02u:%02u", (int)p[0], (int)p[1], (int)p[2],
                   (int)p[3], (int)p[4], (int)p[5], (int)p[7], p[6] < 0 ? '-' : '+', ahead / 60, ahead % 60);
}

/* The instant in milliseconds, by counting days year by year. */
static long long instant(const struct made *m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const long long *p = m->part;
    long long day = p[2] - 1;

    for (long long y = 1990; y < p[0]; y++)
        day += (y % 4 == 0 && y % 100 != 0) || y % 400 == 0 ? 366 : 365;
    for (long long i = 0; i < p[1] - 1; i++)
        day += days[i] + (i == 1 && ((p[0] % 4 == 0 && p[0] % 100 != 0) || p[0] % 400 == 0));
    return (((day * 24 + p[3]) * 60 + p[4] - p[6]) * 60 + p[5]) * 1000 + p[7];
}

static int datetime_naive(const struct made *a, const struct made *b)
{
    return (instant(a) > instant(b)) - (instant(a) < instant(b));
}

static bool all_digits(const char *s)
{
    return s[strspn(s, "0123456789")] == '\0';
}

/* The specification's words, spelled out on split strings. */
static int identifiers_naive(char *a, char *b)
{
    for (;;) {
        char *x = strsep(&a, "."), *y = strsep(&b, ".");

        if (!x || !y)
            return (x != NULL) - (y != NULL);
        if (all_digits(x) != all_digits(y))
            return all_digits(x) ? -1 : 1;
        long long i = strtoll(x, NULL, 10), k = strtoll(y, NULL, 10);
        int way = all_digits(x) ? (i > k) - (i < k) : strcmp(x, y);
        if (way)
            return way > 0 ? 1 : -1;
    }
}

static int semver_naive(const struct made *a, const struct made *b)
{
    int x[3], y[3];
    char s[2][NAME];

    memcpy(s[0], a->text, NAME);
    memcpy(s[1], b->text, NAME);
    for (int i = 0; i < 2; i++)
        s[i][strcspn(s[i], "+")] = '\0';
    assert_int_equal(sscanf(s[0] + (s[0][0] == 'v'), "%d.%d.%d", &x[0], &x[1], &x[2]), 3);
    assert_int_equal(sscanf(s[1] + (s[1][0] == 'v'), "%d.%d.%d", &y[0], &y[1], &y[2]), 3);
    for (int i = 0; i < 3; i++)
        if (x[i] != y[i])
            return x[i] > y[i] ? 1 : -1;
    char *p = strchr(s[0], '-'), *q = strchr(s[1], '-');
    if (!p || !q)
        return (q != NULL) - (p != NULL);
    return identifiers_naive(p + 1, q + 1);
}

static int key_order(const struct made *a, const struct made *b)
{
    int way = rbe_verkey_cmp(a->key.bytes, a->key.len, b->key.bytes, b->key.len);

    return (way > 0) - (way < 0);
}

static void check_laws(int parser, void (*make)(struct made *), int (*naive)(const struct made *, const struct made *))
{
    rbe_autofree struct made *names = rbe_alloc_array(NAMES, sizeof(*names));

    random_state = 20240115;
    for (size_t i = 0; i < NAMES; i++) {
        make(&names[i]);
        rbe_verkey_of(names[i].text, &names[i].key);
        if (names[i].key.parser != parser)
            fail_msg("%s is taken by %d", names[i].text, names[i].key.parser);
        assert_int_equal(key_order(&names[i], &names[i]), 0);
    }
    for (size_t i = 0; i < TRIPLES; i++) {
        const struct made *a = &names[roll(NAMES)], *b = &names[roll(NAMES)], *c = &names[roll(NAMES)];
        int ab = key_order(a, b), bc = key_order(b, c), ac = key_order(a, c);

        if (ab != naive(a, b))
            fail_msg("%s against %s: %d", a->text, b->text, ab);
        if (ab != -key_order(b, a))
            fail_msg("not antisymmetric: %s, %s", a->text, b->text);
        if ((ab <= 0 && bc <= 0 && ac > 0) || (ab >= 0 && bc >= 0 && ac < 0))
            fail_msg("not transitive: %s, %s, %s", a->text, b->text, c->text);
    }
}

static void test_semver_laws(void **state)
{
    (void)state;
    check_laws(SEMVER, make_semver, semver_naive);
}

static void test_datetime_laws(void **state)
{
    (void)state;
    check_laws(DATETIME, make_datetime, datetime_naive);
}

/* Any bytes: taken or not, the key stays within its room and the same name has the same key. */
static void test_noise(void **state)
{
    static const char alphabet[] = "0123456789..--++vVTZz: aA\xc3\xa9";
    char name[160];
    struct rbe_verkey a, b;

    (void)state;
    random_state = 4711;
    for (int i = 0; i < 20000; i++) {
        size_t len = roll(RBE_COUNT(name));

        for (size_t k = 0; k < len; k++)
            name[k] = alphabet[roll(sizeof(alphabet) - 1)];
        name[len] = '\0';
        rbe_verkey_of(name, &a);
        rbe_verkey_of(name, &b);
        assert_true(a.len <= RBE_VERKEY_MAX);
        assert_int_equal(a.parser, b.parser);
        assert_int_equal(rbe_verkey_cmp(a.bytes, a.len, b.bytes, b.len), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_semver_order),   cmocka_unit_test(test_semver_ties),
        cmocka_unit_test(test_semver_names),   cmocka_unit_test(test_longest_names),
        cmocka_unit_test(test_datetime_names), cmocka_unit_test(test_datetime_order),
        cmocka_unit_test(test_table),          cmocka_unit_test(test_semver_laws),
        cmocka_unit_test(test_datetime_laws),  cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
