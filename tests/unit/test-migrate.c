#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/store/cdk.h"
#include "lib/store/job.h"
#include "lib/store/lookup.h"
#include "lib/store/migrate.h"
#include "lib/store/token.h"
#include "lib/store/version.h"
#include "tests/unit/storehome.h"

static struct rbe_db *opened(struct home *h, const char *file)
{
    rbe_autofree char *path = rbe_strfmt("%s/%s", h->dir, file);
    struct rbe_db_options o = {
        .path = path, .mode = RBE_DB_CREATE, .cache_kib = 100, .busy_ms = 5000, .loose_keys = true,
    };
    struct rbe_db *db = NULL;

    must(h, rbe_db_open(&o, &db, &h->err));
    return db;
}

static int64_t schema_of(struct home *h, const char *file)
{
    rbe_autoptr(db) struct rbe_db *db = opened(h, file);
    int64_t number;

    must(h, rbe_db_schema(db, &number, &h->err));
    return number;
}

static void test_table_is_the_files(void **state)
{
    unsigned last[RBE_BASE_MAX] = {0};

    (void)state;
    assert_true(rbe_migrations_count >= 2);
    for (size_t i = 0; i < rbe_migrations_count; i++) {
        const struct rbe_migration *m = &rbe_migrations[i];
        rbe_autofree char *path = rbe_strfmt("schema/%s", m->name);
        rbe_autofree char *text = rbe_alloc(1 << 20);
        FILE *f = fopen(path, "r");

        assert_int_equal(m->number, ++last[m->base]);
        assert_non_null(f);
        assert_in_range(fread(text, 1, (1 << 20) - 1, f), 1, (1 << 20) - 2);
        assert_int_equal(fclose(f), 0);
        assert_string_equal(m->text, text);
    }
    for (enum rbe_base base = 0; base < RBE_BASE_MAX; base++)
        assert_int_equal(rbe_migrate_latest(base), last[base]);
}

static void test_fresh_and_again(void **state)
{
    struct home *h = *state;
    unsigned applied = 99;

    must(h, rbe_store_migrate(&h->options, &applied, &h->err));
    assert_int_equal(applied, rbe_migrations_count);
    must(h, rbe_store_migrate(&h->options, &applied, &h->err));
    assert_int_equal(applied, 0);
    assert_int_equal(schema_of(h, "rbe.db"), rbe_migrate_latest(RBE_BASE_RELEASES));
    assert_int_equal(schema_of(h, "usage.db"), rbe_migrate_latest(RBE_BASE_USAGE));
}

static void test_directory_is_made(void **state)
{
    struct home *h = *state;
    struct home below = {.dir = scratch_path(h->dir, "db")};

    below.options.dir = below.dir;
    must(&below, rbe_store_migrate(&below.options, NULL, &below.err));
    home_remove(&below);
    below.options.dir = "/nonexistent/rbe/db";
    expect(&below, RBE_FAULT, rbe_store_migrate(&below.options, NULL, &below.err));
    assert_non_null(strstr(below.err.text, "/nonexistent/rbe/db"));
}

static void test_newer_is_refused(void **state)
{
    static const char *const files[] = {"rbe.db", "usage.db"};
    struct home *h = *state;

    for (size_t i = 0; i < RBE_COUNT(files); i++) {
        unsigned applied;

        must(h, rbe_store_migrate(&h->options, NULL, &h->err));
        home_sql(h, files[i], "PRAGMA user_version = 99");
        expect(h, RBE_REFUSED, rbe_store_migrate(&h->options, &applied, &h->err));
        assert_non_null(strstr(h->err.text, files[i]));
        assert_non_null(strstr(h->err.text, "has schema 99, this program knows up to"));
        assert_int_equal(schema_of(h, files[i]), 99);
        expect(h, RBE_REFUSED, rbe_store_open(&h->options, &h->store, &h->err));
        assert_non_null(strstr(h->err.text, "install a newer rbe"));
        assert_null(h->store);
        rbe_autofree char *back = rbe_strfmt("PRAGMA user_version = %u", rbe_migrate_latest((enum rbe_base)i));
        home_sql(h, files[i], back);
    }
}

static void test_waiting_is_refused_at_open(void **state)
{
    struct home *h = *state;

    expect(h, RBE_REFUSED, rbe_store_open(&h->options, &h->store, &h->err));
    assert_non_null(strstr(h->err.text, "is not there"));
    home_sql(h, "rbe.db", "PRAGMA user_version = 0");
    expect(h, RBE_REFUSED, rbe_store_open(&h->options, &h->store, &h->err));
    assert_non_null(strstr(h->err.text, "run rbe-admin migrate"));
}

/* Three steps of a schema that is not ours; the third makes a table anew that another one names. */
static const struct rbe_migration steps[] = {
    {RBE_BASE_RELEASES, 1, "0001", "CREATE TABLE a (i INTEGER PRIMARY KEY) STRICT;"
                                   "CREATE TABLE b (a INTEGER REFERENCES a (i)) STRICT;"},
    {RBE_BASE_USAGE, 1, "0001-other", "CREATE TABLE other (i INTEGER) STRICT;"},
    {RBE_BASE_RELEASES, 2, "0002", "ALTER TABLE a ADD COLUMN name TEXT NOT NULL DEFAULT 'none';"},
    {RBE_BASE_RELEASES, 3, "0003", "CREATE TABLE a2 (i INTEGER PRIMARY KEY, name TEXT) STRICT;"
                                   "INSERT INTO a2 SELECT i, name FROM a; DROP TABLE a; ALTER TABLE a2 RENAME TO a;"},
    {RBE_BASE_RELEASES, 4, "0004", "DELETE FROM a WHERE i = 1;"},
    {RBE_BASE_RELEASES, 5, "0005", "INSERT INTO a VALUES (77, 'x'); NONSENSE;"},
};

static void test_steps_on_populated_tables(void **state)
{
    struct home *h = *state;
    rbe_autoptr(db) struct rbe_db *db = opened(h, "rbe.db");
    unsigned applied = 0;
    int64_t number;

    must(h, rbe_migrate_run(db, RBE_BASE_RELEASES, steps, 2, &applied, &h->err));
    assert_int_equal(applied, 1);
    must(h, rbe_db_script(db, "fill", "INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1), (2), (2)", &h->err));
    must(h, rbe_migrate_run(db, RBE_BASE_RELEASES, steps, 4, &applied, &h->err));
    assert_int_equal(applied, 3);
    must(h, rbe_db_schema(db, &number, &h->err));
    assert_int_equal(number, 3);
    must(h, rbe_db_check(db, &h->err));
    must(h, rbe_db_script(db, "look", "INSERT INTO b SELECT i FROM a WHERE name = 'none'", &h->err));
    assert_int_equal(rbe_db_changes(db), 2);

    /* one that leaves rows without what they name, and one that is no SQL: nothing of either stays */
    expect(h, RBE_FAULT, rbe_migrate_run(db, RBE_BASE_RELEASES, steps, 5, &applied, &h->err));
    assert_non_null(strstr(h->err.text, "names a missing row"));
    must(h, rbe_db_script(db, "heal", "DELETE FROM b WHERE a = 1", &h->err));
    expect(h, RBE_FAULT, rbe_migrate_run(db, RBE_BASE_RELEASES, steps, 6, &applied, &h->err));
    assert_non_null(strstr(h->err.text, "0005"));
    assert_false(rbe_db_in_transaction(db));
    assert_int_equal(applied, 3);
    must(h, rbe_db_schema(db, &number, &h->err));
    assert_int_equal(number, 3);
    must(h, rbe_db_script(db, "look", "DELETE FROM a", &h->err));
    assert_int_equal(rbe_db_changes(db), 2);
}

/* The first step of ours alone, as an installation of the first release has it. */
static struct rbe_db *first_schema(struct home *h, enum rbe_base base, const char *file)
{
    struct rbe_db *db = opened(h, file);
    unsigned applied = 0;

    for (size_t i = 0; i < rbe_migrations_count; i++)
        if (rbe_migrations[i].base == base && rbe_migrations[i].number == 1)
            must(h, rbe_migrate_run(db, base, &rbe_migrations[i], 1, &applied, &h->err));
    assert_int_equal(applied, 1);
    return db;
}

#define HASH32(digit) "x'" digit digit digit digit digit digit digit digit "'"

/* Every table of the first schema with rows in it, brought up to date: nothing is lost, what is new has its default. */
static void test_first_release_to_now(void **state)
{
    static const char releases[] =
        "INSERT INTO meta VALUES ('order_rules', 'semver datetime');"
        "INSERT INTO resource VALUES (7, 'app', 0, 1, 0, 2, 100, 'App', 'What it is', '[\"a\"]'),"
        " (8, 'other', 1, 0, 1, 0, 101, 'Other', '', '[]');"
        "INSERT INTO version VALUES (11, 7, 1, '1.0.0', 0, 1, x'01', 200, 0, 'note', 'data'),"
        " (12, 7, 2, '2.0.0', 2, 1, x'02', 201, 300, '', '');"
        "INSERT INTO package VALUES"
        " (21, 11, 1, 2, 0, NULL, NULL, 1000, " HASH32("11223344") ", " HASH32("55667788") ", 3, 200, 0, 'zip', 'p/a/a.zip'),"
        " (22, 12, 1, 2, 0, NULL, NULL, 2000, " HASH32("22223344") ", " HASH32("66667788") ", 4, 201, 400, 'zip', 'p/b/b.zip'),"
        " (23, 12, 1, 2, 1, 22, 21, 300, " HASH32("33223344") ", zeroblob(32), 0, 202, 0, 'zip', 'p/c/c.zip');"
        "INSERT INTO offer VALUES (7, 1, 2, 0, 1, x'01', 1, 11, 21);"
        "INSERT INTO token VALUES (31, " HASH32("44223344") ", 'ci', 0, 'app', 500, 0, 0),"
        " (32, " HASH32("45223344") ", 'old', 1, NULL, 500, 600, 550);"
        "INSERT INTO cdk VALUES (41, " HASH32("55223344") ", 'ABCD', 7, 5, 700, 800, 0);";
    static const char usage[] =
        "INSERT INTO job VALUES (51, 0, 2, 1, 9, 22, 21, 1, 900, 901, 902, 903, 0, 0, '', 'files:22:21', 'done well'),"
        " (52, 0, 1, 2, 8, 22, 20, 1, 900, 901, 902, 0, 77, 78, 'host', 'files:22:20', ''),"
        " (53, 0, 0, 0, 7, 22, 19, 1, 900, 901, 0, 0, 0, 0, '', 'files:22:19', '');";
    struct home *h = *state;
    struct rbe_db *db = first_schema(h, RBE_BASE_RELEASES, "rbe.db");
    struct rbe_package k;
    struct rbe_version v;
    struct rbe_token *tokens;
    struct rbe_cdk cdk;
    struct rbe_job *jobs;
    struct rbe_lookup_offer *offers;
    const struct rbe_lookup of = {.rid = "app", .system = 1, .arch = 2};
    size_t n;

    must(h, rbe_db_script(db, "fill", releases, &h->err));
    rbe_db_close(db);
    db = first_schema(h, RBE_BASE_USAGE, "usage.db");
    must(h, rbe_db_script(db, "fill", usage, &h->err));
    rbe_db_close(db);

    must(h, rbe_store_migrate(&h->options, NULL, &h->err));
    must(h, rbe_store_open(&h->options, &h->store, &h->err));
    must(h, rbe_store_check(h->store, &h->err));
    must(h, rbe_package_get(h->store, 22, &h->arena, &k, &h->err));
    assert_int_equal(k.size, 2000);
    assert_int_equal(k.purged_at, 400);
    assert_int_equal(k.removed_at, 0);
    assert_string_equal(k.path, "p/b/b.zip");
    must(h, rbe_package_get(h->store, 23, &h->arena, &k, &h->err));
    assert_int_equal(k.target, 22);
    assert_int_equal(k.source, 21);
    must(h, rbe_version_get(h->store, 12, &h->arena, &v, &h->err));
    assert_string_equal(v.name, "2.0.0");
    assert_int_equal(v.withdrawn_at, 300);
    must(h, rbe_lookup_offers(h->store, &of, &h->arena, &offers, &n, &h->err));
    assert_int_equal(n, 1);
    assert_int_equal(offers->package, 21);
    must(h, rbe_token_list(h->store, &h->arena, &tokens, &n, &h->err));
    assert_int_equal(n, 2);
    assert_string_equal(tokens[0].rid, "app");
    must(h, rbe_cdk_get(h->store, 41, &h->arena, &cdk, &h->err));
    assert_int_equal(cdk.daily_limit, 5);
    must(h, rbe_job_list(h->store, -1, 10, &h->arena, &jobs, &n, &h->err));
    assert_int_equal(n, 3);
    assert_string_equal(jobs[2].note, "done well");
    assert_string_equal(jobs[2].payload, "");
    assert_int_equal(jobs[2].cpu_ms, 0);
    assert_int_equal(jobs[1].worker.pid, 77);
    /* and it can be written */
    home_begin(h);
    must(h, rbe_version_set_data(h->store, 11, "another", NULL, &h->err));
    must(h, rbe_offer_refresh(h->store, 7, &h->err));
    home_commit(h);
    must(h, rbe_job_forget(h->store, RBE_JOB_PATCH, 904, &h->err));
    must(h, rbe_job_list(h->store, -1, 10, &h->arena, &jobs, &n, &h->err));
    assert_int_equal(n, 2);
}

static void test_many_at_once(void **state)
{
    enum { PROCESSES = 6 };
    struct home *h = *state;
    pid_t pids[PROCESSES];
    unsigned total = 0;

    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            struct rbe_err e = {0};
            unsigned applied = 0;

            if (rbe_store_migrate(&h->options, &applied, &e) != RBE_OK) {
                (void)fprintf(stderr, "%s\n", e.text);
                applied = 100;
            }
            _exit((int)applied);
        }
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        total += (unsigned)WEXITSTATUS(status);
    }
    assert_int_equal(total, rbe_migrations_count);
    must(h, rbe_store_open(&h->options, &h->store, &h->err));
    must(h, rbe_store_check(h->store, &h->err));
}

static void test_journal_is_as_configured(void **state)
{
    struct home *h = *state;
    rbe_autofree char *wal = rbe_strfmt("%s/rbe.db-wal", h->dir);

    for (int i = 0; i < 4; i++) {
        h->options.journal = i % 2 ? RBE_JOURNAL_DELETE : RBE_JOURNAL_WAL;
        must(h, rbe_store_migrate(&h->options, NULL, &h->err));
        must(h, rbe_store_open(&h->options, &h->store, &h->err));
        home_begin(h);
        must(h, rbe_store_meta_put(h->store, "k", "v", &h->err));
        home_commit(h);
        assert_int_equal(access(wal, F_OK), i % 2 ? -1 : 0);
        rbe_store_close(rbe_steal(h->store));
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, home_setup_empty, home_teardown)
    const struct CMUnitTest tests[] = {
        T(test_table_is_the_files), T(test_fresh_and_again), T(test_directory_is_made), T(test_newer_is_refused),
        T(test_waiting_is_refused_at_open), T(test_steps_on_populated_tables),
        T(test_first_release_to_now), T(test_many_at_once),
        T(test_journal_is_as_configured),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
