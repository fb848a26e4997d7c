/* Rows of audit in rbe.db: who changed what, when, from where. Put by the transaction of the change itself. */
#ifndef RBE_STORE_AUDIT_H
#define RBE_STORE_AUDIT_H

#include "lib/store/store.h"

struct rbe_audit {
    int64_t id, at;
    const char *actor;           /* "token NAME", "shell USER" */
    const char *origin;          /* address of the client; "" for a shell */
    const char *action;          /* "version publish" */
    const char *rid;             /* the resource it is about; "" for none */
    const char *subject;         /* what of it, or what else: "1.2.0"; "" for all of it */
    const char *detail;          /* what else is worth knowing, as JSON; "" for nothing */
};

/* Sets id. */
enum rbe_code rbe_audit_put(struct rbe_store *s, struct rbe_audit *a, struct rbe_err *e) RBE_MUST_USE;

struct rbe_audit_filter {
    int64_t since;               /* not before this time */
    const char *actor, *action, *rid;    /* "" for any */
    int64_t limit;
};
/* Newest first. */
enum rbe_code rbe_audit_list(struct rbe_store *s, const struct rbe_audit_filter *f, struct rbe_arena *arena,
                             struct rbe_audit **ret, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* Deletes what was before that time, in its own transaction, and touches nothing where there is nothing. */
enum rbe_code rbe_audit_forget(struct rbe_store *s, int64_t before, struct rbe_err *e) RBE_MUST_USE;

#endif
