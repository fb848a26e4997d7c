/* A whole installation in a temporary directory: configuration, databases, storage, and the process' struct rbe_app. */
#ifndef RBE_TESTS_APPSITE_H
#define RBE_TESTS_APPSITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/core/app.h"
#include "lib/wrap/child.h"
#include "lib/wrap/db.h"
#include "lib/wrap/file.h"

struct site {
    char dir[256];               /* the data directory */
    struct rbe_settings settings;
    struct rbe_app *app;
    struct rbe_arena arena;
    struct rbe_err e;
};

/* The code a call gave, with its text in the output when it is not the one expected. */
#define expect(site, want, call)                                              \
    do {                                                                      \
        (site)->e = (struct rbe_err){0};                                      \
        enum rbe_code got_ = (call);                                          \
        if (got_ != (want))                                                   \
            print_error("%s: %s\n", #call, (site)->e.text);                   \
        assert_int_equal(got_, (want));                                       \
    } while (0)
#define must(site, call) expect(site, RBE_OK, call)

static inline void site_write(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static inline void site_open(struct site *s)
{
    must(s, rbe_app_open(&s->settings, RBE_APP_WRITE, &s->app, &s->e));
}

/* Before a fork: SQLite's connections must not be carried over. */
static inline void site_close(struct site *s)
{
    rbe_app_close(s->app);
    s->app = NULL;
}

static inline int site_setup(void **state)
{
    static const char yaml[] = "instance:\n  data_dir: .\nauth:\n  sign_secret: 0123456789abcdef0123456789abcdef\n";
    const char *tmp = getenv("TMPDIR");
    struct site *s = rbe_alloc(sizeof(*s));
    char file[300];

    (void)snprintf(s->dir, sizeof(s->dir), "%s/rbe-site-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    assert_non_null(mkdtemp(s->dir));
    (void)snprintf(file, sizeof(file), "%s/rbe.yaml", s->dir);
    site_write(file, yaml, sizeof(yaml) - 1);
    must(s, rbe_settings_load(file, &s->settings, &s->e));
    must(s, rbe_app_migrate(&s->settings, NULL, &s->e));
    site_open(s);
    *state = s;
    return 0;
}

static inline int site_teardown(void **state)
{
    struct site *s = *state;

    site_close(s);
    rbe_settings_release(&s->settings);
    rbe_arena_release(&s->arena);
    must(s, rbe_dir_remove(s->dir, &s->e));
    free(s);
    return 0;
}

/* The path of something in the data directory; lives as long as the site. */
static inline const char *site_path(struct site *s, const char *below)
{
    return rbe_arena_strfmt(&s->arena, "%s/%s", s->dir, below);
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

/* A shell command with two arguments, $1 and $2. */
static inline void site_shell(struct site *s, const char *command, const char *one, const char *two)
{
    const char *const argv[] = {"sh", "-euc", command, "sh", one, two, NULL};
    const struct rbe_child child = {.argv = argv, .pass_fd = -1, .out_max = 1 << 20};
    rbe_auto(str) struct rbe_str out = {0}, errors = {0};
    struct rbe_child_end end;

    must(s, rbe_child_run(&child, &out, &errors, &end, &s->e));
    if (end.exit != 0)
        print_error("%s: %s\n", command, rbe_str_text(&errors));
    assert_int_equal(end.exit, 0);
}

/* SQL on a connection of its own, as another program would. */
static inline void site_sql(struct site *s, const char *file, const char *sql)
{
    const struct rbe_db_options o = {
        .path = site_path(s, file), .mode = RBE_DB_CREATE, .cache_kib = 100, .busy_ms = 5000, .loose_keys = true};
    rbe_autoptr(db) struct rbe_db *db = NULL;

    must(s, rbe_db_open(&o, &db, &s->e));
    must(s, rbe_db_script(db, "test", sql, &s->e));
}

#endif
