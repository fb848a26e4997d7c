/* A directory with fresh databases for one test, and the few lines every test of the store starts with. */
#ifndef RBE_TESTS_STOREHOME_H
#define RBE_TESTS_STOREHOME_H

#include "lib/store/store.h"
#include "lib/wrap/db.h"
#include "tests/unit/must.h"
#include "tests/unit/scratch.h"

struct home {
    char *dir;
    struct rbe_store_options options;
    struct rbe_store *store;         /* opened for writing */
    struct rbe_arena arena;
    struct rbe_err err;
};

static inline void home_make(struct home *h)
{
    *h = (struct home){.dir = scratch_new()};
    h->options.dir = h->dir;
}

static inline void home_remove(struct home *h)
{
    rbe_store_close(h->store);
    rbe_arena_release(&h->arena);
    scratch_free(h->dir);
}

static inline int home_setup(void **state)
{
    struct home *h = rbe_alloc(sizeof(*h));

    home_make(h);
    must(h, rbe_store_migrate(&h->options, NULL, &h->err));
    must(h, rbe_store_open(&h->options, &h->store, &h->err));
    *state = h;
    return 0;
}

/* The same without databases. */
static inline int home_setup_empty(void **state)
{
    struct home *h = rbe_alloc(sizeof(*h));

    home_make(h);
    *state = h;
    return 0;
}

static inline int home_teardown(void **state)
{
    home_remove(*state);
    free(*state);
    return 0;
}

static inline void home_begin(struct home *h)
{
    must(h, rbe_store_begin(h->store, RBE_BASE_RELEASES, &h->err));
}

static inline void home_commit(struct home *h)
{
    must(h, rbe_store_commit(h->store, RBE_BASE_RELEASES, &h->err));
}

/* SQL on a connection of its own, as another program would. */
static inline void home_sql(struct home *h, const char *file, const char *sql)
{
    rbe_autofree char *path = rbe_strfmt("%s/%s", h->dir, file);
    struct rbe_db_options o = {
        .path = path, .mode = RBE_DB_CREATE, .cache_kib = 100, .busy_ms = 5000, .loose_keys = true,
    };
    rbe_autoptr(db) struct rbe_db *db = NULL;

    must(h, rbe_db_open(&o, &db, &h->err));
    must(h, rbe_db_script(db, "test", sql, &h->err));
}

#endif
