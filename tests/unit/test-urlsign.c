/* lib/core/urlsign against the examples that vendors publish, and against openssl(1) where they publish none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/urlsign.h"

/* Made for this test by openssl genrsa, used nowhere. */
static const char test_key[] =
    "-----BEGIN RSA PRIVATE KEY-----\n"
    "MIICXgIBAAKBgQC3XrBMlf3nPlmWbo3wz5ZHqWzCsrTXL10mByRbLP6w/Qcj6Zvn\n"
    "W4ecPHenw0gFhTk+zzP3SNGa1J0njzpfwiDCSDxGhWrnxTF/UDGPifZ2geu/DpSN\n"
    "LuZciaLKmKFDOYLTvQEWvnUCF8mUNWvfeXS8pxfZpmeJ0z58HIiAYbSvYQIDAQAB\n"
    "AoGBAKAI7trYaTEhlHSa5hxOP/0pG7fM2dGYD7a5svw0B9CV9F5eaud/VZqAl3l+\n"
    "EGRpAi4UDml6TxzPBJ1a/npGZelPC+rMUwH5VMVTDAP/s5T8GBM1rFq8lXE2p5GI\n"
    "Y6MvtmXcHgatLAbx9q/fMtmWV5NQIKcVpuSyTlYE1QXbDAKFAkEA5Bgihl+734qd\n"
    "7TaU945SrIZjpEw7QL1TVxyYNH04E0SUKhaQ8IyeDi+haXmOmoD2107Al45H1PPk\n"
    "4EvBWXdUEwJBAM3Ny4JpmqusjYC2GePao+eG5svAyIQNe+tqENvl3kKrqicgfOIc\n"
    "2Jz4y4NwxBk1PuMCUvEO4DXkwb/x/S/OVTsCQQDWlj4k3PwLGoXpHWiYXbU5ylUD\n"
    "xRQZnARD+ArZltSii+o4jnJdXG12OylH6axXfuy7MsPN0XWSysGQorSMTs8xAkEA\n"
    "ngS1jZyoNch3naw0lM77qnnaG/gZ/cqcq1T1POJylZ5ZN1GqkbK0X1JocLPU3cYU\n"
    "UxklthFF9ht+6HJVhK9YoQJABgezHxszgb5bHCYri7lk4PiDf2qul/Sm/uj5jVky\n"
    "rhQXf5rkbJv/3ZByHG30NzSOuWD2h7pcE3KWAOZV1T9MjQ==\n"
    "-----END RSA PRIVATE KEY-----\n";

static const struct rbe_place_auth none = {
    .type = RBE_SIGNATURE_NONE, .secret = "", .key_id = "", .key_file = "", .region = "us-east-1",
    .form = "{expires}{path} {secret}", .parameter = "auth_key",
};

static void assert_url(const struct rbe_place_auth *auth, const char *url, int64_t lifetime,
                       const struct rbe_urlsign_request *q, const char *want)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_autoptr(urlsign) struct rbe_urlsign *s = NULL;
    struct rbe_err e = {0};
    const char *got;

    assert_int_equal(rbe_urlsign_new(auth, url, lifetime, &s, &e), RBE_OK);
    /* twice: what is kept between URLs must not change them */
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rbe_urlsign_make(s, q, &arena, &got, &e), RBE_OK);
        assert_string_equal(got, want);
    }
}

static void test_none(void **state)
{
    const struct rbe_urlsign_request q = {.path = "p/0/x.zip", .method = "GET", .rand = "", .now = 1};

    (void)state;
    assert_url(&none, "https://m.example.com/rbe", 600, &q, "https://m.example.com/rbe/p/0/x.zip");
}

/* The examples of two large CDNs for what both call type A. */
static void test_md5_a(void **state)
{
    struct rbe_place_auth auth = none;

    (void)state;
    auth.type = RBE_SIGNATURE_MD5_A;
    auth.secret = "aliyuncdnexp1234";
    assert_url(&auth, "http://cdn.example.com", 600,
               &(struct rbe_urlsign_request){.path = "video/standard/1K.html", .method = "GET", .rand = "0",
                                             .now = 1444435200},
               "http://cdn.example.com/video/standard/1K.html"
               "?auth_key=1444435200-0-0-80cd3862d699b7118eed99103f2a3a4f");
    assert_url(&auth, "http://cdn.example.com/video", 600,
               &(struct rbe_urlsign_request){.path = "standard/1K.html", .method = "GET", .rand = "0",
                                             .now = 1444435200},
               "http://cdn.example.com/video/standard/1K.html"
               "?auth_key=1444435200-0-0-80cd3862d699b7118eed99103f2a3a4f");
    auth.secret = "DvYmqE81E1F9R791H6lmht";
    auth.parameter = "sign";
    assert_url(&auth, "https://www.example.com", 600,
               &(struct rbe_urlsign_request){.path = "foo.jpg", .method = "HEAD", .rand = "Kv4cPTAAP5YTi",
                                             .now = 1721028437},
               "https://www.example.com/foo.jpg?sign=1721028437-Kv4cPTAAP5YTi-0-0fbdca749d7ab784750685347e42075c");
}

/* nginx' own example hashes the client's address as well. */
static void test_secure_link(void **state)
{
    const struct rbe_urlsign_request q = {.path = "link", .method = "GET", .rand = "", .now = 2147483647 - 600};
    struct rbe_place_auth auth = none;

    (void)state;
    auth.type = RBE_SIGNATURE_SECURE_LINK;
    auth.secret = "secret";
    auth.form = "{expires}{path}127.0.0.1 {secret}";
    assert_url(&auth, "https://n.example.com/s", 600, &q,
               "https://n.example.com/s/link?md5=_e4Nc3iduzkWRm01TBBNYw&expires=2147483647");
    auth.lifetime = 600;
    assert_url(&auth, "https://n.example.com/s", 5, &q,
               "https://n.example.com/s/link?md5=_e4Nc3iduzkWRm01TBBNYw&expires=2147483647");
    /* braces that are no word stay */
    auth.form = "{x}{expires}{path}{secret}{";
    assert_url(&auth, "https://n.example.com/s", 5, &q,
               "https://n.example.com/s/link?md5=NUMNwDJCqhkobQpLuPjH1Q&expires=2147483647");
}

static void test_secdownload(void **state)
{
    struct rbe_place_auth auth = none;

    (void)state;
    auth.type = RBE_SIGNATURE_SECDOWNLOAD;
    auth.secret = "verysecret";
    assert_url(&auth, "http://l.example.com/dl", 600,
               &(struct rbe_urlsign_request){.path = "index.html", .method = "GET", .rand = "", .now = 1700000000},
               "http://l.example.com/dl/xDISrmGRoEDQ_P-n9wjmj3QPIwEmLJ67FnK7yX4Xul4/6553f100/index.html");
}

/* The example of "Authenticating Requests: Using Query Parameters". */
static void test_s3_v4(void **state)
{
    const struct rbe_urlsign_request q = {.path = "test.txt", .method = "GET", .rand = "", .now = 1369353600};
    struct rbe_place_auth auth = none;
    static const char want[] =
        "https://examplebucket.s3.amazonaws.com%s/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256"
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%%2F20130524%%2Fus-east-1%%2Fs3%%2Faws4_request"
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    rbe_autofree char *plain = rbe_strfmt(want, ""), *port = rbe_strfmt(want, ":443");

    (void)state;
    auth.type = RBE_SIGNATURE_S3_V4;
    auth.key_id = "AKIAIOSFODNN7EXAMPLE";
    auth.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    assert_url(&auth, "https://examplebucket.s3.amazonaws.com", 86400, &q, plain);
    /* a port that the scheme implies is not in the header that is signed */
    assert_url(&auth, "https://examplebucket.s3.amazonaws.com:443", 86400, &q, port);
}

/* The key of yesterday is not used today, and one URL lives a week at most. */
static void test_s3_v4_days(void **state)
{
    struct rbe_urlsign_request q = {.path = "test.txt", .method = "GET", .rand = "", .now = 1369353600 - 1};
    struct rbe_place_auth auth = none;
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_autoptr(urlsign) struct rbe_urlsign *s = NULL;
    struct rbe_err e = {0};
    const char *got;

    (void)state;
    auth.type = RBE_SIGNATURE_S3_V4;
    auth.key_id = "AKIAIOSFODNN7EXAMPLE";
    auth.secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    assert_int_equal(rbe_urlsign_new(&auth, "https://examplebucket.s3.amazonaws.com", 86400, &s, &e), RBE_OK);
    assert_int_equal(rbe_urlsign_make(s, &q, &arena, &got, &e), RBE_OK);
    assert_non_null(strstr(got, "%2F20130523%2F"));
    assert_non_null(strstr(got, "X-Amz-Date=20130523T235959Z"));
    q.now++;
    assert_int_equal(rbe_urlsign_make(s, &q, &arena, &got, &e), RBE_OK);
    assert_non_null(strstr(got, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
    q.method = "HEAD";
    assert_int_equal(rbe_urlsign_make(s, &q, &arena, &got, &e), RBE_OK);
    assert_null(strstr(got, "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"));
    rbe_urlsign_free(s);
    assert_int_equal(rbe_urlsign_new(&auth, "https://examplebucket.s3.amazonaws.com", 8 * 86400, &s, &e), RBE_OK);
    assert_int_equal(rbe_urlsign_make(s, &q, &arena, &got, &e), RBE_OK);
    assert_non_null(strstr(got, "X-Amz-Expires=604800&"));
}

/* printf '{"Statement":[{"Resource":"https://d111111abcdef8.cloudfront.net/image.jpg","Condition":{"DateLessThan":
 * {"AWS:EpochTime":1767290400}}}]}' | openssl dgst -sha1 -sign KEY | openssl base64 -A | tr '+=/' '-_~' */
static void test_cloudfront(void **state)
{
    const struct rbe_urlsign_request q = {.path = "image.jpg", .method = "GET", .rand = "", .now = 1767290400 - 600};
    static const char want[] =
        "https://d111111abcdef8.cloudfront.net/image.jpg?Expires=1767290400&Signature="
        "Oam3tbOBvxK0skpFEMGBsQL2wPkyjUt5Uopyf-aTn3c2cMgNhc4BeDp9sPkOBbIx7hNL8AUR0PEr74zKh0X6iR3UCpjLi-gfZ-Vi"
        "HdRauoTyaFHQNbQ5dOPcT53RCK88wvPAc1rmFNtv4yoYRDETqEY-IqlAQGiITfh7lAo83j0_"
        "&Key-Pair-Id=K2JCJMDEHXQW5F";
    struct rbe_place_auth auth = none;

    (void)state;
    auth.type = RBE_SIGNATURE_CLOUDFRONT;
    auth.key_id = "K2JCJMDEHXQW5F";
    auth.secret = test_key;
    assert_url(&auth, "https://d111111abcdef8.cloudfront.net", 600, &q, want);
    char path[] = "/tmp/rbe-urlsign-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, test_key, strlen(test_key)), strlen(test_key));
    (void)close(fd);
    auth.secret = "";
    auth.key_file = path;
    assert_url(&auth, "https://d111111abcdef8.cloudfront.net", 600, &q, want);
    (void)unlink(path);
}

static void test_bad_keys(void **state)
{
    static const char ec[] = "-----BEGIN PRIVATE KEY-----\n"
                             "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgevZzL1gdAFr88hb2\n"
                             "OF/2NxApJCzGCEDdfSp6VQO30hyhRANCAAQRWz+jn65BtOMvdyHKcvjBeBSDZH2r\n"
                             "1RTwjmYSi9R/zpBnuQ4EiMnCqfMPWiZqB4QdbAd0E7oH50VpuZ1P087G\n"
                             "-----END PRIVATE KEY-----\n";
    struct rbe_place_auth auth = none;
    rbe_autoptr(urlsign) struct rbe_urlsign *s = NULL;
    struct rbe_err e = {0};

    (void)state;
    auth.type = RBE_SIGNATURE_CLOUDFRONT;
    auth.key_id = "K1";
    auth.secret = "nonsense";
    assert_int_equal(rbe_urlsign_new(&auth, "https://x", 600, &s, &e), RBE_REFUSED);
    assert_string_equal(e.text, "cloudfront of https://x: not a private key in PEM, or one with a passphrase");
    auth.secret = ec;
    assert_int_equal(rbe_urlsign_new(&auth, "https://x", 600, &s, &e), RBE_REFUSED);
    assert_string_equal(e.text, "cloudfront of https://x: not an RSA key of up to 8192 bits");
    auth.secret = "";
    auth.key_file = "/nowhere/key.pem";
    assert_int_equal(rbe_urlsign_new(&auth, "https://x", 600, &s, &e), RBE_REFUSED);
    assert_non_null(strstr(e.text, "/nowhere/key.pem"));
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),       cmocka_unit_test(test_md5_a),      cmocka_unit_test(test_secure_link),
        cmocka_unit_test(test_secdownload), cmocka_unit_test(test_s3_v4),     cmocka_unit_test(test_s3_v4_days),
        cmocka_unit_test(test_cloudfront), cmocka_unit_test(test_bad_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
