/* SQLite: connections set up the one safe way, statements with typed values in and columns out.
 *
 * A statement is prepared once and kept. rbe_db_start gives it its values, rbe_db_step walks its rows, rbe_db_reset
 * ends it: until then a reading statement holds its snapshot of the database, so callers copy what they need and reset
 * at once.
 *
 * A connection for reading meets the journal of a writer that was killed within its commit (without WAL): it is rolled
 * back by a connection for writing that is opened for just that.
 *
 * Failures: locked after the busy timeout RBE_UNAVAILABLE, disk full RBE_NOSPACE, else RBE_FAULT; out of memory
 * aborts.
 */
#ifndef RBE_WRAP_DB_H
#define RBE_WRAP_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"

struct rbe_db;
struct rbe_db_stmt;

enum rbe_db_mode { RBE_DB_READ, RBE_DB_WRITE, RBE_DB_CREATE };
struct rbe_db_options {
    const char *path;
    enum rbe_db_mode mode;       /* CREATE makes a missing file, mode 0640 */
    bool sync_full;              /* a commit is on disk when it returns, also over a power cut */
    bool loose_keys;             /* foreign keys not enforced, for migrations that rebuild tables */
    int cache_kib;               /* memory for pages */
    int busy_ms;                 /* how long to wait for a lock */
};
/* Missing file without CREATE: RBE_FAULT. Messages name the path. */
enum rbe_code rbe_db_open(const struct rbe_db_options *o, struct rbe_db **ret, struct rbe_err *e) RBE_MUST_USE;
/* Statements are freed before. */
void rbe_db_close(struct rbe_db *db);
RBE_DEFINE_CLEANUP(db, struct rbe_db, rbe_db_close)
const char *rbe_db_path(const struct rbe_db *db);

/* Puts the file into WAL or rollback-journal mode, for good. */
enum rbe_code rbe_db_set_journal(struct rbe_db *db, bool wal, struct rbe_err *e) RBE_MUST_USE;
/* Runs a script of statements without values; what names it in messages. */
enum rbe_code rbe_db_script(struct rbe_db *db, const char *what, const char *sql, struct rbe_err *e) RBE_MUST_USE;
/* BEGIN IMMEDIATE. */
enum rbe_code rbe_db_begin(struct rbe_db *db, struct rbe_err *e) RBE_MUST_USE;
/* A commit that fails has rolled back. */
enum rbe_code rbe_db_commit(struct rbe_db *db, struct rbe_err *e) RBE_MUST_USE;
/* Does nothing without a transaction. */
void rbe_db_rollback(struct rbe_db *db);
bool rbe_db_in_transaction(const struct rbe_db *db);
/* The schema's number, 0 in a new file. */
enum rbe_code rbe_db_schema(struct rbe_db *db, int64_t *ret, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_db_set_schema(struct rbe_db *db, unsigned number, struct rbe_err *e) RBE_MUST_USE;
/* A number that differs after another connection changed the database. */
enum rbe_code rbe_db_change(struct rbe_db *db, int64_t *ret, struct rbe_err *e) RBE_MUST_USE;
/* Rows that name a missing row: RBE_FAULT with the first one. */
enum rbe_code rbe_db_check_keys(struct rbe_db *db, struct rbe_err *e) RBE_MUST_USE;
/* The structure of the file, and rbe_db_check_keys. */
enum rbe_code rbe_db_check(struct rbe_db *db, struct rbe_err *e) RBE_MUST_USE;
/* Copies the database as it is at this moment into a new file, mode 0600, while others may go on writing (with WAL; else
 * they wait). */
enum rbe_code rbe_db_copy(struct rbe_db *db, const char *path, struct rbe_err *e) RBE_MUST_USE;
int64_t rbe_db_last_id(const struct rbe_db *db);
/* Rows the last writing statement changed. */
int64_t rbe_db_changes(const struct rbe_db *db);

/* what (kept, not copied) names the statement in messages. Freed by rbe_db_free, which takes NULL. */
enum rbe_code rbe_db_prepare(struct rbe_db *db, const char *what, const char *sql, struct rbe_db_stmt **ret,
                             struct rbe_err *e) RBE_MUST_USE;
void rbe_db_free(struct rbe_db_stmt *st);
bool rbe_db_reads_only(const struct rbe_db_stmt *st);

enum rbe_db_type { RBE_DB_NULL, RBE_DB_INT, RBE_DB_TEXT, RBE_DB_BLOB };
struct rbe_db_value {
    enum rbe_db_type type;
    int64_t number;
    const void *bytes;
    size_t len;
};
struct rbe_db_values {
    const struct rbe_db_value *v;
    size_t n;
};
static inline struct rbe_db_value rbe_db_int(int64_t v)
{
    return (struct rbe_db_value){.type = RBE_DB_INT, .number = v};
}
/* 0 stands for no row. */
static inline struct rbe_db_value rbe_db_ref(int64_t id)
{
    return (struct rbe_db_value){.type = id ? RBE_DB_INT : RBE_DB_NULL, .number = id};
}
/* NULL for NULL. */
static inline struct rbe_db_value rbe_db_text(const char *s)
{
    return (struct rbe_db_value){.type = s ? RBE_DB_TEXT : RBE_DB_NULL, .bytes = s};
}
static inline struct rbe_db_value rbe_db_blob(const void *p, size_t n)
{
    return (struct rbe_db_value){.type = RBE_DB_BLOB, .bytes = n ? p : "", .len = n};
}
#define RBE_DB_VALUES(...)                                                        \
    ((struct rbe_db_values){(const struct rbe_db_value[]){__VA_ARGS__},          \
                            RBE_COUNT(((const struct rbe_db_value[]){__VA_ARGS__}))})
#define RBE_DB_NONE ((struct rbe_db_values){NULL, 0})

/* Binds ?1, ?2, … ; what the values point to stays in place until reset. A count that differs from the statement's is
 * an RBE_FAULT. */
enum rbe_code rbe_db_start(struct rbe_db_stmt *st, struct rbe_db_values values, struct rbe_err *e) RBE_MUST_USE;
/* *ret_row false at the end. After a failure the statement is reset. */
enum rbe_code rbe_db_step(struct rbe_db_stmt *st, bool *ret_row, struct rbe_err *e) RBE_MUST_USE;
void rbe_db_reset(struct rbe_db_stmt *st);

/* Columns of the present row, from 0. NULL reads as 0, NULL and no bytes. */
int64_t rbe_db_get_int(struct rbe_db_stmt *st, int column);
const char *rbe_db_get_text(struct rbe_db_stmt *st, int column, struct rbe_arena *arena);
const void *rbe_db_get_blob(struct rbe_db_stmt *st, int column, struct rbe_arena *arena, size_t *ret_n);
/* Exactly n bytes; a value of another length reads as zeros. */
void rbe_db_get_bytes(struct rbe_db_stmt *st, int column, void *ret_bytes, size_t n);

#endif
