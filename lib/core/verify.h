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
    RBE_FINDING_ROW,             /* a row that others contradict */
    RBE_FINDING_MAX
};
const char *rbe_finding_name(enum rbe_finding f);

struct rbe_verify {
    /* Mend what can be: orphans that nobody can be about to name go aside (aside/ in the data directory), patches that are
     * lost or damaged are forgotten and queued to be built again, those between wrong ends are forgotten, wrong offers are
     * made anew, wrong numbers put right. A full package that is lost can only be published again. Takes RBE_APP_WRITE. */
    bool repair;
    int64_t patience;            /* how many seconds an orphan must have lain there to go aside; 0: an hour */
    /* Told of each finding: path below packages/ (of a row: its resource), and what was expected and found, or was done. */
    void (*found)(void *arg, enum rbe_finding f, const char *path, const char *detail);
    /* Told of progress in bytes hashed; may be NULL. */
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};
struct rbe_verified {
    uint64_t packages, bytes, findings;
    uint64_t repaired;           /* of the findings */
};
enum rbe_code rbe_verify_run(struct rbe_app *app, const struct rbe_verify *v, struct rbe_verified *ret,
                             struct rbe_err *e) RBE_MUST_USE;

#endif
