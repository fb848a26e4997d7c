#include "lib/web/resp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/codec.h"
#include "lib/base/quickhash.h"
#include "lib/base/utf8.h"
#include "lib/web/inside.h"
#include "lib/web/range.h"

enum { TAG_BYTES = 2 * sizeof(uint64_t) };

static const char json_type[] = "application/json; charset=utf-8";

/* The line of the head; NULL for a status that is not in the table. */
static const char *status_line(int status)
{
    static const struct {
        int status;
        const char *line;
    } lines[] = {
        {200, "Status: 200 OK"},
        {201, "Status: 201 Created"},
        {202, "Status: 202 Accepted"},
        {204, "Status: 204 No Content"},
        {206, "Status: 206 Partial Content"},
        {302, "Status: 302 Found"},
        {304, "Status: 304 Not Modified"},
        {400, "Status: 400 Bad Request"},
        {401, "Status: 401 Unauthorized"},
        {403, "Status: 403 Forbidden"},
        {404, "Status: 404 Not Found"},
        {405, "Status: 405 Method Not Allowed"},
        {409, "Status: 409 Conflict"},
        {410, "Status: 410 Gone"},
        {412, "Status: 412 Precondition Failed"},
        {413, "Status: 413 Content Too Large"},
        {416, "Status: 416 Range Not Satisfiable"},
        {429, "Status: 429 Too Many Requests"},
        {500, "Status: 500 Internal Server Error"},
        {503, "Status: 503 Service Unavailable"},
        {507, "Status: 507 Insufficient Storage"},
    };

    for (size_t i = 0; i < RBE_COUNT(lines); i++)
        if (lines[i].status == status)
            return lines[i].line;
    return NULL;
}

void rbe_resp_begin(struct rbe_resp *p, struct rbe_req *r)
{
    p->req = r;
    p->file.fd = -1;
    p->cache_control = false;
    p->sent = 0;
    rbe_str_reset(&p->extra);
    rbe_resp_clear(p);
}

void rbe_resp_clear(struct rbe_resp *p)
{
    if (p->file.fd >= 0)
        (void)close(p->file.fd);
    p->file = (struct rbe_resp_file){.fd = -1};
    p->kind = RBE_RESP_EMPTY;
    p->status = 200;
    p->content_type = NULL;
    p->keep = false;
    rbe_str_reset(&p->body);
}

void rbe_resp_release(struct rbe_resp *p)
{
    if (p->req)
        rbe_resp_clear(p);
    rbe_str_release(&p->extra);
    rbe_str_release(&p->head);
    rbe_str_release(&p->body);
    rbe_str_release(&p->piece);
}

void rbe_resp_status(struct rbe_resp *p, int status)
{
    p->status = status;
}

void rbe_resp_header(struct rbe_resp *p, const char *name, const char *value)
{
    /* A value that would break out of its line is not sent at all. */
    if (rbe_utf8_has_control(value, strlen(value)))
        return;
    if (strcasecmp(name, "Cache-Control") == 0)
        p->cache_control = true;
    rbe_str_puts(&p->extra, name);
    rbe_str_put(&p->extra, ": ", 2);
    rbe_str_puts(&p->extra, value);
    rbe_str_put(&p->extra, "\r\n", 2);
}

void rbe_resp_headerf(struct rbe_resp *p, const char *name, const char *fmt, ...)
{
    va_list ap;
    char *value = NULL;

    va_start(ap, fmt);
    if (vasprintf(&value, fmt, ap) < 0)
        abort();
    va_end(ap);
    rbe_resp_header(p, name, value);
    free(value);
}

struct rbe_jsonw *rbe_resp_json(struct rbe_resp *p, int code, const char *msg)
{
    rbe_str_reset(&p->body);
    p->kind = RBE_RESP_JSON;
    p->content_type = json_type;
    p->json = (struct rbe_jsonw){.out = &p->body};
    rbe_jsonw_obj(&p->json, NULL);
    rbe_jsonw_int(&p->json, "code", code);
    rbe_jsonw_str(&p->json, "msg", msg);
    rbe_str_puts(&p->body, ",\"data\":");
    p->json.comma = false;
    p->data_at = p->body.len;
    return &p->json;
}

static void close_envelope(struct rbe_resp *p)
{
    if (p->kind == RBE_RESP_JSON)
        rbe_str_puts(&p->body, p->body.len == p->data_at ? "null}" : "}");
    p->kind = p->kind == RBE_RESP_JSON ? RBE_RESP_TEXT : p->kind;
}

const struct rbe_str *rbe_resp_rendered(struct rbe_resp *p, int *ret_status)
{
    close_envelope(p);
    *ret_status = p->status;
    return &p->body;
}

struct rbe_str *rbe_resp_json_text(struct rbe_resp *p)
{
    return rbe_resp_text(p, json_type);
}

struct rbe_str *rbe_resp_text(struct rbe_resp *p, const char *content_type)
{
    rbe_str_reset(&p->body);
    p->kind = RBE_RESP_TEXT;
    p->content_type = content_type;
    return &p->body;
}

void rbe_resp_file(struct rbe_resp *p, const struct rbe_resp_file *f)
{
    if (p->file.fd >= 0)
        (void)close(p->file.fd);
    p->kind = RBE_RESP_FILE;
    p->file = *f;
}

void rbe_resp_keep(struct rbe_resp *p, int64_t max_age, bool private)
{
    p->keep = true;
    p->keep_private = private;
    p->max_age = max_age;
}

/* The tag is weak: what lies between may compress the body. True when the asker has it already. Every answer without a key
 * comes here, so nothing is formatted that stands before. */
static bool put_validator(struct rbe_resp *p)
{
    static const char weak[] = "W/\"";
    const char *given = rbe_req_header(p->req, "If-None-Match");
    char tag[2 * TAG_BYTES + 1], etag[sizeof(weak) + sizeof(tag) + 1];
    uint64_t sum[2];

    sum[0] = rbe_quickhash(0, p->body.s, p->body.len);
    sum[1] = rbe_quickhash(sum[0], p->body.s, p->body.len);
    rbe_hex_encode(sum, TAG_BYTES, tag);
    memcpy(etag, weak, sizeof(weak) - 1);
    memcpy(etag + sizeof(weak) - 1, tag, 2 * TAG_BYTES);
    memcpy(etag + sizeof(weak) - 1 + 2 * TAG_BYTES, "\"", 2);
    rbe_resp_header(p, "ETag", etag);
    if (p->max_age > 0)
        rbe_resp_headerf(p, "Cache-Control", "%smax-age=%lld", p->keep_private ? "private, " : "", (long long)p->max_age);
    else
        rbe_resp_header(p, "Cache-Control", p->keep_private ? "private, no-cache" : "no-cache");
    return given && rbe_range_listed(given, strlen(given), tag, true);
}

static const char *told(const struct rbe_err *e)
{
    switch (rbe_code_info(e->code)->http) {
    case 500:
        return "internal error";
    case 503:
        return "temporarily unavailable";
    case 507:
        return "no space left on the server";
    default:
        return e->text;
    }
}

void rbe_resp_fail(struct rbe_resp *p, const struct rbe_err *e)
{
    const struct rbe_code_info *info = rbe_code_info(e->code);

    rbe_resp_clear(p);
    rbe_resp_status(p, info->http);
    if (info->http == 401)
        rbe_resp_header(p, "WWW-Authenticate", "Bearer realm=\"rbe\"");
    if (e->retry_after > 0)
        rbe_resp_headerf(p, "Retry-After", "%lld", (long long)e->retry_after);
    struct rbe_jsonw *w = rbe_resp_json(p, info->api, told(e));
    if (e->code != RBE_INVALID)
        return;
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_arr(w, "violations");
    for (size_t i = 0; i < e->violations; i++) {
        rbe_jsonw_obj(w, NULL);
        rbe_jsonw_str(w, "field", e->violation[i].field);
        rbe_jsonw_str(w, "violation", e->violation[i].rule);
        rbe_jsonw_str(w, "message", e->violation[i].message);
        rbe_jsonw_obj_end(w);
    }
    rbe_jsonw_arr_end(w);
    rbe_jsonw_obj_end(w);
}

void rbe_resp_head(struct rbe_resp *p, const char *content_type, int64_t length)
{
    const char *line = status_line(p->status);
    struct rbe_str *h = &p->head;

    rbe_str_reset(h);
    if (line)
        rbe_str_puts(h, line);
    else
        rbe_str_putf(h, "Status: %d Other", p->status);
    if (content_type) {
        rbe_str_puts(h, "\r\nContent-Type: ");
        rbe_str_puts(h, content_type);
    }
    if (length >= 0) {
        rbe_str_puts(h, "\r\nContent-Length: ");
        rbe_str_puti(h, length);
    }
    rbe_str_puts(h, p->cache_control ? "\r\nX-Content-Type-Options: nosniff\r\n"
                                     : "\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n");
    rbe_str_put(h, rbe_str_text(&p->extra), p->extra.len);
    rbe_str_put(h, "\r\n", 2);
}

enum rbe_code rbe_resp_send(struct rbe_resp *p, struct rbe_err *e)
{
    if (p->kind == RBE_RESP_FILE)
        return rbe_filebody_send(p, e);
    close_envelope(p);
    if (p->keep && p->status == 200 && put_validator(p)) {
        p->status = 304;
        rbe_resp_head(p, NULL, -1);
        (void)rbe_fcgi_write(p->req->io, p->head.s, p->head.len);
        return RBE_OK;
    }
    rbe_resp_head(p, p->content_type, p->status == 204 ? -1 : (int64_t)p->body.len);
    if (p->req->method != RBE_HEAD && p->status != 204) {
        rbe_str_put(&p->head, rbe_str_text(&p->body), p->body.len);
        p->sent = p->body.len;
    }
    (void)rbe_fcgi_write(p->req->io, p->head.s, p->head.len);
    return RBE_OK;
}
