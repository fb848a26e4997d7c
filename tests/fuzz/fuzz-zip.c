/* The directory of a zip, and what its entries hold. */
#include "lib/wrap/zip.h"
#include "tests/fuzz/fuzzfd.h"

static enum rbe_code count(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    size_t *left = arg;

    (void)p;
    if (n > *left)
        return rbe_fail(e, RBE_TOOLARGE, "enough");
    *left -= n;
    return RBE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    rbe_autoclose int fd = fuzz_fd(p, n);
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_zip zip = {0};
    struct rbe_err e = {0};
    size_t left = 1 << 20;

    if (rbe_zip_open(fd, 1000, &arena, &zip, &e) == RBE_OK)
        for (size_t i = 0; i < zip.n; i++)
            (void)!rbe_zip_read(fd, &zip.entries[i], count, &left, &e);
    return 0;
}
