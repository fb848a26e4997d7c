#include "lib/core/release-change.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/utf8.h"
#include "lib/core/deed.h"
#include "lib/core/release.h"
#include "lib/core/target.h"
#include "lib/store/change.h"

static enum rbe_code begin(struct rbe_app *app, const struct rbe_resource *resource, struct rbe_err *e)
{
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    rbe_store_touch(app->store, resource->rid);
    return RBE_OK;
}

static enum rbe_code find(struct rbe_app *app, const struct rbe_resource *resource, const char *name,
                          struct rbe_arena *arena, struct rbe_version *ret, struct rbe_err *e)
{
    bool found = false;

    RBE_TRY(rbe_version_find(app->store, resource->id, name, arena, ret, &found, e));
    return found ? RBE_OK : rbe_fail(e, RBE_NOTFOUND, "version not found: %s %s", resource->rid, name);
}

/* ---- texts ---- */

/* The text as it will be kept, in the arena. */
static enum rbe_code check_content(const struct rbe_release_words *words, struct rbe_arena *arena, const char **ret,
                                   struct rbe_err *e)
{
    const char *text = words->content;
    size_t len = text ? strlen(text) : 0;

    if (!text)
        return rbe_invalid(e, "content", "required", "is required");
    if (!rbe_utf8_valid(text, len))
        return rbe_invalid(e, "content", "utf8", "must be UTF-8");
    if (words->which == RBE_RELEASE_NOTE)
        len = rbe_utf8_cut(text, len, RBE_RELEASE_NOTE_MAX);
    else if (len > RBE_CUSTOM_DATA_MAX)
        return rbe_invalid(e, "content", "max_length", "must be at most %d bytes", (int)RBE_CUSTOM_DATA_MAX);
    *ret = rbe_arena_strndup(arena, text, len);
    return RBE_OK;
}

static enum rbe_code describe(struct rbe_app *app, const struct rbe_resource *resource,
                              const struct rbe_release_words *words, struct rbe_arena *arena, struct rbe_version *ret,
                              struct rbe_err *e)
{
    enum rbe_channel channel;
    const char *text = NULL;

    RBE_TRY(find(app, resource, words->version_name, arena, ret, e));
    if (words->channel && *words->channel) {
        RBE_TRY(rbe_channel_parse(words->channel, &channel, e));
        if (ret->channel != (int)channel)
            return rbe_fail(e, RBE_NOTFOUND, "version %s is not on channel %s", ret->name, rbe_channel_name(channel));
    }
    RBE_TRY(check_content(words, arena, &text, e));
    if (words->which == RBE_RELEASE_NOTE)
        ret->release_note = text;
    else
        ret->custom_data = text;
    RBE_TRY(rbe_version_set_data(app->store, ret->id, ret->release_note, ret->custom_data, e));
    bool note = words->which == RBE_RELEASE_NOTE;
    return rbe_deed_record(app, &(struct rbe_deed){.action = note ? "version note" : "version data",
                                                   .rid = resource->rid, .subject = ret->name,
                                                   .facts = {{"bytes", .number = (int64_t)strlen(text)}}}, e);
}

enum rbe_code rbe_release_describe(struct rbe_app *app, const struct rbe_resource *resource,
                                   const struct rbe_release_words *words, struct rbe_arena *arena,
                                   struct rbe_version *ret, struct rbe_err *e)
{
    RBE_TRY(rbe_version_name_check("version_name", words->version_name, e));
    RBE_TRY(begin(app, resource, e));
    return rbe_store_end(app->store, RBE_BASE_RELEASES, describe(app, resource, words, arena, ret, e), e);
}

/* ---- withdrawing ---- */

static enum rbe_code withdraw(struct rbe_app *app, const struct rbe_resource *resource, struct rbe_version *v,
                              struct rbe_err *e)
{
    const int64_t now = rbe_clock_now();
    int64_t n;

    if (v->withdrawn_at)
        return RBE_OK;
    RBE_TRY(rbe_version_withdraw(app->store, resource->id, v->id, now, &n, e));
    v->withdrawn_at = now;
    RBE_TRY(rbe_deed_record(app, &(struct rbe_deed){.action = "version yank", .rid = resource->rid,
                                                    .subject = v->name}, e));
    return rbe_offer_refresh(app->store, resource->id, e);
}

enum rbe_code rbe_release_withdraw(struct rbe_app *app, const struct rbe_resource *resource, const char *name,
                                   struct rbe_arena *arena, struct rbe_version *ret, struct rbe_err *e)
{
    RBE_TRY(begin(app, resource, e));
    enum rbe_code code = find(app, resource, name, arena, ret, e);
    if (code == RBE_OK)
        code = withdraw(app, resource, ret, e);
    return rbe_store_end(app->store, RBE_BASE_RELEASES, code, e);
}

enum rbe_code rbe_release_withdraw_all(struct rbe_app *app, const struct rbe_resource *resource, int64_t *ret_n,
                                       struct rbe_err *e)
{
    RBE_TRY(begin(app, resource, e));
    enum rbe_code code = rbe_version_withdraw(app->store, resource->id, 0, rbe_clock_now(), ret_n, e);
    if (code == RBE_OK && *ret_n > 0)
        code = rbe_deed_record(app, &(struct rbe_deed){.action = "resource delete", .rid = resource->rid,
                                                       .facts = {{"versions", .number = *ret_n}}}, e);
    if (code == RBE_OK)
        code = rbe_offer_refresh(app->store, resource->id, e);
    return rbe_store_end(app->store, RBE_BASE_RELEASES, code, e);
}

/* ---- channels ---- */

static enum rbe_code promote(struct rbe_app *app, const struct rbe_resource *resource, struct rbe_version *v,
                             enum rbe_channel channel, struct rbe_err *e)
{
    if (v->withdrawn_at)
        return rbe_fail(e, RBE_REFUSED, "version %s is withdrawn", v->name);
    if (resource->order == RBE_ORDER_VERSION && channel != RBE_CHANNEL_STABLE && v->order_by == 0)
        return rbe_fail(e, RBE_UNORDERED, "version name %s has no order, which channel %s needs", v->name,
                        rbe_channel_name(channel));
    RBE_TRY(rbe_version_set_channel(app->store, v->id, (int)channel, e));
    RBE_TRY(rbe_deed_record(app, &(struct rbe_deed){.action = "version promote", .rid = resource->rid,
                                                    .subject = v->name,
                                                    .facts = {{"from", .text = rbe_channel_name(
                                                                          (enum rbe_channel)v->channel)},
                                                              {"to", .text = rbe_channel_name(channel)}}}, e));
    v->channel = (int)channel;
    return rbe_offer_refresh(app->store, resource->id, e);
}

enum rbe_code rbe_release_promote(struct rbe_app *app, const struct rbe_resource *resource, const char *name,
                                  const char *channel, struct rbe_arena *arena, struct rbe_version *ret,
                                  struct rbe_err *e)
{
    enum rbe_channel to;

    RBE_TRY(rbe_channel_parse(channel, &to, e));
    RBE_TRY(begin(app, resource, e));
    enum rbe_code code = find(app, resource, name, arena, ret, e);
    if (code == RBE_OK)
        code = promote(app, resource, ret, to, e);
    return rbe_store_end(app->store, RBE_BASE_RELEASES, code, e);
}
