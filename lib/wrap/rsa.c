#include "lib/wrap/rsa.h"

#include <limits.h>
#include <openssl/pem.h>

struct rbe_rsa {
    EVP_PKEY *key;
};

/* A key with a passphrase is not asked for at a terminal that a server does not have. */
static int no_passphrase(char *buffer, int size, int for_writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)for_writing;
    (void)arg;
    return -1;
}

static EVP_PKEY *read_key(const char *pem, size_t n)
{
    BIO *in = n <= INT_MAX ? BIO_new_mem_buf(pem, (int)n) : NULL;
    EVP_PKEY *key = in ? PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL) : NULL;

    (void)BIO_free(in);
    return key;
}

enum rbe_code rbe_rsa_new(const char *pem, size_t n, struct rbe_rsa **ret, struct rbe_err *e)
{
    rbe_autoptr(rsa) struct rbe_rsa *r = rbe_alloc(sizeof(*r));
    unsigned char tried[RBE_RSA_SIGNATURE_MAX];
    size_t len;

    r->key = read_key(pem, n);
    if (!r->key)
        return rbe_fail(e, RBE_REFUSED, "not a private key in PEM, or one with a passphrase");
    if (EVP_PKEY_get_base_id(r->key) != EVP_PKEY_RSA || EVP_PKEY_get_size(r->key) > RBE_RSA_SIGNATURE_MAX)
        return rbe_fail(e, RBE_REFUSED, "not an RSA key of up to %d bits", 8 * (int)RBE_RSA_SIGNATURE_MAX);
    RBE_TRY(rbe_rsa_sign(r, "", 0, tried, &len, e));
    *ret = rbe_steal(r);
    return RBE_OK;
}

void rbe_rsa_free(struct rbe_rsa *r)
{
    if (!r)
        return;
    EVP_PKEY_free(r->key);
    free(r);
}

enum rbe_code rbe_rsa_sign(const struct rbe_rsa *r, const void *p, size_t n,
                           unsigned char ret[static RBE_RSA_SIGNATURE_MAX], size_t *ret_len, struct rbe_err *e)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    *ret_len = RBE_RSA_SIGNATURE_MAX;
    bool good = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha1(), NULL, r->key) == 1 &&
                EVP_DigestSign(ctx, ret, ret_len, p, n) == 1;
    EVP_MD_CTX_free(ctx);
    return good ? RBE_OK : rbe_fail(e, RBE_REFUSED, "the key does not sign with SHA-1 here");
}
