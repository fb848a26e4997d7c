#include "lib/core/deed.h"

#include "lib/base/clock.h"
#include "lib/base/jsonw.h"

static void put_detail(const struct rbe_deed *d, struct rbe_str *out)
{
    struct rbe_jsonw w = {.out = out};

    if (!d->facts[0].key)
        return;
    rbe_jsonw_obj(&w, NULL);
    for (const struct rbe_deed_fact *f = d->facts; f < d->facts + RBE_DEED_FACTS && f->key; f++) {
        if (f->text)
            rbe_jsonw_str(&w, f->key, f->text);
        else
            rbe_jsonw_int(&w, f->key, f->number);
    }
    rbe_jsonw_obj_end(&w);
}

enum rbe_code rbe_deed_record(struct rbe_app *app, const struct rbe_deed *d, struct rbe_err *e)
{
    const struct rbe_actor *who = &app->actor;
    rbe_auto(str) struct rbe_str detail = {0};

    put_detail(d, &detail);
    struct rbe_audit a = {
        .at = rbe_clock_now(),
        .actor = who->name ? who->name : "unknown",
        .origin = who->origin ? who->origin : "",
        .action = d->action,
        .rid = d->rid ? d->rid : "",
        .subject = d->subject ? d->subject : "",
        .detail = rbe_str_text(&detail),
    };
    if (rbe_store_inside(app->store, RBE_BASE_RELEASES))
        return rbe_audit_put(app->store, &a, e);
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    enum rbe_code code = rbe_audit_put(app->store, &a, e);
    return rbe_store_end(app->store, RBE_BASE_RELEASES, code, e);
}

enum rbe_code rbe_deed_list(struct rbe_app *app, const struct rbe_audit_filter *f, struct rbe_arena *arena,
                            struct rbe_audit **ret, size_t *ret_n, struct rbe_err *e)
{
    return rbe_audit_list(app->store, f, arena, ret, ret_n, e);
}

enum rbe_code rbe_deed_forget(struct rbe_app *app, int64_t now, struct rbe_err *e)
{
    int64_t keep = app->settings->audit.keep;

    return keep ? rbe_audit_forget(app->store, now - keep, e) : RBE_OK;
}
