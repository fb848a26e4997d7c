#include "cgi-bin/page.h"

enum { PAGE_SIZE = 20, PAGE_SIZE_MAX = 100 };
#define PAGE_MAX INT64_C(1000000000000)

/* A whole number from 1 to max; preset where the query has none. */
static void read_number(const struct rbe_req *r, const char *name, int64_t preset, int64_t max, int64_t *ret,
                        struct rbe_err *e)
{
    const char *text = rbe_req_param(r, name);
    int64_t n = 0;

    *ret = preset;
    if (!*text)
        return;
    for (; *text >= '0' && *text <= '9' && n <= max; text++)
        n = n * 10 + (*text - '0');
    if (*text || n < 1 || n > max)
        rbe_invalid(e, name, "range", "must be a whole number from 1 to %lld", (long long)max);
    *ret = n;
}

enum rbe_code rbe_page_read(const struct rbe_req *r, struct rbe_page *ret, struct rbe_err *e)
{
    struct rbe_err own = {0};    /* gathers violations, also for a caller who wants none */

    read_number(r, "page", 1, PAGE_MAX, &ret->number, &own);
    read_number(r, "page_size", PAGE_SIZE, PAGE_SIZE_MAX, &ret->size, &own);
    if (own.code != RBE_OK && e)
        *e = own;
    return own.code;
}

int64_t rbe_page_offset(const struct rbe_page *page)
{
    return (page->number - 1) * page->size;
}

struct rbe_jsonw *rbe_page_begin(struct rbe_resp *p)
{
    struct rbe_jsonw *w = rbe_resp_json(p, 0, "success");

    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_arr(w, "list");
    return w;
}

void rbe_page_end(struct rbe_jsonw *w, const struct rbe_page *page, int64_t total)
{
    rbe_jsonw_arr_end(w);
    rbe_jsonw_int(w, "total", total);
    rbe_jsonw_int(w, "page", page->number);
    rbe_jsonw_int(w, "page_size", page->size);
    rbe_jsonw_obj_end(w);
}
