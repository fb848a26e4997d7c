/* Marks in usage.db: how far somebody who walks something has come. */
#ifndef RBE_STORE_MARK_H
#define RBE_STORE_MARK_H

#include "lib/store/store.h"

/* *ret is 0 when it was never put. */
enum rbe_code rbe_mark_find(struct rbe_store *s, const char *name, int64_t *ret, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_mark_put(struct rbe_store *s, const char *name, int64_t value, struct rbe_err *e) RBE_MUST_USE;

#endif
