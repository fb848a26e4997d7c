/* One response: status, headers, and a body that is a JSON envelope, a text, or a file.
 *
 * The envelope is {"code":…,"msg":…,"data":…}. A handler that fails returns its code and leaves the response
 * alone: the loop renders the error. A handler that succeeds calls rbe_resp_json, writes the value of "data" with
 * the writer it returns, and returns RBE_OK; data not written is null.
 */
#ifndef RBE_WEB_RESP_H
#define RBE_WEB_RESP_H

#include "lib/base/err.h"
#include "lib/base/jsonw.h"
#include "lib/web/req.h"

struct rbe_resp;

/* Before the body. Values are checked to hold no control character. */
void rbe_resp_status(struct rbe_resp *p, int status);
void rbe_resp_header(struct rbe_resp *p, const char *name, const char *value);
void rbe_resp_headerf(struct rbe_resp *p, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Starts the envelope with this code and message; the caller writes one value with key NULL, or none for null. */
struct rbe_jsonw *rbe_resp_json(struct rbe_resp *p, int code, const char *msg);
/* The body as it will be sent, and its status: nothing more can be written then. */
const struct rbe_str *rbe_resp_rendered(struct rbe_resp *p, int *ret_status);
/* In place of rbe_resp_json: the whole of a JSON body, for one who has it rendered. */
struct rbe_str *rbe_resp_json_text(struct rbe_resp *p);
/* A body of another type, written into the string that is returned. */
struct rbe_str *rbe_resp_text(struct rbe_resp *p, const char *content_type);

/* The answer to a GET may be kept by who asked, and by caches between unless `private`: it gets a tag made of its body,
 * which If-None-Match is compared with (304), and Cache-Control says max_age seconds, or with 0 that it must be asked
 * for again each time. Holds for a JSON or text body with status 200; all else is never kept. */
void rbe_resp_keep(struct rbe_resp *p, int64_t max_age, bool private);

/* The body is a file, sent with validators and ranges (RFC 9110 §13, §14): 200, 206, 304, 412 or 416 follow from
 * the request. */
enum rbe_sending { RBE_SEND_STREAM, RBE_SEND_X_SENDFILE, RBE_SEND_X_ACCEL };
struct rbe_resp_file {
    int fd;                      /* taken over; -1 will do for HEAD */
    uint64_t size;
    const char *etag;            /* without quotes */
    const char *content_type;
    const char *file_name;       /* of Content-Disposition: attachment */
    const char *cache;           /* Cache-Control of what is sent of the file; NULL for no-store */
    enum rbe_sending how;
    const char *send_path;       /* absolute path, or the internal URL of X-Accel-Redirect, not encoded */
};
void rbe_resp_file(struct rbe_resp *p, const struct rbe_resp_file *f);

#endif
