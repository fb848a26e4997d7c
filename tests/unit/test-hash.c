/* lib/wrap/hash against the published examples: FIPS 180-4 for SHA-256, RFC 4231 for HMAC-SHA256. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/wrap/hash.h"

static void assert_sum(const unsigned char *sum, const char *want)
{
    char text[RBE_SHA256_TEXT];

    rbe_hex_encode(sum, RBE_SHA256_SIZE, text);
    assert_string_equal(text, want);
}

static void test_sha256_examples(void **state)
{
    static const struct {
        const char *message, *sum;
    } rows[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    unsigned char sum[RBE_SHA256_SIZE];
    rbe_autoptr(sha256) struct rbe_sha256 *h = rbe_sha256_new();

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        size_t len = strlen(rows[i].message);

        rbe_sha256_of(rows[i].message, len, sum);
        assert_sum(sum, rows[i].sum);
        /* byte by byte, and the same object for every message */
        for (size_t k = 0; k < len; k++)
            rbe_sha256_put(h, rows[i].message + k, 1);
        rbe_sha256_end(h, sum);
        assert_sum(sum, rows[i].sum);
    }
    rbe_sha256_of(NULL, 0, sum);
    assert_sum(sum, rows[0].sum);
}

static void test_sha256_million(void **state)
{
    rbe_autoptr(sha256) struct rbe_sha256 *h = rbe_sha256_new();
    unsigned char sum[RBE_SHA256_SIZE];
    char block[1000];

    (void)state;
    memset(block, 'a', sizeof(block));
    for (int i = 0; i < 1000; i++)
        rbe_sha256_put(h, block, sizeof(block));
    rbe_sha256_end(h, sum);
    assert_sum(sum, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_hmac_examples(void **state)
{
    unsigned char key20[20], key131[131], sum[RBE_SHA256_SIZE];
    rbe_autoptr(hmac) struct rbe_hmac *a = NULL, *b = NULL, *c = NULL;

    (void)state;
    memset(key20, 0x0b, sizeof(key20));
    memset(key131, 0xaa, sizeof(key131));
    a = rbe_hmac_new(key20, sizeof(key20));
    b = rbe_hmac_new("Jefe", 4);
    c = rbe_hmac_new(key131, sizeof(key131));
    /* each key several times, in turn: nothing of a message may stay behind */
    for (int i = 0; i < 3; i++) {
        rbe_hmac_of(a, "Hi There", 8, sum);
        assert_sum(sum, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        rbe_hmac_of(b, "what do ya want for nothing?", 28, sum);
        assert_sum(sum, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        rbe_hmac_of(c, "Test Using Larger Than Block-Size Key - Hash Key First", 54, sum);
        assert_sum(sum, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
        rbe_hmac_of(b, NULL, 0, sum);
        assert_sum(sum, "923598ca6d64af2a5dba79dcd021a8a0fe5c5f557519adaaf0ad532d4506dd30");
    }
}

static void test_equal(void **state)
{
    (void)state;
    assert_true(rbe_hash_equal("abcd", "abcd", 4));
    assert_false(rbe_hash_equal("abcd", "abce", 4));
    assert_true(rbe_hash_equal("a", "b", 0));
}

static void test_random(void **state)
{
    static unsigned char a[100000], b[sizeof(a)];
    size_t counts[256] = {0};

    (void)state;
    rbe_random(a, sizeof(a));
    rbe_random(b, sizeof(b));
    assert_memory_not_equal(a, b, 16);
    assert_memory_not_equal(a + sizeof(a) - 16, b + sizeof(b) - 16, 16);
    for (size_t i = 0; i < sizeof(a); i++)
        counts[a[i]]++;
    /* 390 are expected of each value; fifteen standard deviations away something is broken */
    for (size_t i = 0; i < 256; i++)
        assert_in_range(counts[i], 95, 690);
    rbe_random(a, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_examples), cmocka_unit_test(test_sha256_million),
        cmocka_unit_test(test_hmac_examples),   cmocka_unit_test(test_equal),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
