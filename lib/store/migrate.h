/* The schema, brought up to date.
 *
 * schema/NNNN-<database>-<topic>.sql are compiled in as one table. PRAGMA user_version of a database is the greatest
 * number applied to it. A migration runs in one transaction together with all others that wait, with foreign keys not
 * enforced (so that it may rebuild tables) and checked before the commit.
 */
#ifndef RBE_STORE_MIGRATE_H
#define RBE_STORE_MIGRATE_H

#include <stddef.h>

#include "lib/store/store.h"
#include "lib/wrap/db.h"

struct rbe_migration {
    enum rbe_base base;
    unsigned number;             /* from 1, without gaps within a database */
    const char *name;
    const char *text;
};

/* Made from schema/ at build time; within a database in order of number. */
extern const struct rbe_migration rbe_migrations[];
extern const size_t rbe_migrations_count;

/* The schema this program knows for a database. */
unsigned rbe_migrate_latest(enum rbe_base base);
/* Applies those of table that db, the database base, does not have yet, and adds their count to *ret_applied. Safe in
 * any number of processes at once. A schema newer than the table: RBE_REFUSED. */
enum rbe_code rbe_migrate_run(struct rbe_db *db, enum rbe_base base, const struct rbe_migration *table, size_t n,
                              unsigned *ret_applied, struct rbe_err *e) RBE_MUST_USE;
/* That db has exactly the schema this program knows; else RBE_REFUSED, saying what to do. */
enum rbe_code rbe_migrate_check(struct rbe_db *db, enum rbe_base base, struct rbe_err *e) RBE_MUST_USE;

#endif
