/* lib/base/share: the file that processes map, whole and of one layout whoever makes it. */
#include "tests/unit/scratch.h"

#include <sys/wait.h>

#include "lib/base/share.h"

static char *dir, *file;

static int make_dir(void **state)
{
    (void)state;
    dir = scratch_new();
    file = scratch_path(dir, "shared.5");
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    scratch_free(dir);
    free(file);
    return 0;
}

static void is_made_whole_and_zero(void **state)
{
    rbe_autoptr(share) struct rbe_share *s = NULL;
    struct rbe_err e = {0};
    struct stat st;

    (void)state;
    mode_t before = umask(0);
    assert_int_equal(rbe_share_open(dir, &s, &e), RBE_OK);
    (void)umask(before);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, sizeof(struct rbe_share));
    assert_int_equal(st.st_mode & 07777, 0640);
    /* On disk, so that a store into the mapping cannot meet a full one. */
    assert_true(st.st_blocks * 512 >= st.st_size);
    for (size_t i = 0; i < sizeof(*s); i++)
        assert_int_equal(((const unsigned char *)s)[i], 0);
}

static void is_shared_by_processes(void **state)
{
    rbe_autoptr(share) struct rbe_share *a = NULL, *b = NULL;
    struct rbe_err e = {0};
    int status;

    (void)state;
    assert_int_equal(rbe_share_open(dir, &a, &e), RBE_OK);
    assert_int_equal(rbe_share_open(dir, &b, &e), RBE_OK);
    assert_ptr_not_equal(a, b);
    pid_t pid = fork();
    if (pid == 0) {
        (void)atomic_fetch_add(&a->pairs[7].count, 3);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(atomic_load(&b->pairs[7].count), 3);
}

static void keeps_what_is_there(void **state)
{
    struct rbe_share *s = NULL;
    struct rbe_err e = {0};

    (void)state;
    assert_int_equal(rbe_share_open(dir, &s, &e), RBE_OK);
    atomic_store(&s->pairs[1].count, 42);
    rbe_share_close(s);
    assert_int_equal(rbe_share_open(dir, &s, &e), RBE_OK);
    assert_int_equal(atomic_load(&s->pairs[1].count), 42);
    rbe_share_close(s);
    rbe_share_close(NULL);
}

static void a_short_file_is_completed(void **state)
{
    struct rbe_share *s = NULL;
    struct rbe_err e = {0};
    struct stat st;

    (void)state;
    assert_int_equal(truncate(file, 100), 0);
    assert_int_equal(rbe_share_open(dir, &s, &e), RBE_OK);
    rbe_share_close(s);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_size, sizeof(struct rbe_share));
}

static void another_layout_is_refused(void **state)
{
    struct rbe_share *s = NULL;
    struct rbe_err e = {0};

    (void)state;
    assert_int_equal(truncate(file, (off_t)sizeof(struct rbe_share) + 1), 0);
    assert_int_equal(rbe_share_open(dir, &s, &e), RBE_FAULT);
    assert_non_null(strstr(e.text, file));
    assert_null(s);
}

static void a_missing_directory_is_a_fault(void **state)
{
    struct rbe_share *s = NULL;
    struct rbe_err e = {0};

    (void)state;
    assert_int_equal(rbe_share_open("/nonexistent/rbe", &s, &e), RBE_FAULT);
    assert_non_null(strstr(e.text, "/nonexistent/rbe"));
}

static void a_link_is_not_followed(void **state)
{
    struct rbe_share *s = NULL;
    struct rbe_err e = {0};

    (void)state;
    assert_int_equal(unlink(file), 0);
    assert_int_equal(symlink("/dev/null", file), 0);
    assert_int_equal(rbe_share_open(dir, &s, &e), RBE_FAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_made_whole_and_zero),    cmocka_unit_test(is_shared_by_processes),
        cmocka_unit_test(keeps_what_is_there),       cmocka_unit_test(a_short_file_is_completed),
        cmocka_unit_test(another_layout_is_refused), cmocka_unit_test(a_missing_directory_is_a_fault),
        cmocka_unit_test(a_link_is_not_followed),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
