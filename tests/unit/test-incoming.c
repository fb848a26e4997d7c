/* lib/patch/incoming: what a package of patches may say of them. */
#include "tests/unit/scratch.h"

#include "lib/patch/incoming.h"
#include "lib/wrap/zipw.h"

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define PIECE(path, mode) "{\"path\":\"" path "\",\"size\":1,\"sha256\":\"" ZEROS "\"" mode "}"
#define SOURCE(path) PIECE(path, "")
#define TARGET(path) PIECE(path, ",\"mode\":\"0644\"")
#define GROUP(patch, source, target) "{\"patch\":\"" patch "\",\"source\":[" source "],\"target\":[" target "]}"

/* An old tree of the files a, b and d/c. */
static void old_tree(struct rbe_manifest *m)
{
    static const char *const paths[] = {"a", "b", "d/c"};
    struct rbe_err e = {0};

    for (size_t i = 0; i < RBE_COUNT(paths); i++)
        rbe_manifest_add(m, &(struct rbe_entry){.path = paths[i], .mode = 0644, .size = 1});
    assert_int_equal(rbe_manifest_seal(m, &e), RBE_OK);
}

/* A zip of changes.json and the empty files that are named. */
static int package_of(const char *dir, const char *groups, const char *const *names, size_t n)
{
    rbe_autofree char *path = scratch_path(dir, "package"), *text = rbe_strfmt("{\"modified\":[\"a\"],\"delta\":{\"format\":\"zstd\","
                                                                            "\"groups\":[%s]}}", groups);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    rbe_autoptr(zipw) struct rbe_zipw *w = rbe_zipw_new(fd);
    struct rbe_err e = {0};

    assert_true(fd >= 0);
    assert_int_equal(rbe_zipw_add(w, "changes.json", S_IFREG | 0644, 0x21u << 16, text, strlen(text), &e), RBE_OK);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(rbe_zipw_add(w, names[i], S_IFREG | 0644, 0x21u << 16, "", 0, &e), RBE_OK);
    assert_int_equal(rbe_zipw_finish(w, &e), RBE_OK);
    return fd;
}

/* Opens the package and asks for the tree it leads to. */
static enum rbe_code lead(const char *groups, struct rbe_manifest *to, struct rbe_incoming *in, struct rbe_err *e)
{
    static const char *const names[] = {"delta/0.zst", "delta/1.zst", "delta/whole"};
    const struct rbe_incoming_limits limits = {.bytes = 1 << 20};
    rbe_auto(manifest) struct rbe_manifest old = {0};
    char *dir = scratch_new();

    old_tree(&old);
    rbe_autoclose int fd = package_of(dir, groups, names, RBE_COUNT(names));
    enum rbe_code code = rbe_incoming_open(fd, true, &limits, in, e);
    if (code == RBE_OK)
        code = rbe_incoming_target(in, &old, 0, to, e);
    scratch_free(dir);
    return code;
}

static void test_patches(void **state)
{
    rbe_auto(manifest) struct rbe_manifest to = {0};
    struct rbe_incoming in = {0};
    struct rbe_err e = {0};

    (void)state;
    if (lead(GROUP("delta/0.zst", SOURCE("a") "," SOURCE("d/c"), TARGET("a")) ","
             GROUP("delta/1.zst", SOURCE("b"), TARGET("b")), &to, &in, &e) != RBE_OK)
        fail_msg("%s", e.text);
    assert_int_equal(in.patches.n, 3);
    assert_int_equal(rbe_manifest_find(&in.patches, "delta")->kind, RBE_KIND_DIR);
    assert_int_equal(rbe_manifest_find(&in.patches, "delta/1.zst")->kind, RBE_KIND_FILE);
    assert_int_equal(in.whole.n, 2);
    assert_non_null(rbe_manifest_find(&in.whole, "delta/whole"));
    assert_int_equal(to.n, 6);
    rbe_incoming_release(&in);
}

/* What would be done again and again. */
static void test_twice(void **state)
{
    static const struct {
        const char *groups, *text;
    } rows[] = {
        {GROUP("delta/0.zst", SOURCE("a"), TARGET("a")) "," GROUP("delta/0.zst", SOURCE("b"), TARGET("b")),
         "file: entry \"delta/0.zst\": stands twice"},
        {GROUP("delta/0.zst", SOURCE("a"), TARGET("a")) "," GROUP("delta/1.zst", SOURCE("a"), TARGET("b")),
         "changes.json: \"a\" is what two patches start from"},
        {GROUP("delta/0.zst", SOURCE("a") "," SOURCE("a"), TARGET("a")), "changes.json: \"a\" is what two patches start from"},
        {GROUP("delta/0.zst", SOURCE("a"), TARGET("a")) "," GROUP("delta/1.zst", SOURCE("b"), TARGET("a")),
         "file: entry \"a\": stands twice"},
        {GROUP("delta/2.zst", SOURCE("a"), TARGET("a")), "changes.json: \"delta/2.zst\" is not in the package"},
        {GROUP("delta", SOURCE("a"), TARGET("a")), "changes.json: \"delta\" is not in the package"},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_auto(manifest) struct rbe_manifest to = {0};
        struct rbe_incoming in = {0};
        struct rbe_err e = {0};

        assert_int_equal(lead(rows[i].groups, &to, &in, &e), RBE_INVALID);
        assert_string_equal(e.text, rows[i].text);
        rbe_incoming_release(&in);
    }
}

/* The n-th time. */
static bool at_last(void *arg)
{
    int *n = arg;

    return (*n)-- == 0;
}

static void test_stop(void **state)
{
    static const char *const names[] = {"a"};
    char *dir = scratch_new();
    rbe_autoclose int fd = package_of(dir, "", names, 1);
    enum rbe_code code = RBE_UNAVAILABLE;
    int tries = 0;

    (void)state;
    while (code == RBE_UNAVAILABLE) {
        int n = tries++;
        const struct rbe_incoming_limits limits = {.bytes = 1 << 20, .stop = at_last, .arg = &n};
        struct rbe_incoming in = {0};
        struct rbe_err e = {0};

        code = rbe_incoming_open(fd, true, &limits, &in, &e);
        rbe_incoming_release(&in);
    }
    assert_int_equal(code, RBE_OK);
    /* two entries, and the data of one */
    assert_int_equal(tries, 4);
    scratch_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patches),
        cmocka_unit_test(test_twice),
        cmocka_unit_test(test_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
