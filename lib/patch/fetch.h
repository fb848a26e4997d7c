/* Brings a package to .rbe/package, going on where an earlier try was cut off, also one of another run.
 *
 * .rbe/package.json says what the file is going to be: {"sha256","etag"}. Bytes are asked for by Range with If-Range; a server
 * that sends all of it again, or something else by now, is taken at its word. In the end the SHA-256 has to be right; a file
 * that was put together of parts and is not right is fetched once more from its beginning.
 */
#ifndef RBE_PATCH_FETCH_H
#define RBE_PATCH_FETCH_H

#include "lib/patch/home.h"
#include "lib/patch/retry.h"
#include "lib/wrap/hash.h"
#include "lib/wrap/net.h"

struct rbe_fetch {
    struct rbe_net *net;
    const struct rbe_home *home;
    const char *url;
    int64_t size;                /* -1 when it is not known */
    unsigned char sha256[RBE_SHA256_SIZE];
    struct rbe_retry retry;
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void *arg;                   /* of progress */
};
/* ret_fd is the package, open for reading. RBE_GONE: the URL leads nowhere any more; RBE_INVALID: what came is not what was
 * promised; RBE_NOSPACE, also before anything is fetched; RBE_UNAVAILABLE, RBE_LIMITED: all tries failed, or stopped. */
enum rbe_code rbe_fetch(const struct rbe_fetch *f, int *ret_fd, struct rbe_err *e) RBE_MUST_USE;
/* Removes what was fetched. */
enum rbe_code rbe_fetch_drop(const struct rbe_home *h, struct rbe_err *e) RBE_MUST_USE;

#endif
