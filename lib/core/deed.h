/* Deeds: changes, each recorded with who made it, when and from where.
 *
 * A deed is recorded in the transaction of the change itself, so there is no change without its record and no record of
 * what did not happen. A change outside rbe.db is recorded before it is made: its record may then stand alone, which is
 * better than a change that nobody can find out about.
 *
 * Who acts is kept in struct rbe_app: the user of a shell from when the databases are opened, the token of a request while it
 * is handled. So a function that changes something says only what it did.
 */
#ifndef RBE_CORE_DEED_H
#define RBE_CORE_DEED_H

#include "lib/core/app.h"
#include "lib/store/audit.h"

enum { RBE_DEED_FACTS = 8 };

struct rbe_deed_fact {
    const char *key, *text;      /* a text of NULL: the number */
    int64_t number;
};

struct rbe_deed {
    const char *action;          /* the verb of the command line: "version publish" */
    const char *rid;             /* the resource it is about; NULL for none */
    const char *subject;         /* what of it, or what else: "1.2.0"; NULL for all of it. Never a secret. */
    struct rbe_deed_fact facts[RBE_DEED_FACTS];  /* what else is worth knowing; ended by a key of NULL */
};

/* Records it in the open transaction of rbe.db, else in one of its own. */
enum rbe_code rbe_deed_record(struct rbe_app *app, const struct rbe_deed *d, struct rbe_err *e) RBE_MUST_USE;

/* Newest first. */
enum rbe_code rbe_deed_list(struct rbe_app *app, const struct rbe_audit_filter *f, struct rbe_arena *arena,
                            struct rbe_audit **ret, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* A chore: forgets what is older than audit.keep. */
enum rbe_code rbe_deed_forget(struct rbe_app *app, int64_t now, struct rbe_err *e) RBE_MUST_USE;

#endif
