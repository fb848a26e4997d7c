/* Each header that tar readers take differently, fed whole and byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "lib/base/mem.h"
#include "lib/wrap/tarscan.h"

/* A header of this type and size, and its data padded to blocks. */
static void put(struct rbe_str *tar, char type, size_t size, const char *data, size_t len)
{
    char header[512] = "name";

    (void)snprintf(header + 124, 12, "%011o", (unsigned)size);
    header[156] = type;
    rbe_str_put(tar, header, sizeof(header));
    if (len > 0) {
        char block[512] = {0};

        memcpy(block, data, len);
        rbe_str_put(tar, block, sizeof(block));
    }
}

static enum rbe_code scan(const struct rbe_str *tar, size_t step)
{
    rbe_auto(tarscan) struct rbe_tarscan t = {0};
    struct rbe_err e = {0};

    for (size_t i = 0; i < tar->len; i += step) {
        size_t n = tar->len - i < step ? tar->len - i : step;
        enum rbe_code code = rbe_tarscan_put(&t, tar->s + i, n, &e);

        if (code != RBE_OK)
            return code;
    }
    return RBE_OK;
}

static void test_headers(void **state)
{
    static const struct {
        struct {
            char type;
            size_t size;
            const char *data;
        } part[3];
        enum rbe_code code;
    } rows[] = {
        {{{'g', 16, "16 comment=abcd\n"}, {'0', 3, "abc"}}, RBE_OK},
        {{{'g', 16, "16 path=../evil\n"}, {'0', 3, "abc"}}, RBE_INVALID},
        {{{'x', 16, "16 path=a/b/c/d\n"}, {'0', 3, "abc"}}, RBE_OK},
        {{{'x', 9, "nonsense\n"}, {'0', 3, "abc"}}, RBE_INVALID},
        {{{'x', 12, "12 size=512\n"}, {'5', 0, ""}}, RBE_INVALID},
        {{{'5', 512, "x"}, {'0', 0, ""}}, RBE_INVALID},
        {{{'L', 5, "long"}, {'L', 5, "evil"}, {'0', 0, ""}}, RBE_INVALID},
        {{{'L', 5, "long"}, {'K', 5, "link"}, {'2', 0, ""}}, RBE_OK},
        {{{'L', 5, "a\0bc"}, {'0', 0, ""}}, RBE_INVALID},
        {{{'Z', 0, ""}}, RBE_INVALID},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_auto(str) struct rbe_str tar = {0};
        char zeros[1024] = {0};

        for (size_t k = 0; k < 3 && rows[i].part[k].type; k++)
            put(&tar, rows[i].part[k].type, rows[i].part[k].size, rows[i].part[k].data,
                rows[i].part[k].size < 17 ? rows[i].part[k].size : 1);
        rbe_str_put(&tar, zeros, sizeof(zeros));
        assert_int_equal(scan(&tar, tar.len), rows[i].code);
        assert_int_equal(scan(&tar, 1), rows[i].code);
    }
}

/* The map of a sparse file, at the beginning of its data (pax) or in blocks behind its header (GNU). */
static void test_sparse(void **state)
{
    static const struct {
        const char *map;
        enum rbe_code code;
    } rows[] = {
        {"1\n0\n5\n", RBE_OK},          {"1000000\n0\n", RBE_OK},  {"1000001\n", RBE_INVALID},
        {"999999999999999999\n", RBE_INVALID}, {"#\n1\n", RBE_INVALID},   {"\n", RBE_INVALID},
        {"00000000000000000000000000000000000000000000000000\n", RBE_INVALID},
    };
    enum { BLOCKS_MOST = 1000000 / 21 };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_auto(str) struct rbe_str tar = {0};

        put(&tar, 'x', 22, "22 GNU.sparse.major=1\n", 22);
        put(&tar, '0', 512, rows[i].map, strlen(rows[i].map));
        put(&tar, '0', 1, "a", 1);
        assert_int_equal(scan(&tar, tar.len), rows[i].code);
        assert_int_equal(scan(&tar, 1), rows[i].code);
    }
    for (size_t n = BLOCKS_MOST; n <= BLOCKS_MOST + 1; n++) {
        rbe_auto(str) struct rbe_str tar = {0};
        char block[512] = {0};

        put(&tar, 'S', 0, "", 0);
        tar.s[482] = 1;
        for (size_t k = 1; k <= n; k++) {
            block[504] = k < n;
            rbe_str_put(&tar, block, sizeof(block));
        }
        put(&tar, '0', 1, "a", 1);
        assert_int_equal(scan(&tar, tar.len), n == BLOCKS_MOST ? RBE_OK : RBE_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_headers), cmocka_unit_test(test_sparse)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
