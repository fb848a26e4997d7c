#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/store/sql.h"
#include "tests/unit/storehome.h"

/* A walk over a whole table or index; "SCAN (…" and "SCAN CONSTANT ROW" walk what the statement itself has made. */
static bool is_walk(const char *detail)
{
    return strncmp(detail, "SCAN ", 5) == 0 && detail[5] != '(' && !strstr(detail, "CONSTANT ROW");
}

static void explain(struct home *h, enum rbe_sql id)
{
    const struct rbe_sql_text *t = rbe_sql_text(id);
    rbe_autofree char *sql = rbe_strfmt("EXPLAIN QUERY PLAN %s", t->text);
    bool marked = strstr(t->text, "/*scan*/") != NULL, walks = false, row;
    struct rbe_db_stmt *st;
    struct rbe_db *db;

    must(h, rbe_store_db(h->store, t->base, &db, &h->err));
    must(h, rbe_db_prepare(db, t->name, sql, &st, &h->err));
    for (;;) {
        must(h, rbe_db_step(st, &row, &h->err));
        if (!row)
            break;
        const char *detail = rbe_db_get_text(st, 3, &h->arena);

        walks |= is_walk(detail);
        if (is_walk(detail) && !marked)
            fail_msg("%s: %s", t->name, detail);
    }
    rbe_db_free(st);
    if (marked && !walks)
        fail_msg("%s is marked as a scan and is none", t->name);
}

static void test_no_statement_walks_a_table(void **state)
{
    for (enum rbe_sql id = 0; id < RBE_SQL_MAX; id++)
        explain(*state, id);
}

/* The test above has teeth. */
static void test_walks_are_seen(void **state)
{
    (void)state;
    assert_true(is_walk("SCAN job"));
    assert_true(is_walk("SCAN v USING COVERING INDEX x"));
    assert_false(is_walk("SEARCH job USING INDEX job_state (state=?)"));
    assert_false(is_walk("SCAN (subquery-2)"));
    assert_false(is_walk("SCAN CONSTANT ROW"));
}

static void test_every_statement(void **state)
{
    struct home *h = *state;

    for (enum rbe_sql id = 0; id < RBE_SQL_MAX; id++) {
        const struct rbe_sql_text *t = rbe_sql_text(id);
        struct rbe_db_stmt *st;
        struct rbe_db *db;

        assert_non_null(t->name);
        must(h, rbe_store_db(h->store, t->base, &db, &h->err));
        must(h, rbe_db_prepare(db, t->name, t->text, &st, &h->err));
        rbe_db_free(st);
        for (enum rbe_sql other = 0; other < id; other++)
            assert_string_not_equal(t->name, rbe_sql_text(other)->name);
    }
}

static void test_write_needs_a_transaction(void **state)
{
    struct home *h = *state;
    struct rbe_db_values values = RBE_DB_VALUES(rbe_db_text("k"), rbe_db_text("v"));

    expect(h, RBE_FAULT, rbe_sql_run(h->store, RBE_SQL_META_PUT, values, NULL, &h->err));
    assert_non_null(strstr(h->err.text, "meta put outside a transaction"));
    home_begin(h);
    must(h, rbe_sql_run(h->store, RBE_SQL_META_PUT, values, NULL, &h->err));
    home_commit(h);
}

static void read_name(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    *(const char **)ret = rbe_db_get_text(st, 1, arena);
}

static void test_results(void **state)
{
    struct home *h = *state;
    struct rbe_db_values all = RBE_DB_VALUES(rbe_db_text(""), rbe_db_text(""));
    struct rbe_db_values one = RBE_DB_VALUES(rbe_db_text("app-07"));
    struct rbe_db_values page = RBE_DB_VALUES(rbe_db_text(""), rbe_db_text(""), rbe_db_int(0), rbe_db_int(100));
    const char *name = NULL;
    int64_t number = -1, id = -1;
    bool found, new;
    void *rows;
    size_t n;

    must(h, rbe_sql_list(h->store, RBE_SQL_RESOURCE_LIST, page, read_name, sizeof(name), &h->arena, &rows, &n,
                         &h->err));
    assert_int_equal(n, 0);
    home_begin(h);
    for (int i = 0; i < 20; i++) {
        rbe_autofree char *rid = rbe_strfmt("app-%02d", i);
        struct rbe_db_values values = RBE_DB_VALUES(rbe_db_text(rid), rbe_db_text(""), rbe_db_text(""), rbe_db_int(0),
                                                    rbe_db_int(0), rbe_db_int(0), rbe_db_text("[]"), rbe_db_int(0));

        must(h, rbe_sql_put(h->store, RBE_SQL_RESOURCE_PUT, values, &id, &new, &h->err));
        assert_true(new);
        assert_int_equal(id, i + 1);
        must(h, rbe_sql_put(h->store, RBE_SQL_RESOURCE_PUT, values, &id, &new, &h->err));
        assert_false(new);
        assert_int_equal(id, i + 1);
    }
    home_commit(h);
    must(h, rbe_sql_list(h->store, RBE_SQL_RESOURCE_LIST, page, read_name, sizeof(name), &h->arena, &rows, &n,
                         &h->err));
    assert_int_equal(n, 20);
    assert_string_equal(((const char **)rows)[0], "app-00");
    assert_string_equal(((const char **)rows)[19], "app-19");
    must(h, rbe_sql_number(h->store, RBE_SQL_RESOURCE_COUNT, all, &number, &h->err));
    assert_int_equal(number, 20);
    must(h, rbe_sql_number(h->store, RBE_SQL_RESOURCE_NUMBER, RBE_DB_VALUES(rbe_db_int(99)), &number, &h->err));
    assert_int_equal(number, 0);
    must(h, rbe_sql_find(h->store, RBE_SQL_RESOURCE_GET, one, read_name, &h->arena, &name, &found, &h->err));
    assert_true(found);
    assert_string_equal(name, "app-07");
    expect(h, RBE_FAULT, rbe_sql_number(h->store, RBE_SQL_RESOURCE_COUNT, one, &number, &h->err));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, home_setup, home_teardown)
    const struct CMUnitTest tests[] = {
        T(test_no_statement_walks_a_table), T(test_walks_are_seen), T(test_every_statement),
        T(test_write_needs_a_transaction), T(test_results),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
