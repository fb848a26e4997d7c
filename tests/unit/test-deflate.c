/* lib/wrap/deflate: round trips, and every way a stream can be wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "lib/wrap/deflate.h"
#include "tests/unit/scratch.h"

static int file_of(const void *p, size_t n)
{
    int fd;
    struct rbe_err e = {0};

    assert_int_equal(rbe_file_temp(AT_FDCWD, &fd, &e), RBE_OK);
    assert_int_equal(rbe_file_write(fd, p, n, &e), RBE_OK);
    return fd;
}

static enum rbe_code gather(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    (void)e;
    rbe_str_put(arg, p, n);
    return RBE_OK;
}

static enum rbe_code refuse(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    (void)arg;
    (void)p;
    (void)n;
    return rbe_fail(e, RBE_TOOLARGE, "enough");
}

/* Bytes that neither compress to nothing nor not at all. */
static void fill(struct rbe_str *s, size_t n)
{
    uint32_t x = 1;

    for (size_t i = 0; i < n; i++) {
        x = x * 1103515245u + 12345;
        rbe_str_putc(s, (char)('a' + (x >> 16) % 20));
    }
}

static void test_crc32(void **state)
{
    (void)state;
    assert_int_equal(rbe_crc32(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(rbe_crc32(rbe_crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
    assert_int_equal(rbe_crc32(0, "", 0), 0);
}

static void test_inflate(void **state)
{
    static const size_t sizes[] = {0, 1, 100, 65536, 65537, 300000};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(sizes); i++) {
        rbe_auto(str) struct rbe_str plain = {0}, packed = {0}, out = {0};
        struct rbe_err e = {0};
        uint32_t crc;

        fill(&plain, sizes[i]);
        rbe_str_puts(&packed, "head");
        rbe_deflate(rbe_str_text(&plain), plain.len, &packed);
        rbe_str_puts(&packed, "tail");
        rbe_autoclose int fd = file_of(packed.s, packed.len);
        assert_int_equal(rbe_inflate(fd, 4, packed.len - 8, plain.len, gather, &out, &crc, &e), RBE_OK);
        assert_int_equal(out.len, plain.len);
        assert_memory_equal(rbe_str_text(&out), rbe_str_text(&plain), plain.len);
        assert_int_equal(crc, rbe_crc32(0, rbe_str_text(&plain), plain.len));
    }
}

static void test_inflate_refuses(void **state)
{
    rbe_auto(str) struct rbe_str plain = {0}, packed = {0}, out = {0};
    uint32_t crc;

    (void)state;
    fill(&plain, 100000);
    rbe_deflate(plain.s, plain.len, &packed);
    rbe_str_puts(&packed, "\xff\xff\xff\xff");
    rbe_autoclose int fd = file_of(packed.s, packed.len);
    const struct {
        uint64_t offset, packed, size;
        const char *text;
    } rows[] = {
        {0, packed.len - 4, plain.len - 1, "more than its declared size"},
        {0, packed.len - 4, plain.len + 1, "less than its declared size"},
        {0, packed.len - 5, plain.len, "ends early"},
        {0, 0, plain.len, "ends early"},
        {0, packed.len, plain.len, "goes on behind its end"},
        {0, packed.len + 1000, plain.len, "goes on behind its end"},
        {packed.len, 10, plain.len, "ends in the middle"},
        {packed.len - 4, 4, plain.len, "damaged"},
    };
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        struct rbe_err e = {0};

        assert_int_equal(rbe_inflate(fd, rows[i].offset, rows[i].packed, rows[i].size, gather, &out, &crc, &e), RBE_INVALID);
        assert_non_null(strstr(e.text, rows[i].text));
        assert_string_equal(e.violation[0].field, "file");
    }
    struct rbe_err e = {0};
    assert_int_equal(rbe_inflate(fd, 0, packed.len - 4, plain.len, refuse, NULL, &crc, &e), RBE_TOOLARGE);
    assert_int_equal(rbe_inflate(-1, 0, 10, 10, gather, &out, &crc, &e), RBE_FAULT);
}

static enum rbe_code gunzip(int fd, size_t step, struct rbe_str *out, struct rbe_err *e)
{
    rbe_autoptr(gunzip) struct rbe_gunzip *g = rbe_gunzip_new(fd);
    size_t n;

    do {
        RBE_TRY(rbe_gunzip_read(g, rbe_str_reserve(out, step), step, &n, e));
        out->len += n;
    } while (n > 0);
    RBE_TRY(rbe_gunzip_read(g, rbe_str_reserve(out, step), step, &n, e));
    assert_int_equal(n, 0);
    return RBE_OK;
}

static int gzip_file(const char *p, size_t n, size_t step)
{
    int fd;
    struct rbe_err e = {0};

    assert_int_equal(rbe_file_temp(AT_FDCWD, &fd, &e), RBE_OK);
    rbe_autoptr(gzip) struct rbe_gzip *g = rbe_gzip_new(fd);
    for (size_t i = 0; i < n; i += step)
        assert_int_equal(rbe_gzip_write(g, p + i, step < n - i ? step : n - i, &e), RBE_OK);
    assert_int_equal(rbe_gzip_finish(g, &e), RBE_OK);
    return fd;
}

static void bytes_of(int fd, struct rbe_str *ret)
{
    off_t size = lseek(fd, 0, SEEK_END);

    assert_int_equal(pread(fd, rbe_str_reserve(ret, (size_t)size), (size_t)size, 0), size);
    ret->len += (size_t)size;
}

static void test_gzip(void **state)
{
    rbe_auto(str) struct rbe_str plain = {0}, out = {0}, one = {0}, two = {0};
    struct rbe_err e = {0};

    (void)state;
    fill(&plain, 200000);
    rbe_autoclose int fd = gzip_file(plain.s, plain.len, 7777);
    assert_int_equal(gunzip(fd, 1000, &out, &e), RBE_OK);
    assert_int_equal(out.len, plain.len);
    assert_memory_equal(out.s, plain.s, plain.len);
    rbe_autoclose int again = gzip_file(plain.s, plain.len, 200000);
    bytes_of(fd, &one);
    bytes_of(again, &two);
    assert_int_equal(one.len, two.len);
    assert_memory_equal(one.s, two.s, one.len);
    /* deflate, no flags, no time, no extra, Unix */
    assert_memory_equal(one.s, "\x1f\x8b\x08\0\0\0\0\0\0\x03", 10);
}

static void test_gunzip_members(void **state)
{
    rbe_auto(str) struct rbe_str bytes = {0}, out = {0};
    struct rbe_err e = {0};
    rbe_autoclose int a = gzip_file("one", 3, 3), b = gzip_file("", 0, 1), c = gzip_file("two", 3, 3);

    (void)state;
    bytes_of(a, &bytes);
    bytes_of(b, &bytes);
    bytes_of(c, &bytes);
    rbe_str_put(&bytes, "\0\0\0\0", 4);
    rbe_autoclose int fd = file_of(bytes.s, bytes.len);
    assert_int_equal(gunzip(fd, 1, &out, &e), RBE_OK);
    rbe_str_put(&out, "", 0);
    assert_string_equal(out.s, "onetwo");
}

/* Cut anywhere, and with any byte changed behind the header, it is refused. */
static void test_gunzip_refuses(void **state)
{
    rbe_auto(str) struct rbe_str bytes = {0};
    rbe_autoclose int good = gzip_file("some text, some text, some text", 31, 31);

    (void)state;
    bytes_of(good, &bytes);
    for (size_t i = 0; i < bytes.len; i++) {
        rbe_auto(str) struct rbe_str out = {0};
        struct rbe_err e = {0};
        rbe_autoclose int fd = file_of(bytes.s, i);

        assert_int_equal(gunzip(fd, 100, &out, &e), RBE_INVALID);
        assert_string_equal(e.violation[0].field, "file");
    }
    for (size_t i = 10; i < bytes.len; i++) {
        rbe_auto(str) struct rbe_str out = {0};
        struct rbe_err e = {0};

        bytes.s[i] ^= 0x55;
        rbe_autoclose int fd = file_of(bytes.s, bytes.len);
        assert_int_equal(gunzip(fd, 100, &out, &e), RBE_INVALID);
        bytes.s[i] ^= 0x55;
    }
    static const char *const tails[] = {"x", "\x1f\x8b"};
    for (size_t i = 0; i < RBE_COUNT(tails); i++) {
        rbe_auto(str) struct rbe_str longer = {0}, out = {0};
        struct rbe_err e = {0};

        rbe_str_put(&longer, bytes.s, bytes.len);
        rbe_str_puts(&longer, tails[i]);
        rbe_autoclose int fd = file_of(longer.s, longer.len);
        assert_int_equal(gunzip(fd, 100, &out, &e), RBE_INVALID);
    }
}

static void test_gzip_to_nowhere(void **state)
{
    struct rbe_err e = {0};
    rbe_autoptr(gzip) struct rbe_gzip *g = rbe_gzip_new(-1);

    (void)state;
    assert_int_equal(rbe_gzip_finish(g, &e), RBE_FAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32),          cmocka_unit_test(test_inflate),
        cmocka_unit_test(test_inflate_refuses), cmocka_unit_test(test_gzip),
        cmocka_unit_test(test_gunzip_members), cmocka_unit_test(test_gunzip_refuses),
        cmocka_unit_test(test_gzip_to_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
