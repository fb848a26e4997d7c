/* A manifest from disk: what is parsed is written back as it was. */
#include <stdint.h>
#include <string.h>

#include "lib/patch/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    rbe_auto(manifest) struct rbe_manifest m = {0};
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_err e = {0};

    if (rbe_manifest_parse((const char *)p, n, &m, &e) != RBE_OK)
        return 0;
    rbe_manifest_format(&m, &text);
    if (text.len != n || memcmp(text.s, p, n) != 0 || rbe_manifest_seal(&m, &e) != RBE_OK)
        abort();
    return 0;
}
