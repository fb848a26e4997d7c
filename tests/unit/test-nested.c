/* lib/patch/nested: streams made by the stock programs, inside of files and as files, and what is none. */
#include "tests/unit/scratch.h"

#include "lib/patch/nested.h"
#include "lib/wrap/map.h"

#define PLENTY (UINT64_C(1) << 30)

/* Packs text in two versions and puts noise around it: files a and b. Returns the size of b. */
static size_t find(const char *pack, bool around, uint64_t memory, struct rbe_nested *ret)
{
    rbe_autofree char *script = rbe_strfmt(
        "cd \"$1\"; seq 1 300000 > x; (seq 1 150000; echo new; seq 150001 300000) > y; for f in x y; do %s; done; %s", pack,
        around ? "head -c 70000 /dev/zero | openssl enc -aes-128-ctr -K 0 -iv 0 2>/dev/null > n; cat n x.p n > a; cat n y.p n > b"
               : "mv x.p a; mv y.p b");
    char *dir = scratch_new();
    rbe_auto(map) struct rbe_map a = {0}, b = {0};
    struct rbe_err e = {0};

    assert_int_equal(scratch_sh(script, dir, NULL, NULL), 0);
    rbe_autoclose int a_fd = scratch_open(dir, "a", O_RDONLY), b_fd = scratch_open(dir, "b", O_RDONLY);

    assert_int_equal(rbe_map_read(a_fd, &a, &e), RBE_OK);
    assert_int_equal(rbe_map_read(b_fd, &b, &e), RBE_OK);
    enum rbe_code code = rbe_nested_find((struct rbe_nested_bytes){a.p, a.n}, (struct rbe_nested_bytes){b.p, b.n}, dir,
                                         memory, ret, &e);

    if (code != RBE_OK)
        fail_msg("%s", e.text);
    scratch_free(dir);
    return b.n;
}

static void test_kinds(void **state)
{
    static const struct {
        const char *pack, *kind;
        bool around;
    } rows[] = {
        {"zstd -q -9 -f $f -o $f.p", "zstd frame", true},
        {"zstd -q -9 -f $f -o $f.p", "zstd frame", false},
        {"gzip -n -c $f > $f.p", "gzip stream", true},
        {"xz -1 -c $f > $f.p", "xz stream", true},
        {"cp $f data; rm -f $f.zip; zip -q -X $f.zip data; mv $f.zip $f.p", "zip", false},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        struct rbe_nested found;

        size_t size = find(rows[i].pack, rows[i].around, PLENTY, &found);

        if (!found.kind)
            fail_msg("row %zu: nothing found", i);
        assert_string_equal(found.kind, rows[i].kind);
        assert_true(found.packed > 32 * 1024);
        /* the noise behind it is no part of it, but for what may be another member's head */
        assert_true(found.packed <= size - (rows[i].around ? 2 * 70000 - 32 : 0));
        assert_true(found.would < 5000);
    }
}

/* Where comparing takes more memory than there is, there is no advice. */
static void test_memory(void **state)
{
    struct rbe_nested found;

    (void)state;
    (void)find("zstd -q -9 -f $f -o $f.p", true, 32 << 20, &found);
    assert_null(found.kind);
}

/* Plain files, marks without a stream, a stream that is cut off. */
static void test_none(void **state)
{
    static const char *const packs[] = {
        "cp $f $f.p", "(head -c 90000 $f; printf '\\050\\265\\057\\375\\037\\213\\010'; tail -c 90000 $f) > $f.p",
        "zstd -q $f -o $f.z; head -c 100000 $f.z > $f.p",
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(packs); i++) {
        struct rbe_nested found;

        (void)find(packs[i], false, PLENTY, &found);
        assert_null(found.kind);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_memory), cmocka_unit_test(test_none),
    };

    return cmocka_run_group_tests_name("nested", tests, NULL, NULL);
}
