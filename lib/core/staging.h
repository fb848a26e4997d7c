/* A file on its way in: bytes go to a temporary file below data_dir/tmp while they are hashed. What is not taken over
 * is removed when the staging is freed; what a killed process leaves is removed by rbe-batch after a day.
 */
#ifndef RBE_CORE_STAGING_H
#define RBE_CORE_STAGING_H

#include "lib/core/app.h"

struct rbe_staging {
    int fd;                      /* open for reading and writing */
    char *path;                  /* absolute, below tmp/; NULL once it was moved away */
    char *name;                  /* the uploader's file name, without directories; "" when not said */
    uint64_t size;
    unsigned char sha256[RBE_SHA256_SIZE];   /* after rbe_staging_finish */
    struct rbe_sha256 *hash;
};

enum rbe_code rbe_staging_new(struct rbe_app *app, const char *name, struct rbe_staging **ret,
                              struct rbe_err *e) RBE_MUST_USE;
/* A disk that fills: RBE_NOSPACE. */
enum rbe_code rbe_staging_put(struct rbe_staging *s, const void *p, size_t n, struct rbe_err *e) RBE_MUST_USE;
/* Takes the hash. */
enum rbe_code rbe_staging_finish(struct rbe_staging *s, struct rbe_err *e) RBE_MUST_USE;
void rbe_staging_free(struct rbe_staging *s);
RBE_DEFINE_CLEANUP(staging, struct rbe_staging, rbe_staging_free)

#endif
