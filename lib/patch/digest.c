#include "lib/patch/digest.h"

#include "lib/wrap/file.h"

enum { PIECE = 128 * 1024 };

void rbe_digest_release(struct rbe_digest *d)
{
    rbe_sha256_free(d->hash);
    free(d->piece);
    *d = (struct rbe_digest){0};
}

static enum rbe_code put_all(struct rbe_digest *d, int fd, uint64_t *ret_size, struct rbe_err *e)
{
    size_t n;

    *ret_size = 0;
    do {
        RBE_TRY(rbe_file_read_at(fd, d->piece, PIECE, *ret_size, &n, e));
        rbe_sha256_put(d->hash, d->piece, n);
        *ret_size += n;
        if (d->step && n)
            RBE_TRY(d->step(d->arg, n, e));
    } while (n == PIECE);
    return RBE_OK;
}

enum rbe_code rbe_digest_file(struct rbe_digest *d, int fd, unsigned char ret_sum[static RBE_SHA256_SIZE],
                              uint64_t *ret_size, struct rbe_err *e)
{
    if (!d->hash) {
        d->hash = rbe_sha256_new();
        d->piece = rbe_alloc(PIECE);
    }
    enum rbe_code code = put_all(d, fd, ret_size, e);
    /* also where it failed, so that the next file begins afresh */
    rbe_sha256_end(d->hash, ret_sum);
    return code;
}

enum rbe_code rbe_digest_of(int fd, unsigned char ret_sum[static RBE_SHA256_SIZE], uint64_t *ret_size,
                            struct rbe_err *e)
{
    rbe_auto(digest) struct rbe_digest d = {0};

    return rbe_digest_file(&d, fd, ret_sum, ret_size, e);
}
