/* lib/patch/survey, place, stamps: what differs is seen, whatever stands there; what was seen once is not read again. */
#include "tests/unit/scratch.h"

#include "lib/patch/survey.h"

struct tree {
    char *dir;
    struct rbe_home home;
    struct rbe_installed installed;
    struct rbe_stamps stamps;
    struct rbe_keep keep;
    uint64_t ticks;
    enum rbe_look looks[16];
    struct rbe_err e;
};

static void add(struct tree *t, const char *path, enum rbe_kind kind, const char *content, uint16_t mode)
{
    struct rbe_entry entry = {.path = path, .kind = kind, .mode = mode, .target = kind == RBE_KIND_LINK ? content : NULL};

    if (kind == RBE_KIND_FILE) {
        entry.size = strlen(content);
        rbe_sha256_of(content, strlen(content), entry.sha256);
    }
    rbe_manifest_add(&t->installed.manifest, &entry);
}

static void set_up(struct tree *t)
{
    bool busy;

    *t = (struct tree){.dir = scratch_new()};
    assert_int_equal(scratch_sh("cd \"$1\"; mkdir doc; echo -n a >doc/a; echo -n b >doc/b; chmod 755 doc/b; ln -s doc/a link; chmod 644 doc/a",
                                t->dir, NULL, NULL), 0);
    assert_int_equal(rbe_home_open(t->dir, &t->home, &t->e), RBE_OK);
    assert_int_equal(rbe_home_lock(&t->home, t->dir, &busy, &t->e), RBE_OK);
    add(t, "doc", RBE_KIND_DIR, NULL, 0);
    add(t, "doc/a", RBE_KIND_FILE, "a", 0644);
    add(t, "doc/b", RBE_KIND_FILE, "b", 0755);
    add(t, "link", RBE_KIND_LINK, "doc/a", 0);
    assert_int_equal(rbe_manifest_seal(&t->installed.manifest, &t->e), RBE_OK);
    rbe_manifest_hash(&t->installed.manifest, t->installed.sum);
    rbe_stamps_load(&t->home, &t->installed, &t->stamps);
}

static void tear_down(struct tree *t)
{
    rbe_home_release(&t->home);
    rbe_stamps_release(&t->stamps);
    rbe_installed_release(&t->installed);
    scratch_free(t->dir);
}

/* Looks again, after a change made by a shell, and keeps what was learned. */
static void look(struct tree *t, const char *script, bool thorough)
{
    const struct rbe_survey s = {.home = &t->home, .tree = &t->installed.manifest, .installed = &t->installed,
                                 .stamps = thorough ? NULL : &t->stamps, .keep = t->keep};
    struct rbe_stamps next;

    if (*script)
        assert_int_equal(scratch_sh(script, t->dir, NULL, NULL), 0);
    assert_int_equal(rbe_survey(&s, t->looks, &next, &t->e), RBE_OK);
    rbe_stamps_release(&t->stamps);
    t->stamps = next;
}

/* The four looks as letters: Same, Kept, Missing, kInd, Content, mOde. */
static void is(const struct tree *t, const char *want)
{
    static const char letters[RBE_LOOK_MAX] = "SKMICO";
    char got[5] = "";

    for (size_t i = 0; i < 4; i++)
        got[i] = letters[t->looks[i]];
    assert_string_equal(got, want);
}

static void test_looks(void **state)
{
    static const struct {
        const char *script, *want;
    } cases[] = {
        {"", "SSSS"},
        {"cd \"$1\"; echo -n x >doc/a", "SCSS"},
        {"cd \"$1\"; echo -n xx >doc/a; chmod 644 doc/b", "SCOS"},
        {"cd \"$1\"; rm doc/a doc/b link", "SMMM"},
        {"cd \"$1\"; rm -r doc; ln -s elsewhere doc", "IMMS"},
        {"cd \"$1\"; rm -r doc; echo x >doc", "IMMS"},
        {"cd \"$1\"; rm link; ln -s doc/b link; rm doc/a; mkdir doc/a", "SISC"},
        {"cd \"$1\"; rm link; cp doc/a link; rm doc/b; mkfifo doc/b", "SSII"},
        {"cd \"$1\"; rm -r doc link", "MMMM"},
        {"cd \"$1\"; echo more >doc/c; chmod 600 doc/a", "SSSS"},
        {"cd \"$1\"; mv doc real; ln -s real doc", "IMMS"},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        struct tree t;

        set_up(&t);
        look(&t, cases[i].script, i % 2);
        is(&t, cases[i].want);
        tear_down(&t);
    }
}

/* A file that this user may not read is damaged, as it can be replaced. Root may read all, so it becomes somebody else. */
static void test_closed(void **state)
{
    enum { NOBODY = 65534 };
    bool root = geteuid() == 0;
    struct tree t;

    (void)state;
    set_up(&t);
    assert_int_equal(scratch_sh(root ? "chmod 000 \"$1/doc/a\"; chown -R 65534 \"$1\"" : "chmod 000 \"$1/doc/a\"", t.dir, NULL, NULL), 0);
    if (root)
        assert_int_equal(seteuid(NOBODY), 0);
    look(&t, "", true);
    if (root)
        assert_int_equal(seteuid(0), 0);
    is(&t, "SCSS");
    tear_down(&t);
}

static void test_stamps(void **state)
{
    struct rbe_stamps again;
    struct tree t;

    (void)state;
    set_up(&t);
    look(&t, "", false);
    assert_int_equal(rbe_stamps_save(&t.home, &t.installed, &t.stamps, &t.e), RBE_OK);
    rbe_stamps_load(&t.home, &t.installed, &again);
    assert_memory_equal(again.v, t.stamps.v, t.stamps.n * sizeof(*again.v));
    rbe_stamps_release(&again);
    /* What looks as it did is not read: here the stamp lies, and a thorough look finds that. */
    look(&t, "echo -n x >\"$1/doc/a\"", false);
    is(&t, "SCSS");
    struct stat st;
    assert_int_equal(rbe_place_look(&t.home.tree, "doc/a", &st, &t.e), RBE_OK);
    t.stamps.v[1] = rbe_stamp_of(&st);
    look(&t, "", false);
    is(&t, "SSSS");
    look(&t, "", true);
    is(&t, "SCSS");
    assert_int_equal(t.stamps.v[1].inode, 0);
    /* Of another manifest, cut, or no stamps at all. */
    t.installed.sum[0] ^= 1;
    rbe_stamps_load(&t.home, &t.installed, &again);
    assert_int_equal(again.v[1].inode, 0);
    rbe_stamps_release(&again);
    t.installed.sum[0] ^= 1;
    assert_int_equal(scratch_sh("cd \"$1/.rbe\"; head -c 90 stamps >s; mv s stamps", t.dir, NULL, NULL), 0);
    rbe_stamps_load(&t.home, &t.installed, &again);
    assert_int_equal(again.v[2].inode, 0);
    rbe_stamps_release(&again);
    tear_down(&t);
}

static void test_keep(void **state)
{
    static const char *const globs[] = {"*.ini", "saves", "etc/app.conf"};
    const struct rbe_keep keep = {globs, RBE_COUNT(globs)};
    static const char *const kept[] = {"a.ini", "x/y/a.ini", "saves", "saves/a", "x/saves/y/z", "etc/app.conf", "etc/app.conf/x"};
    static const char *const not[] = {"a.ini.bak", "xsaves", "x/etc/app.conf", "etc/app.conf2", "etc"};
    struct tree t;

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(kept); i++)
        assert_true(rbe_kept(&keep, kept[i]));
    for (size_t i = 0; i < RBE_COUNT(not); i++)
        assert_false(rbe_kept(&keep, not[i]));
    set_up(&t);
    static const char *const doc[] = {"doc"};
    t.keep = (struct rbe_keep){doc, 1};
    look(&t, "echo x >\"$1/doc/a\"; rm \"$1/doc/b\"", false);
    is(&t, "KKMS");
    /* A directory that its user moved elsewhere is not gone into. */
    look(&t, "cd \"$1\"; mv doc real; ln -s real doc", false);
    is(&t, "KKKS");
    look(&t, "cd \"$1\"; rm doc; echo x >doc", false);
    is(&t, "KKKS");
    look(&t, "rm \"$1/doc\"", false);
    is(&t, "MMMS");
    tear_down(&t);
}

/* Nothing is reached through a link, however it got there. */
static void test_links(void **state)
{
    struct tree t;
    struct stat st;
    int fd;

    (void)state;
    set_up(&t);
    assert_int_equal(scratch_sh("cd \"$1\"; mkdir out; echo x >out/f; ln -s out in; ln -s doc/a file", t.dir, NULL, NULL), 0);
    struct rbe_place *p = &t.home.tree;
    assert_int_equal(rbe_place_look(p, "in/f", &st, &t.e), RBE_OK);
    assert_int_equal(st.st_mode, 0);
    assert_int_equal(rbe_place_open(p, "in/f", &fd, &t.e), RBE_NOTFOUND);
    assert_int_equal(rbe_place_open(p, "file", &fd, &t.e), RBE_NOTFOUND);
    assert_int_equal(rbe_place_list(p, "in", &fd, &t.e), RBE_NOTFOUND);
    assert_int_not_equal(rbe_place_give(p, "in/g", t.home.fd, "lock", &t.e), RBE_OK);
    assert_int_not_equal(rbe_place_mkdir(p, "in/g", 0755, &t.e), RBE_OK);
    assert_int_not_equal(rbe_place_mkdir(p, "in", 0755, &t.e), RBE_OK);
    assert_int_equal(rbe_place_rmdir(p, "in", &t.e), RBE_OK);
    assert_int_equal(rbe_place_take(p, "in/f", t.home.fd, "got", &t.e), RBE_OK);
    assert_int_equal(scratch_sh("cd \"$1\"; [ \"$(ls out)\" = f ] && [ -L in ] && [ -e .rbe/lock ] && [ ! -e .rbe/got ]", t.dir, NULL,
                                NULL), 0);
    tear_down(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_looks),
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_stamps),
        cmocka_unit_test(test_keep),
        cmocka_unit_test(test_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
