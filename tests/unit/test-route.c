#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/web/route.h"

static void match_as_they_should(void **state)
{
    static const struct {
        const char *pattern, *path;
        size_t n;                /* segments; (size_t)-1: no match */
        const char *segment[3];
    } cases[] = {
        {"/health", "/health", 0, {NULL}},
        {"/health", "/healthy", (size_t)-1, {NULL}},
        {"/health", "/healt", (size_t)-1, {NULL}},
        {"/health", "/health/", (size_t)-1, {NULL}},
        {"/health", "", (size_t)-1, {NULL}},
        {"/resources/{}/latest", "/resources/my-app/latest", 1, {"my-app"}},
        {"/resources/{}/latest", "/resources//latest", (size_t)-1, {NULL}},
        {"/resources/{}/latest", "/resources/a/b/latest", (size_t)-1, {NULL}},
        {"/resources/{}/latest", "/resources/a", (size_t)-1, {NULL}},
        {"/resources/{}/latest", "/resources/a/latest/", (size_t)-1, {NULL}},
        {"/resources/{}/latest", "/Resources/a/latest", (size_t)-1, {NULL}},
        {"/resources/{}", "/resources/a b \xc3\xa4{}", 1, {"a b \xc3\xa4{}"}},
        {"/resources/{}", "/resources/", (size_t)-1, {NULL}},
        {"/{}/versions/{}", "/app/versions/v1.0+x", 2, {"app", "v1.0+x"}},
        {"/{}/{}/{}", "/a/b/c", 3, {"a", "b", "c"}},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        rbe_auto(arena) struct rbe_arena arena = {0};
        struct rbe_route_segments got = {.n = 99};
        bool matched = rbe_route_match(cases[i].pattern, cases[i].path, &arena, &got);

        assert_int_equal(matched, cases[i].n != (size_t)-1);
        if (!matched)
            continue;
        assert_int_equal(got.n, cases[i].n);
        for (size_t k = 0; k < got.n; k++)
            assert_string_equal(got.v[k], cases[i].segment[k]);
    }
}

static void segments_have_a_bound(void **state)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_route_segments got;

    (void)state;
    assert_true(rbe_route_match("/{}/{}/{}/{}/{}/{}/{}/{}", "/1/2/3/4/5/6/7/8", &arena, &got));
    assert_string_equal(got.v[7], "8");
    assert_false(rbe_route_match("/{}/{}/{}/{}/{}/{}/{}/{}/{}", "/1/2/3/4/5/6/7/8/9", &arena, &got));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(match_as_they_should),
        cmocka_unit_test(segments_have_a_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
