/* lib/patch/home: what is synced, seen by standing in for the call. */
#include "tests/unit/scratch.h"

#include "lib/patch/home.h"

static ino_t synced[16];
static size_t n_synced;

int fsync(int fd)
{
    struct stat st;

    if (fstat(fd, &st) == 0 && n_synced < RBE_COUNT(synced))
        synced[n_synced++] = st.st_ino;
    return 0;
}

static bool was_synced(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    for (size_t i = 0; i < n_synced; i++)
        if (synced[i] == st.st_ino)
            return true;
    return false;
}

/* .rbe itself, when it is made; and what is put into it, with its directory. */
static void test_synced(void **state)
{
    char *dir = scratch_new();
    rbe_autofree char *own = scratch_path(dir, ".rbe"), *file = scratch_path(own, "state.json");
    const struct rbe_str bytes = {0};
    struct rbe_err e = {0};
    bool busy;

    (void)state;
    for (int first = 1; first >= 0; first--) {
        struct rbe_home home;

        n_synced = 0;
        assert_int_equal(rbe_home_open(dir, &home, &e), RBE_OK);
        assert_int_equal(rbe_home_lock(&home, dir, &busy, &e), RBE_OK);
        assert_false(busy);
        assert_int_equal(was_synced(dir), first);
        n_synced = 0;
        assert_int_equal(rbe_home_put(&home, RBE_HOME_STATE, &bytes, &e), RBE_OK);
        assert_true(was_synced(own));
        assert_true(was_synced(file));
        rbe_home_release(&home);
    }
    scratch_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_synced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
