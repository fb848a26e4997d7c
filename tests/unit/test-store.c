#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <sys/wait.h>

#include "lib/store/job.h"
#include "lib/store/migrate.h"
#include "lib/store/resource.h"
#include "lib/store/version.h"
#include "tests/unit/storehome.h"

static struct rbe_store *opened(struct home *h, bool read_only)
{
    struct rbe_store_options o = h->options;
    struct rbe_store *s = NULL;

    o.read_only = read_only;
    must(h, rbe_store_open(&o, &s, &h->err));
    return s;
}

static void put_meta(struct home *h, const char *key, const char *value)
{
    home_begin(h);
    must(h, rbe_store_meta_put(h->store, key, value, &h->err));
    home_commit(h);
}

static void test_meta(void **state)
{
    struct home *h = *state;
    const char *text = "unset";

    must(h, rbe_store_meta_find(h->store, "order_rules", &h->arena, &text, &h->err));
    assert_null(text);
    put_meta(h, "order_rules", "semver/1");
    put_meta(h, "order_rules", "semver/2");
    put_meta(h, "other", "");
    must(h, rbe_store_meta_find(h->store, "order_rules", &h->arena, &text, &h->err));
    assert_string_equal(text, "semver/2");
    must(h, rbe_store_meta_find(h->store, "other", &h->arena, &text, &h->err));
    assert_string_equal(text, "");
}

/* A newer rbe migrates while this process is at work: it may read on, and not write. */
static void test_schema_changes(void **state)
{
    static const char *const files[RBE_BASE_MAX] = {[RBE_BASE_RELEASES] = "rbe.db", [RBE_BASE_USAGE] = "usage.db"};
    struct home *h = *state;
    const char *text;

    put_meta(h, "k", "v");
    for (enum rbe_base base = 0; base < RBE_BASE_MAX; base++) {
        rbe_autofree char *back = rbe_strfmt("PRAGMA user_version = %u", rbe_migrate_latest(base));

        home_sql(h, files[base], "PRAGMA user_version = 99");
        expect(h, RBE_UNAVAILABLE, rbe_store_begin(h->store, base, &h->err));
        assert_non_null(strstr(h->err.text, files[base]));
        assert_non_null(strstr(h->err.text, "has schema 99 by now"));
        must(h, rbe_store_meta_find(h->store, "k", &h->arena, &text, &h->err));
        assert_string_equal(text, "v");
        home_sql(h, files[base], back);
        must(h, rbe_store_begin(h->store, base, &h->err));
        rbe_store_rollback(h->store, base);
    }
}

static void test_rollback(void **state)
{
    struct home *h = *state;
    const char *text;

    rbe_store_rollback(h->store, RBE_BASE_RELEASES);
    home_begin(h);
    must(h, rbe_store_meta_put(h->store, "k", "v", &h->err));
    rbe_store_rollback(h->store, RBE_BASE_RELEASES);
    rbe_store_rollback(h->store, RBE_BASE_RELEASES);
    must(h, rbe_store_meta_find(h->store, "k", &h->arena, &text, &h->err));
    assert_null(text);
    expect(h, RBE_FAULT, rbe_store_meta_put(h->store, "k", "v", &h->err));
    expect(h, RBE_FAULT, rbe_store_commit(h->store, RBE_BASE_RELEASES, &h->err));
}

static void test_change_number(void **state)
{
    struct home *h = *state;
    rbe_autoptr(store) struct rbe_store *reader = opened(h, true);
    int64_t before, after, own;

    must(h, rbe_store_change(reader, &before, &h->err));
    must(h, rbe_store_change(h->store, &own, &h->err));
    must(h, rbe_store_change(reader, &after, &h->err));
    assert_int_equal(before, after);
    put_meta(h, "k", "v");
    must(h, rbe_store_change(reader, &after, &h->err));
    assert_int_not_equal(before, after);
    must(h, rbe_store_change(h->store, &after, &h->err));
    assert_int_equal(own, after);

    /* the queue is not part of it */
    struct rbe_job j = {.subject = "files:1:2"};
    must(h, rbe_store_change(reader, &before, &h->err));
    must(h, rbe_job_put(h->store, &j, NULL, &h->err));
    must(h, rbe_store_change(reader, &after, &h->err));
    assert_int_equal(before, after);
}

/* The same with databases that keep a rollback journal. */
static struct home *without_wal(struct home *h)
{
    rbe_store_close(rbe_steal(h->store));
    h->options.journal = RBE_JOURNAL_DELETE;
    must(h, rbe_store_migrate(&h->options, NULL, &h->err));
    must(h, rbe_store_open(&h->options, &h->store, &h->err));
    return h;
}

/* A worker that has just read sees what another process commits, in its next question. */
static void readers_keep_no_snapshot(struct home *h)
{
    rbe_autoptr(store) struct rbe_store *reader = opened(h, true);
    struct rbe_resource_filter all = {.limit = 10};
    struct rbe_resource *list, r = {0};
    int64_t total;
    size_t n;

    for (int i = 0; i < 5; i++) {
        rbe_autofree char *rid = rbe_strfmt("app-%d", i);
        struct rbe_resource made = {.rid = rid};

        expect(h, RBE_NOTFOUND, rbe_resource_get(reader, rid, &h->arena, &r, &h->err));
        must(h, rbe_resource_list(reader, &all, &h->arena, &list, &n, &total, &h->err));
        assert_int_equal(total, i);
        home_begin(h);
        must(h, rbe_resource_put(h->store, &made, &h->err));
        home_commit(h);
        must(h, rbe_resource_get(reader, rid, &h->arena, &r, &h->err));
        assert_int_equal(r.id, made.id);
    }
}

static void test_readers_keep_no_snapshot(void **state)
{
    readers_keep_no_snapshot(*state);
}

static void test_readers_keep_no_snapshot_without_wal(void **state)
{
    readers_keep_no_snapshot(without_wal(*state));
}

/* As a web server starts one program for one request: nobody else has the database open. */
static void test_reader_alone(void **state)
{
    struct home *h = *state;
    rbe_autofree char *wal = rbe_strfmt("%s/rbe.db-wal", h->dir);
    const char *text;

    put_meta(h, "k", "v");
    rbe_store_close(rbe_steal(h->store));
    assert_int_equal(access(wal, F_OK), -1);
    for (int i = 0; i < 2; i++) {
        rbe_autoptr(store) struct rbe_store *reader = opened(h, true);

        must(h, rbe_store_meta_find(reader, "k", &h->arena, &text, &h->err));
        assert_string_equal(text, "v");
        expect(h, RBE_FAULT, rbe_store_begin(reader, RBE_BASE_RELEASES, &h->err));
    }
    h->store = opened(h, false);
    put_meta(h, "k", "w");
}

/* A writer that died left its changes in the WAL. */
static void test_reader_after_a_crash(void **state)
{
    struct home *h = *state;
    const char *text;
    int status;

    rbe_store_close(rbe_steal(h->store));
    pid_t pid = fork();
    if (pid == 0) {
        struct rbe_err e = {0};
        struct rbe_store *s;

        if (rbe_store_open(&h->options, &s, &e) || rbe_store_begin(s, RBE_BASE_RELEASES, &e) ||
            rbe_store_meta_put(s, "k", "kept", &e) || rbe_store_commit(s, RBE_BASE_RELEASES, &e) ||
            rbe_store_begin(s, RBE_BASE_RELEASES, &e) || rbe_store_meta_put(s, "k", "lost", &e))
            _exit(1);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    rbe_autoptr(store) struct rbe_store *reader = opened(h, true);
    must(h, rbe_store_meta_find(reader, "k", &h->arena, &text, &h->err));
    assert_string_equal(text, "kept");
}

static void test_read_only_opens_usage_late(void **state)
{
    struct home *h = *state;
    rbe_autofree char *usage = rbe_strfmt("%s/usage.db", h->dir), *away = rbe_strfmt("%s/away", h->dir);
    struct rbe_job j = {.subject = "files:1:2"};
    const char *text;
    bool new;

    rbe_store_close(rbe_steal(h->store));
    assert_int_equal(rename(usage, away), 0);
    rbe_autoptr(store) struct rbe_store *reader = opened(h, true);
    must(h, rbe_store_meta_find(reader, "k", &h->arena, &text, &h->err));
    expect(h, RBE_UNAVAILABLE, rbe_job_put(reader, &j, &new, &h->err));
    assert_non_null(strstr(h->err.text, "usage.db is not there"));
    expect(h, RBE_UNAVAILABLE, rbe_job_put(reader, &j, &new, NULL));
    assert_int_equal(rename(away, usage), 0);
    must(h, rbe_job_put(reader, &j, &new, &h->err));
    assert_true(new);
}

static void test_check(void **state)
{
    struct home *h = *state;

    must(h, rbe_store_check(h->store, &h->err));
    home_sql(h, "rbe.db", "INSERT INTO version VALUES (1, 99, 1, '1', 0, 0, x'', 0, 0, '', '')");
    expect(h, RBE_FAULT, rbe_store_check(h->store, &h->err));
    assert_non_null(strstr(h->err.text, "row 1 of table version names a missing row of resource"));
}

static void test_schema_refuses_nonsense(void **state)
{
    struct home *h = *state;
    struct rbe_version v = {.resource = 7, .name = "1"};

    home_begin(h);
    expect(h, RBE_FAULT, rbe_version_put(h->store, &v, &h->err));
    assert_non_null(strstr(h->err.text, "version put: FOREIGN KEY"));
    struct rbe_resource r = {.rid = "app", .access = (enum rbe_resource_access)9};
    expect(h, RBE_FAULT, rbe_resource_put(h->store, &r, &h->err));
    r = (struct rbe_resource){.rid = NULL};
    expect(h, RBE_FAULT, rbe_resource_put(h->store, &r, &h->err));
    rbe_store_rollback(h->store, RBE_BASE_RELEASES);
}

static int publish(const struct rbe_store_options *o, int who, int count)
{
    rbe_autoptr(store) struct rbe_store *s = NULL;
    struct rbe_err e = {0};
    int bad = 0;

    if (rbe_store_open(o, &s, &e) != RBE_OK)
        return 1;
    for (int i = 0; i < count && !bad; i++) {
        rbe_autofree char *name = rbe_strfmt("%d.%d", who, i);
        struct rbe_version v = {.resource = 1, .name = name};

        bad = rbe_store_begin(s, RBE_BASE_RELEASES, &e) || rbe_version_put(s, &v, &e) ||
              rbe_store_commit(s, RBE_BASE_RELEASES, &e);
        if (bad)
            (void)fprintf(stderr, "%s\n", e.text);
    }
    return bad;
}

/* Every process gets its numbers, no two the same, none left out. */
static void writers_at_once(struct home *h)
{
    enum { PROCESSES = 4, EACH = 10 };
    struct rbe_version_filter all = {.resource = 1, .channel = -1, .limit = 100};
    struct rbe_resource r = {.rid = "app"};
    struct rbe_version *list;
    pid_t pids[PROCESSES];
    int64_t total;
    size_t n;

    home_begin(h);
    must(h, rbe_resource_put(h->store, &r, &h->err));
    home_commit(h);
    rbe_store_close(rbe_steal(h->store));
    for (int i = 0; i < PROCESSES; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(publish(&h->options, i, EACH));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    must(h, rbe_store_open(&h->options, &h->store, &h->err));
    must(h, rbe_version_list(h->store, &all, &h->arena, &list, &n, &total, &h->err));
    assert_int_equal(n, PROCESSES * EACH);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(list[i].number, n - i);
}

static void test_writers_at_once(void **state)
{
    writers_at_once(*state);
}

static void test_writers_at_once_without_wal(void **state)
{
    writers_at_once(without_wal(*state));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)
    const struct CMUnitTest tests[] = {
        T(test_meta), T(test_schema_changes), T(test_rollback), T(test_change_number), T(test_readers_keep_no_snapshot),
        T(test_readers_keep_no_snapshot_without_wal), T(test_reader_alone), T(test_reader_after_a_crash),
        T(test_read_only_opens_usage_late), T(test_check), T(test_schema_refuses_nonsense), T(test_writers_at_once),
        T(test_writers_at_once_without_wal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
