/* Files as bodies. Where the web server sends them (X-Sendfile, X-Accel-Redirect), it cuts the ranges; what is
 * answered without the file is always answered here, because the tag is ours and web servers say their 416 in HTML.
 * Else the file goes out in pieces, so memory does not grow with it.
 */
#include <string.h>

#include "lib/web/inside.h"
#include "lib/web/range.h"
#include "lib/wrap/file.h"

enum { PIECE = 64 * 1024 };

/* A short JSON answer in place of the file. */
static enum rbe_code send_instead(struct rbe_resp *p, int status, const char *msg, struct rbe_err *e)
{
    rbe_resp_clear(p);
    rbe_resp_status(p, status);
    (void)rbe_resp_json(p, rbe_code_info(RBE_REFUSED)->api, msg);
    return rbe_resp_send(p, e);
}

/* Errors are not kept, whatever may be done with the file. */
static void put_cache(struct rbe_resp *p)
{
    if (p->file.cache)
        rbe_resp_header(p, "Cache-Control", p->file.cache);
}

static enum rbe_code send_not_modified(struct rbe_resp *p)
{
    p->status = 304;
    put_cache(p);
    rbe_resp_head(p, NULL, -1);
    (void)rbe_fcgi_write(p->req->io, p->head.s, p->head.len);
    return RBE_OK;
}

static bool listed(const struct rbe_resp *p, const char *header, bool weak, bool otherwise)
{
    const char *v = rbe_req_header(p->req, header);

    return v ? rbe_range_listed(v, strlen(v), p->file.etag, weak) : otherwise;
}

static enum rbe_range wanted(const struct rbe_resp *p, uint64_t *ret_first, uint64_t *ret_last)
{
    const char *range = p->req->method == RBE_GET ? rbe_req_header(p->req, "Range") : NULL;
    const char *condition = range ? rbe_req_header(p->req, "If-Range") : NULL;

    /* A date is never true here, as no Last-Modified was sent, and "*" is none of its forms. */
    if (!range || (condition && (strchr(condition, '*') || !listed(p, "If-Range", false, true))))
        return RBE_RANGE_WHOLE;
    return rbe_range_parse(range, strlen(range), p->file.size, ret_first, ret_last);
}

static void put_disposition(struct rbe_resp *p, const char *name)
{
    rbe_str_puts(&p->extra, "Content-Disposition: attachment; filename=\"");
    for (; *name; name++) {
        char c = *name;
        bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

        rbe_str_putc(&p->extra, letter || (c >= '0' && c <= '9') || c == '.' || c == '-' ? c : '_');
    }
    rbe_str_puts(&p->extra, "\"\r\n");
}

static enum rbe_code stream(struct rbe_resp *p, uint64_t at, uint64_t n, struct rbe_err *e)
{
    char *piece = rbe_str_reserve(&p->piece, PIECE);

    while (n > 0) {
        size_t want = n < PIECE ? (size_t)n : PIECE, got;

        if (rbe_file_read_at(p->file.fd, piece, want, at, &got, e) != RBE_OK)
            return rbe_err_prefix(e, "the file being sent");
        if (!rbe_fcgi_write(p->req->io, piece, got))
            return RBE_OK;
        at += got;
        n -= got;
        p->sent += got;
        if (got < want)
            return rbe_fail(e, RBE_FAULT, "the file being sent ends %llu bytes early", (unsigned long long)n);
    }
    return RBE_OK;
}

/* nginx would compare If-Match with a tag of its own making, and refuse what was found good here. */
static bool handed_over(const struct rbe_resp *p)
{
    return p->req->method == RBE_GET && p->file.how != RBE_SEND_STREAM &&
           (p->file.how != RBE_SEND_X_ACCEL || !rbe_req_header(p->req, "If-Match"));
}

/* Web servers undo percent-encoding in the path they are handed. */
static enum rbe_code hand_over(struct rbe_resp *p)
{
    rbe_auto(str) struct rbe_str path = {0};

    for (const char *c = p->file.send_path; *c; c++)
        if (*c <= ' ' || *c > '~' || *c == '%')
            rbe_str_putf(&path, "%%%02X", (unsigned)(unsigned char)*c);
        else
            rbe_str_putc(&path, *c);
    put_disposition(p, p->file.file_name);
    put_cache(p);
    rbe_resp_header(p, p->file.how == RBE_SEND_X_ACCEL ? "X-Accel-Redirect" : "X-Sendfile", rbe_str_text(&path));
    rbe_resp_head(p, p->file.content_type, -1);
    (void)rbe_fcgi_write(p->req->io, p->head.s, p->head.len);
    return RBE_OK;
}

static enum rbe_code send_content(struct rbe_resp *p, enum rbe_range range, uint64_t first, uint64_t last,
                                  struct rbe_err *e)
{
    const struct rbe_resp_file *f = &p->file;
    uint64_t n = f->size;

    rbe_resp_header(p, "Accept-Ranges", "bytes");
    if (range == RBE_RANGE_PART) {
        n = last - first + 1;
        p->status = 206;
        rbe_resp_headerf(p, "Content-Range", "bytes %llu-%llu/%llu", (unsigned long long)first,
                         (unsigned long long)last, (unsigned long long)f->size);
    }
    put_disposition(p, f->file_name);
    put_cache(p);
    rbe_resp_head(p, f->content_type, (int64_t)n);
    if (!rbe_fcgi_write(p->req->io, p->head.s, p->head.len) || p->req->method == RBE_HEAD)
        return RBE_OK;
    return stream(p, first, n, e);
}

enum rbe_code rbe_filebody_send(struct rbe_resp *p, struct rbe_err *e)
{
    const struct rbe_resp_file *f = &p->file;
    uint64_t first = 0, last = 0;

    rbe_resp_headerf(p, "ETag", "\"%s\"", f->etag);
    if (!listed(p, "If-Match", false, true))
        return send_instead(p, 412, "precondition failed", e);
    if (listed(p, "If-None-Match", true, false))
        return send_not_modified(p);
    enum rbe_range range = wanted(p, &first, &last);
    if (range == RBE_RANGE_UNSATISFIABLE) {
        rbe_resp_headerf(p, "Content-Range", "bytes */%llu", (unsigned long long)f->size);
        return send_instead(p, 416, "range not satisfiable", e);
    }
    if (handed_over(p))
        return hand_over(p);
    return send_content(p, range, first, last, e);
}
