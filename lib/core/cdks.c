#include "lib/core/cdks.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/core/deed.h"
#include "lib/core/quota.h"

static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

bool rbe_cdks_normal(const char *text, char ret_cdk[static RBE_CDK_LENGTH + 1])
{
    if (strnlen(text, RBE_CDK_LENGTH + 1) != RBE_CDK_LENGTH)
        return false;
    for (size_t i = 0; i < RBE_CDK_LENGTH; i++) {
        char c = text[i];

        if (c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        if (c == 'O')
            c = '0';
        else if (c == 'I' || c == 'L')
            c = '1';
        if (!strchr(alphabet, c))
            return false;
        ret_cdk[i] = c;
    }
    ret_cdk[RBE_CDK_LENGTH] = '\0';
    return true;
}

/* ---- making ---- */

static enum rbe_code make_one(struct rbe_app *app, const struct rbe_cdk *like, struct rbe_cdks_made *ret,
                              struct rbe_err *e)
{
    unsigned char random[RBE_CDK_LENGTH];
    struct rbe_cdk c = *like;
    char prefix[RBE_CDK_PREFIX + 1] = "";

    rbe_random(random, sizeof(random));
    for (size_t i = 0; i < RBE_CDK_LENGTH; i++)
        ret->text[i] = alphabet[random[i] & 31];
    ret->text[RBE_CDK_LENGTH] = '\0';
    memcpy(prefix, ret->text, RBE_CDK_PREFIX);
    c.prefix = prefix;
    rbe_sha256_of(ret->text, RBE_CDK_LENGTH, c.sha256);
    RBE_TRY(rbe_cdk_put(app->store, &c, e));
    ret->id = c.id;
    return RBE_OK;
}

static enum rbe_code make_all(struct rbe_app *app, const struct rbe_cdk *like, struct rbe_cdks_made *made, size_t count,
                              struct rbe_err *e)
{
    for (size_t i = 0; i < count; i++)
        RBE_TRY(make_one(app, like, &made[i], e));
    const struct rbe_deed deed = {
        .action = "cdk create",
        .rid = like->rid,
        .facts = {{"count", NULL, (int64_t)count}, {"first_id", NULL, count ? made[0].id : 0},
                  {"daily_limit", NULL, like->daily_limit}, {"expires_at", NULL, like->expires_at}},
    };
    return rbe_deed_record(app, &deed, e);
}

enum rbe_code rbe_cdks_make(struct rbe_app *app, const struct rbe_cdk *like, size_t count, struct rbe_arena *arena,
                            struct rbe_cdks_made **ret, struct rbe_err *e)
{
    if (count > RBE_CDKS_MAX)
        return rbe_fail(e, RBE_REFUSED, "at most %d cdks are made at once", (int)RBE_CDKS_MAX);
    *ret = rbe_arena_alloc_array(arena, count, sizeof(**ret));
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    enum rbe_code code = make_all(app, like, *ret, count, e);
    return rbe_store_end(app->store, RBE_BASE_RELEASES, code, e);
}

/* ---- looking ---- */

static enum rbe_code add_use(struct rbe_app *app, int64_t now, struct rbe_cdks_row *row, struct rbe_err *e)
{
    return rbe_quota_used(app, row->cdk.id, now, &row->today, &row->total, e);
}

enum rbe_code rbe_cdks_list(struct rbe_app *app, int64_t after, int64_t limit, int64_t now, struct rbe_arena *arena,
                            struct rbe_cdks_row **ret, size_t *ret_n, struct rbe_err *e)
{
    struct rbe_cdk *rows;

    RBE_TRY(rbe_cdk_list(app->store, after, limit, arena, &rows, ret_n, e));
    *ret = rbe_arena_alloc_array(arena, *ret_n, sizeof(**ret));
    for (size_t i = 0; i < *ret_n; i++) {
        (*ret)[i].cdk = rows[i];
        RBE_TRY(add_use(app, now, &(*ret)[i], e));
    }
    return RBE_OK;
}

/* What was asked for is not named in messages: it may be the text of a cdk. */
static enum rbe_code find(struct rbe_app *app, const char *which, struct rbe_arena *arena, struct rbe_cdk *ret,
                          struct rbe_err *e)
{
    unsigned char sum[RBE_SHA256_SIZE];
    char text[RBE_CDK_LENGTH + 1];
    bool found = false;
    int64_t id;

    if (!rbe_cdks_normal(which, text)) {
        if (!rbe_int_parse(which, 1, INT64_MAX, &id))
            return rbe_fail(e, RBE_REFUSED, "a cdk is %d letters and digits, its id a number", (int)RBE_CDK_LENGTH);
        return rbe_cdk_get(app->store, id, arena, ret, e);
    }
    rbe_sha256_of(text, RBE_CDK_LENGTH, sum);
    RBE_TRY(rbe_cdk_find(app->store, sum, arena, ret, &found, e));
    return found ? RBE_OK : rbe_fail(e, RBE_NOTFOUND, "cdk not found");
}

enum rbe_code rbe_cdks_get(struct rbe_app *app, const char *which, int64_t now, struct rbe_arena *arena,
                           struct rbe_cdks_row *ret, struct rbe_err *e)
{
    *ret = (struct rbe_cdks_row){0};
    RBE_TRY(find(app, which, arena, &ret->cdk, e));
    return add_use(app, now, ret, e);
}

const char *rbe_cdks_state(const struct rbe_cdk *c, int64_t now)
{
    if (c->blocked_at)
        return "blocked";
    return c->expires_at && c->expires_at <= now ? "expired" : "good";
}

/* ---- blocking ---- */

static enum rbe_code block_in_transaction(struct rbe_app *app, const char *which, bool block, int64_t now,
                                          struct rbe_arena *arena, struct rbe_cdk *ret, struct rbe_err *e)
{
    RBE_TRY(find(app, which, arena, ret, e));
    if ((ret->blocked_at != 0) == block)
        return RBE_OK;
    ret->blocked_at = block ? now : 0;
    RBE_TRY(rbe_cdk_block(app->store, ret->id, ret->blocked_at, e));
    const struct rbe_deed deed = {
        .action = block ? "cdk block" : "cdk unblock",
        .rid = ret->rid,
        .subject = rbe_arena_strfmt(arena, "cdk %lld", (long long)ret->id),
    };
    return rbe_deed_record(app, &deed, e);
}

enum rbe_code rbe_cdks_block(struct rbe_app *app, const char *which, bool block, int64_t now, struct rbe_arena *arena,
                             struct rbe_cdks_row *ret, struct rbe_err *e)
{
    *ret = (struct rbe_cdks_row){0};
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    enum rbe_code code = block_in_transaction(app, which, block, now, arena, &ret->cdk, e);
    RBE_TRY(rbe_store_end(app->store, RBE_BASE_RELEASES, code, e));
    return add_use(app, now, ret, e);
}
