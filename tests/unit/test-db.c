#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "lib/wrap/db.h"
#include "tests/unit/storehome.h"

/* rbe.db of the home, as a plain database. */
static struct rbe_db *opened(struct home *h, enum rbe_db_mode mode, int busy_ms)
{
    rbe_autofree char *path = rbe_strfmt("%s/rbe.db", h->dir);
    struct rbe_db_options o = {.path = path, .mode = mode, .cache_kib = 100, .busy_ms = busy_ms};
    struct rbe_db *db = NULL;

    must(h, rbe_db_open(&o, &db, &h->err));
    return db;
}

static void test_open(void **state)
{
    struct home *h = *state;
    rbe_autofree char *path = rbe_strfmt("%s/rbe.db", h->dir);
    struct rbe_db_options o = {.path = path, .mode = RBE_DB_WRITE, .cache_kib = 100, .busy_ms = 10};
    struct rbe_db *db = NULL;
    struct stat st;

    expect(h, RBE_FAULT, rbe_db_open(&o, &db, &h->err));
    assert_non_null(strstr(h->err.text, path));
    assert_null(db);

    mode_t old = umask(0);
    rbe_db_close(opened(h, RBE_DB_CREATE, 10));
    (void)umask(old);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    db = opened(h, RBE_DB_CREATE, 10);
    assert_string_equal(rbe_db_path(db), path);
    rbe_db_close(db);
    rbe_db_close(NULL);

    o.path = "/nonexistent/rbe.db";
    o.mode = RBE_DB_CREATE;
    expect(h, RBE_FAULT, rbe_db_open(&o, &db, &h->err));
}

static void test_not_a_database(void **state)
{
    struct home *h = *state;
    rbe_autofree char *path = rbe_strfmt("%s/rbe.db", h->dir);
    struct rbe_db_options o = {.path = path, .mode = RBE_DB_WRITE, .cache_kib = 100, .busy_ms = 10};
    rbe_autoptr(db) struct rbe_db *db = NULL;
    int64_t number;
    char junk[4096];

    FILE *f = fopen(path, "w");
    assert_non_null(f);
    memset(junk, 'x', sizeof(junk));
    assert_int_equal(fwrite(junk, 1, sizeof(junk), f), sizeof(junk));
    assert_int_equal(fclose(f), 0);
    enum rbe_code code = rbe_db_open(&o, &db, &h->err);
    if (code == RBE_OK)
        code = rbe_db_schema(db, &number, &h->err);
    expect(h, RBE_FAULT, code);
    assert_non_null(strstr(h->err.text, "not a database"));
}

static void test_values(void **state)
{
    struct home *h = *state;
    rbe_autoptr(db) struct rbe_db *db = opened(h, RBE_DB_CREATE, 10);
    static const unsigned char bytes[] = {0, 1, 0xff};
    struct rbe_db_stmt *put, *get;
    unsigned char three[3], two[2] = {7, 7};
    const void *blob;
    bool row;
    size_t n;

    must(h, rbe_db_script(db, "make", "CREATE TABLE t (i INTEGER, s TEXT, b BLOB, r INTEGER) STRICT", &h->err));
    must(h, rbe_db_prepare(db, "put", "INSERT INTO t VALUES (?1, ?2, ?3, ?4)", &put, &h->err));
    must(h, rbe_db_prepare(db, "get", "SELECT i, s, b, r FROM t ORDER BY rowid", &get, &h->err));
    assert_false(rbe_db_reads_only(put));
    assert_true(rbe_db_reads_only(get));

    must(h, rbe_db_start(put, RBE_DB_VALUES(rbe_db_int(INT64_MIN), rbe_db_text("ä'\"?"), rbe_db_blob(bytes, 3),
                                            rbe_db_ref(5)), &h->err));
    must(h, rbe_db_step(put, &row, &h->err));
    assert_false(row);
    assert_int_equal(rbe_db_changes(db), 1);
    assert_int_equal(rbe_db_last_id(db), 1);
    rbe_db_reset(put);
    must(h, rbe_db_start(put, RBE_DB_VALUES(rbe_db_int(INT64_MAX), rbe_db_text(NULL), rbe_db_blob(NULL, 0),
                                            rbe_db_ref(0)), &h->err));
    must(h, rbe_db_step(put, &row, &h->err));
    rbe_db_reset(put);

    must(h, rbe_db_start(get, RBE_DB_NONE, &h->err));
    must(h, rbe_db_step(get, &row, &h->err));
    assert_true(row);
    assert_true(rbe_db_get_int(get, 0) == INT64_MIN);
    assert_string_equal(rbe_db_get_text(get, 1, &h->arena), "ä'\"?");
    blob = rbe_db_get_blob(get, 2, &h->arena, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(blob, bytes, 3);
    rbe_db_get_bytes(get, 2, three, 3);
    assert_memory_equal(three, bytes, 3);
    rbe_db_get_bytes(get, 2, two, 2);
    assert_memory_equal(two, "\0\0", 2);
    assert_int_equal(rbe_db_get_int(get, 3), 5);
    must(h, rbe_db_step(get, &row, &h->err));
    assert_true(rbe_db_get_int(get, 0) == INT64_MAX);
    assert_null(rbe_db_get_text(get, 1, &h->arena));
    assert_non_null(rbe_db_get_blob(get, 2, &h->arena, &n));
    assert_int_equal(n, 0);
    assert_int_equal(rbe_db_get_int(get, 3), 0);
    must(h, rbe_db_step(get, &row, &h->err));
    assert_false(row);
    rbe_db_reset(get);
    rbe_db_free(put);
    rbe_db_free(get);
    rbe_db_free(NULL);
}

static void test_refusals(void **state)
{
    struct home *h = *state;
    rbe_autoptr(db) struct rbe_db *db = opened(h, RBE_DB_CREATE, 10);
    struct rbe_db_stmt *st = NULL;
    bool row;

    must(h, rbe_db_script(db, "make", "CREATE TABLE t (i INTEGER PRIMARY KEY, p INTEGER REFERENCES t (i)) STRICT",
                          &h->err));
    expect(h, RBE_FAULT, rbe_db_prepare(db, "wrong words", "SELEKT 1", &st, &h->err));
    assert_non_null(strstr(h->err.text, "wrong words"));
    expect(h, RBE_FAULT, rbe_db_prepare(db, "two", "SELECT 1; SELECT 2", &st, &h->err));
    expect(h, RBE_FAULT, rbe_db_prepare(db, "none", "", &st, &h->err));
    /* a double-quoted name is never taken for a text */
    expect(h, RBE_FAULT, rbe_db_prepare(db, "quotes", "SELECT \"nothing\" FROM t", &st, &h->err));
    assert_null(st);

    must(h, rbe_db_prepare(db, "insert", "INSERT INTO t VALUES (?1, ?2)", &st, &h->err));
    expect(h, RBE_FAULT, rbe_db_start(st, RBE_DB_VALUES(rbe_db_int(1)), &h->err));
    assert_non_null(strstr(h->err.text, "takes 2 values, not 1"));
    must(h, rbe_db_start(st, RBE_DB_VALUES(rbe_db_int(1), rbe_db_int(9)), &h->err));
    expect(h, RBE_FAULT, rbe_db_step(st, &row, &h->err));
    assert_non_null(strstr(h->err.text, "FOREIGN KEY"));
    must(h, rbe_db_start(st, RBE_DB_VALUES(rbe_db_int(1), rbe_db_ref(0)), &h->err));
    must(h, rbe_db_step(st, &row, &h->err));
    rbe_db_reset(st);
    must(h, rbe_db_start(st, RBE_DB_VALUES(rbe_db_int(1), rbe_db_ref(0)), &h->err));
    expect(h, RBE_FAULT, rbe_db_step(st, &row, &h->err));
    assert_non_null(strstr(h->err.text, "insert: UNIQUE"));
    rbe_db_free(st);
}

static void test_transactions(void **state)
{
    struct home *h = *state;
    rbe_autoptr(db) struct rbe_db *one = opened(h, RBE_DB_CREATE, 10);
    rbe_autoptr(db) struct rbe_db *two = opened(h, RBE_DB_WRITE, 10);
    int64_t before, after;

    must(h, rbe_db_script(one, "make", "CREATE TABLE t (i INTEGER) STRICT", &h->err));
    must(h, rbe_db_change(two, &before, &h->err));
    must(h, rbe_db_begin(one, &h->err));
    assert_true(rbe_db_in_transaction(one));
    expect(h, RBE_FAULT, rbe_db_begin(one, &h->err));
    expect(h, RBE_UNAVAILABLE, rbe_db_begin(two, &h->err));
    must(h, rbe_db_script(one, "put", "INSERT INTO t VALUES (1)", &h->err));
    must(h, rbe_db_change(two, &after, &h->err));
    assert_int_equal(before, after);
    must(h, rbe_db_commit(one, &h->err));
    assert_false(rbe_db_in_transaction(one));
    must(h, rbe_db_change(two, &after, &h->err));
    assert_int_not_equal(before, after);
    expect(h, RBE_FAULT, rbe_db_commit(one, &h->err));

    must(h, rbe_db_begin(two, &h->err));
    must(h, rbe_db_script(two, "put", "INSERT INTO t VALUES (2)", &h->err));
    rbe_db_rollback(two);
    rbe_db_rollback(two);
    assert_false(rbe_db_in_transaction(two));
    must(h, rbe_db_begin(one, &h->err));
    rbe_db_rollback(one);
}

static void test_commit_blocked_by_a_reader(void **state)
{
    struct home *h = *state;
    rbe_autoptr(db) struct rbe_db *writer = opened(h, RBE_DB_CREATE, 10);
    struct rbe_db_stmt *st;
    bool row;

    must(h, rbe_db_script(writer, "make", "CREATE TABLE t (i INTEGER) STRICT; INSERT INTO t VALUES (1), (2)", &h->err));
    rbe_autoptr(db) struct rbe_db *reader = opened(h, RBE_DB_READ, 10);
    must(h, rbe_db_prepare(reader, "read", "SELECT i FROM t", &st, &h->err));
    must(h, rbe_db_step(st, &row, &h->err));
    must(h, rbe_db_begin(writer, &h->err));
    must(h, rbe_db_script(writer, "put", "INSERT INTO t VALUES (3)", &h->err));
    expect(h, RBE_UNAVAILABLE, rbe_db_commit(writer, &h->err));
    assert_false(rbe_db_in_transaction(writer));
    rbe_db_free(st);
    must(h, rbe_db_begin(writer, &h->err));
    must(h, rbe_db_commit(writer, &h->err));
}

static void test_read_only(void **state)
{
    struct home *h = *state;
    rbe_autoptr(db) struct rbe_db *writer = opened(h, RBE_DB_CREATE, 10);

    must(h, rbe_db_script(writer, "make", "CREATE TABLE t (i INTEGER) STRICT", &h->err));
    rbe_autoptr(db) struct rbe_db *reader = opened(h, RBE_DB_READ, 10);
    expect(h, RBE_FAULT, rbe_db_script(reader, "put", "INSERT INTO t VALUES (1)", &h->err));
    assert_non_null(strstr(h->err.text, "readonly"));
}

static void test_full(void **state)
{
    struct home *h = *state;
    rbe_autoptr(db) struct rbe_db *db = opened(h, RBE_DB_CREATE, 10);

    must(h, rbe_db_script(db, "make", "CREATE TABLE t (b BLOB) STRICT; PRAGMA max_page_count = 4", &h->err));
    expect(h, RBE_NOSPACE, rbe_db_script(db, "fill", "INSERT INTO t VALUES (zeroblob(100000))", &h->err));
}

static void test_journal(void **state)
{
    struct home *h = *state;
    rbe_autofree char *wal = rbe_strfmt("%s/rbe.db-wal", h->dir);
    rbe_autoptr(db) struct rbe_db *db = opened(h, RBE_DB_CREATE, 10);

    must(h, rbe_db_set_journal(db, true, &h->err));
    must(h, rbe_db_set_journal(db, true, &h->err));
    must(h, rbe_db_script(db, "make", "CREATE TABLE t (i INTEGER) STRICT", &h->err));
    assert_int_equal(access(wal, F_OK), 0);
    {
        rbe_autoptr(db) struct rbe_db *other = opened(h, RBE_DB_WRITE, 10);
        int64_t number;

        must(h, rbe_db_schema(other, &number, &h->err));
        expect(h, RBE_UNAVAILABLE, rbe_db_set_journal(db, false, &h->err));
    }
    must(h, rbe_db_set_journal(db, false, &h->err));
    assert_int_equal(access(wal, F_OK), -1);
}

static void test_schema_number(void **state)
{
    struct home *h = *state;
    rbe_autoptr(db) struct rbe_db *db = opened(h, RBE_DB_CREATE, 10);
    int64_t number;

    must(h, rbe_db_schema(db, &number, &h->err));
    assert_int_equal(number, 0);
    must(h, rbe_db_begin(db, &h->err));
    must(h, rbe_db_set_schema(db, 7, &h->err));
    rbe_db_rollback(db);
    must(h, rbe_db_schema(db, &number, &h->err));
    assert_int_equal(number, 0);
    must(h, rbe_db_set_schema(db, 7, &h->err));
    must(h, rbe_db_schema(db, &number, &h->err));
    assert_int_equal(number, 7);
}

static void test_check(void **state)
{
    struct home *h = *state;
    rbe_autofree char *path = rbe_strfmt("%s/rbe.db", h->dir);
    rbe_autoptr(db) struct rbe_db *db = opened(h, RBE_DB_CREATE, 10);
    static const char zeros[64];

    must(h, rbe_db_script(db, "make", "CREATE TABLE a (i INTEGER PRIMARY KEY, b INTEGER REFERENCES a (i)) STRICT",
                          &h->err));
    must(h, rbe_db_check(db, &h->err));
    home_sql(h, "rbe.db", "INSERT INTO a VALUES (3, 9)");
    expect(h, RBE_FAULT, rbe_db_check_keys(db, &h->err));
    assert_non_null(strstr(h->err.text, "row 3 of table a names a missing row of a"));
    expect(h, RBE_FAULT, rbe_db_check(db, &h->err));
    home_sql(h, "rbe.db", "DELETE FROM a; "
                          "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
                          "INSERT INTO a SELECT i, NULL FROM n");
    must(h, rbe_db_check(db, &h->err));
    rbe_db_close(rbe_steal(db));
    /* Written by a child: closing a descriptor of the file would drop the locks of this process. */
    pid_t pid = fork();
    if (pid == 0) {
        int fd = open(path, O_WRONLY);

        _exit(fd >= 0 && pwrite(fd, zeros, sizeof(zeros), 8192) == (ssize_t)sizeof(zeros) ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    db = opened(h, RBE_DB_WRITE, 10);
    expect(h, RBE_FAULT, rbe_db_check(db, &h->err));
}

/* A writer killed within its commit, without WAL: its pages are half in the file, its journal beside it. Readers go on,
 * those that are there and those that come, and see nothing of it. */
static void test_hot_journal(void **state)
{
    enum { READERS = 2 };
    struct home *h = *state;
    struct rbe_db *reader[READERS] = {NULL};
    rbe_autofree char *journal = rbe_strfmt("%s/rbe.db-journal", h->dir);
    int status;

    home_sql(h, "rbe.db", "CREATE TABLE a (i INTEGER, t TEXT) STRICT; INSERT INTO a VALUES (1, 'kept')");
    reader[0] = opened(h, RBE_DB_READ, 1000);
    pid_t pid = fork();
    if (pid == 0) {
        rbe_autofree char *path = rbe_strfmt("%s/rbe.db", h->dir);
        struct rbe_db_options o = {.path = path, .mode = RBE_DB_WRITE, .cache_kib = 16, .busy_ms = 10};
        struct rbe_db *db = NULL;

        /* more than the cache holds, so that it goes to the file before the commit */
        if (rbe_db_open(&o, &db, NULL) == RBE_OK && rbe_db_begin(db, NULL) == RBE_OK &&
            rbe_db_script(db, "write",
                          "UPDATE a SET t = 'lost';"
                          "WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
                          "INSERT INTO a SELECT i, 'a text of some length ' || i FROM n", NULL) == RBE_OK)
            (void)kill(getpid(), SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(access(journal, F_OK), 0);
    for (size_t i = 0; i < READERS; i++) {
        struct rbe_db_stmt *st = NULL;
        bool row;

        if (!reader[i])
            reader[i] = opened(h, RBE_DB_READ, 1000);
        must(h, rbe_db_prepare(reader[i], "look", "SELECT max(i), t FROM a", &st, &h->err));
        must(h, rbe_db_step(st, &row, &h->err));
        assert_true(row);
        assert_int_equal(rbe_db_get_int(st, 0), 1);
        assert_string_equal(rbe_db_get_text(st, 1, &h->arena), "kept");
        rbe_db_free(st);
        assert_int_equal(access(journal, F_OK), -1);
    }
    for (size_t i = 0; i < READERS; i++)
        rbe_db_close(reader[i]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, home_setup_empty, home_teardown)
    const struct CMUnitTest tests[] = {
        T(test_open), T(test_not_a_database), T(test_values), T(test_refusals), T(test_transactions),
        T(test_commit_blocked_by_a_reader), T(test_read_only), T(test_full), T(test_journal), T(test_schema_number),
        T(test_check), T(test_hot_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
