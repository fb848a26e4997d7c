#include "lib/core/access.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/core/deed.h"

enum { TOKEN_BYTES = 32, CDK_LENGTH = 26 };
#define TOKEN_PREFIX "rbe_"
_Static_assert(sizeof(TOKEN_PREFIX) + RBE_BASE64URL_LEN(TOKEN_BYTES) == RBE_TOKEN_TEXT, "a token fills its buffer");

/* ---- tokens ---- */

/* One text for all, so that nobody learns which part was wrong. */
static enum rbe_code unauthorized(struct rbe_err *e)
{
    return rbe_fail(e, RBE_UNAUTHORIZED, "a valid token is needed");
}

enum rbe_code rbe_access_token(struct rbe_app *app, const char *bearer, int64_t now, struct rbe_arena *arena,
                               struct rbe_token *ret, struct rbe_err *e)
{
    unsigned char sum[RBE_SHA256_SIZE];
    bool found = false;

    if (!bearer || !*bearer)
        return unauthorized(e);
    rbe_sha256_of(bearer, strlen(bearer), sum);
    RBE_TRY(rbe_token_find(app->store, sum, arena, ret, &found, e));
    if (!found || !rbe_hash_equal(ret->sha256, sum, sizeof(sum)))
        return unauthorized(e);
    if (ret->revoked_at || (ret->expires_at && ret->expires_at <= now))
        return unauthorized(e);
    return RBE_OK;
}

enum rbe_code rbe_access_allow(const struct rbe_token *t, enum rbe_scope need, const char *rid, struct rbe_err *e)
{
    if (need == RBE_SCOPE_ADMIN && t->scope != RBE_SCOPE_ADMIN)
        return rbe_fail(e, RBE_FORBIDDEN, "this token's scope does not cover this call");
    if (t->rid && (!rid || strcmp(t->rid, rid) != 0))
        return rbe_fail(e, RBE_FORBIDDEN, "this token is bound to the resource %s", t->rid);
    return RBE_OK;
}

enum rbe_code rbe_access_grant_token(struct rbe_app *app, struct rbe_token *t, char ret_text[static RBE_TOKEN_TEXT],
                                     struct rbe_err *e)
{
    unsigned char random[TOKEN_BYTES];
    char text[RBE_TOKEN_TEXT] = TOKEN_PREFIX;

    rbe_random(random, sizeof(random));
    rbe_base64url_encode(random, sizeof(random), text + strlen(TOKEN_PREFIX));
    rbe_sha256_of(text, strlen(text), t->sha256);
    if (!t->created_at)
        t->created_at = rbe_clock_now();
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    enum rbe_code code = rbe_token_put(app->store, t, e);
    if (code == RBE_OK)
        code = rbe_deed_record(app, &(struct rbe_deed){.action = "token create", .rid = t->rid, .subject = t->name,
                                                       .facts = {{"scope", .text = t->scope == RBE_SCOPE_ADMIN ?
                                                                                       "admin" : "publish"},
                                                                 {"expires_at", .number = t->expires_at}}}, e);
    if (code == RBE_OK)
        code = rbe_store_commit(app->store, RBE_BASE_RELEASES, e);
    if (code != RBE_OK) {
        rbe_store_rollback(app->store, RBE_BASE_RELEASES);
        return code;
    }
    memcpy(ret_text, text, sizeof(text));
    return RBE_OK;
}

/* ---- cdks ---- */

/* Crockford's base32: letters of either case, O read as 0, I and L as 1, no U. */
static bool cdk_normal(const char *cdk, char ret_text[static CDK_LENGTH + 1])
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    if (strnlen(cdk, CDK_LENGTH + 1) != CDK_LENGTH)
        return false;
    for (size_t i = 0; i < CDK_LENGTH; i++) {
        char c = cdk[i];

        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c == 'O')
            c = '0';
        else if (c == 'I' || c == 'L')
            c = '1';
        if (!strchr(alphabet, c))
            return false;
        ret_text[i] = c;
    }
    ret_text[CDK_LENGTH] = '\0';
    return true;
}

static enum rbe_code cdk_verdict(const struct rbe_cdk *c, int64_t resource, int64_t now)
{
    if (c->blocked_at)
        return RBE_CDK_BLOCKED;
    if (c->resource && c->resource != resource)
        return RBE_CDK_FOREIGN;
    if (c->expires_at && c->expires_at <= now)
        return RBE_CDK_EXPIRED;
    return RBE_OK;
}

enum rbe_code rbe_access_cdk(struct rbe_app *app, const char *cdk, int64_t resource, int64_t now,
                             struct rbe_arena *arena, struct rbe_cdk *ret, enum rbe_code *ret_verdict,
                             struct rbe_err *e)
{
    unsigned char sum[RBE_SHA256_SIZE];
    char text[CDK_LENGTH + 1];
    bool found = false;

    *ret = (struct rbe_cdk){0};
    *ret_verdict = RBE_CDK_INVALID;
    if (!cdk_normal(cdk, text))
        return RBE_OK;
    rbe_sha256_of(text, CDK_LENGTH, sum);
    RBE_TRY(rbe_cdk_find(app->store, sum, arena, ret, &found, e));
    if (found && rbe_hash_equal(ret->sha256, sum, sizeof(sum)))
        *ret_verdict = cdk_verdict(ret, resource, now);
    return RBE_OK;
}
