/* lib/patch/place: what is put in the place of something between two calls of ours. */
#include "tests/unit/scratch.h"

#include "lib/patch/place.h"

/* What somebody else is quick enough to put where a directory was just made: a link to this. */
static const char *swapped_for;

int mkdirat(int dir, const char *name, mode_t mode)
{
    (void)mode;
    return symlinkat(swapped_for, dir, name);
}

static void test_swapped(void **state)
{
    char *dir = scratch_new();
    rbe_autofree char *victim = scratch_path(dir, "victim"), *tree = scratch_path(dir, "tree");
    struct rbe_place place;
    struct rbe_err e = {0};
    struct stat st;

    (void)state;
    scratch_write(dir, "victim", "x", 1, 0600);
    assert_int_equal(mkdir(tree, 0700), 0);
    rbe_autoclose int fd = open(tree, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    swapped_for = victim;
    rbe_place_init(&place, fd);
    assert_int_equal(rbe_place_mkdir(&place, "new", 0755, &e), RBE_OK);
    assert_int_equal(stat(victim, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    rbe_place_release(&place);
    scratch_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_swapped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
