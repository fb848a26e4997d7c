/* SHA-256 by libcrypto's own functions and HMAC (RFC 2104) by hand on them. The library's newer face finds every algorithm by
 * name among providers that it loads and configures first: that alone takes longer than a CGI program needs for all else,
 * and half as long again as the hash itself at each key that is signed.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "lib/wrap/hash.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <string.h>
#include <sys/random.h>

enum { BLOCK = 64, INNER = 0x36, OUTER = 0x5c };

struct rbe_sha256 {
    SHA256_CTX ctx;
};

/* The states after the key's two blocks. */
struct rbe_hmac {
    SHA256_CTX inner, outer;
};

static void must(bool ok)
{
    if (!ok)
        abort();
}

struct rbe_sha256 *rbe_sha256_new(void)
{
    struct rbe_sha256 *h = rbe_alloc(sizeof(*h));

    must(SHA256_Init(&h->ctx) == 1);
    return h;
}

void rbe_sha256_free(struct rbe_sha256 *h)
{
    free(h);
}

void rbe_sha256_put(struct rbe_sha256 *h, const void *p, size_t n)
{
    if (n)
        must(SHA256_Update(&h->ctx, p, n) == 1);
}

void rbe_sha256_end(struct rbe_sha256 *h, unsigned char ret_sum[static RBE_SHA256_SIZE])
{
    must(SHA256_Final(ret_sum, &h->ctx) == 1 && SHA256_Init(&h->ctx) == 1);
}

void rbe_sha256_of(const void *p, size_t n, unsigned char ret_sum[static RBE_SHA256_SIZE])
{
    SHA256_CTX ctx;

    must(SHA256_Init(&ctx) == 1 && (!n || SHA256_Update(&ctx, p, n) == 1) && SHA256_Final(ret_sum, &ctx) == 1);
}

static void begin(SHA256_CTX *ctx, const unsigned char *key, size_t n, unsigned char pad)
{
    unsigned char block[BLOCK];

    memset(block, pad, sizeof(block));
    for (size_t i = 0; i < n; i++)
        block[i] ^= key[i];
    must(SHA256_Init(ctx) == 1 && SHA256_Update(ctx, block, sizeof(block)) == 1);
    OPENSSL_cleanse(block, sizeof(block));
}

struct rbe_hmac *rbe_hmac_new(const void *key, size_t n)
{
    struct rbe_hmac *h = rbe_alloc(sizeof(*h));
    unsigned char sum[RBE_SHA256_SIZE];

    if (n > BLOCK) {
        rbe_sha256_of(key, n, sum);
        key = sum;
        n = sizeof(sum);
    }
    begin(&h->inner, key, n, INNER);
    begin(&h->outer, key, n, OUTER);
    OPENSSL_cleanse(sum, sizeof(sum));
    return h;
}

void rbe_hmac_free(struct rbe_hmac *h)
{
    if (h)
        OPENSSL_cleanse(h, sizeof(*h));
    free(h);
}

void rbe_hmac_of(struct rbe_hmac *h, const void *p, size_t n, unsigned char ret_sum[static RBE_SHA256_SIZE])
{
    SHA256_CTX ctx = h->inner;

    must((!n || SHA256_Update(&ctx, p, n) == 1) && SHA256_Final(ret_sum, &ctx) == 1);
    ctx = h->outer;
    must(SHA256_Update(&ctx, ret_sum, RBE_SHA256_SIZE) == 1 && SHA256_Final(ret_sum, &ctx) == 1);
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

    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);

        must(got > 0 || errno == EINTR);
        p += got > 0 ? got : 0;
        n -= got > 0 ? (size_t)got : 0;
    }
}
