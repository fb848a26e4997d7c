/* Answers in JSON that another service gave, read by SQLite, which every program has: one that only asks such a service
 * needs no JSON library for it.
 */
#ifndef RBE_STORE_REPLY_H
#define RBE_STORE_REPLY_H

#include "lib/store/store.h"

/* {"code":0,"msg":"…","data":{"expires_at":1798765432}} */
struct rbe_reply {
    bool valid;                  /* JSON with a whole number as code */
    int64_t code;
    int64_t expires_at;          /* 0 when there is none */
};
enum rbe_code rbe_reply_read(struct rbe_store *s, const char *text, struct rbe_reply *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
