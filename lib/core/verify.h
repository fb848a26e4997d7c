/* The database against the disk: every package there, of its size and hash; nothing there that no row names.
 */
#ifndef RBE_CORE_VERIFY_H
#define RBE_CORE_VERIFY_H

#include "lib/core/app.h"

enum rbe_finding {
    RBE_FINDING_MISSING,         /* a row's file is not there or cannot be opened */
    RBE_FINDING_SIZE,
    RBE_FINDING_HASH,
    RBE_FINDING_MANIFEST,        /* not there, or not the tree that was published */
    RBE_FINDING_ORPHAN,          /* a file no row names */
    RBE_FINDING_MAX
};
const char *rbe_finding_name(enum rbe_finding f);

struct rbe_verify {
    /* Told of each finding: path below packages/, and what was expected and found. */
    void (*found)(void *arg, enum rbe_finding f, const char *path, const char *detail);
    /* Told of progress in bytes hashed; may be NULL. */
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};
struct rbe_verified {
    uint64_t packages, bytes, findings;
};
enum rbe_code rbe_verify_run(struct rbe_app *app, const struct rbe_verify *v, struct rbe_verified *ret,
                             struct rbe_err *e) RBE_MUST_USE;

#endif
