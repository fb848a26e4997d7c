/* A directory with an installation of its own for one test: configuration, databases, the open app. */
#ifndef RBE_TESTS_APPHOME_H
#define RBE_TESTS_APPHOME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/app.h"
#include "lib/wrap/db.h"
#include "lib/wrap/file.h"

struct apphome {
    char dir[256], file[300];
    struct rbe_settings settings;
    struct rbe_app *app;
    struct rbe_arena arena;
    struct rbe_err err;
};

#define expect(home, want, call)                          \
    do {                                                  \
        enum rbe_code got_ = (call);                      \
        if (got_ != (want))                               \
            print_error("%s: %s\n", #call, (home)->err.text);\
        assert_int_equal(got_, (want));                   \
    } while (0)
#define must(home, call) expect(home, RBE_OK, call)

/* Writes the configuration and loads it; nothing else is made. */
static inline void apphome_configure(struct apphome *h, const char *text)
{
    must(h, rbe_file_put(h->file, text, strlen(text), 0600, &h->err));
    rbe_settings_release(&h->settings);
    must(h, rbe_settings_load(h->file, &h->settings, &h->err));
}

static inline int apphome_setup_empty(void **state)
{
    struct apphome *h = rbe_alloc(sizeof(*h));
    const char *tmp = getenv("TMPDIR");

    (void)snprintf(h->dir, sizeof(h->dir), "%s/rbe-app-XXXXXX", tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(h->dir));
    (void)snprintf(h->file, sizeof(h->file), "%s/rbe.yaml", h->dir);
    apphome_configure(h, "instance:\n  data_dir: .\nauth:\n  sign_secret: a secret of the tests\n");
    *state = h;
    return 0;
}

static inline int apphome_setup(void **state)
{
    (void)apphome_setup_empty(state);
    struct apphome *h = *state;

    must(h, rbe_app_migrate(&h->settings, NULL, &h->err));
    must(h, rbe_app_open(&h->settings, RBE_APP_WRITE, &h->app, &h->err));
    return 0;
}

static inline int apphome_teardown(void **state)
{
    struct apphome *h = *state;

    rbe_app_close(h->app);
    rbe_settings_release(&h->settings);
    rbe_arena_release(&h->arena);
    must(h, rbe_dir_remove(h->dir, &h->err));
    free(h);
    return 0;
}

/* SQL on a connection of its own, as another program would. */
static inline void apphome_sql(struct apphome *h, const char *sql)
{
    rbe_autofree char *path = rbe_strfmt("%s/db/rbe.db", h->settings.instance.data_dir);
    struct rbe_db_options o = {.path = path, .mode = RBE_DB_WRITE, .cache_kib = 100, .busy_ms = 5000};
    rbe_autoptr(db) struct rbe_db *db = NULL;

    must(h, rbe_db_open(&o, &db, &h->err));
    must(h, rbe_db_script(db, "test", sql, &h->err));
}

#endif
