/* Delta packages: built by trial under a budget, then proved.
 *
 * A package is a zip: changes.json first (lib/patch/changes), then, sorted by path, directories, links and whole files as in
 * a package of format "files", then the groups' patches. Times are those of the target's entries where it is a zip, else
 * 1980-01-01. The same two packages, engine, budget and libraries give the same bytes.
 *
 * The trial compresses each group by zstd at its least effort. It tells whether a delta is worth it at all, and which
 * files gain nothing and so come whole. The effort of the real thing follows from the sizes alone (rbe_engine's cost): the
 * greatest that stays within the budget. Where not even the least does, there is no package: RBE_REFUSED, saying what it takes.
 */
#ifndef RBE_PATCH_DELTAPACK_H
#define RBE_PATCH_DELTAPACK_H

#include "lib/patch/encoder.h"
#include "lib/patch/inspect.h"
#include "lib/patch/solid.h"

struct rbe_deltapack {
    const struct rbe_manifest *from, *to;
    const struct rbe_plan *plan;
    const struct rbe_plan_globs *globs;
    int source_fd, target_fd;    /* the full packages */
    enum rbe_arc_type source_type, target_type;
    int out_fd;                  /* empty, open for reading and writing */
    const char *dir;             /* an empty directory for what is made on the way; the caller removes it */
    const struct rbe_engine *engine;
    struct rbe_encoder encoder;  /* its limits are the budget of all groups together */
    uint64_t baseline;           /* bytes of the package that clients get without this one */
    void (*progress)(void *arg, const char *doing);  /* may be NULL */
    void *arg;
};
struct rbe_deltapack_end {
    const char *useless;         /* NULL, or why nothing was made: fit for a job's note; lives in the arena */
    const char *advice;          /* NULL, or what the publisher could do better; lives in the arena */
    uint64_t trial_bytes;        /* what the trial came to */
    int effort;
    uint64_t rss_bytes;          /* the greatest of the encoders */
};

/* Writes the package to out_fd (not synced). */
enum rbe_code rbe_deltapack_build(const struct rbe_deltapack *d, struct rbe_arena *arena, struct rbe_deltapack_end *ret,
                                  struct rbe_err *e) RBE_MUST_USE;
/* Reads the built package back and decodes it: everything hashes to the target's manifest, and old - deleted + package +
 * copies equals it. RBE_FAULT with the path and both hashes when it does not. */
enum rbe_code rbe_deltapack_prove(const struct rbe_deltapack *d, struct rbe_err *e) RBE_MUST_USE;

#endif
