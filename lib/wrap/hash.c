/* Hashes and MACs by OpenSSL's EVP layer. A failure here is memory or a broken library, so it aborts.
 *
 * An HMAC object keeps two contexts. `work` is used again for each message by initialising it without a key, which
 * keeps the key's two inner hashes. Whether the library does that right is tried when the object is made; where it
 * does not, each message works on a copy of `ready`, which was keyed and never used.
 */
#include "lib/wrap/hash.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>
#include <sys/random.h>

struct rbe_sha256 {
    EVP_MD_CTX *ctx;
};

struct rbe_hmac {
    EVP_MAC *mac;
    EVP_MAC_CTX *ready, *work;
    bool reuse;
};

static void must(bool ok)
{
    if (!ok)
        abort();
}

struct rbe_sha256 *rbe_sha256_new(void)
{
    struct rbe_sha256 *h = rbe_alloc(sizeof(*h));

    h->ctx = EVP_MD_CTX_new();
    must(h->ctx && EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) == 1);
    return h;
}

void rbe_sha256_free(struct rbe_sha256 *h)
{
    if (!h)
        return;
    EVP_MD_CTX_free(h->ctx);
    free(h);
}

void rbe_sha256_put(struct rbe_sha256 *h, const void *p, size_t n)
{
    if (n)
        must(EVP_DigestUpdate(h->ctx, p, n) == 1);
}

void rbe_sha256_end(struct rbe_sha256 *h, unsigned char ret_sum[static RBE_SHA256_SIZE])
{
    must(EVP_DigestFinal_ex(h->ctx, ret_sum, NULL) == 1);
    must(EVP_DigestInit_ex(h->ctx, NULL, NULL) == 1);
}

void rbe_sha256_of(const void *p, size_t n, unsigned char ret_sum[static RBE_SHA256_SIZE])
{
    must(EVP_Digest(n ? p : "", n, ret_sum, NULL, EVP_sha256(), NULL) == 1);
}

static bool mac_end(EVP_MAC_CTX *ctx, const void *p, size_t n, unsigned char *ret_sum)
{
    size_t len = 0;

    return EVP_MAC_update(ctx, n ? p : (const void *)"", n) == 1 &&
           EVP_MAC_final(ctx, ret_sum, &len, RBE_SHA256_SIZE) == 1 && len == RBE_SHA256_SIZE;
}

static void mac_of_copy(const struct rbe_hmac *h, const void *p, size_t n, unsigned char *ret_sum)
{
    EVP_MAC_CTX *ctx = EVP_MAC_CTX_dup(h->ready);

    must(ctx && mac_end(ctx, p, n, ret_sum));
    EVP_MAC_CTX_free(ctx);
}

static bool mac_of_reused(const struct rbe_hmac *h, const void *p, size_t n, unsigned char *ret_sum)
{
    return EVP_MAC_init(h->work, NULL, 0, NULL) == 1 && mac_end(h->work, p, n, ret_sum);
}

/* The second message is the one that would show a key lost or bytes left from the first. */
static bool reuse_works(const struct rbe_hmac *h)
{
    unsigned char want[RBE_SHA256_SIZE], got[RBE_SHA256_SIZE];

    if (!mac_of_reused(h, "first", 5, got) || !mac_of_reused(h, "second", 6, got))
        return false;
    mac_of_copy(h, "second", 6, want);
    return memcmp(want, got, sizeof(want)) == 0;
}

struct rbe_hmac *rbe_hmac_new(const void *key, size_t n)
{
    static char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    struct rbe_hmac *h = rbe_alloc(sizeof(*h));

    h->mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    must(h->mac);
    h->ready = EVP_MAC_CTX_new(h->mac);
    must(h->ready && EVP_MAC_init(h->ready, n ? key : (const void *)"", n, params) == 1);
    h->work = EVP_MAC_CTX_dup(h->ready);
    must(h->work);
    h->reuse = reuse_works(h);
    return h;
}

void rbe_hmac_free(struct rbe_hmac *h)
{
    if (!h)
        return;
    EVP_MAC_CTX_free(h->work);
    EVP_MAC_CTX_free(h->ready);
    EVP_MAC_free(h->mac);
    free(h);
}

void rbe_hmac_of(struct rbe_hmac *h, const void *p, size_t n, unsigned char ret_sum[static RBE_SHA256_SIZE])
{
    if (h->reuse)
        must(mac_of_reused(h, p, n, ret_sum));
    else
        mac_of_copy(h, p, n, ret_sum);
}

bool rbe_md5_of(const void *p, size_t n, unsigned char ret_sum[static RBE_MD5_SIZE])
{
    return EVP_Digest(n ? p : "", n, ret_sum, NULL, EVP_md5(), NULL) == 1;
}

bool rbe_hash_equal(const void *a, const void *b, size_t n)
{
    return CRYPTO_memcmp(a, b, n) == 0;
}

void rbe_random(void *ret, size_t n)
{
    unsigned char *p = ret;

    /* The kernel's own: libcrypto's generator takes longer to start than a CGI program to answer. */
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);

        must(got > 0 || errno == EINTR);
        p += got > 0 ? got : 0;
        n -= got > 0 ? (size_t)got : 0;
    }
}
