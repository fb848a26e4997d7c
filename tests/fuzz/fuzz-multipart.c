/* A multipart body with the boundary "b", in pieces whose size is the first byte. */
#include <stdint.h>
#include <string.h>

#include "lib/web/multipart.h"

static enum rbe_code begin(void *arg, const struct rbe_multipart_part *part, struct rbe_err *e)
{
    (void)arg;
    (void)e;
    return strlen(part->name) + (part->file_name ? strlen(part->file_name) : 0) < RBE_MULTIPART_HEADERS_MAX ? RBE_OK : RBE_FAULT;
}

static enum rbe_code data(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    (void)e;
    if (n > 0)
        *(unsigned char *)arg ^= *(const unsigned char *)p ^ ((const unsigned char *)p)[n - 1];
    return RBE_OK;
}

static enum rbe_code end(void *arg, struct rbe_err *e)
{
    (void)arg;
    (void)e;
    return RBE_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    unsigned char seen = 0;
    const struct rbe_multipart_events ev = {begin, data, end, &seen};
    rbe_autoptr(multipart) struct rbe_multipart *m = NULL;
    struct rbe_err e = {0};

    if (n == 0 || rbe_multipart_new("multipart/form-data; boundary=b", &ev, &m, &e) != RBE_OK)
        return 0;
    for (size_t at = 1, step = p[0] + 1u; at < n; at += step)
        if (rbe_multipart_put(m, p + at, step < n - at ? step : n - at, &e) != RBE_OK)
            return 0;
    (void)!rbe_multipart_end(m, &e);
    return 0;
}
