/* Lists that are answered a page at a time: ?page and page_size, and what stands around the rows. */
#ifndef RBE_CGI_PAGE_H
#define RBE_CGI_PAGE_H

#include "lib/web/req.h"
#include "lib/web/resp.h"

struct rbe_page {
    int64_t number, size;
};
/* The query's; without one the first 20. */
enum rbe_code rbe_page_read(const struct rbe_req *r, struct rbe_page *ret, struct rbe_err *e) RBE_MUST_USE;
/* How many rows come before it. */
int64_t rbe_page_offset(const struct rbe_page *page);
/* The rows are written in between. */
struct rbe_jsonw *rbe_page_begin(struct rbe_resp *p);
void rbe_page_end(struct rbe_jsonw *w, const struct rbe_page *page, int64_t total);

#endif
