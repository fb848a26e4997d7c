/* The native dialect of "what should this client install": the answer of GET /resources/{rid}/latest. */
#ifndef RBE_CGI_NATIVE_H
#define RBE_CGI_NATIVE_H

#include "lib/core/latest.h"
#include "lib/web/resp.h"

/* download_url: of what is offered, NULL where nothing is. */
void rbe_native_render(struct rbe_resp *p, const struct rbe_latest *l, const char *download_url);

#endif
