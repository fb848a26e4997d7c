/* A dialect: how one family of clients spells the question "what should this client install" and reads its answer.
 * core/latest decides; a dialect only says it. Each is one file here and one route of latest.c (share/doc/dialects.md).
 */
#ifndef RBE_CGI_DIALECT_H
#define RBE_CGI_DIALECT_H

#include "lib/core/latest.h"
#include "lib/web/resp.h"

struct rbe_dialect {
    const char *download;        /* what stands between the public URL and a download key */
    bool cdk_always;             /* rbe_question.cdk_always, unless api.public_url opens public resources */
    bool deltas;                 /* whether clients can say which delta formats they apply */
    /* Whether the answer has a URL; asked only where there is something that the asker may fetch. */
    bool (*offers)(const struct rbe_latest *l);
    /* url: of what is offered, NULL where nothing is. */
    void (*render)(struct rbe_resp *p, const struct rbe_question *q, const struct rbe_latest *l, const char *url);
};

extern const struct rbe_dialect rbe_dialect_native, rbe_dialect_compat;

/* Starts the envelope that dialects in JSON share: a bad cdk's status, code and text, else code 0 and the message that
 * fits: there is something to fetch, there is nothing, or the asker may not know. */
struct rbe_jsonw *rbe_dialect_envelope(struct rbe_resp *p, const struct rbe_latest *l, bool offered);

#endif
