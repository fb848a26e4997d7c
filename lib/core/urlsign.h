/* The URL of a package at a place, signed as that place wants it.
 *
 *     none         <url>/<path>
 *     md5-a        <url>/<path>?auth_key=TIME-RAND-0-MD5HEX("/<path>-TIME-RAND-0-SECRET")
 *     secure-link  <url>/<path>?md5=B64(MD5(form))&expires=TIME       nginx: secure_link_md5 "$secure_link_expires$uri SECRET"
 *     secdownload  <url>/B64(HMAC(SECRET, "/HEXTIME/<path>"))/HEXTIME/<path>   <url> is the uri-prefix
 *     s3-v4        <url>/<path>?X-Amz-…                               presigned, payload unsigned, header host alone
 *     cloudfront   <url>/<path>?Expires=TIME&Signature=…&Key-Pair-Id=ID        canned policy, RSA-SHA1
 *
 * <path> begins with "p/" in the URL; the paths that are hashed hold the path of the place's url as well, but for
 * secdownload. TIME is when the URL was made (md5-a, secdownload) or when it expires. HMAC is HMAC-SHA256, B64 base64url
 * without padding. Nothing here reads a clock or makes system calls.
 */
#ifndef RBE_CORE_URLSIGN_H
#define RBE_CORE_URLSIGN_H

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/core/settings-places.h"

struct rbe_urlsign;   /* a place's secrets, made ready */
/* auth and url must outlive it. lifetime: seconds, where auth has none of its own. What cannot sign (a key that cannot be
 * read, a library without MD5): RBE_REFUSED. */
enum rbe_code rbe_urlsign_new(const struct rbe_place_auth *auth, const char *url, int64_t lifetime,
                              struct rbe_urlsign **ret, struct rbe_err *e) RBE_MUST_USE;
void rbe_urlsign_free(struct rbe_urlsign *s);
RBE_DEFINE_CLEANUP(urlsign, struct rbe_urlsign, rbe_urlsign_free)

struct rbe_urlsign_request {
    const char *path;            /* plain, without a slash in front */
    const char *method;          /* "GET" or "HEAD", which s3-v4 tells apart */
    const char *rand;            /* letters and digits that no other URL has, for md5-a */
    int64_t now;
};
/* *ret is in the arena. */
enum rbe_code rbe_urlsign_make(struct rbe_urlsign *s, const struct rbe_urlsign_request *q, struct rbe_arena *arena,
                               const char **ret, struct rbe_err *e) RBE_MUST_USE;

#endif
