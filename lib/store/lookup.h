/* What an answer to `latest` reads: each question one statement that brings no more than the answer needs.
 *
 * Platforms are the numbers of core/target, 0 for any. A client is served from three places, the closest first: (its system,
 * its arch), (its system, any), (any, any).
 */
#ifndef RBE_STORE_LOOKUP_H
#define RBE_STORE_LOOKUP_H

#include "lib/store/package.h"
#include "lib/store/resource.h"

struct rbe_lookup {
    const char *rid;
    int channel, system, arch;
};

/* An offer (lib/store/version), and what its resource says to all of them. */
struct rbe_lookup_offer {
    int64_t version, package;    /* row ids; the package is a full one */
    int64_t number;
    int channel, system, arch;
    int order_by;
    const void *order_key;
    size_t order_len;
    int64_t resource;            /* row id */
    enum rbe_resource_update update;
    enum rbe_resource_access access;
    enum rbe_resource_order order;
};
/* The offers of a resource to such a client, on its channel and the steadier ones. None where there is no such resource. */
enum rbe_code rbe_lookup_offers(struct rbe_store *s, const struct rbe_lookup *of, struct rbe_arena *arena,
                                struct rbe_lookup_offer **ret, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;

/* What is offered: a version and its full package. */
struct rbe_lookup_offered {
    const char *name, *release_note, *custom_data;
    int64_t published_at;
    int64_t size;
    unsigned char sha256[32];
    bool has_tree;               /* an incremental can lead to it */
};
enum rbe_code rbe_lookup_offered(struct rbe_store *s, const struct rbe_lookup_offer *o, struct rbe_arena *arena,
                                 struct rbe_lookup_offered *ret, struct rbe_err *e) RBE_MUST_USE;

/* Where a client stands: a version by its name, withdrawn ones too, and the full package that such a client was given. */
struct rbe_lookup_standing {
    int64_t version, number;     /* version: row id */
    int64_t withdrawn_at;
    int order_by;
    const void *order_key;
    size_t order_len;
    int64_t package;             /* row id; 0: there was none for it */
    int system, arch;            /* of the package */
    int64_t purged_at;
    bool has_tree;
};
/* *ret_found false when the name is unknown there. */
enum rbe_code rbe_lookup_standing(struct rbe_store *s, int64_t resource, const char *name, const struct rbe_lookup *of,
                                  struct rbe_arena *arena, struct rbe_lookup_standing *ret, bool *ret_found,
                                  struct rbe_err *e) RBE_MUST_USE;

#endif
