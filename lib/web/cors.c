#include "lib/web/cors.h"

#include <string.h>

/* What a client of ours may send and a browser would not let it, and what it may read and a browser would hide. */
static const char may_send[] = "Authorization, Content-Type, If-Match, If-None-Match, If-Range, Range";
static const char may_read[] = "Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Retry-After, "
                               "X-Request-Id";

static bool any_may(const struct rbe_cors *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->origins[i], "*") == 0)
            return true;
    return false;
}

/* The Origin of the request when it may; else NULL. */
static const char *allowed(const struct rbe_cors *c, const struct rbe_req *r)
{
    const char *origin = rbe_req_header(r, "Origin");

    for (size_t i = 0; origin && i < c->n; i++)
        if (strcmp(c->origins[i], origin) == 0)
            return origin;
    return origin && any_may(c) ? origin : NULL;
}

void rbe_cors_mark(const struct rbe_cors *c, const struct rbe_req *r, struct rbe_resp *p)
{
    if (c->n == 0)
        return;
    const char *origin = allowed(c, r);
    /* A cache must not hand the answer for one origin to another. */
    if (!any_may(c))
        rbe_resp_header(p, "Vary", "Origin");
    if (!origin)
        return;
    rbe_resp_header(p, "Access-Control-Allow-Origin", any_may(c) ? "*" : origin);
    rbe_resp_header(p, "Access-Control-Expose-Headers", may_read);
}

bool rbe_cors_asks(const struct rbe_cors *c, const struct rbe_req *r)
{
    return c->n > 0 && rbe_req_method(r) == RBE_OPTIONS && rbe_req_header(r, "Origin") &&
           rbe_req_header(r, "Access-Control-Request-Method");
}

enum rbe_code rbe_cors_answer(const struct rbe_cors *c, const struct rbe_req *r, struct rbe_resp *p, const char *allow,
                              struct rbe_err *e)
{
    if (!allowed(c, r))
        return rbe_fail(e, RBE_FORBIDDEN, "this origin is not allowed");
    rbe_resp_status(p, 204);
    rbe_resp_header(p, "Access-Control-Allow-Methods", allow);
    rbe_resp_header(p, "Access-Control-Allow-Headers", may_send);
    rbe_resp_headerf(p, "Access-Control-Max-Age", "%lld", (long long)c->max_age);
    return RBE_OK;
}
