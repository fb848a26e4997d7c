/* lib/store/change with lib/base/fresh: whoever changes what an answer rests on, those who keep answers learn of it. */
#include "tests/unit/storehome.h"

#include "lib/base/fresh.h"
#include "lib/store/change.h"
#include "lib/store/package.h"
#include "lib/store/resource.h"
#include "lib/store/token.h"
#include "lib/store/version.h"

/* A home whose store tells, with a second store that reads. */
struct watched {
    struct home h;
    struct rbe_share *share;
    struct rbe_store *reader;
};

static int setup(void **state)
{
    struct watched *w = rbe_alloc(sizeof(*w));
    struct home *h = &w->h;

    home_make(h);
    must(h, rbe_store_migrate(&h->options, NULL, &h->err));
    must(h, rbe_store_open(&h->options, &h->store, &h->err));
    must(h, rbe_store_open(&h->options, &w->reader, &h->err));
    w->share = rbe_alloc(sizeof(*w->share));
    rbe_store_tell(h->store, w->share);
    rbe_store_tell(w->reader, w->share);
    must(h, rbe_store_catch_up(w->reader, &h->err));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct watched *w = *state;

    rbe_store_close(w->reader);
    free(w->share);
    home_remove(&w->h);
    free(w);
    return 0;
}

static void add_resource(struct watched *w, const char *rid, bool touch)
{
    struct rbe_resource r = {.rid = rid, .created_at = 1};
    struct home *h = &w->h;

    home_begin(h);
    if (touch)
        rbe_store_touch(h->store, rid);
    must(h, rbe_resource_put(h->store, &r, &h->err));
    home_commit(h);
}

static void test_touched_resources_alone_are_told(void **state)
{
    struct watched *w = *state;
    struct rbe_fresh a = rbe_fresh_mark(w->share, "app-a"), b = rbe_fresh_mark(w->share, "app-b");

    assert_int_not_equal(a.word, b.word);
    assert_true(rbe_fresh_holds(w->share, &a));
    add_resource(w, "app-a", true);
    assert_false(rbe_fresh_holds(w->share, &a));
    assert_true(rbe_fresh_holds(w->share, &b));
    /* Nothing is left to be found out. */
    must(&w->h, rbe_store_catch_up(w->reader, &w->h.err));
    assert_true(rbe_fresh_holds(w->share, &b));
}

static void test_untouched_changes_are_told_to_all(void **state)
{
    struct watched *w = *state;
    struct rbe_fresh b = rbe_fresh_mark(w->share, "app-b");

    add_resource(w, "app-a", false);
    assert_false(rbe_fresh_holds(w->share, &b));
}

static void test_too_many_touched_are_told_to_all(void **state)
{
    struct watched *w = *state;
    struct rbe_fresh b = rbe_fresh_mark(w->share, "app-b");
    struct rbe_resource r = {.rid = "app-a", .created_at = 1};
    char rid[16];

    home_begin(&w->h);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(rid, sizeof(rid), "many-%d", i);
        rbe_store_touch(w->h.store, rid);
    }
    must(&w->h, rbe_resource_put(w->h.store, &r, &w->h.err));
    home_commit(&w->h);
    assert_false(rbe_fresh_holds(w->share, &b));
}

static void test_what_no_answer_rests_on_is_not_told(void **state)
{
    struct watched *w = *state;
    struct rbe_fresh b = rbe_fresh_mark(w->share, "app-b");
    struct rbe_token t = {.name = "ci", .created_at = 1};

    home_begin(&w->h);
    must(&w->h, rbe_token_put(w->h.store, &t, &w->h.err));
    home_commit(&w->h);
    home_begin(&w->h);
    rbe_store_rollback(w->h.store, RBE_BASE_RELEASES);
    must(&w->h, rbe_store_catch_up(w->reader, &w->h.err));
    assert_true(rbe_fresh_holds(w->share, &b));
}

/* A program that knows nothing of the shared file: every kind of change of it is found. */
static void test_foreign_changes_are_found(void **state)
{
    static const char *const changes[] = {
        "INSERT INTO version VALUES (7, 1, 1, '1.0.0', 0, 1, x'00', 1, 0, '', '');"
        "INSERT INTO package (id, version, system, arch, format, size, sha256, tree, files, created_at, file_type, path)"
        " VALUES (9, 7, 0, 0, 0, 1, zeroblob(32), zeroblob(32), 0, 1, 'zip', 'p/a');"
        "INSERT INTO offer VALUES (1, 0, 0, 0, 1, x'00', 1, 7, 9)",
        "UPDATE resource SET access = 1",
        "UPDATE version SET release_note = 'other'",
        "UPDATE package SET purged_at = 5",
        "DELETE FROM offer",
        "DELETE FROM package",
        "DELETE FROM version",
        "DELETE FROM resource",
    };
    struct watched *w = *state;

    add_resource(w, "app-a", true);
    must(&w->h, rbe_store_catch_up(w->reader, &w->h.err));
    for (size_t i = 0; i < RBE_COUNT(changes); i++) {
        struct rbe_fresh b = rbe_fresh_mark(w->share, "app-b");

        home_sql(&w->h, "rbe.db", changes[i]);
        assert_true(rbe_fresh_holds(w->share, &b));
        must(&w->h, rbe_store_catch_up(w->reader, &w->h.err));
        if (rbe_fresh_holds(w->share, &b))
            fail_msg("not found: %s", changes[i]);
        /* Found once, for all. */
        b = rbe_fresh_mark(w->share, "app-b");
        must(&w->h, rbe_store_catch_up(w->reader, &w->h.err));
        assert_true(rbe_fresh_holds(w->share, &b));
    }
}

/* A writer killed between its commit and its telling, and another that commits before anybody looked. */
static void test_a_later_commit_does_not_hide_an_untold_one(void **state)
{
    struct watched *w = *state;

    add_resource(w, "app-a", true);
    must(&w->h, rbe_store_catch_up(w->reader, &w->h.err));
    struct rbe_fresh a = rbe_fresh_mark(w->share, "app-a");
    home_sql(&w->h, "rbe.db", "UPDATE resource SET access = 1 WHERE rid = 'app-a'");
    add_resource(w, "app-b", true);
    assert_false(rbe_fresh_holds(w->share, &a));
}

static void test_nothing_is_fresh_without_a_shared_file(void **state)
{
    struct rbe_fresh mark = rbe_fresh_mark(NULL, "app");

    (void)state;
    assert_false(rbe_fresh_holds(NULL, &mark));
    rbe_fresh_bump(NULL, mark.word);
    rbe_fresh_bump_all(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_touched_resources_alone_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_untouched_changes_are_told_to_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_many_touched_are_told_to_all, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_no_answer_rests_on_is_not_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_foreign_changes_are_found, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_later_commit_does_not_hide_an_untold_one, setup, teardown),
        cmocka_unit_test(test_nothing_is_fresh_without_a_shared_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
