/* multipart/form-data (RFC 7578, RFC 2046 §5.1), parsed piece by piece: the parser keeps one line or one
 * boundary's worth of bytes, whatever the size of the body. It works on (buffer, length) and knows nothing of where
 * bytes come from.
 */
#ifndef RBE_WEB_MULTIPART_H
#define RBE_WEB_MULTIPART_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

enum { RBE_MULTIPART_PARTS_MAX = 256, RBE_MULTIPART_HEADERS_MAX = 8192 };   /* parts a body, bytes of headers a part */

struct rbe_multipart_part {
    const char *name;            /* of the field; valid during the callbacks of this part */
    const char *file_name;       /* last component of filename or filename* (RFC 8187); NULL when it is no file */
};
struct rbe_multipart_events {
    /* Any may fail, which stops the parse with that failure. */
    enum rbe_code (*begin)(void *arg, const struct rbe_multipart_part *part, struct rbe_err *e);
    enum rbe_code (*data)(void *arg, const void *p, size_t n, struct rbe_err *e);
    enum rbe_code (*end)(void *arg, struct rbe_err *e);
    void *arg;
};

struct rbe_multipart;
/* content_type: the request's header; without a good boundary (1-70 characters): RBE_INVALID, field "Content-Type". */
enum rbe_code rbe_multipart_new(const char *content_type, const struct rbe_multipart_events *ev,
                                struct rbe_multipart **ret, struct rbe_err *e) RBE_MUST_USE;
void rbe_multipart_free(struct rbe_multipart *m);
RBE_DEFINE_CLEANUP(multipart, struct rbe_multipart, rbe_multipart_free)
/* Malformed: RBE_INVALID, field "body". */
enum rbe_code rbe_multipart_put(struct rbe_multipart *m, const void *p, size_t n, struct rbe_err *e) RBE_MUST_USE;
/* The body is over: RBE_INVALID unless the closing boundary was seen. */
enum rbe_code rbe_multipart_end(struct rbe_multipart *m, struct rbe_err *e) RBE_MUST_USE;

#endif
