/* The two databases and their transactions. Only this room knows SQL.
 *
 * rbe.db holds releases and rights (resources, versions, packages, tokens, cdks) and who changed them: it changes only
 * when an answer may change. usage.db holds what is written often (jobs, counts). A store is used by one process, opened after
 * fork.
 *
 * Row structs are filled by get/find/list functions; their texts live in the arena the caller hands in. Times are
 * seconds UTC, 0 for "not yet" or "never". Functions that write run inside the caller's transaction (rbe_store_begin)
 * unless their comment says otherwise. A locked database after the busy timeout is RBE_UNAVAILABLE, a full disk
 * RBE_NOSPACE.
 */
#ifndef RBE_STORE_STORE_H
#define RBE_STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

enum rbe_base { RBE_BASE_RELEASES, RBE_BASE_USAGE, RBE_BASE_MAX };   /* rbe.db, usage.db */
enum rbe_journal { RBE_JOURNAL_WAL, RBE_JOURNAL_DELETE };

struct rbe_store_options {
    const char *dir;             /* holds rbe.db and usage.db */
    enum rbe_journal journal;
    bool read_only;              /* releases read-only, usage opened for writing only when a statement first needs it */
};

struct rbe_store;
/* Opens existing databases and prepares nothing yet: a statement is prepared at its first use and kept. A schema newer
 * than this program's, or one that waits for migration: RBE_REFUSED, saying which. Of a database that is opened later, when
 * it is needed, the same is RBE_UNAVAILABLE: no call can be refused for it. */
enum rbe_code rbe_store_open(const struct rbe_store_options *o, struct rbe_store **ret, struct rbe_err *e) RBE_MUST_USE;
void rbe_store_close(struct rbe_store *s);
RBE_DEFINE_CLEANUP(store, struct rbe_store, rbe_store_close)

/* Makes the databases or brings them up to this program's schema; any number of processes may do so at once. Opens
 * connections of its own. *ret_applied (may be NULL): migrations applied. Newer schema: RBE_REFUSED. */
enum rbe_code rbe_store_migrate(const struct rbe_store_options *o, unsigned *ret_applied, struct rbe_err *e)
    RBE_MUST_USE;

/* BEGIN IMMEDIATE, COMMIT, ROLLBACK. begin: RBE_UNAVAILABLE when the schema is no longer the one of this program, because a
 * newer one migrated meanwhile: readers go on, nobody writes to what he does not know. commit that fails has rolled back.
 * rollback without a transaction does nothing, so it may stand on every way out. */
enum rbe_code rbe_store_begin(struct rbe_store *s, enum rbe_base base, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_store_commit(struct rbe_store *s, enum rbe_base base, struct rbe_err *e) RBE_MUST_USE;
void rbe_store_rollback(struct rbe_store *s, enum rbe_base base);
/* Ends a transaction by what came of it: commits when code is RBE_OK, else rolls back. Returns the first failure. */
enum rbe_code rbe_store_end(struct rbe_store *s, enum rbe_base base, enum rbe_code code, struct rbe_err *e)
    RBE_MUST_USE;

/* Whether a transaction of it is open. */
bool rbe_store_inside(const struct rbe_store *s, enum rbe_base base);
/* What is read of the releases database in between is of one moment, and costs less than statements by themselves. Not
 * inside a transaction; every begin that went well has its end. */
enum rbe_code rbe_store_snapshot_begin(struct rbe_store *s, struct rbe_err *e) RBE_MUST_USE;
void rbe_store_snapshot_end(struct rbe_store *s);

/* A number that differs after any other connection changed the releases database. */
enum rbe_code rbe_store_change(struct rbe_store *s, int64_t *ret, struct rbe_err *e) RBE_MUST_USE;
/* A copy of one of them as it is at this moment, as a new file; writers go on. */
enum rbe_code rbe_store_copy(struct rbe_store *s, enum rbe_base base, const char *path, struct rbe_err *e) RBE_MUST_USE;
/* Whether there is nothing in it that an admin could miss: no resource, token or cdk. */
enum rbe_code rbe_store_is_empty(struct rbe_store *s, bool *ret, struct rbe_err *e) RBE_MUST_USE;
/* Puts the databases into rollback-journal mode, which leaves no other file beside them. In use by anybody else:
 * RBE_UNAVAILABLE. */
enum rbe_code rbe_store_settle(struct rbe_store *s, struct rbe_err *e) RBE_MUST_USE;
/* Leaves out row ids of packages and cdks, in its own transaction: those that were given out after a copy of the database was
 * made are in keys, and must not come again for others when that copy is put back. */
enum rbe_code rbe_store_skip_ids(struct rbe_store *s, struct rbe_err *e) RBE_MUST_USE;
/* PRAGMA quick_check and foreign_key_check on both databases; RBE_FAULT with the first complaint. */
enum rbe_code rbe_store_check(struct rbe_store *s, struct rbe_err *e) RBE_MUST_USE;
/* A small setting of the installation itself, kept in rbe.db ("order_rules"); *ret NULL when never put. */
enum rbe_code rbe_store_meta_find(struct rbe_store *s, const char *key, struct rbe_arena *arena, const char **ret,
                                  struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_store_meta_put(struct rbe_store *s, const char *key, const char *value, struct rbe_err *e)
    RBE_MUST_USE;

#endif
