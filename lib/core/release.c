/* Resources, and what became of a publish. Publishing itself is in release-publish.c. */
#include "lib/core/release.h"
#include "lib/store/change.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/jsonw.h"
#include "lib/base/utf8.h"
#include "lib/core/deed.h"

enum { NAME_MAX_CHARS = 256, DESCRIPTION_MAX = 10000, GLOBS_MAX = 64, GLOB_MAX = 256 };

static const char *const update_names[RBE_RESOURCE_UPDATE_MAX] = {
    [RBE_RESOURCE_INCREMENTAL] = "incremental",
    [RBE_RESOURCE_FULL] = "full",
};
static const char *const access_names[RBE_ACCESS_MAX] = {
    [RBE_ACCESS_PUBLIC] = "public",
    [RBE_ACCESS_CDK] = "cdk",
};
static const char *const order_names[RBE_ORDER_MAX] = {
    [RBE_ORDER_VERSION] = "version",
    [RBE_ORDER_PUBLISHED] = "published",
};

const char *rbe_resource_update_name(enum rbe_resource_update v)
{
    return v < RBE_RESOURCE_UPDATE_MAX ? update_names[v] : "?";
}

const char *rbe_resource_access_name(enum rbe_resource_access v)
{
    return v < RBE_ACCESS_MAX ? access_names[v] : "?";
}

const char *rbe_resource_order_name(enum rbe_resource_order v)
{
    return v < RBE_ORDER_MAX ? order_names[v] : "?";
}

/* ---- making a resource ---- */

/* The place of text among n words; the first is the default. Another word is a violation, and 0. */
static unsigned word_of(const char *field, const char *text, const char *const *words, unsigned n, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str all = {0};

    if (!text || !*text)
        return 0;
    for (unsigned i = 0; i < n; i++) {
        if (strcmp(text, words[i]) == 0)
            return i;
        rbe_str_putf(&all, "%s%s", i ? ", " : "", words[i]);
    }
    rbe_invalid(e, field, "one_of", "must be one of %s", rbe_str_text(&all));
    return 0;
}

static void check_texts(const struct rbe_resource_draft *d, struct rbe_err *e)
{
    const char *name = d->name ? d->name : "", *description = d->description ? d->description : "";
    size_t name_len = strlen(name), description_len = strlen(description);

    if (!rbe_utf8_valid(name, name_len))
        rbe_invalid(e, "name", "utf8", "must be UTF-8");
    else if (rbe_utf8_cut(name, name_len, NAME_MAX_CHARS) < name_len)
        rbe_invalid(e, "name", "max_length", "must be at most %d characters", (int)NAME_MAX_CHARS);
    else if (rbe_utf8_has_control(name, name_len))
        rbe_invalid(e, "name", "format", "must hold no control character");
    if (!rbe_utf8_valid(description, description_len))
        rbe_invalid(e, "description", "utf8", "must be UTF-8");
    else if (description_len > DESCRIPTION_MAX)
        rbe_invalid(e, "description", "max_length", "must be at most %d bytes", (int)DESCRIPTION_MAX);
}

static void check_globs(const struct rbe_resource_draft *d, struct rbe_err *e)
{
    if (d->always_includes > GLOBS_MAX) {
        rbe_invalid(e, "always_include", "max_items", "must be at most %d patterns", (int)GLOBS_MAX);
        return;
    }
    for (size_t i = 0; i < d->always_includes; i++) {
        const char *glob = d->always_include[i];
        size_t len = strlen(glob);

        if (len == 0 || len > GLOB_MAX || !rbe_utf8_valid(glob, len) || rbe_utf8_has_control(glob, len)) {
            rbe_invalid(e, "always_include", "format",
                        "pattern %zu must be 1 to %d bytes of UTF-8 without control characters", i + 1, (int)GLOB_MAX);
            return;
        }
    }
}

static const char *globs_json(const struct rbe_resource_draft *d, struct rbe_arena *arena)
{
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_jsonw w = {.out = &text};

    rbe_jsonw_arr(&w, NULL);
    for (size_t i = 0; i < d->always_includes; i++)
        rbe_jsonw_str(&w, NULL, d->always_include[i]);
    rbe_jsonw_arr_end(&w);
    return rbe_arena_strdup(arena, rbe_str_text(&text));
}

enum rbe_code rbe_release_create(struct rbe_app *app, const struct rbe_resource_draft *d, struct rbe_arena *arena,
                                 struct rbe_resource *ret, struct rbe_err *e)
{
    /* violations are gathered in an e of our own when the caller wants none, because they also say whether to go on */
    struct rbe_err own = {0};

    *ret = (struct rbe_resource){.created_at = rbe_clock_now()};
    if (rbe_rid_check("resource_id", d->rid, &own) == RBE_OK)
        ret->rid = rbe_arena_strdup(arena, d->rid);
    check_texts(d, &own);
    ret->update = word_of("update_type", d->update_type, update_names, RBE_COUNT(update_names), &own);
    ret->access = word_of("access", d->access, access_names, RBE_COUNT(access_names), &own);
    ret->order = word_of("order", d->order, order_names, RBE_COUNT(order_names), &own);
    check_globs(d, &own);
    if (own.code != RBE_OK) {
        if (e)
            *e = own;
        return own.code;
    }
    ret->name = rbe_arena_strdup(arena, d->name ? d->name : "");
    ret->description = rbe_arena_strdup(arena, d->description ? d->description : "");
    ret->always_include = globs_json(d, arena);

    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    rbe_store_touch(app->store, ret->rid);
    enum rbe_code code = rbe_resource_put(app->store, ret, e);
    if (code == RBE_OK)
        code = rbe_deed_record(app, &(struct rbe_deed){.action = "resource create", .rid = ret->rid,
                                                       .facts = {{"name", .text = ret->name},
                                                                 {"update_type", .text = update_names[ret->update]},
                                                                 {"access", .text = access_names[ret->access]},
                                                                 {"order", .text = order_names[ret->order]}}}, e);
    return rbe_store_end(app->store, RBE_BASE_RELEASES, code, e);
}

/* ---- the status of a publish ---- */

enum rbe_code rbe_release_status(struct rbe_app *app, const struct rbe_resource *resource, const char *key, int64_t now,
                                 struct rbe_arena *arena, enum rbe_status *ret, struct rbe_err *e)
{
    struct rbe_grant grant;
    struct rbe_package_origin origin;
    bool found = false;

    /* a key that proves nothing is one whose publish we do not know; that is an answer, not a failure */
    *ret = RBE_STATUS_UNKNOWN;
    if (rbe_grant_verify(app, RBE_GRANT_STATUS, key, now, &grant, NULL) != RBE_OK)
        return RBE_OK;
    RBE_TRY(rbe_package_find_origin(app->store, grant.package, arena, &origin, &found, e));
    if (found && strcmp(origin.rid, resource->rid) == 0)
        *ret = RBE_STATUS_COMPLETED;
    return RBE_OK;
}
