/* Undoes VCDIFF (RFC 3284) as it stands: the default code table, no secondary compression, no application header, and
 * none of the extensions that encoders add (checksums of windows).
 *
 * Works window by window: what is in memory are the sections of one window and what it unpacks to.
 */
#ifndef RBE_PATCH_VCDIFF_H
#define RBE_PATCH_VCDIFF_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"

/* The next bytes of the delta; *ret_n of 0 at its end. */
typedef enum rbe_code rbe_vcdiff_reader(void *arg, void *p, size_t n, size_t *ret_n, struct rbe_err *e);

struct rbe_vcdiff {
    const unsigned char *source;
    uint64_t source_size;
    rbe_vcdiff_reader *read;
    void *arg;
    int out_fd;                  /* empty, open for reading and writing */
    uint64_t target_size;        /* what must come out, exactly */
};
/* A delta that breaks a rule or gives another size: RBE_INVALID, field "patch". */
enum rbe_code rbe_vcdiff_apply(const struct rbe_vcdiff *v, struct rbe_err *e) RBE_MUST_USE;

#endif
