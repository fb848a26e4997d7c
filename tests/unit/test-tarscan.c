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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_headers)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
