/* Every statement of the project, and the few ways to run one. For the files of this room only.
 *
 * A statement is prepared at its first use by a store and kept as long as the store. Results are copied into the
 * caller's arena and the statement is reset before a function returns, so that no reader ever holds an old snapshot. A
 * statement that writes is refused outside a transaction: rows that belong together can not come apart.
 */
#ifndef RBE_STORE_SQL_H
#define RBE_STORE_SQL_H

#include "lib/base/share.h"
#include "lib/store/store.h"
#include "lib/wrap/db.h"

enum rbe_sql {
    RBE_SQL_META_FIND,
    RBE_SQL_META_PUT,
    RBE_SQL_STORE_ROWS,
    RBE_SQL_STORE_SKIP_IDS,
    RBE_SQL_CHANGE_NUMBER,
    RBE_SQL_CHANGE_COUNT,
    RBE_SQL_SNAPSHOT_BEGIN,
    RBE_SQL_SNAPSHOT_END,
    RBE_SQL_RESOURCE_PUT,
    RBE_SQL_RESOURCE_GET,
    RBE_SQL_RESOURCE_LIST,
    RBE_SQL_RESOURCE_COUNT,
    RBE_SQL_RESOURCE_GUARDED,
    RBE_SQL_RESOURCE_NUMBER,
    RBE_SQL_RESOURCE_SET_NUMBER,
    RBE_SQL_RESOURCE_NUMBER_RIGHT,
    RBE_SQL_RESOURCE_RENUMBER,
    RBE_SQL_VERSION_PUT,
    RBE_SQL_VERSION_FIND,
    RBE_SQL_VERSION_GET,
    RBE_SQL_VERSION_SET_DATA,
    RBE_SQL_VERSION_SET_ORDER,
    RBE_SQL_VERSION_SET_CHANNEL,
    RBE_SQL_VERSION_WITHDRAW,
    RBE_SQL_VERSION_WITHDRAW_ALL,
    RBE_SQL_VERSION_LIST,
    RBE_SQL_VERSION_COUNT,
    RBE_SQL_OFFER_CLEAR,
    RBE_SQL_OFFER_FILL,
    RBE_SQL_LOOKUP_OFFERS,
    RBE_SQL_LOOKUP_OFFERED,
    RBE_SQL_LOOKUP_STANDING,
    RBE_SQL_OFFER_WRONG,
    RBE_SQL_PACKAGE_PUT,
    RBE_SQL_PACKAGE_GET,
    RBE_SQL_PACKAGE_FIND,
    RBE_SQL_PACKAGE_FIND_PATCH,
    RBE_SQL_PACKAGE_LIST,
    RBE_SQL_PACKAGE_LIST_ALL,
    RBE_SQL_PACKAGE_ORIGIN,
    RBE_SQL_PACKAGE_ORIGIN_PATH,
    RBE_SQL_PACKAGE_PURGED,
    RBE_SQL_PACKAGE_FORGET_COPIES,
    RBE_SQL_PACKAGE_FORGET,
    RBE_SQL_STOCK_LIST,
    RBE_SQL_STOCK_SIZE,
    RBE_SQL_STOCK_PURGE,
    RBE_SQL_STOCK_PURGE_PATCHES,
    RBE_SQL_STOCK_WAITING,
    RBE_SQL_STOCK_REMOVED,
    RBE_SQL_STOCK_AHEAD,
    RBE_SQL_STOCK_PUT_BACK,
    RBE_SQL_PACKAGE_UNCOPIED,
    RBE_SQL_PACKAGE_STALE_COPY,
    RBE_SQL_PACKAGE_NEWEST,
    RBE_SQL_PACKAGE_NEWEST_COPY,
    RBE_SQL_MIRROR_COPIES,
    RBE_SQL_MIRROR_COPY_PUT,
    RBE_SQL_MIRROR_COPY_DEL,
    RBE_SQL_MIRROR_COPY_CLEAR,
    RBE_SQL_MIRROR_COPY_COUNT,
    RBE_SQL_MIRROR_LIST,
    RBE_SQL_MIRROR_FIND,
    RBE_SQL_MIRROR_CLAIM,
    RBE_SQL_MIRROR_PUT,
    RBE_SQL_PACKAGE_PATCHES,
    RBE_SQL_PACKAGE_SOURCES,
    RBE_SQL_PACKAGE_OFFERED,
    RBE_SQL_PACKAGE_PURGE_PAIR,
    RBE_SQL_TOKEN_PUT,
    RBE_SQL_TOKEN_FIND,
    RBE_SQL_TOKEN_LIST,
    RBE_SQL_TOKEN_REVOKE,
    RBE_SQL_CDK_PUT,
    RBE_SQL_CDK_FIND,
    RBE_SQL_CDK_GET,
    RBE_SQL_CDK_LIST,
    RBE_SQL_CDK_BLOCK,
    RBE_SQL_CDK_USE_PUT,
    RBE_SQL_CDK_USE_FIND,
    RBE_SQL_CDK_USE_COUNT,
    RBE_SQL_CDK_USE_LAST,
    RBE_SQL_CDK_USE_PURGE,
    RBE_SQL_CDK_TOTAL_ADD,
    RBE_SQL_CDK_TOTAL,
    RBE_SQL_TOKEN_USE_PUT,
    RBE_SQL_TOKEN_USE_FIND,
    RBE_SQL_REPLY_READ,
    RBE_SQL_AUDIT_PUT,
    RBE_SQL_AUDIT_LIST,
    RBE_SQL_AUDIT_LIST_RESOURCE,
    RBE_SQL_AUDIT_FORGET,
    RBE_SQL_MARK_FIND,
    RBE_SQL_MARK_PUT,
    RBE_SQL_JOB_PUT,
    RBE_SQL_JOB_FIND,
    RBE_SQL_JOB_GET,
    RBE_SQL_JOB_RAISE,
    RBE_SQL_JOB_LEASES,
    RBE_SQL_JOB_NEXT,
    RBE_SQL_JOB_LEASE,
    RBE_SQL_JOB_END,
    RBE_SQL_JOB_RENEW,
    RBE_SQL_JOB_RETRY,
    RBE_SQL_JOB_FORGET,
    RBE_SQL_JOB_COUNT,
    RBE_SQL_JOB_LEAST,
    RBE_SQL_JOB_BUILT,
    RBE_SQL_JOB_ENDED,
    RBE_SQL_JOB_DROP,
    RBE_SQL_JOB_NOTE,
    RBE_SQL_JOB_FORGET_PAIR,
    RBE_SQL_JOB_LIST,
    RBE_SQL_JOB_LIST_STATE,
    RBE_SQL_STANDING_ADD,
    RBE_SQL_STANDING_FIND,
    RBE_SQL_STANDING_TOP,
    RBE_SQL_JOB_TALLY,
    RBE_SQL_PACKAGE_SUM,
    RBE_SQL_MAX
};

struct rbe_sql_text {
    enum rbe_base base;
    const char *name;            /* in messages */
    const char *text;            /* one that walks a whole table on purpose holds the marker scan in comment signs */
};
const struct rbe_sql_text *rbe_sql_text(enum rbe_sql id);

enum { RBE_STORE_TOUCHED_MAX = 16 };

struct rbe_store {
    struct rbe_store_options options;
    char *dir;
    bool opened;                                 /* what it needs at first; the rest is opened where it is needed */
    struct rbe_db *db[RBE_BASE_MAX];
    struct rbe_db_stmt *kept[RBE_SQL_MAX];
    struct rbe_share *share;                     /* where changes are told; NULL: nowhere */
    int64_t change, version;                     /* change number at begin; data_version when last looked at */
    bool added;                                  /* this transaction put rows that an answer may rest on */
    unsigned touched[RBE_STORE_TOUCHED_MAX];     /* words of the resources this transaction changes */
    size_t n_touched;                            /* RBE_STORE_TOUCHED_MAX: too many to tell one by one */
};
/* The connection of a database, opened now if it was not yet. */
enum rbe_code rbe_store_db(struct rbe_store *s, enum rbe_base base, struct rbe_db **ret, struct rbe_err *e)
    RBE_MUST_USE;

/* What change.c does at begin and commit of the releases database (lib/store/change.h). */
enum rbe_code rbe_change_begin(struct rbe_store *s, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_change_commit(struct rbe_store *s, struct rbe_db *db, struct rbe_err *e) RBE_MUST_USE;

/* Copies the present row into ret. */
typedef void rbe_sql_reader(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret);

/* Runs a statement that gives no rows; *ret_changes (may be NULL): rows it changed. */
enum rbe_code rbe_sql_run(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values, int64_t *ret_changes,
                          struct rbe_err *e) RBE_MUST_USE;
/* The same for an INSERT; *ret_id: row id of the new row, untouched when it changed nothing. */
enum rbe_code rbe_sql_put(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values, int64_t *ret_id,
                          bool *ret_new, struct rbe_err *e) RBE_MUST_USE;
/* The first row, if there is one. */
enum rbe_code rbe_sql_find(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values, rbe_sql_reader *reader,
                           struct rbe_arena *arena, void *ret, bool *ret_found, struct rbe_err *e) RBE_MUST_USE;
/* All rows, as an array in the arena of elements of that size. */
enum rbe_code rbe_sql_list(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values, rbe_sql_reader *reader,
                           size_t size, struct rbe_arena *arena, void **ret, size_t *ret_n, struct rbe_err *e)
    RBE_MUST_USE;
/* The one number a statement gives; 0 when it gives no row. */
enum rbe_code rbe_sql_number(struct rbe_store *s, enum rbe_sql id, struct rbe_db_values values, int64_t *ret,
                             struct rbe_err *e) RBE_MUST_USE;

#endif
