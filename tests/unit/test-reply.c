/* lib/store/reply: what passes for the answer of a service. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "lib/base/str.h"
#include "lib/store/reply.h"
#include "tests/unit/storehome.h"

static void test_read(void **state)
{
    static const struct {
        const char *text;
        bool valid;
        int64_t code, expires_at;
    } rows[] = {
        {"{\"code\":0,\"msg\":\"success\",\"data\":{\"expires_at\":1798765432}}", true, 0, 1798765432},
        {" {\"code\": 7003, \"data\": null}\n", true, 7003, 0},
        {"{\"code\":-1}", true, -1, 0},
        {"{\"code\":0,\"data\":{\"expires_at\":\"1798765432\"}}", true, 0, 0},
        {"{\"code\":0,\"data\":[1]}", true, 0, 0},
        {"{\"code\":0,\"data\":{\"expires_at\":1.5}}", true, 0, 0},
        {"{\"code\":\"0\"}", false, 0, 0},
        {"{\"code\":0.0}", false, 0, 0},
        {"{\"code\":null}", false, 0, 0},
        {"{\"code\":true}", false, 0, 0},
        {"{}", false, 0, 0},
        {"[0]", false, 0, 0},
        {"0", false, 0, 0},
        {"null", false, 0, 0},
        {"", false, 0, 0},
        {"<html>", false, 0, 0},
        {"{\"code\":0", false, 0, 0},
        {"{\"code\":0} x", false, 0, 0},
    };
    struct home *h = *state;

    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        struct rbe_reply r;

        must(h, rbe_reply_read(h->store, rows[i].text, &r, &h->err));
        if (r.valid != rows[i].valid || (r.valid && (r.code != rows[i].code || r.expires_at != rows[i].expires_at)))
            fail_msg("%s: %d %lld %lld", rows[i].text, r.valid, (long long)r.code, (long long)r.expires_at);
    }
}

static void test_deep(void **state)
{
    struct home *h = *state;
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_reply r;

    for (int i = 0; i < 30000; i++)
        rbe_str_puts(&text, "[[");
    must(h, rbe_reply_read(h->store, rbe_str_text(&text), &r, &h->err));
    assert_false(r.valid);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_read, home_setup, home_teardown),
                                       cmocka_unit_test_setup_teardown(test_deep, home_setup, home_teardown)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
