/* lib/patch/ask: answers of both dialects, as a client has to take them; what is spoken in clear. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/patch/ask.h"

#define HASH "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
static char here[] = "1.0.0";
static const struct rbe_installed at_1 = {.known = true, .version = here, .number = 3}, nothing = {0};

static enum rbe_code parse(enum rbe_tongue tongue, const char *text, const struct rbe_installed *installed, struct rbe_offer *ret,
                           struct rbe_err *e)
{
    rbe_offer_release(ret);
    *e = (struct rbe_err){0};
    return rbe_offer_parse(tongue, text, strlen(text), installed, ret, e);
}

static void test_native(void **state)
{
    struct rbe_offer o = {0};
    struct rbe_err e;

    (void)state;
    assert_int_equal(parse(RBE_TONGUE_NATIVE, "{\"code\":0,\"msg\":\"success\",\"data\":{\"version_name\":\"1.1.0\","
                           "\"version_number\":4,\"update_type\":\"incremental\",\"patch_format\":\"zstd\",\"download_url\":"
                           "\"https://u/k\",\"file_size\":5,\"file_hash\":\"sha256:" HASH "\"}}", &at_1, &o, &e), RBE_OK);
    assert_true(o.newer && o.incremental);
    assert_string_equal(o.version, "1.1.0");
    assert_string_equal(o.url, "https://u/k");
    assert_int_equal(o.size, 5);
    assert_int_equal(o.sha256[31], 0x1f);
    /* An older version is moved to as well: the server has decided. */
    assert_int_equal(parse(RBE_TONGUE_NATIVE, "{\"code\":0,\"data\":{\"version_name\":\"0.9\",\"version_number\":1,"
                           "\"update_type\":\"full\",\"download_url\":\"http://u/k\",\"file_hash\":\"sha256:" HASH "\"}}", &at_1,
                           &o, &e), RBE_OK);
    assert_true(o.newer && !o.incremental);
    assert_int_equal(o.size, -1);
    assert_int_equal(parse(RBE_TONGUE_NATIVE, "{\"code\":0,\"data\":{\"version_name\":\"1.0.0\",\"update_type\":\"none\"}}", &at_1,
                           &o, &e), RBE_OK);
    assert_false(o.newer);
    /* Without a cdk: told, not given. */
    assert_int_equal(parse(RBE_TONGUE_NATIVE, "{\"code\":0,\"msg\":\"m\",\"data\":{\"version_name\":\"2\"}}", &at_1, &o, &e), RBE_OK);
    assert_true(o.newer);
    assert_string_equal(o.url, "");
    rbe_offer_release(&o);
}

static void test_compat(void **state)
{
    static const struct {
        const char *version, *number;
        bool newer;
    } cases[] = {{"1.0.0", "3", false}, {"1.0.0", "9", false}, {"1.1.0", "4", true}, {"0.9.0", "2", false}, {"other", "0", true}};
    struct rbe_offer o = {0};
    struct rbe_err e;

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        rbe_autofree char *text = rbe_strfmt("{\"code\":0,\"data\":{\"version_name\":\"%s\",\"version_number\":%s,\"url\":\"http://u\","
                                             "\"sha256\":\"" HASH "\",\"update_type\":\"full\",\"filesize\":7}}",
                                             cases[i].version, cases[i].number);

        assert_int_equal(parse(RBE_TONGUE_COMPAT, text, &at_1, &o, &e), RBE_OK);
        assert_int_equal(o.newer, cases[i].newer);
        assert_int_equal(o.size, 7);
        assert_int_equal(parse(RBE_TONGUE_COMPAT, text, &nothing, &o, &e), RBE_OK);
        assert_true(o.newer);
    }
    rbe_offer_release(&o);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text;
        enum rbe_code code;
    } cases[] = {
        {"", RBE_UNAVAILABLE},
        {"<html></html>", RBE_UNAVAILABLE},
        {"[]", RBE_UNAVAILABLE},
        {"{}", RBE_UNAVAILABLE},
        {"{\"code\":\"0\"}", RBE_UNAVAILABLE},
        {"{\"code\":0}", RBE_UNAVAILABLE},
        {"{\"code\":0,\"data\":null}", RBE_UNAVAILABLE},
        {"{\"code\":0,\"data\":{\"version_name\":\"\"}}", RBE_UNAVAILABLE},
        {"{\"code\":0,\"data\":{\"version_name\":7}}", RBE_UNAVAILABLE},
        {"{\"code\":0,\"data\":{\"version_name\":\"1\",\"download_url\":\"http://u\"}}", RBE_UNAVAILABLE},
        {"{\"code\":0,\"data\":{\"version_name\":\"1\",\"download_url\":\"http://u\",\"file_hash\":\"" HASH "\"}}", RBE_UNAVAILABLE},
        {"{\"code\":-1,\"msg\":\"m\"}", RBE_UNAVAILABLE},
        {"{\"code\":8001,\"msg\":\"m\"}", RBE_NOTFOUND},
        {"{\"code\":7002,\"msg\":\"m\",\"data\":{\"version_name\":\"1\"}}", RBE_CDK_INVALID},
        {"{\"code\":1,\"msg\":\"m\"}", RBE_REFUSED},
    };
    struct rbe_offer o = {0};
    struct rbe_err e;

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(cases); i++)
        if (parse(RBE_TONGUE_NATIVE, cases[i].text, &at_1, &o, &e) != cases[i].code)
            fail_msg("%s: %d", cases[i].text, (int)e.code);
    assert_int_equal(parse(RBE_TONGUE_NATIVE, "{\"code\":1,\"msg\":\"a\\u001bb\"}", &at_1, &o, &e), RBE_REFUSED);
    assert_string_equal(e.text, "the server says: \"a\\x1bb\"");
}

static void test_in_clear(void **state)
{
    static const char *const clear[] = {"http://updates.example/", "HTTP://a", "http://localhost.evil/", "http://127.evil.example",
                                        "http://localhost@evil/", "http://10.0.0.1:80", "http://[::2]/", "http://127.0.0.1@evil"};
    static const char *const covered[] = {"https://updates.example/", "http://localhost", "http://LOCALHOST:8080/x",
                                          "http://127.0.0.1:1/?a", "http://127.1.2.3", "http://[::1]:80/x"};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(clear); i++)
        if (!rbe_ask_in_clear(clear[i]))
            fail_msg("%s", clear[i]);
    for (size_t i = 0; i < RBE_COUNT(covered); i++)
        if (rbe_ask_in_clear(covered[i]))
            fail_msg("%s", covered[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native),
        cmocka_unit_test(test_compat),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_in_clear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
