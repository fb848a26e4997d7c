#include "lib/wrap/db.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { WAL_KEPT_BYTES = 4 << 20 };

struct rbe_db {
    sqlite3 *handle;
    char *path;
    int busy_ms;
    struct rbe_db_stmt *change;      /* PRAGMA data_version */
};

struct rbe_db_stmt {
    struct rbe_db *db;
    sqlite3_stmt *handle;
    const char *what;
};

static enum rbe_code code_of(const struct rbe_db *db, int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        abort();
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return RBE_UNAVAILABLE;
    case SQLITE_FULL:
        return RBE_NOSPACE;
    case SQLITE_READONLY:
        return rc == SQLITE_READONLY_ROLLBACK ? RBE_UNAVAILABLE : RBE_FAULT;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN: {
        int no = sqlite3_system_errno(db->handle);

        if (rc == SQLITE_IOERR_NOMEM)
            abort();
        return no == ENOSPC || no == EDQUOT ? RBE_NOSPACE : RBE_FAULT;
    }
    default:
        return RBE_FAULT;
    }
}

static enum rbe_code fail(struct rbe_db *db, int rc, const char *what, struct rbe_err *e)
{
    enum rbe_code code = code_of(db, rc);
    const char *text = sqlite3_errcode(db->handle) == SQLITE_OK ? sqlite3_errstr(rc) : sqlite3_errmsg(db->handle);

    return rbe_fail(e, code, "database %s: %s: %s (%d)", db->path, what, text, rc);
}

/* A writer that was killed within its commit leaves a journal that a reader may not roll back, so the database is opened
 * for writing as well, for just that. True: what failed with rc can be tried again. */
static bool heal(const struct rbe_db *db, int rc)
{
    sqlite3 *writer = NULL;

    if (rc != SQLITE_READONLY_ROLLBACK)
        return false;
    rc = sqlite3_open_v2(db->path, &writer, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_busy_timeout(writer, db->busy_ms);
    /* whatever reads rolls back first */
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(writer, "PRAGMA schema_version", NULL, NULL, NULL);
    (void)sqlite3_close(writer);
    return rc == SQLITE_OK;
}

/* SQLite would make it readable by everyone. */
static enum rbe_code make_file(const char *path, struct rbe_err *e)
{
    rbe_autoclose int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);

    if (fd < 0 && errno != EEXIST)
        return rbe_fail_errno(e, "cannot make database %s", path);
    return RBE_OK;
}

static enum rbe_code set_up(struct rbe_db *db, const struct rbe_db_options *o, struct rbe_err *e)
{
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
    };
    char sql[256];

    for (size_t i = 0; i < RBE_COUNT(options); i++)
        if (sqlite3_db_config(db->handle, options[i].option, options[i].value, (int *)NULL) != SQLITE_OK)
            return rbe_fail(e, RBE_FAULT, "database %s: option %d was refused", db->path, options[i].option);
    (void)sqlite3_extended_result_codes(db->handle, 1);
    (void)sqlite3_busy_timeout(db->handle, o->busy_ms);
    (void)snprintf(sql, sizeof(sql),
                   "PRAGMA foreign_keys=%d; PRAGMA synchronous=%s; PRAGMA cache_size=-%d; PRAGMA mmap_size=0; "
                   "PRAGMA temp_store=memory; PRAGMA journal_size_limit=%d",
                   o->loose_keys ? 0 : 1, o->sync_full ? "full" : "normal", o->cache_kib, (int)WAL_KEPT_BYTES);
    return rbe_db_script(db, "set-up", sql, e);
}

/* No thread of ours shares the library, and nobody asks how much memory it took: both would cost at every allocation. Only
 * before its first use; it refuses later on, when it is as wanted already. */
static void configure(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

enum rbe_code rbe_db_open(const struct rbe_db_options *o, struct rbe_db **ret, struct rbe_err *e)
{
    int flags = SQLITE_OPEN_NOMUTEX | (o->mode == RBE_DB_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
    rbe_autoptr(db) struct rbe_db *db = rbe_alloc(sizeof(*db));

    if (o->mode == RBE_DB_CREATE)
        RBE_TRY(make_file(o->path, e));
    db->path = rbe_strdup(o->path);
    db->busy_ms = o->busy_ms;
    configure();
    int rc = sqlite3_open_v2(o->path, &db->handle, flags, NULL);
    if (!db->handle)
        abort();
    if (rc != SQLITE_OK)
        return fail(db, rc, "cannot be opened", e);
    RBE_TRY(set_up(db, o, e));
    *ret = rbe_steal(db);
    return RBE_OK;
}

void rbe_db_close(struct rbe_db *db)
{
    if (!db)
        return;
    rbe_db_free(db->change);
    (void)sqlite3_close_v2(db->handle);
    free(db->path);
    free(db);
}

const char *rbe_db_path(const struct rbe_db *db)
{
    return db->path;
}

enum rbe_code rbe_db_script(struct rbe_db *db, const char *what, const char *sql, struct rbe_err *e)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);

    if (heal(db, rc))
        rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? RBE_OK : fail(db, rc, what, e);
}

enum rbe_code rbe_db_begin(struct rbe_db *db, struct rbe_err *e)
{
    /* SQLite would begin a transaction that only fails at its first write. */
    if (sqlite3_db_readonly(db->handle, "main") == 1)
        return rbe_fail(e, RBE_FAULT, "database %s: begin: opened for reading only", db->path);
    return rbe_db_script(db, "begin", "BEGIN IMMEDIATE", e);
}

enum rbe_code rbe_db_commit(struct rbe_db *db, struct rbe_err *e)
{
    enum rbe_code code = rbe_db_script(db, "commit", "COMMIT", e);

    if (code != RBE_OK)
        rbe_db_rollback(db);
    return code;
}

void rbe_db_rollback(struct rbe_db *db)
{
    /* Cannot fail in a way that leaves the transaction open: SQLite drops it with the connection's locks. */
    if (rbe_db_in_transaction(db))
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
}

bool rbe_db_in_transaction(const struct rbe_db *db)
{
    return !sqlite3_get_autocommit(db->handle);
}

int64_t rbe_db_last_id(const struct rbe_db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}

int64_t rbe_db_changes(const struct rbe_db *db)
{
    return sqlite3_changes(db->handle);
}

enum rbe_code rbe_db_prepare(struct rbe_db *db, const char *what, const char *sql, struct rbe_db_stmt **ret,
                             struct rbe_err *e)
{
    sqlite3_stmt *handle = NULL;
    const char *tail = NULL;
    int rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, &tail);

    if (heal(db, rc))
        rc = sqlite3_prepare_v3(db->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, &tail);
    if (rc != SQLITE_OK)
        return fail(db, rc, what, e);
    if (!handle || *tail) {
        (void)sqlite3_finalize(handle);
        return rbe_fail(e, RBE_FAULT, "database %s: %s: not one statement", db->path, what);
    }
    *ret = rbe_alloc(sizeof(**ret));
    **ret = (struct rbe_db_stmt){.db = db, .handle = handle, .what = what};
    return RBE_OK;
}

void rbe_db_free(struct rbe_db_stmt *st)
{
    if (!st)
        return;
    (void)sqlite3_finalize(st->handle);
    free(st);
}

bool rbe_db_reads_only(const struct rbe_db_stmt *st)
{
    return sqlite3_stmt_readonly(st->handle);
}

static int bind_value(sqlite3_stmt *handle, int place, const struct rbe_db_value *v)
{
    switch (v->type) {
    case RBE_DB_INT:
        return sqlite3_bind_int64(handle, place, v->number);
    case RBE_DB_TEXT:
        return sqlite3_bind_text(handle, place, v->bytes, -1, SQLITE_STATIC);
    case RBE_DB_BLOB:
        return sqlite3_bind_blob64(handle, place, v->bytes, v->len, SQLITE_STATIC);
    case RBE_DB_NULL:
        break;
    }
    return sqlite3_bind_null(handle, place);
}

enum rbe_code rbe_db_start(struct rbe_db_stmt *st, struct rbe_db_values values, struct rbe_err *e)
{
    int want = sqlite3_bind_parameter_count(st->handle);

    if ((size_t)want != values.n)
        return rbe_fail(e, RBE_FAULT, "database %s: %s takes %d values, not %zu", st->db->path, st->what, want,
                        values.n);
    for (int i = 0; i < want; i++) {
        int rc = bind_value(st->handle, i + 1, &values.v[i]);

        if (rc != SQLITE_OK) {
            enum rbe_code code = fail(st->db, rc, st->what, e);

            rbe_db_reset(st);
            return code;
        }
    }
    return RBE_OK;
}

enum rbe_code rbe_db_step(struct rbe_db_stmt *st, bool *ret_row, struct rbe_err *e)
{
    int rc = sqlite3_step(st->handle);

    if (heal(st->db, rc)) {
        (void)sqlite3_reset(st->handle);
        rc = sqlite3_step(st->handle);
    }
    *ret_row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return RBE_OK;
    enum rbe_code code = fail(st->db, rc, st->what, e);
    rbe_db_reset(st);
    return code;
}

void rbe_db_reset(struct rbe_db_stmt *st)
{
    /* Repeats the failure of the last step, which was told. */
    (void)sqlite3_reset(st->handle);
    (void)sqlite3_clear_bindings(st->handle);
}

int64_t rbe_db_get_int(struct rbe_db_stmt *st, int column)
{
    return sqlite3_column_int64(st->handle, column);
}

const char *rbe_db_get_text(struct rbe_db_stmt *st, int column, struct rbe_arena *arena)
{
    if (sqlite3_column_type(st->handle, column) == SQLITE_NULL)
        return NULL;
    const char *text = (const char *)sqlite3_column_text(st->handle, column);
    if (!text)
        abort();
    return rbe_arena_strdup(arena, text);
}

const void *rbe_db_get_blob(struct rbe_db_stmt *st, int column, struct rbe_arena *arena, size_t *ret_n)
{
    const void *p = sqlite3_column_blob(st->handle, column);
    int n = sqlite3_column_bytes(st->handle, column);

    *ret_n = (size_t)n;
    void *copy = rbe_arena_alloc(arena, (size_t)n);
    return n ? memcpy(copy, p, (size_t)n) : copy;
}

void rbe_db_get_bytes(struct rbe_db_stmt *st, int column, void *ret_bytes, size_t n)
{
    const void *p = sqlite3_column_blob(st->handle, column);

    if (p && (size_t)sqlite3_column_bytes(st->handle, column) == n)
        memcpy(ret_bytes, p, n);
    else
        memset(ret_bytes, 0, n);
}

/* The first column of the first row, as number and as text (cut to the buffer). */
static enum rbe_code ask(struct rbe_db *db, const char *what, const char *sql, int64_t *ret_number, char *ret_text,
                         size_t size, bool *ret_row, struct rbe_err *e)
{
    struct rbe_db_stmt *st = NULL;

    RBE_TRY(rbe_db_prepare(db, what, sql, &st, e));
    enum rbe_code code = rbe_db_step(st, ret_row, e);
    if (code == RBE_OK && *ret_row) {
        const unsigned char *text = sqlite3_column_text(st->handle, 0);

        *ret_number = rbe_db_get_int(st, 0);
        (void)snprintf(ret_text, size, "%s", text ? (const char *)text : "");
    }
    rbe_db_free(st);
    return code;
}

enum rbe_code rbe_db_set_journal(struct rbe_db *db, bool wal, struct rbe_err *e)
{
    const char *want = wal ? "wal" : "delete";
    char now[16] = "";
    int64_t number;
    bool row;

    /* Asked before it is set: setting takes a lock that readers in other processes would have to let go. */
    RBE_TRY(ask(db, "journal mode", "PRAGMA journal_mode", &number, now, sizeof(now), &row, e));
    if (strcmp(now, want) == 0)
        return RBE_OK;
    RBE_TRY(ask(db, "journal mode", wal ? "PRAGMA journal_mode=wal" : "PRAGMA journal_mode=delete", &number, now,
                sizeof(now), &row, e));
    if (strcmp(now, want) != 0)
        return rbe_fail(e, RBE_UNAVAILABLE, "database %s: journal mode stays %s, %s was asked for", db->path, now,
                        want);
    return RBE_OK;
}

enum rbe_code rbe_db_schema(struct rbe_db *db, int64_t *ret, struct rbe_err *e)
{
    char text[24];
    bool row;

    return ask(db, "schema number", "PRAGMA user_version", ret, text, sizeof(text), &row, e);
}

enum rbe_code rbe_db_set_schema(struct rbe_db *db, unsigned number, struct rbe_err *e)
{
    char sql[64];

    (void)snprintf(sql, sizeof(sql), "PRAGMA user_version=%u", number);
    return rbe_db_script(db, "schema number", sql, e);
}

enum rbe_code rbe_db_change(struct rbe_db *db, int64_t *ret, struct rbe_err *e)
{
    bool row;

    if (!db->change)
        RBE_TRY(rbe_db_prepare(db, "change number", "PRAGMA data_version", &db->change, e));
    RBE_TRY(rbe_db_step(db->change, &row, e));
    *ret = rbe_db_get_int(db->change, 0);
    rbe_db_reset(db->change);
    return RBE_OK;
}

static int copy_all(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");
    int rc;

    if (!copy)
        return sqlite3_errcode(to);
    /* all pages in one step: between steps a writer in another process would make it begin again */
    rc = sqlite3_backup_step(copy, -1);
    int end = sqlite3_backup_finish(copy);
    return rc == SQLITE_DONE ? end : rc;
}

enum rbe_code rbe_db_copy(struct rbe_db *db, const char *path, struct rbe_err *e)
{
    rbe_autoclose int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    sqlite3 *to = NULL;

    if (fd < 0)
        return rbe_fail_errno(e, "cannot make %s", path);
    int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_READWRITE, NULL);
    if (!to)
        abort();
    if (rc == SQLITE_OK)
        rc = copy_all(db->handle, to);
    (void)sqlite3_close(to);
    return rc == SQLITE_OK ? RBE_OK : fail(db, rc, "copy", e);
}

enum rbe_code rbe_db_check_keys(struct rbe_db *db, struct rbe_err *e)
{
    struct rbe_db_stmt *st = NULL;
    bool row;

    RBE_TRY(rbe_db_prepare(db, "key check", "PRAGMA foreign_key_check", &st, e));
    enum rbe_code code = rbe_db_step(st, &row, e);
    if (code == RBE_OK && row)
        code = rbe_fail(e, RBE_FAULT, "database %s: row %" PRId64 " of table %s names a missing row of %s", db->path,
                        rbe_db_get_int(st, 1), (const char *)sqlite3_column_text(st->handle, 0),
                        (const char *)sqlite3_column_text(st->handle, 2));
    rbe_db_free(st);
    return code;
}

enum rbe_code rbe_db_check(struct rbe_db *db, struct rbe_err *e)
{
    char text[256] = "";
    int64_t number;
    bool row;

    RBE_TRY(ask(db, "check", "PRAGMA quick_check(1)", &number, text, sizeof(text), &row, e));
    if (strcmp(text, "ok") != 0)
        return rbe_fail(e, RBE_FAULT, "database %s is damaged: %s", db->path, text);
    return rbe_db_check_keys(db, e);
}
