/* latest.fcgi: what should a client on this version install? */
#include "lib/core/latest.h"

#include <string.h>

#include "cgi-bin/dialect.h"
#include "cgi-bin/program.h"
#include "lib/base/clock.h"
#include "lib/core/answer.h"
#include "lib/core/limit.h"

enum { CURRENT_MAX = 128 };

/* A region that nobody can have configured is one that is not known. */
static const char *region_of(const char *text)
{
    return !text[0] || rbe_region_valid(text) ? text : "default";
}

static enum rbe_code read_question(struct rbe_req *r, struct rbe_question *ret, struct rbe_err *e)
{
    RBE_TRY(rbe_req_query(r, e));
    *ret = (struct rbe_question){
        .rid = rbe_req_segment(r, 0),
        .current = rbe_req_param(r, "current"),
        .cdk = rbe_req_param(r, "cdk"),
        .region = region_of(rbe_req_param(r, "region")),
        .now = rbe_clock_now(),
    };
    ret->address = ret->cdk[0] ? rbe_req_address(r) : "";
    RBE_TRY(rbe_channel_parse(rbe_req_param(r, "channel"), &ret->channel, e));
    RBE_TRY(rbe_system_parse(rbe_req_param(r, "system"), &ret->system, e));
    RBE_TRY(rbe_arch_parse(rbe_req_param(r, "arch"), &ret->arch, e));
    if (strlen(ret->current) > CURRENT_MAX)
        return rbe_invalid(e, "current", "max_length", "longer than %d bytes", CURRENT_MAX);
    if (!rbe_rid_valid(ret->rid))
        return rbe_fail(e, RBE_NOTFOUND, "resource not found");
    return RBE_OK;
}

static enum rbe_code make_url(struct rbe_app *app, struct rbe_req *r, const struct rbe_dialect *d,
                              const struct rbe_latest *l, const char **ret, struct rbe_err *e)
{
    char key[RBE_GRANT_TEXT];
    const char *base;

    *ret = NULL;
    if (l->update == RBE_UPDATE_UNTOLD || !d->offers(l))
        return RBE_OK;
    RBE_TRY(rbe_req_base_url(r, &base, e));
    rbe_grant_sign(app, &l->grant, key);
    *ret = RBE_ARENA_JOIN(rbe_req_arena(r), base, d->download, key);
    return RBE_OK;
}

/* What depends on the record alone is rendered once as long as the record is kept. */
static void render_kept(struct rbe_app *app, struct rbe_resp *p, const struct rbe_dialect *d,
                        const struct rbe_question *q, const struct rbe_latest *l, const char *url)
{
    struct rbe_answer_text text;

    if (!rbe_answer_text_find(l, d, &text)) {
        d->render(p, q, l, url);
        struct rbe_answer_sent sent = {.url = url};
        const struct rbe_str *body = rbe_resp_rendered(p, &sent.status);

        sent.body = rbe_str_text(body);
        sent.len = body->len;
        rbe_answer_text_keep(app, l, d, &sent);
        return;
    }
    struct rbe_str *body = rbe_resp_json_text(p);
    rbe_resp_status(p, text.status);
    rbe_str_put(body, text.head, text.head_len);
    if (text.url)
        rbe_str_puts(body, url);
    rbe_str_put(body, text.tail, text.tail_len);
}

static enum rbe_code handle_latest(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    struct rbe_app *app = ctx;
    const struct rbe_dialect *d = rbe_req_route_data(r);
    struct rbe_question q;
    struct rbe_latest l;
    const char *url;

    RBE_TRY(read_question(r, &q, e));
    q.formats = d->deltas ? rbe_format_set(rbe_req_param(r, "delta")) : 0;
    q.cdk_always = d->cdk_always && !app->settings->api.public_url;
    RBE_TRY(rbe_latest_find(app, &q, rbe_req_arena(r), &l, e));
    RBE_TRY(make_url(app, r, d, &l, &url, e));
    if (q.cdk[0])
        d->render(p, &q, &l, url);
    else
        render_kept(app, p, d, &q, &l, url);
    /* What holds no key may be kept; what was said of a cdk, by nobody else, and a block of it is seen at once. */
    if (!url)
        rbe_resp_keep(p, q.cdk[0] ? 0 : app->settings->api.max_age, q.cdk[0]);
    return RBE_OK;
}

int main(int argc, char **argv)
{
    static const struct rbe_route routes[] = {
        {.methods = RBE_GET, .pattern = "/resources/{}/latest", .handle = handle_latest, .data = &rbe_dialect_native},
        {.methods = RBE_GET, .pattern = "/api/resources/{}/latest", .handle = handle_latest,
         .data = &rbe_dialect_compat},
    };
    static const struct rbe_program program = {
        .name = "latest",
        .what = "Answers what a client should install: GET [/api]/resources/{rid}/latest.",
        .routes = routes,
        .n_routes = RBE_COUNT(routes),
        .mode = RBE_APP_ANSWER,
        .prepare = rbe_limit_open,
    };

    return rbe_program_main(argc, argv, &program);
}
