/* A built package proved: the new tree is put together from the old manifest and what was read out of the package, as a
 * client would, and must be the target's tree to the bit. What reads the package hands in what it found, entry by entry.
 */
#ifndef RBE_PATCH_PROOF_H
#define RBE_PATCH_PROOF_H

#include "lib/patch/wanted.h"
#include "lib/wrap/zip.h"

struct rbe_proof {
    const struct rbe_manifest *from, *to;
    const struct rbe_plan *plan;
    struct rbe_wanted want;          /* what has to come out of the package, ticked off */
    struct rbe_arena arena;
    struct rbe_sha256 *hash;
    struct rbe_str content;          /* of a link */
    struct rbe_manifest tree;        /* the tree that a client gets */
};

void rbe_proof_init(struct rbe_proof *p, const struct rbe_manifest *from, const struct rbe_manifest *to,
                    const struct rbe_plan *plan);
void rbe_proof_release(struct rbe_proof *p);
/* One entry that a client gets. Not wanted, a second time, or another than the target has: RBE_FAULT, with both. */
enum rbe_code rbe_proof_take(struct rbe_proof *p, const struct rbe_entry *got, struct rbe_err *e) RBE_MUST_USE;
/* Unpacks and hashes an entry of the package on fd and tells what it is; texts live in the proof. */
enum rbe_code rbe_proof_read(struct rbe_proof *p, int fd, const struct rbe_zip_entry *entry, struct rbe_entry *ret,
                             struct rbe_err *e) RBE_MUST_USE;
/* changes.json as it was found against what it must be. */
enum rbe_code rbe_proof_changes(const struct rbe_entry *got, const struct rbe_str *changes, struct rbe_err *e)
    RBE_MUST_USE;
/* All was read: nothing is missing, and the tree is the target's. */
enum rbe_code rbe_proof_end(struct rbe_proof *p, struct rbe_err *e) RBE_MUST_USE;

#endif
