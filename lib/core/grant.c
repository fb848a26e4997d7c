#include "lib/core/grant.h"

#include <endian.h>
#include <string.h>

#include "lib/base/codec.h"

enum {
    NONCE_BYTES = 8,
    ID_BYTES = 8,
    EXPIRES_BYTES = 5,
    FIXED = 1 + NONCE_BYTES + ID_BYTES + EXPIRES_BYTES + ID_BYTES,   /* all before the region */
    RECORD_MAX = FIXED + RBE_GRANT_REGION_MAX + RBE_SHA256_SIZE,
};

_Static_assert(RBE_BASE64URL_LEN(RECORD_MAX) + 1 == RBE_GRANT_TEXT, "the longest key fills its buffer");

static unsigned char *put_number(unsigned char *to, uint64_t v, int bytes)
{
    v = htobe64(v << (64 - 8 * bytes));
    memcpy(to, &v, (size_t)bytes);
    return to + bytes;
}

static uint64_t get_number(const unsigned char **from, int bytes)
{
    uint64_t v = 0;

    for (; bytes; bytes--)
        v = v << 8 | *(*from)++;
    return v;
}

void rbe_grant_sign(struct rbe_app *app, const struct rbe_grant *g, char ret_text[static RBE_GRANT_TEXT])
{
    unsigned char record[RECORD_MAX], *to = record;
    size_t region = strnlen(g->region, RBE_GRANT_REGION_MAX);

    if (!app->signers || g->expires < 0 || g->expires > RBE_GRANT_EXPIRES_MAX)
        abort();
    *to++ = (unsigned char)g->kind;
    to = put_number(to, g->kind == RBE_GRANT_DOWNLOAD ? app->nonce++ : 0, NONCE_BYTES);
    to = put_number(to, (uint64_t)g->package, ID_BYTES);
    to = put_number(to, (uint64_t)g->expires, EXPIRES_BYTES);
    to = put_number(to, (uint64_t)g->cdk, ID_BYTES);
    memcpy(to, g->region, region);
    to += region;
    rbe_hmac_of(app->signer[0], record, (size_t)(to - record), to);
    (void)rbe_base64url_encode(record, (size_t)(to - record) + RBE_SHA256_SIZE, ret_text);
}

static bool signed_by_one(struct rbe_app *app, const unsigned char *record, size_t n)
{
    unsigned char sum[RBE_SHA256_SIZE];
    bool good = false;

    for (size_t i = 0; i < app->signers && !good; i++) {
        rbe_hmac_of(app->signer[i], record, n, sum);
        good = rbe_hash_equal(sum, record + n, sizeof(sum));
    }
    return good;
}

enum rbe_code rbe_grant_verify(struct rbe_app *app, enum rbe_grant_kind kind, const char *text, int64_t now,
                               struct rbe_grant *ret, struct rbe_err *e)
{
    unsigned char record[RECORD_MAX];
    const unsigned char *from = record + 1 + NONCE_BYTES;
    size_t len = strnlen(text, RBE_GRANT_TEXT);
    ptrdiff_t got = rbe_base64url_decode(text, len, record, sizeof(record));

    if (got < FIXED + RBE_SHA256_SIZE || record[0] != kind ||
        !signed_by_one(app, record, (size_t)got - RBE_SHA256_SIZE))
        return rbe_fail(e, RBE_NOROUTE, "no such key");
    size_t region = (size_t)got - FIXED - RBE_SHA256_SIZE;
    *ret = (struct rbe_grant){.kind = kind};
    ret->package = (int64_t)get_number(&from, ID_BYTES);
    ret->expires = (int64_t)get_number(&from, EXPIRES_BYTES);
    ret->cdk = (int64_t)get_number(&from, ID_BYTES);
    memcpy(ret->region, from, region);
    memcpy(ret->id, from + region, sizeof(ret->id));
    if (kind == RBE_GRANT_STATUS && ret->expires == 0)
        return RBE_OK;
    if (now >= ret->expires + app->settings->auth.key_skew)
        return rbe_fail(e, RBE_GONE, "the key has expired");
    return RBE_OK;
}
