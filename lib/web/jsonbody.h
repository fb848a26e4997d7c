/* A request's JSON body read into a struct by a table of its fields. What is not in the table is refused: a misspelt
 * field that were passed over would lose what its sender meant.
 */
#ifndef RBE_WEB_JSONBODY_H
#define RBE_WEB_JSONBODY_H

#include "lib/web/req.h"

enum rbe_jsonbody_type {
    RBE_JSONBODY_TEXT,           /* const char *, a string without NUL */
    RBE_JSONBODY_TEXTS,          /* struct rbe_jsonbody_texts, an array of such strings */
};
struct rbe_jsonbody_texts {
    const char *const *v;
    size_t n;
};
struct rbe_jsonbody_field {
    const char *name;            /* its aliases (rbe_req_canonical) are taken too, unless they are fields themselves */
    enum rbe_jsonbody_type type;
    size_t offset;               /* in the struct that is filled */
};

/* Reads the body, at most 1 MiB of JSON, whatever type it is sent as but multipart, and fills `into`, whose fields keep
 * their values where the body has none or null. Texts live in the request's arena. All that breaks a rule: RBE_INVALID
 * with a violation each, field "body" when it is no JSON object at all. */
enum rbe_code rbe_jsonbody_read(struct rbe_req *r, const struct rbe_jsonbody_field *fields, size_t n, void *into,
                                struct rbe_err *e) RBE_MUST_USE;

#endif
