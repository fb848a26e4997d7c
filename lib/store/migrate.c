#include "lib/store/migrate.h"

#include <inttypes.h>

static unsigned latest_of(enum rbe_base base, const struct rbe_migration *table, size_t n)
{
    unsigned latest = 0;

    for (size_t i = 0; i < n; i++)
        if (table[i].base == base && table[i].number > latest)
            latest = table[i].number;
    return latest;
}

static enum rbe_code refuse_newer(const struct rbe_db *db, int64_t has, unsigned knows, struct rbe_err *e)
{
    return rbe_fail(e, RBE_REFUSED,
                    "database %s has schema %" PRId64 ", this program knows up to %u: install a newer rbe",
                    rbe_db_path(db), has, knows);
}

unsigned rbe_migrate_latest(enum rbe_base base)
{
    return latest_of(base, rbe_migrations, rbe_migrations_count);
}

static enum rbe_code apply(struct rbe_db *db, enum rbe_base base, const struct rbe_migration *table, size_t n,
                           unsigned *ret_applied, struct rbe_err *e)
{
    unsigned latest = latest_of(base, table, n), applied = 0;
    int64_t has;

    /* Asked again, now that nobody else can change it. */
    RBE_TRY(rbe_db_schema(db, &has, e));
    if (has > latest)
        return refuse_newer(db, has, latest, e);
    for (size_t i = 0; i < n; i++) {
        if (table[i].base != base || table[i].number <= has)
            continue;
        RBE_TRY(rbe_db_script(db, table[i].name, table[i].text, e));
        RBE_TRY(rbe_db_set_schema(db, table[i].number, e));
        applied++;
    }
    if (applied)
        RBE_TRY(rbe_db_check_keys(db, e));
    *ret_applied = applied;
    return RBE_OK;
}

enum rbe_code rbe_migrate_run(struct rbe_db *db, enum rbe_base base, const struct rbe_migration *table, size_t n,
                              unsigned *ret_applied, struct rbe_err *e)
{
    unsigned applied = 0;
    int64_t has;

    RBE_TRY(rbe_db_schema(db, &has, e));
    if (has == latest_of(base, table, n))
        return RBE_OK;
    RBE_TRY(rbe_db_begin(db, e));
    enum rbe_code code = apply(db, base, table, n, &applied, e);
    if (code == RBE_OK)
        code = rbe_db_commit(db, e);
    rbe_db_rollback(db);
    if (code == RBE_OK)
        *ret_applied += applied;
    return code;
}

enum rbe_code rbe_migrate_check(struct rbe_db *db, enum rbe_base base, struct rbe_err *e)
{
    unsigned knows = rbe_migrate_latest(base);
    int64_t has;

    RBE_TRY(rbe_db_schema(db, &has, e));
    if (has > knows)
        return refuse_newer(db, has, knows, e);
    if (has < knows)
        return rbe_fail(e, RBE_REFUSED,
                        "database %s has schema %" PRId64 ", this program needs %u: run rbe-admin migrate",
                        rbe_db_path(db), has, knows);
    return RBE_OK;
}
