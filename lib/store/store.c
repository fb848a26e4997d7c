#include "lib/store/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/store/migrate.h"
#include "lib/store/sql.h"
#include "lib/wrap/db.h"

enum { BUSY_MS = 10 * 1000, SKIPPED_IDS = 1000000 };

static const struct {
    const char *file;
    bool sync_full;
    int cache_kib;
} bases[RBE_BASE_MAX] = {
    [RBE_BASE_RELEASES] = {.file = "rbe.db", .sync_full = true, .cache_kib = 2560},
    [RBE_BASE_USAGE] = {.file = "usage.db", .sync_full = false, .cache_kib = 256},
};

static enum rbe_code open_base(const char *dir, enum rbe_base base, enum rbe_db_mode mode, bool loose_keys,
                               struct rbe_db **ret, struct rbe_err *e)
{
    rbe_autofree char *path = rbe_strfmt("%s/%s", dir, bases[base].file);
    struct rbe_db_options o = {
        .path = path,
        .mode = mode,
        .sync_full = bases[base].sync_full,
        .loose_keys = loose_keys,
        .cache_kib = bases[base].cache_kib,
        .busy_ms = BUSY_MS,
    };

    if (mode != RBE_DB_CREATE && access(path, F_OK) < 0 && errno == ENOENT)
        return rbe_fail(e, RBE_REFUSED, "database %s is not there: run rbe-admin init", path);
    return rbe_db_open(&o, ret, e);
}

static enum rbe_code open_checked(struct rbe_store *s, enum rbe_base base, struct rbe_err *e)
{
    enum rbe_db_mode mode = s->options.read_only && base == RBE_BASE_RELEASES ? RBE_DB_READ : RBE_DB_WRITE;
    rbe_autoptr(db) struct rbe_db *db = NULL;

    RBE_TRY(open_base(s->dir, base, mode, false, &db, e));
    RBE_TRY(rbe_migrate_check(db, base, e));
    s->db[base] = rbe_steal(db);
    return RBE_OK;
}

enum rbe_code rbe_store_db(struct rbe_store *s, enum rbe_base base, struct rbe_db **ret, struct rbe_err *e)
{
    enum rbe_code code = s->db[base] ? RBE_OK : open_checked(s, base, e);

    *ret = s->db[base];
    /* In the midst of its work nobody asked for anything that could be refused. */
    if (code != RBE_REFUSED || !s->opened)
        return code;
    return e ? (e->code = RBE_UNAVAILABLE) : RBE_UNAVAILABLE;
}

enum rbe_code rbe_store_open(const struct rbe_store_options *o, struct rbe_store **ret, struct rbe_err *e)
{
    rbe_autoptr(store) struct rbe_store *s = rbe_alloc(sizeof(*s));
    struct rbe_db *db;

    s->options = *o;
    s->dir = rbe_strdup(o->dir);
    s->options.dir = s->dir;
    RBE_TRY(rbe_store_db(s, RBE_BASE_RELEASES, &db, e));
    if (!o->read_only)
        RBE_TRY(rbe_store_db(s, RBE_BASE_USAGE, &db, e));
    s->opened = true;
    *ret = rbe_steal(s);
    return RBE_OK;
}

void rbe_store_close(struct rbe_store *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < RBE_SQL_MAX; i++)
        rbe_db_free(s->kept[i]);
    for (size_t i = 0; i < RBE_BASE_MAX; i++)
        rbe_db_close(s->db[i]);
    free(s->dir);
    free(s);
}

static enum rbe_code migrate_base(const struct rbe_store_options *o, enum rbe_base base, unsigned *ret_applied,
                                  struct rbe_err *e)
{
    rbe_autoptr(db) struct rbe_db *db = NULL;

    RBE_TRY(open_base(o->dir, base, RBE_DB_CREATE, true, &db, e));
    RBE_TRY(rbe_migrate_run(db, base, rbe_migrations, rbe_migrations_count, ret_applied, e));
    return rbe_db_set_journal(db, o->journal == RBE_JOURNAL_WAL, e);
}

/* SQLite does not wait for others while it changes the journal mode, so those who bring a database up to date go one after
 * the other. Where the file system has no such locks (NFS may not), it is as without. */
static int lock_dir(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    while (fd >= 0 && flock(fd, LOCK_EX) < 0 && errno == EINTR)
        ;
    return fd;
}

enum rbe_code rbe_store_migrate(const struct rbe_store_options *o, unsigned *ret_applied, struct rbe_err *e)
{
    unsigned applied = 0;

    if (mkdir(o->dir, 0750) < 0 && errno != EEXIST)
        return rbe_fail_errno(e, "cannot make %s", o->dir);
    rbe_autoclose int lock = lock_dir(o->dir);
    (void)lock;
    for (enum rbe_base base = 0; base < RBE_BASE_MAX; base++)
        RBE_TRY(migrate_base(o, base, &applied, e));
    if (ret_applied)
        *ret_applied = applied;
    return RBE_OK;
}

/* A newer rbe may have changed the schema since this process started. What it does not know it must not write to. */
static enum rbe_code check_schema(struct rbe_db *db, enum rbe_base base, struct rbe_err *e)
{
    unsigned knows = rbe_migrate_latest(base);
    int64_t has;

    RBE_TRY(rbe_db_schema(db, &has, e));
    return has == knows ? RBE_OK
                        : rbe_fail(e, RBE_UNAVAILABLE,
                                   "database %s has schema %lld by now, this program was started with %u: restart it",
                                   rbe_db_path(db), (long long)has, knows);
}

enum rbe_code rbe_store_begin(struct rbe_store *s, enum rbe_base base, struct rbe_err *e)
{
    struct rbe_db *db;

    RBE_TRY(rbe_store_db(s, base, &db, e));
    RBE_TRY(rbe_db_begin(db, e));
    enum rbe_code code = check_schema(db, base, e);
    if (code == RBE_OK && base == RBE_BASE_RELEASES)
        code = rbe_change_begin(s, e);
    if (code != RBE_OK)
        rbe_db_rollback(db);
    return code;
}

enum rbe_code rbe_store_commit(struct rbe_store *s, enum rbe_base base, struct rbe_err *e)
{
    struct rbe_db *db;

    RBE_TRY(rbe_store_db(s, base, &db, e));
    return base == RBE_BASE_RELEASES ? rbe_change_commit(s, db, e) : rbe_db_commit(db, e);
}

void rbe_store_rollback(struct rbe_store *s, enum rbe_base base)
{
    if (s->db[base])
        rbe_db_rollback(s->db[base]);
}

enum rbe_code rbe_store_end(struct rbe_store *s, enum rbe_base base, enum rbe_code code, struct rbe_err *e)
{
    if (code == RBE_OK)
        return rbe_store_commit(s, base, e);
    rbe_store_rollback(s, base);
    return code;
}

bool rbe_store_inside(const struct rbe_store *s, enum rbe_base base)
{
    return s->db[base] && rbe_db_in_transaction(s->db[base]);
}

enum rbe_code rbe_store_snapshot_begin(struct rbe_store *s, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_SNAPSHOT_BEGIN, RBE_DB_NONE, NULL, e);
}

void rbe_store_snapshot_end(struct rbe_store *s)
{
    struct rbe_err ignored = {0};

    /* Only ends what read: should it fail, the snapshot goes with a rollback. */
    if (rbe_sql_run(s, RBE_SQL_SNAPSHOT_END, RBE_DB_NONE, NULL, &ignored) != RBE_OK)
        rbe_store_rollback(s, RBE_BASE_RELEASES);
}

enum rbe_code rbe_store_change(struct rbe_store *s, int64_t *ret, struct rbe_err *e)
{
    struct rbe_db *db;

    RBE_TRY(rbe_store_db(s, RBE_BASE_RELEASES, &db, e));
    return rbe_db_change(db, ret, e);
}

enum rbe_code rbe_store_copy(struct rbe_store *s, enum rbe_base base, const char *path, struct rbe_err *e)
{
    struct rbe_db *db;

    RBE_TRY(rbe_store_db(s, base, &db, e));
    return rbe_db_copy(db, path, e);
}

enum rbe_code rbe_store_is_empty(struct rbe_store *s, bool *ret, struct rbe_err *e)
{
    int64_t rows;

    RBE_TRY(rbe_sql_number(s, RBE_SQL_STORE_ROWS, RBE_DB_NONE, &rows, e));
    *ret = rows == 0;
    return RBE_OK;
}

enum rbe_code rbe_store_settle(struct rbe_store *s, struct rbe_err *e)
{
    for (enum rbe_base base = 0; base < RBE_BASE_MAX; base++) {
        struct rbe_db *db;

        RBE_TRY(rbe_store_db(s, base, &db, e));
        RBE_TRY(rbe_db_set_journal(db, false, e));
    }
    return RBE_OK;
}

enum rbe_code rbe_store_skip_ids(struct rbe_store *s, struct rbe_err *e)
{
    RBE_TRY(rbe_store_begin(s, RBE_BASE_RELEASES, e));
    enum rbe_code code = rbe_sql_run(s, RBE_SQL_STORE_SKIP_IDS, RBE_DB_VALUES(rbe_db_int(SKIPPED_IDS)), NULL, e);
    return rbe_store_end(s, RBE_BASE_RELEASES, code, e);
}

enum rbe_code rbe_store_check(struct rbe_store *s, struct rbe_err *e)
{
    for (enum rbe_base base = 0; base < RBE_BASE_MAX; base++) {
        struct rbe_db *db;

        RBE_TRY(rbe_store_db(s, base, &db, e));
        RBE_TRY(rbe_db_check(db, e));
    }
    return RBE_OK;
}

static void read_text(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    *(const char **)ret = rbe_db_get_text(st, 0, arena);
}

enum rbe_code rbe_store_meta_find(struct rbe_store *s, const char *key, struct rbe_arena *arena, const char **ret,
                                  struct rbe_err *e)
{
    bool found;

    *ret = NULL;
    return rbe_sql_find(s, RBE_SQL_META_FIND, RBE_DB_VALUES(rbe_db_text(key)), read_text, arena, ret, &found, e);
}

enum rbe_code rbe_store_meta_put(struct rbe_store *s, const char *key, const char *value, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_META_PUT, RBE_DB_VALUES(rbe_db_text(key), rbe_db_text(value)), NULL, e);
}
