#include "lib/core/access.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/core/cdks.h"
#include "lib/core/deed.h"
#include "lib/core/limit.h"
#include "lib/core/outside.h"
#include "lib/core/quota.h"
#include "lib/core/target.h"
#include "lib/store/usage.h"

enum { TOKEN_BYTES = 32, TOKEN_MAX = 8192, CDK_MAX = 128, NAME_BYTES = 4, MINUTE = 60 };
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

/* usage.db may be locked or away; that is nothing to the client. */
static void note_use(struct rbe_app *app, const struct rbe_token *t, int64_t now)
{
    struct rbe_err ignored = {0};
    int64_t before = 0;

    if (rbe_usage_token(app->store, t->id, &before, &ignored) != RBE_OK || (now >= before && now - before < MINUTE))
        return;
    if (rbe_store_begin(app->store, RBE_BASE_USAGE, &ignored) != RBE_OK)
        return;
    enum rbe_code code = rbe_usage_token_put(app->store, t->id, now, &ignored);

    if (rbe_store_end(app->store, RBE_BASE_USAGE, code, &ignored) != RBE_OK)
        return;
}

/* Ours, also when it is revoked or expired: nobody else is to be told of it, nor to call it good. */
static bool is_ours(const char *bearer)
{
    return strncmp(bearer, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) == 0;
}

/* What can be asked for outside: visible ASCII. */
static bool askable(const char *text, size_t max)
{
    size_t n = 0;

    while (n <= max && text[n] > ' ' && text[n] <= '~')
        n++;
    return n >= 1 && n <= max && text[n] == '\0';
}

/* sum: the token's hash, of which the audit gets the beginning: it tells one such uploader from others. */
static enum rbe_code enter_outside(struct rbe_app *app, const struct rbe_access_entry *who, const unsigned char *sum,
                                   struct rbe_arena *arena, struct rbe_token *ret, struct rbe_err *e)
{
    const struct rbe_outside_question q = {.kind = RBE_OUTSIDE_UPLOADER, .secret = who->bearer,
                                           .secret_len = strlen(who->bearer), .rid = who->rid,
                                           .address = who->address, .now = who->now,
                                           .fields = {{"token", who->bearer}}};
    struct rbe_outside_verdict verdict;
    char digits[2 * NAME_BYTES + 1];

    if (is_ours(who->bearer) || !askable(who->bearer, TOKEN_MAX) || !rbe_rid_valid(who->rid))
        return unauthorized(e);
    RBE_TRY(rbe_outside_ask(app, &q, &verdict, e));
    if (verdict.code == RBE_CDK_FOREIGN)
        return rbe_fail(e, RBE_FORBIDDEN, "this token is not for the resource %s", who->rid);
    if (verdict.code != RBE_OK)
        return unauthorized(e);
    rbe_hex_encode(sum, NAME_BYTES, digits);
    *ret = (struct rbe_token){.name = rbe_arena_strfmt(arena, "outside %s", digits), .scope = RBE_SCOPE_PUBLISH,
                              .rid = who->rid, .expires_at = verdict.expires_at};
    return RBE_OK;
}

enum rbe_code rbe_access_enter(struct rbe_app *app, const struct rbe_access_entry *who, struct rbe_arena *arena,
                               struct rbe_token *ret, struct rbe_err *e)
{
    unsigned char sum[RBE_SHA256_SIZE];

    if (!who->bearer || !*who->bearer)
        return unauthorized(e);
    rbe_sha256_of(who->bearer, strlen(who->bearer), sum);
    if (rbe_limit_look(app, RBE_LIMIT_FAILED, who->address, e) != RBE_OK &&
        !rbe_limit_trusts(app, who->address, sum, sizeof(sum)))
        return RBE_LIMITED;
    enum rbe_code code = rbe_access_token(app, who->bearer, who->now, arena, ret, e);
    if (code == RBE_UNAUTHORIZED && who->rid && rbe_outside_used(app, RBE_OUTSIDE_UPLOADER))
        code = enter_outside(app, who, sum, arena, ret, e);
    if (code == RBE_UNAUTHORIZED && rbe_limit_take(app, RBE_LIMIT_FAILED, who->address, NULL) != RBE_OK)
        return unauthorized(e);
    if (code != RBE_OK)
        return code;
    rbe_limit_trust(app, who->address, sum, sizeof(sum));
    if (ret->id)
        note_use(app, ret, who->now);
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
    RBE_TRY(rbe_store_end(app->store, RBE_BASE_RELEASES, code, e));
    memcpy(ret_text, text, sizeof(text));
    return RBE_OK;
}

/* ---- cdks ---- */

const char *rbe_access_cdk_text(enum rbe_code verdict)
{
    static const char *const texts[RBE_CODE_MAX] = {
        [RBE_CDK_EXPIRED] = "the cdk has expired",
        [RBE_CDK_INVALID] = "the cdk is not valid",
        [RBE_CDK_QUOTA] = "the cdk's downloads of today are used up",
        [RBE_CDK_FOREIGN] = "the cdk is not for this resource",
        [RBE_CDK_BLOCKED] = "the cdk is blocked",
    };

    return texts[verdict] ? texts[verdict] : "the cdk was refused";
}

static enum rbe_code judge_row(const struct rbe_cdk *c, int64_t resource, int64_t now)
{
    if (c->blocked_at)
        return RBE_CDK_BLOCKED;
    if (c->resource && c->resource != resource)
        return RBE_CDK_FOREIGN;
    if (c->expires_at && c->expires_at <= now)
        return RBE_CDK_EXPIRED;
    return RBE_OK;
}

static enum rbe_code judge_inside(struct rbe_app *app, const struct rbe_access_ask *ask, struct rbe_arena *arena,
                                  struct rbe_access_verdict *ret, struct rbe_err *e)
{
    unsigned char sum[RBE_SHA256_SIZE];
    char text[RBE_CDK_LENGTH + 1];
    bool found = false;
    struct rbe_cdk c;

    if (!rbe_cdks_normal(ask->cdk, text))
        return RBE_OK;
    rbe_sha256_of(text, RBE_CDK_LENGTH, sum);
    RBE_TRY(rbe_cdk_find(app->store, sum, arena, &c, &found, e));
    if (!found || !rbe_hash_equal(c.sha256, sum, sizeof(sum)))
        return RBE_OK;
    bool used_up = false;
    ret->code = judge_row(&c, ask->resource, ask->now);
    if (ret->code == RBE_OK)
        RBE_TRY(rbe_quota_used_up(app, c.id, &c, ask->now, &used_up, e));
    if (ret->code == RBE_OK)
        *ret = (struct rbe_access_verdict){used_up ? RBE_CDK_QUOTA : RBE_OK, c.id, c.expires_at};
    return RBE_OK;
}

static enum rbe_code judge_outside(struct rbe_app *app, const struct rbe_access_ask *ask,
                                   struct rbe_access_verdict *ret, struct rbe_err *e)
{
    const struct rbe_outside_question q = {.kind = RBE_OUTSIDE_CDK, .secret = ask->cdk, .secret_len = strlen(ask->cdk),
                                           .rid = ask->rid, .address = ask->address, .now = ask->now,
                                           .fields = {{"cdk", ask->cdk}}};
    struct rbe_outside_verdict verdict;
    bool used_up = false;

    if (!askable(ask->cdk, CDK_MAX))
        return RBE_OK;
    RBE_TRY(rbe_outside_ask(app, &q, &verdict, e));
    ret->code = verdict.code;
    if (verdict.code != RBE_OK)
        return RBE_OK;
    int64_t cdk = rbe_outside_cdk(ask->cdk);
    RBE_TRY(rbe_quota_used_up(app, cdk, NULL, ask->now, &used_up, e));
    *ret = (struct rbe_access_verdict){used_up ? RBE_CDK_QUOTA : RBE_OK, cdk, verdict.expires_at};
    return RBE_OK;
}

enum rbe_code rbe_access_cdk(struct rbe_app *app, const struct rbe_access_ask *ask, struct rbe_arena *arena,
                             struct rbe_access_verdict *ret, struct rbe_err *e)
{
    *ret = (struct rbe_access_verdict){.code = RBE_CDK_INVALID};
    return rbe_outside_used(app, RBE_OUTSIDE_CDK) ? judge_outside(app, ask, ret, e)
                                                  : judge_inside(app, ask, arena, ret, e);
}

/* ---- downloads ---- */

static enum rbe_code refuse(enum rbe_code verdict, struct rbe_err *e)
{
    return rbe_fail(e, verdict, "%s", rbe_access_cdk_text(verdict));
}

/* cdks of this installation have a row; others have none. */
static enum rbe_code look_again(struct rbe_app *app, const struct rbe_grant *key, struct rbe_arena *arena,
                                struct rbe_cdk *ret, struct rbe_err *e)
{
    enum rbe_code code = key->cdk > 0 ? rbe_cdk_get(app->store, key->cdk, arena, ret, e) : RBE_OK;

    if (code == RBE_NOTFOUND)
        return refuse(RBE_CDK_INVALID, e);
    return code == RBE_OK && ret->blocked_at ? refuse(RBE_CDK_BLOCKED, e) : code;
}

static enum rbe_code ask_outside(struct rbe_app *app, const struct rbe_access_use *use, struct rbe_err *e)
{
    char id[24] = "", digits[RBE_OUTSIDE_DIGITS] = "";
    const struct rbe_grant *key = use->key;
    const struct rbe_outside_question q = {.kind = RBE_OUTSIDE_DOWNLOAD, .secret = key->id,
                                           .secret_len = sizeof(key->id), .rid = use->rid, .address = use->address,
                                           .now = use->now,
                                           .fields = {{"version_name", use->version_name},
                                                      {"cdk_id", key->cdk > 0 ? id : NULL},
                                                      {"cdk_hash", key->cdk < 0 ? digits : NULL},
                                                      {"region", key->region}}};
    struct rbe_outside_verdict verdict;

    if (key->cdk > 0)
        (void)snprintf(id, sizeof(id), "%lld", (long long)key->cdk);
    else if (key->cdk < 0)
        rbe_outside_digits(key->cdk, digits);
    RBE_TRY(rbe_outside_ask(app, &q, &verdict, e));
    return verdict.code == RBE_OK ? RBE_OK : refuse(verdict.code, e);
}

enum rbe_code rbe_access_download(struct rbe_app *app, const struct rbe_access_use *use, struct rbe_arena *arena,
                                  struct rbe_err *ret_lost, struct rbe_err *e)
{
    const struct rbe_grant *key = use->key;
    struct rbe_cdk c = {0};

    *ret_lost = (struct rbe_err){0};
    RBE_TRY(look_again(app, key, arena, &c, e));
    if (!use->counts)
        return RBE_OK;
    if (rbe_outside_used(app, RBE_OUTSIDE_DOWNLOAD))
        RBE_TRY(ask_outside(app, use, e));
    return key->cdk ? rbe_quota_take(app, key, c.id ? &c : NULL, use->now, ret_lost, e) : RBE_OK;
}
