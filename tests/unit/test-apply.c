/* lib/patch/apply: a change that was cut off after any number of its steps goes on, or back, to its end. */
#include "tests/unit/scratch.h"

#include "lib/patch/apply.h"
#include "lib/patch/installed.h"

struct tree {
    char *dir;
    struct rbe_home home;
    struct rbe_journal journal;
    struct rbe_err e;
};

static void state_file(const struct rbe_home_set *set, const char *name, const char *text)
{
    rbe_auto(str) struct rbe_str bytes = {0};
    struct rbe_err e = {0};

    rbe_str_puts(&bytes, text);
    assert_int_equal(rbe_home_put_at(set->fd, name, &bytes, &e), RBE_OK);
}

/* A tree of app, doc/a, and a journal that changes app, takes doc away and brings new/b. */
static void set_up(struct tree *t)
{
    struct rbe_home_set set;
    bool busy;

    *t = (struct tree){.dir = scratch_new()};
    assert_int_equal(rbe_home_open(t->dir, &t->home, &t->e), RBE_OK);
    assert_int_equal(rbe_home_lock(&t->home, t->dir, &busy, &t->e), RBE_OK);
    assert_false(busy);
    scratch_text(t->dir, "app", "old app");
    assert_int_equal(scratch_sh("mkdir \"$1/doc\"; echo -n a >\"$1/doc/a\"", t->dir, NULL, NULL), 0);
    memcpy(t->journal.set, "00000000000000aa", RBE_SET_NAME);
    t->journal.undo = true;
    rbe_journal_add(&t->journal, RBE_STEP_DEL, 0, "doc/a");
    rbe_journal_add(&t->journal, RBE_STEP_RMDIR, 0755, "doc");
    rbe_journal_add(&t->journal, RBE_STEP_MKDIR, 0755, "new");
    rbe_journal_add(&t->journal, RBE_STEP_PUT, 1, "new/b");
    rbe_journal_add(&t->journal, RBE_STEP_PUT, 2, "app");
    assert_int_equal(rbe_home_set_make(&t->home, t->journal.set, &set, &t->e), RBE_OK);
    state_file(&set, RBE_APPLY_STATE_OLD, "old");
    state_file(&set, RBE_APPLY_STATE_NEW, "new");
    assert_int_equal(scratch_sh("cd \"$1/.rbe\"; echo -n old >state.json; cd set-*/new; echo -n b >1; echo -n 'new app' >2",
                                t->dir, NULL, NULL), 0);
    rbe_home_set_release(&set);
}

static void tear_down(struct tree *t)
{
    rbe_home_release(&t->home);
    rbe_journal_release(&t->journal);
    scratch_free(t->dir);
}

static const char IS_OLD[] = "cd \"$1\"; [ \"$(cat app doc/a .rbe/state.json)\" = 'old appaold' ]; [ ! -e new ]; [ ! -e .rbe/journal ]";
static const char IS_NEW[] = "cd \"$1\"; [ \"$(cat app new/b .rbe/state.json)\" = 'new appbnew' ]; [ ! -e doc ]; [ ! -e .rbe/journal ]";

static void is(struct tree *t, const char *script)
{
    assert_int_equal(scratch_sh(script, t->dir, NULL, NULL), 0);
}

static void test_whole(void **state)
{
    struct tree t;
    enum rbe_applied applied;

    (void)state;
    set_up(&t);
    assert_int_equal(rbe_apply(&t.home, &t.journal, &t.e), RBE_OK);
    is(&t, IS_NEW);
    assert_int_equal(rbe_apply_recover(&t.home, &applied, &t.e), RBE_OK);
    assert_int_equal(applied, RBE_APPLIED_NOTHING);
    is(&t, IS_NEW);
    assert_int_equal(rbe_apply_undo(&t.home, &t.e), RBE_OK);
    is(&t, IS_OLD);
    assert_int_equal(rbe_apply_undo(&t.home, &t.e), RBE_NOTFOUND);
    is(&t, "cd \"$1/.rbe\"; [ \"$(echo *)\" = 'lock state.json' ]");
    tear_down(&t);
}

/* The steps as a shell would take them. */
static const char *const STEPS[] = {
    "mv doc/a $set/old/0", "rmdir doc", "mkdir new", "mv $set/new/1 new/b", "mv app $set/old/2", "mv $set/new/2 app",
    "cp $set/state.new .rbe/state.json",
};

/* After each number of steps, with a journal that says either way. */
static void test_cut(void **state)
{
    (void)state;
    for (int back = 0; back < 2; back++)
        for (size_t n = 0; n <= RBE_COUNT(STEPS); n++) {
            rbe_auto(str) struct rbe_str script = {0}, text = {0};
            enum rbe_applied applied;
            struct tree t;

            set_up(&t);
            t.journal.back = back;
            rbe_journal_format(&t.journal, &text);
            assert_int_equal(rbe_home_put(&t.home, RBE_HOME_JOURNAL, &text, &t.e), RBE_OK);
            rbe_str_puts(&script, "cd \"$1\"; set=$(echo .rbe/set-*)");
            for (size_t i = 0; i < n; i++)
                rbe_str_putf(&script, "; %s", STEPS[i]);
            is(&t, script.s);
            assert_int_equal(rbe_apply_recover(&t.home, &applied, &t.e), RBE_OK);
            assert_int_equal(applied, back ? RBE_APPLIED_BACK : RBE_APPLIED_FORWARD);
            is(&t, back ? IS_OLD : IS_NEW);
            tear_down(&t);
        }
}

/* A way that is blocked is left by the other end; blocked at both, the journal stays until it is not. */
static void test_blocked(void **state)
{
    enum rbe_applied applied;
    struct tree t;

    (void)state;
    set_up(&t);
    /* A directory that is not empty where a file should come. */
    is(&t, "rm \"$1/app\"; mkdir -p \"$1/app/mine\"");
    assert_int_not_equal(rbe_apply(&t.home, &t.journal, &t.e), RBE_OK);
    is(&t, "cd \"$1\"; [ -d app/mine ] && [ -e doc/a ] && [ ! -e new ] && [ ! -e .rbe/journal ] && [ $(cat .rbe/state.json) = old ]");
    tear_down(&t);

    set_up(&t);
    rbe_auto(str) struct rbe_str text = {0};
    rbe_journal_format(&t.journal, &text);
    assert_int_equal(rbe_home_put(&t.home, RBE_HOME_JOURNAL, &text, &t.e), RBE_OK);
    is(&t, "cd \"$1\"; set=$(echo .rbe/set-*); mv doc/a $set/old/0; rmdir doc; echo x >doc; rm -r app; mkdir -p app/mine new/b/mine");
    assert_int_equal(rbe_apply_recover(&t.home, &applied, &t.e), RBE_UNAVAILABLE);
    is(&t, "cd \"$1\"; rm -r doc app; [ ! -e new ] || rm -r new; echo -n 'old app' >app; [ -e .rbe/journal ]");
    assert_int_equal(rbe_apply_recover(&t.home, &applied, &t.e), RBE_OK);
    is(&t, IS_NEW);
    tear_down(&t);
}

/* A directory of the user's where the version before had a file: going back would lose what is in it, so the new one stays. */
static void test_back_blocked(void **state)
{
    struct tree t;

    (void)state;
    set_up(&t);
    assert_int_equal(rbe_apply(&t.home, &t.journal, &t.e), RBE_OK);
    is(&t, "cd \"$1\"; rm app; mkdir -p app/mine; echo kept >app/mine/f");
    assert_int_equal(rbe_apply_undo(&t.home, &t.e), RBE_FAULT);
    assert_string_equal(t.e.text, "app is a directory by now");
    is(&t, "cd \"$1\"; [ \"$(cat app/mine/f new/b .rbe/state.json)\" = \"$(printf 'kept\\nbnew')\" ] && [ ! -e doc ] && [ ! -e .rbe/journal ]");
    is(&t, "cd \"$1\"; rm -r app; echo -n 'new app' >app");
    assert_int_equal(rbe_apply_undo(&t.home, &t.e), RBE_OK);
    is(&t, IS_OLD);
    tear_down(&t);
}

/* A journal that is broken, or whose set is gone: nothing is known of the tree any more. */
static void test_lost(void **state)
{
    enum rbe_applied applied;
    struct tree t;

    (void)state;
    for (int gone = 0; gone < 2; gone++) {
        rbe_auto(str) struct rbe_str text = {0};

        set_up(&t);
        rbe_journal_format(&t.journal, &text);
        assert_int_equal(rbe_home_put(&t.home, RBE_HOME_JOURNAL, &text, &t.e), RBE_OK);
        is(&t, gone ? "rm -r \"$1\"/.rbe/set-*" : "echo >>\"$1/.rbe/journal\"");
        assert_int_equal(rbe_apply_recover(&t.home, &applied, &t.e), RBE_OK);
        is(&t, "cd \"$1\"; [ ! -e .rbe/journal ] && [ ! -e .rbe/state.json ] && [ \"$(cat app doc/a)\" = 'old appa' ]");
        tear_down(&t);
    }
}

/* One at a time. */
static void test_lock(void **state)
{
    struct rbe_home other;
    struct tree t;
    bool busy;

    (void)state;
    set_up(&t);
    assert_int_equal(rbe_home_open(t.dir, &other, &t.e), RBE_OK);
    assert_int_equal(rbe_home_lock(&other, t.dir, &busy, &t.e), RBE_OK);
    assert_true(busy);
    rbe_home_release(&t.home);
    assert_int_equal(rbe_home_lock(&other, t.dir, &busy, &t.e), RBE_OK);
    assert_false(busy);
    rbe_home_release(&other);
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),        cmocka_unit_test(test_cut),  cmocka_unit_test(test_blocked),
        cmocka_unit_test(test_back_blocked), cmocka_unit_test(test_lost), cmocka_unit_test(test_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
