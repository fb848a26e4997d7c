/* A whole installation in a directory of its own for one test: configuration, databases, storage, the open app. */
#ifndef RBE_TESTS_SITE_H
#define RBE_TESTS_SITE_H

#include <dirent.h>

#include "lib/core/app.h"
#include "lib/wrap/db.h"
#include "tests/unit/must.h"
#include "tests/unit/scratch.h"

struct site {
    char *dir;                   /* the data directory */
    struct rbe_settings settings;
    struct rbe_app *app;
    struct rbe_arena arena;
    struct rbe_err err;
};

/* The path of something in the data directory; lives as long as the site. */
static inline const char *site_path(struct site *s, const char *below)
{
    return rbe_arena_strfmt(&s->arena, "%s/%s", s->dir, below);
}

/* Writes the configuration and loads it; nothing else is made. */
static inline void site_configure(struct site *s, const char *yaml)
{
    rbe_autofree char *file = scratch_path(s->dir, "rbe.yaml");

    scratch_write(s->dir, "rbe.yaml", yaml, strlen(yaml), 0600);
    rbe_settings_release(&s->settings);
    must(s, rbe_settings_load(file, &s->settings, &s->err));
}

static inline void site_open(struct site *s)
{
    must(s, rbe_app_open(&s->settings, RBE_APP_WRITE, &s->app, &s->err));
}

/* Before a fork: SQLite's connections must not be carried over. */
static inline void site_close(struct site *s)
{
    rbe_app_close(rbe_steal(s->app));
}

/* A configuration and nothing else. */
static inline int site_setup_empty(void **state)
{
    struct site *s = rbe_alloc(sizeof(*s));

    s->dir = scratch_new();
    site_configure(s, "instance:\n  data_dir: .\nauth:\n  sign_secret: a secret of the tests\n");
    *state = s;
    return 0;
}

static inline int site_setup(void **state)
{
    (void)site_setup_empty(state);
    struct site *s = *state;

    must(s, rbe_app_migrate(&s->settings, NULL, &s->err));
    site_open(s);
    return 0;
}

static inline int site_teardown(void **state)
{
    struct site *s = *state;

    site_close(s);
    rbe_settings_release(&s->settings);
    rbe_arena_release(&s->arena);
    scratch_free(s->dir);
    free(s);
    return 0;
}

/* Names in a directory of the installation. */
static inline size_t site_count(struct site *s, const char *below)
{
    DIR *d = opendir(site_path(s, below));
    size_t n = 0;

    assert_non_null(d);
    for (struct dirent *entry; (entry = readdir(d));)
        n += entry->d_name[0] != '.';
    assert_int_equal(closedir(d), 0);
    return n;
}

/* SQL on a connection of its own, as another program would; file is that of the database in db/. */
static inline void site_sql(struct site *s, const char *file, const char *sql)
{
    rbe_autofree char *path = rbe_strfmt("%s/db/%s", s->dir, file);
    const struct rbe_db_options o = {
        .path = path, .mode = RBE_DB_WRITE, .cache_kib = 100, .busy_ms = 5000, .loose_keys = true};
    rbe_autoptr(db) struct rbe_db *db = NULL;

    must(s, rbe_db_open(&o, &db, &s->err));
    must(s, rbe_db_script(db, "test", sql, &s->err));
}

#endif
