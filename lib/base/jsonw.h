/* Writes JSON (RFC 8259) into a string: no tree, no allocation of its own, commas kept by the writer.
 *
 * A key of NULL writes a bare value (an array's element or the root). Text must be UTF-8; bytes that are not become U+FFFD,
 * so the output is valid whatever came in. Control characters, quotes, backslashes are escaped, and so are U+2028 and
 * U+2029, which some JavaScript readers refuse.
 */
#ifndef RBE_BASE_JSONW_H
#define RBE_BASE_JSONW_H

#include "lib/base/str.h"

struct rbe_jsonw {
    struct rbe_str *out;
    bool comma;          /* the next value needs one before it */
};

void rbe_jsonw_obj(struct rbe_jsonw *w, const char *key);
void rbe_jsonw_obj_end(struct rbe_jsonw *w);
void rbe_jsonw_arr(struct rbe_jsonw *w, const char *key);
void rbe_jsonw_arr_end(struct rbe_jsonw *w);
/* val of NULL writes null. */
void rbe_jsonw_str(struct rbe_jsonw *w, const char *key, const char *val);
void rbe_jsonw_strn(struct rbe_jsonw *w, const char *key, const char *val, size_t len);
void rbe_jsonw_int(struct rbe_jsonw *w, const char *key, int64_t val);
void rbe_jsonw_bool(struct rbe_jsonw *w, const char *key, bool val);
void rbe_jsonw_null(struct rbe_jsonw *w, const char *key);
/* RFC 3339, null for 0. */
void rbe_jsonw_time(struct rbe_jsonw *w, const char *key, int64_t seconds);
/* "sha256:<hex>" of 32 bytes. */
void rbe_jsonw_sha256(struct rbe_jsonw *w, const char *key, const unsigned char sum[static 32]);
/* json is written as it stands: it must be one valid value. */
void rbe_jsonw_raw(struct rbe_jsonw *w, const char *key, const char *json);

#endif
