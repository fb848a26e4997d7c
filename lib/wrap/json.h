/* Reading JSON (RFC 8259) by json-c: a parsed, read-only tree. No other file includes its headers. Writing is
 * lib/base/jsonw. */
#ifndef RBE_WRAP_JSON_H
#define RBE_WRAP_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct rbe_json;     /* a whole document or a value in it; a value lives as long as its document */

/* Strict: one value, nothing after it but white space, no comments, no name twice in an object, at most 32 levels deep, and not
 * so many values that they take more than about 1 GiB of memory beside their text. RBE_INVALID with field "body". */
enum rbe_code rbe_json_parse(const char *text, size_t len, struct rbe_json **ret, struct rbe_err *e) RBE_MUST_USE;
void rbe_json_free(struct rbe_json *doc);
RBE_DEFINE_CLEANUP(json, struct rbe_json, rbe_json_free)

bool rbe_json_is_object(const struct rbe_json *v);
/* NULL when absent, null, or v is no object. */
const struct rbe_json *rbe_json_find(const struct rbe_json *v, const char *key);
/* The text of a string value, NULL when v is NULL or no string. ret_len may be NULL; text may then hold no NUL. */
const char *rbe_json_text(const struct rbe_json *v, size_t *ret_len);
bool rbe_json_int(const struct rbe_json *v, int64_t *ret);
bool rbe_json_bool(const struct rbe_json *v, bool *ret);
/* (size_t)-1 when v is no array. */
size_t rbe_json_count(const struct rbe_json *v);
const struct rbe_json *rbe_json_at(const struct rbe_json *v, size_t i);
/* The i-th member of an object: its key, and its value in ret; NULL past the end. */
const char *rbe_json_member(const struct rbe_json *v, size_t i, const struct rbe_json **ret);

#endif
