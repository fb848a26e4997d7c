/* lib/wrap/flate: whole buffers there and back, against gzip(1), and what is no stream. */
#include "tests/unit/filler.h"

#include "lib/base/str.h"
#include "lib/wrap/deflate.h"
#include "lib/wrap/flate.h"

/* Of everything, at sizes where the way of packing changes: never larger than zlib makes it. */
static void test_no_larger(void **state)
{
    static const size_t sizes[] = {0, 1, 50, 142, 250, 700, 1449, 5000, 65536, 256 << 10, 300000, (8 << 20) - 1, 9 << 20};
    static void (*const fillers[])(unsigned char *, size_t) = {fill_text, fill_code};
    enum { AROUND = 18 };
    char *dir = scratch_new();

    (void)state;
    for (size_t k = 0; k < 2 * RBE_COUNT(sizes); k++) {
        size_t n = sizes[k / 2];
        rbe_autofree unsigned char *p = rbe_alloc(n + 1), *back = rbe_alloc(n + 1);
        rbe_autoclose int fd = scratch_open(dir, "out.gz", O_RDWR | O_CREAT | O_TRUNC);
        rbe_auto(str) struct rbe_str packed = {0}, theirs = {0};
        rbe_autofree char *path = scratch_path(dir, "out.gz");
        struct rbe_err e = {0};

        fillers[k % 2](p, n);
        assert_int_equal(rbe_flate_gzip(fd, p, n, &e), RBE_OK);
        assert_int_equal(rbe_file_get(path, SIZE_MAX / 4, &packed, &e), RBE_OK);
        rbe_deflate(p, n, &theirs);
        assert_true(packed.len <= theirs.len + AROUND);
        assert_true(rbe_flate_gunzip(packed.s, packed.len, back, n));
        assert_memory_equal(back, p, n);
    }
    scratch_free(dir);
}

/* gzip(1) reads it, and it is no larger than gzip -6 makes it: small and large, of text and of noise. */
static void test_gzip(void **state)
{
    static const struct {
        size_t n;
        unsigned kinds;
    } rows[] = {{0, 1}, {1, 256}, {1500, 6}, {100000, 9}, {3 << 20, 256}, {14 << 20, 40}};
    char *dir = scratch_new();

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_autofree unsigned char *p = rbe_alloc(rows[i].n + 1), *back = rbe_alloc(rows[i].n + 1);
        rbe_autoclose int fd = scratch_open(dir, "out.gz", O_RDWR | O_CREAT | O_TRUNC);
        rbe_auto(str) struct rbe_str packed = {0};
        rbe_autofree char *path = scratch_path(dir, "out.gz");
        struct rbe_err e = {0};

        fill(p, rows[i].n, rows[i].kinds);
        scratch_write(dir, "plain", p, rows[i].n, 0600);
        assert_int_equal(rbe_flate_gzip(fd, p, rows[i].n, &e), RBE_OK);
        assert_int_equal(scratch_sh("cd \"$1\"; gzip -dc out.gz | cmp - plain; gzip -6 -n -c plain > six;"
                                    "test $(stat -c %s plain) -lt 1000 || test $(stat -c %s out.gz) -le $(stat -c %s six)", dir, NULL, NULL), 0);
        assert_int_equal(rbe_file_get(path, SIZE_MAX / 4, &packed, &e), RBE_OK);
        assert_true(rbe_flate_gunzip(packed.s, packed.len, back, rows[i].n));
        assert_memory_equal(back, p, rows[i].n);
        assert_false(rbe_flate_gunzip(packed.s, packed.len - 1, back, rows[i].n));
        assert_false(rbe_flate_gunzip(packed.s, packed.len, back, rows[i].n + 1));
    }
    scratch_free(dir);
}

static void test_inflate(void **state)
{
    unsigned char plain[5000], back[sizeof(plain) + 1];
    rbe_auto(str) struct rbe_str packed = {0};

    (void)state;
    fill(plain, sizeof(plain), 20);
    rbe_deflate(plain, sizeof(plain), &packed);
    assert_true(rbe_flate_inflate(packed.s, packed.len, back, sizeof(plain)));
    assert_memory_equal(back, plain, sizeof(plain));
    assert_false(rbe_flate_inflate(packed.s, packed.len, back, sizeof(plain) - 1));
    assert_false(rbe_flate_inflate(packed.s, packed.len, back, sizeof(plain) + 1));
    assert_false(rbe_flate_inflate(packed.s, packed.len - 1, back, sizeof(plain)));
    rbe_str_putc(&packed, 'x');
    assert_false(rbe_flate_inflate(packed.s, packed.len, back, sizeof(plain)));
    assert_int_equal(rbe_flate_crc32(plain, sizeof(plain)), rbe_crc32(0, plain, sizeof(plain)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_no_larger),
        cmocka_unit_test(test_inflate),
    };

    return cmocka_run_group_tests_name("flate", tests, NULL, NULL);
}
