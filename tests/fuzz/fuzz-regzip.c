/* A gzip member whose blocks are taken over: what comes out unpacks to the same bytes. */
#include <string.h>

#include "lib/base/mem.h"
#include "lib/wrap/flate.h"
#include "lib/wrap/map.h"
#include "lib/wrap/regzip.h"
#include "tests/fuzz/fuzzfd.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    enum { LEAST = 18, MOST = 4 << 20 };
    if (n < LEAST)
        return 0;
    const size_t plain_n = (size_t)p[n - 4] | (size_t)p[n - 3] << 8 | (size_t)p[n - 2] << 16 | (size_t)p[n - 1] << 24;

    if (plain_n == 0 || plain_n > MOST)
        return 0;
    rbe_autofree unsigned char *plain = rbe_alloc(plain_n), *back = rbe_alloc(plain_n);

    if (!rbe_flate_gunzip(p, n, plain, plain_n))
        return 0;
    rbe_autoclose int in = fuzz_fd(p, n), out = fuzz_fd(p, 0);
    const struct rbe_regzip_source source = {.fd = in, .plain = plain, .plain_n = plain_n};
    const struct rbe_regzip_run run = {.n = plain_n};
    rbe_auto(map) struct rbe_map packed = {0};
    struct rbe_err e = {0};

    if (rbe_regzip(out, plain, plain_n, &source, &run, 1, &e) != RBE_OK || rbe_map_read(out, &packed, &e) != RBE_OK ||
        !rbe_flate_gunzip(packed.p, packed.n, back, plain_n) || memcmp(plain, back, plain_n) != 0)
        abort();
    return 0;
}
