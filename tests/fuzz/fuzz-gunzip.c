/* Gzip members, one behind the other. */
#include "lib/wrap/deflate.h"
#include "tests/fuzz/fuzzfd.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    rbe_autoclose int fd = fuzz_fd(p, n);
    rbe_autoptr(gunzip) struct rbe_gunzip *g = rbe_gunzip_new(fd);
    static char bytes[4096];
    struct rbe_err e = {0};
    size_t got = 1;

    for (int i = 0; i < 256 && got > 0; i++)
        if (rbe_gunzip_read(g, bytes, sizeof(bytes), &got, &e) != RBE_OK)
            break;
    return 0;
}
