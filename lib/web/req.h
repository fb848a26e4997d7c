/* One request as a handler sees it: method, path, parameters, headers, body - whatever carried it (FastCGI or CGI).
 *
 * Everything lives in the request's arena until the response is sent. The path is SCRIPT_NAME + PATH_INFO, or
 * PATH_INFO alone when SCRIPT_NAME names a program file (plain CGI), or REQUEST_URI's path where these say nothing; a
 * path prefix of the public URL is taken off. Parameters are percent-decoded, and the first of several with one
 * name counts.
 */
#ifndef RBE_WEB_REQ_H
#define RBE_WEB_REQ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

enum rbe_method {
    RBE_GET = 1,
    RBE_HEAD = 2,
    RBE_POST = 4,
    RBE_PUT = 8,
    RBE_DELETE = 16,
    RBE_OPTIONS = 32,
    RBE_METHOD_OTHER = 64
};

struct rbe_req;                  /* opaque to handlers; made by serve */

enum rbe_method rbe_req_method(const struct rbe_req *r);
/* Decoded path, begins with '/'. */
const char *rbe_req_path(const struct rbe_req *r);
/* What the i-th {…} of the route's pattern matched. */
const char *rbe_req_segment(const struct rbe_req *r, size_t i);
/* What the route's row holds for its handler. */
const void *rbe_req_route_data(const struct rbe_req *r);
/* Reads the query string, once a handler that takes parameters knows that the asker may ask. RBE_INVALID with a violation
 * that names the parameter. */
enum rbe_code rbe_req_query(struct rbe_req *r, struct rbe_err *e) RBE_MUST_USE;
/* A parameter of the query string under its name or an alias (system=os, current=current_version, version_name=name,
 * resource_id=id); "" when absent or empty. */
const char *rbe_req_param(const struct rbe_req *r, const char *name);
/* The i-th parameter of the query, for those who need all; false past the end. */
bool rbe_req_param_at(const struct rbe_req *r, size_t i, const char **ret_name, const char **ret_value);
/* The canonical spelling of a parameter or field name (aliases as above). */
const char *rbe_req_canonical(const char *name);
/* A request header by its HTTP name, NULL when absent. */
const char *rbe_req_header(const struct rbe_req *r, const char *name);
/* A variable of the web server's environment ("REMOTE_ADDR", "GEOIP_COUNTRY"), NULL when absent. */
const char *rbe_req_env(const struct rbe_req *r, const char *name);
/* The token of "Authorization: Bearer T" or "Authorization: T"; NULL when absent. */
const char *rbe_req_bearer(const struct rbe_req *r);
/* The client's address: the peer, or what a trusted proxy's X-Forwarded-For says of it. */
const char *rbe_req_address(const struct rbe_req *r);
/* The peer that speaks to the web server (REMOTE_ADDR). */
const char *rbe_req_peer(const struct rbe_req *r);
/* Scheme, host and path prefix for absolute URLs, no trailing slash: the configured public URL, else made of this
 * request's own headers after checking them; RBE_INVALID (field "Host") when they cannot be used. */
enum rbe_code rbe_req_base_url(const struct rbe_req *r, const char **ret, struct rbe_err *e) RBE_MUST_USE;
/* Declared length of the body, -1 when not declared. */
int64_t rbe_req_length(const struct rbe_req *r);
/* The next bytes of the body; *ret_n of 0 at its end. A body that ends before its declared length: RBE_REFUSED. */
enum rbe_code rbe_req_read(struct rbe_req *r, void *p, size_t n, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* The whole body, at most max bytes (RBE_TOOLARGE), NUL-terminated in the arena. */
enum rbe_code rbe_req_body(struct rbe_req *r, size_t max, const char **ret, size_t *ret_len, struct rbe_err *e)
    RBE_MUST_USE;
struct rbe_arena *rbe_req_arena(struct rbe_req *r);
/* True when address lies in one of the addresses or CIDR blocks (IPv4, IPv6, IPv4-mapped); an unparsable entry
 * matches nothing. */
bool rbe_address_in(const char *address, const char *const *blocks, size_t n);

#endif
