/* A VCDIFF delta against a fixed source. The first two bytes say how much must come out. */
#include <string.h>

#include "lib/patch/vcdiff.h"
#include "tests/fuzz/fuzzfd.h"

struct bytes {
    const uint8_t *p;
    size_t n;
};

static enum rbe_code read_bytes(void *arg, void *p, size_t n, size_t *ret_n, struct rbe_err *e)
{
    struct bytes *from = arg;

    (void)e;
    *ret_n = n < from->n ? n : from->n;
    if (*ret_n)
        memcpy(p, from->p, *ret_n);
    from->p += *ret_n;
    from->n -= *ret_n;
    return RBE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static const unsigned char source[] = "the old file, which is not long but long enough to be copied from";
    struct rbe_err e = {0};

    if (n < 2)
        return 0;
    struct bytes from = {p + 2, n - 2};
    int fd = fuzz_fd(p, 0);
    const struct rbe_vcdiff v = {
        .source = source,
        .source_size = sizeof(source) - 1,
        .read = read_bytes,
        .arg = &from,
        .out_fd = fd,
        .target_size = (uint64_t)(p[0] << 8 | p[1]),
    };

    if (rbe_vcdiff_apply(&v, &e) == RBE_OK && lseek(fd, 0, SEEK_CUR) != (off_t)v.target_size)
        __builtin_trap();
    (void)close(fd);
    return 0;
}
