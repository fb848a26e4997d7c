/* A tar, whole: the first byte chooses the compression it comes in. */
#include "lib/patch/inspect.h"
#include "lib/wrap/deflate.h"
#include "tests/fuzz/fuzzfd.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    static const enum rbe_arc_type types[] = {RBE_ARC_TAR_GZ, RBE_ARC_TAR_XZ, RBE_ARC_TAR_ZST};
    rbe_autoclose int fd = fuzz_fd(p, n > 0 && p[0] < RBE_COUNT(types) ? 0 : n);
    rbe_auto(manifest) struct rbe_manifest m = {0};
    struct rbe_inspect what = {.fd = fd, .type = RBE_ARC_TAR_GZ, .limits = {200, 1 << 20}};
    struct rbe_err e = {0};

    if (n > 0 && p[0] < RBE_COUNT(types)) {
        what.type = types[p[0]];
        if (what.type == RBE_ARC_TAR_GZ) {
            /* Packed here, so that changes reach the tar and not only a checksum. */
            rbe_autoptr(gzip) struct rbe_gzip *g = rbe_gzip_new(fd);

            if (rbe_gzip_write(g, p + 1, n - 1, &e) != RBE_OK || rbe_gzip_finish(g, &e) != RBE_OK)
                abort();
        } else if (write(fd, p + 1, n - 1) != (ssize_t)(n - 1)) {
            abort();
        }
    }
    (void)!rbe_inspect(&what, &m, &e);
    return 0;
}
