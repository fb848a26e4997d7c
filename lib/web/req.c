#include "lib/web/req.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/codec.h"
#include "lib/base/utf8.h"
#include "lib/web/address.h"
#include "lib/web/inside.h"

enum { HOST_MAX = 255 };

static const char *env(const struct rbe_req *r, const char *name)
{
    const char *v = rbe_fcgi_env(r->io, name);

    return v ? v : "";
}

static enum rbe_method method_of(const char *text)
{
    static const struct {
        const char *name;
        enum rbe_method method;
    } methods[] = {{"GET", RBE_GET}, {"HEAD", RBE_HEAD},     {"POST", RBE_POST},
                   {"PUT", RBE_PUT}, {"DELETE", RBE_DELETE}, {"OPTIONS", RBE_OPTIONS}};

    for (size_t i = 0; i < RBE_COUNT(methods); i++)
        if (strcmp(text, methods[i].name) == 0)
            return methods[i].method;
    return RBE_METHOD_OTHER;
}

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), m = strlen(end);

    return n >= m && strcmp(s + n - m, end) == 0;
}

/* Printable ASCII without spaces, as almost all is that clients send: valid UTF-8 without control characters. */
static bool is_plain(const char *s)
{
    while (*s > ' ' && *s < 0x7f)
        s++;
    return *s == '\0';
}

/* The path of REQUEST_URI, decoded; "" when a segment holds a '/' or its escapes are broken. */
static const char *path_of_uri(struct rbe_req *r, const char *uri)
{
    const char *scheme = uri[0] == '/' ? NULL : strstr(uri, "://");

    if (scheme)
        uri = scheme + 3 + strcspn(scheme + 3, "/?");
    char *path = rbe_arena_strndup(&r->arena, uri, strcspn(uri, "?#"));
    for (const char *s = path; (s = strchr(s, '%')); s++)
        if (strncasecmp(s, "%2F", 3) == 0)
            return "";
    return rbe_percent_decode(path, strlen(path), false) < 0 ? "" : path;
}

/* Takes the public URL's own path off. A proxy may have done so already. */
static const char *without_prefix(const char *path, const char *public_url)
{
    const char *host = public_url ? strstr(public_url, "://") : NULL;
    const char *prefix = host ? strchr(host + 3, '/') : NULL;
    size_t n = prefix ? strlen(prefix) : 0;

    if (n > 0 && prefix[n - 1] == '/')
        n--;
    return n > 0 && strncmp(path, prefix, n) == 0 && path[n] == '/' ? path + n : path;
}

static const char *find_path(struct rbe_req *r)
{
    const char *script = env(r, "SCRIPT_NAME"), *info = env(r, "PATH_INFO"), *path;

    /* A rewrite to the program's file may leave nothing behind it but the URI that was asked for. */
    if (ends_with(script, ".fcgi") || ends_with(script, ".cgi"))
        path = info[0] ? info : path_of_uri(r, env(r, "REQUEST_URI"));
    else if (script[0] && info[0])
        path = RBE_ARENA_JOIN(&r->arena, script, info);
    else if (script[0] || info[0])
        path = script[0] ? script : info;
    else
        path = path_of_uri(r, env(r, "REQUEST_URI"));
    path = without_prefix(path, r->site->public_url);
    if (path[0] != '/')
        return "";
    if (!is_plain(path) && (!rbe_utf8_valid(path, strlen(path)) || rbe_utf8_has_control(path, strlen(path))))
        return "";
    return path;
}

void rbe_req_begin(struct rbe_req *r, struct rbe_fcgi *io, const struct rbe_serve_options *site)
{
    rbe_arena_reset(&r->arena);
    r->io = io;
    r->site = site;
    r->method = method_of(env(r, "REQUEST_METHOD"));
    r->path = find_path(r);
    r->segments.n = 0;
    r->params = 0;
    r->taken = 0;
    r->address = NULL;
    if (!rbe_int_parse(env(r, "CONTENT_LENGTH"), 0, INT64_MAX, &r->length))
        r->length = -1;
}

void rbe_req_release(struct rbe_req *r)
{
    free(r->base);
    rbe_arena_release(&r->arena);
}

static enum rbe_code decode(char *name, char *value, struct rbe_err *e)
{
    ptrdiff_t n = rbe_percent_decode(name, strlen(name), true);

    if (n < 0 || !rbe_utf8_valid(name, (size_t)n) || rbe_utf8_has_control(name, (size_t)n))
        return rbe_invalid(e, "query", "format", "a parameter's name is not well encoded");
    n = rbe_percent_decode(value, strlen(value), true);
    if (n < 0)
        return rbe_invalid(e, name, "encoding", "holds a broken %% escape or a NUL");
    if (!rbe_utf8_valid(value, (size_t)n))
        return rbe_invalid(e, name, "encoding", "is not UTF-8");
    if (rbe_utf8_has_control(value, (size_t)n))
        return rbe_invalid(e, name, "format", "holds a control character");
    return RBE_OK;
}

/* "name=value", both still encoded, in place. */
static enum rbe_code add_param(struct rbe_req *r, char *item, bool plain, struct rbe_err *e)
{
    char *equals = strchr(item, '='), *value = equals ? equals + 1 : item + strlen(item);

    if (r->params == RBE_REQ_PARAMS_MAX)
        return rbe_invalid(e, "query", "max_count", "more than %d parameters", RBE_REQ_PARAMS_MAX);
    if (equals)
        *equals = '\0';
    if (!plain)
        RBE_TRY(decode(item, value, e));
    r->param[r->params++] = (struct rbe_req_param){item, rbe_req_canonical(item), value};
    return RBE_OK;
}

const void *rbe_req_route_data(const struct rbe_req *r)
{
    return r->route->data;
}

enum rbe_code rbe_req_query(struct rbe_req *r, struct rbe_err *e)
{
    const char *query = rbe_fcgi_env(r->io, "QUERY_STRING");
    enum rbe_code code = RBE_OK;
    char *next;

    if (!query || !query[0])
        return RBE_OK;
    size_t len = strlen(query);
    if (len > RBE_REQ_QUERY_MAX)
        return rbe_invalid(e, "query", "max_length", "longer than %d bytes", RBE_REQ_QUERY_MAX);
    const bool plain = is_plain(query) && !strchr(query, '%') && !strchr(query, '+');
    for (char *item = rbe_arena_strndup(&r->arena, query, len); item; item = next) {
        next = strchr(item, '&');
        if (next)
            *next++ = '\0';
        if (item[0] && add_param(r, item, plain, e) != RBE_OK)
            code = RBE_INVALID;
        if (r->params == RBE_REQ_PARAMS_MAX && code != RBE_OK)
            break;
    }
    return code;
}

enum rbe_method rbe_req_method(const struct rbe_req *r)
{
    return r->method;
}

const char *rbe_req_path(const struct rbe_req *r)
{
    return r->path;
}

const char *rbe_req_segment(const struct rbe_req *r, size_t i)
{
    if (i >= r->segments.n)
        abort();
    return r->segments.v[i];
}

const char *rbe_req_canonical(const char *name)
{
    static const char *const aliases[][2] = {
        {"os", "system"}, {"current_version", "current"}, {"name", "version_name"}, {"id", "resource_id"}};

    for (size_t i = 0; i < RBE_COUNT(aliases); i++)
        if (name[0] == aliases[i][0][0] && strcmp(name, aliases[i][0]) == 0)
            return aliases[i][1];
    return name;
}

/* The first under the canonical name itself, or else the first under an alias. */
const char *rbe_req_param(const struct rbe_req *r, const char *name)
{
    const char *canonical = rbe_req_canonical(name);
    const struct rbe_req_param *own = NULL, *alias = NULL;

    for (size_t i = 0; i < r->params; i++) {
        const struct rbe_req_param *p = &r->param[i];

        if (p->canonical[0] != canonical[0] || strcmp(p->canonical, canonical) != 0)
            continue;
        if (p->name != p->canonical)
            alias = alias ? alias : p;
        else if (!own)
            own = p;
    }
    if (own && own->value[0])
        return own->value;
    return alias ? alias->value : "";
}

bool rbe_req_param_at(const struct rbe_req *r, size_t i, const char **ret_name, const char **ret_value)
{
    if (i >= r->params)
        return false;
    *ret_name = r->param[i].name;
    *ret_value = r->param[i].value;
    return true;
}

const char *rbe_req_env(const struct rbe_req *r, const char *name)
{
    return rbe_fcgi_env(r->io, name);
}

const char *rbe_req_header(const struct rbe_req *r, const char *name)
{
    char var[80] = "HTTP_";
    size_t n = 5;

    for (; *name && n < sizeof(var) - 1; name++)
        var[n++] = *name == '-' ? '_' : *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
    if (*name)
        return NULL;
    if (strcmp(var, "HTTP_CONTENT_TYPE") == 0 || strcmp(var, "HTTP_CONTENT_LENGTH") == 0)
        return rbe_fcgi_env(r->io, var + 5);
    const char *v = rbe_fcgi_env(r->io, var);
    /* Apache hands it to CGI programs only under the name it has after an internal redirect. */
    if (!v && strcmp(var, "HTTP_AUTHORIZATION") == 0)
        v = rbe_fcgi_env(r->io, "REDIRECT_HTTP_AUTHORIZATION");
    return v;
}

const char *rbe_req_bearer(const struct rbe_req *r)
{
    const char *v = rbe_req_header(r, "Authorization");

    if (!v)
        return NULL;
    v += strspn(v, " \t");
    if (strncasecmp(v, "Bearer", 6) == 0 && (v[6] == ' ' || v[6] == '\t' || v[6] == '\0'))
        v += 6 + strspn(v + 6, " \t");
    size_t n = strlen(v);
    while (n > 0 && (v[n - 1] == ' ' || v[n - 1] == '\t'))
        n--;
    return n > 0 ? rbe_arena_strndup(rbe_req_arena((struct rbe_req *)(uintptr_t)r), v, n) : NULL;
}

const char *rbe_req_peer(const struct rbe_req *r)
{
    return env(r, "REMOTE_ADDR");
}

static bool trusted(const struct rbe_req *r, const char *address)
{
    return rbe_address_in(address, r->site->trusted_proxies, r->site->n_trusted_proxies);
}

/* From the right, as each proxy appends the peer it saw: the first that is no proxy of ours is the client. */
static const char *forwarded_for(const struct rbe_req *r, struct rbe_arena *arena)
{
    const char *all = rbe_req_header(r, "X-Forwarded-For"), *found = rbe_req_peer(r);
    size_t len = all ? strlen(all) : 0;

    while (len > 0 && trusted(r, found)) {
        size_t at = len;

        while (at > 0 && all[at - 1] != ',')
            at--;
        const char *s = all + at, *end = all + len;
        while (s < end && (*s == ' ' || *s == '\t'))
            s++;
        while (end > s && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        const char *address = rbe_address_read(s, (size_t)(end - s), arena);
        if (!address)
            break;
        found = address;
        len = at > 0 ? at - 1 : 0;
    }
    return found;
}

const char *rbe_req_address(const struct rbe_req *r)
{
    struct rbe_req *own = (struct rbe_req *)(uintptr_t)r;    /* the answer is kept */

    if (!own->address)
        own->address = forwarded_for(r, &own->arena);
    return own->address;
}

/* The last element of a list: what the proxy that speaks to us put there itself. */
static const char *forwarded(const struct rbe_req *r, const char *name, struct rbe_arena *arena)
{
    const bool heard = r->site->n_trusted_proxies > 0 && trusted(r, rbe_req_peer(r));
    const char *v = heard ? rbe_req_header(r, name) : NULL;
    const char *comma = v ? strrchr(v, ',') : NULL;

    if (comma)
        v = comma + 1 + strspn(comma + 1, " \t");
    return v ? rbe_arena_strndup(arena, v, strcspn(v, " \t")) : NULL;
}

static bool is_host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-';
}

/* A host name, IPv4 address or [IPv6 address], and perhaps a port. */
static bool good_host(const char *s)
{
    size_t n;

    if (strlen(s) > HOST_MAX)
        return false;
    if (s[0] == '[') {
        n = strspn(s + 1, "0123456789abcdefABCDEF:.");
        if (n < 2 || s[1 + n] != ']')
            return false;
        s += n + 2;
    } else {
        for (n = 0; is_host_char(s[n]); n++)
            ;
        if (n == 0)
            return false;
        s += n;
    }
    if (s[0] == '\0')
        return true;
    if (s[0] != ':')
        return false;
    for (n = 1; s[n] >= '0' && s[n] <= '9'; n++)
        ;
    return n >= 2 && n <= 6 && s[n] == '\0';
}

static const char *scheme_of(const struct rbe_req *r, struct rbe_arena *arena)
{
    static const char http[] = "http", https[] = "https";
    const char *said = forwarded(r, "X-Forwarded-Proto", arena);

    if (!said)
        said = env(r, "REQUEST_SCHEME");
    if (strcasecmp(said, https) == 0)
        return https;
    if (strcasecmp(said, http) == 0)
        return http;
    const char *on = env(r, "HTTPS");
    return on[0] && strcasecmp(on, "off") != 0 ? https : http;
}

/* scheme: one of the constants of scheme_of. */
static void keep_base(struct rbe_req *r, const char *scheme, const char *host)
{
    free(r->base);
    r->base = rbe_strfmt("%s://%s", scheme, host);
    r->base_host = r->base + strlen(scheme) + 3;
    r->base_scheme = scheme;
}

enum rbe_code rbe_req_base_url(const struct rbe_req *r, const char **ret, struct rbe_err *e)
{
    const char *fixed = r->site->public_url;

    if (fixed && fixed[0]) {
        *ret = fixed;
        return RBE_OK;
    }
    struct rbe_req *own = (struct rbe_req *)(uintptr_t)r;    /* the URL is kept */
    const char *host = forwarded(r, "X-Forwarded-Host", &own->arena);
    if (!host)
        host = rbe_fcgi_env(r->io, "HTTP_HOST");
    const char *scheme = scheme_of(r, &own->arena);
    /* Nearly all who ask know this server by one name, which then was looked at before. */
    if (!host || !own->base_host || strcmp(host, own->base_host) != 0 || scheme != own->base_scheme) {
        if (!host || !good_host(host))
            return rbe_invalid(e, "Host", host ? "format" : "required", "must name this server, with a port or without");
        keep_base(own, scheme, host);
    }
    *ret = own->base;
    return RBE_OK;
}

int64_t rbe_req_length(const struct rbe_req *r)
{
    return r->length;
}

enum rbe_code rbe_req_read(struct rbe_req *r, void *p, size_t n, size_t *ret_n, struct rbe_err *e)
{
    *ret_n = 0;
    if (r->length >= 0 && (uint64_t)(r->length - r->taken) < n)
        n = (size_t)(r->length - r->taken);
    if (n == 0)
        return RBE_OK;
    ssize_t got = rbe_fcgi_read(r->io, p, n);
    if (got < 0 || (got == 0 && r->taken < r->length))
        return rbe_fail(e, RBE_REFUSED, "the request's body ended after %lld of %lld bytes", (long long)r->taken,
                        (long long)r->length);
    r->taken += got;
    *ret_n = (size_t)got;
    return RBE_OK;
}

enum rbe_code rbe_req_body(struct rbe_req *r, size_t max, const char **ret, size_t *ret_len, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str body = {0};
    size_t got = 0;

    if (r->length > 0 && (uint64_t)r->length > max)
        return rbe_fail(e, RBE_TOOLARGE, "the request's body is over %zu bytes", max);
    do {
        /* One byte over the limit tells that there is more. */
        size_t want = max + 1 - body.len < 8192 ? max + 1 - body.len : 8192;

        RBE_TRY(rbe_req_read(r, rbe_str_reserve(&body, want), want, &got, e));
        body.len += got;
        if (body.len > max)
            return rbe_fail(e, RBE_TOOLARGE, "the request's body is over %zu bytes", max);
    } while (got > 0);
    char *text = rbe_arena_alloc(&r->arena, body.len + 1);
    if (body.len)
        memcpy(text, body.s, body.len);
    *ret = text;
    *ret_len = body.len;
    return RBE_OK;
}

struct rbe_arena *rbe_req_arena(struct rbe_req *r)
{
    return &r->arena;
}
