/* Cross-origin requests: which pages of other origins may read our answers in a browser (Fetch standard, "CORS
 * protocol").
 *
 * No answer depends on cookies, so credentials are not spoken of: a page sends its bearer token as a header.
 */
#ifndef RBE_WEB_CORS_H
#define RBE_WEB_CORS_H

#include "lib/web/req.h"
#include "lib/web/resp.h"

struct rbe_cors {
    const char *const *origins;  /* "https://app.example.com" as browsers write it, or "*" for any */
    size_t n;                    /* 0: no other origin may */
    int64_t max_age;             /* seconds a browser may remember a preflight */
};

/* Marks the response for the request's Origin. To be called before anything else writes a header; the marks stay when an
 * error is rendered. */
void rbe_cors_mark(const struct rbe_cors *c, const struct rbe_req *r, struct rbe_resp *p);
/* Whether the request is a browser's question before its real one. Only where other origins are configured at all. */
bool rbe_cors_asks(const struct rbe_cors *c, const struct rbe_req *r);
/* Answers it: allow is the list of methods the path takes. An origin that may not: RBE_FORBIDDEN. */
enum rbe_code rbe_cors_answer(const struct rbe_cors *c, const struct rbe_req *r, struct rbe_resp *p, const char *allow,
                              struct rbe_err *e) RBE_MUST_USE;

#endif
