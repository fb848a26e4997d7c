/* The packages of a resource as purging sees them, and what it does to their rows. */
#ifndef RBE_STORE_STOCK_H
#define RBE_STORE_STOCK_H

#include "lib/store/package.h"

/* A full package that is not purged, with what orders its version. */
struct rbe_stock {
    int64_t package;
    int system, arch, channel;
    int order_by;
    const void *order_key;
    size_t order_len;
    int64_t number, withdrawn_at;    /* of the version */
    bool offered;                /* the latest for somebody */
};
/* By system, arch and channel. */
enum rbe_code rbe_stock_list(struct rbe_store *s, int64_t resource, struct rbe_arena *arena, struct rbe_stock **ret,
                             size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* Marks a full package and all patches that lead to it as purged, and adds what it marked to the sums. */
enum rbe_code rbe_stock_purge(struct rbe_store *s, int64_t package, int64_t now, int64_t *packages, int64_t *patches,
                              int64_t *bytes, struct rbe_err *e) RBE_MUST_USE;
/* Purged packages whose files are still there. */
enum rbe_code rbe_stock_waiting(struct rbe_store *s, int64_t *ret, struct rbe_err *e) RBE_MUST_USE;
/* Those that a clock marked which ran ahead: the ones purged later than `latest` count as purged now. Runs its own transaction,
 * when there are any. */
enum rbe_code rbe_stock_put_back(struct rbe_store *s, int64_t latest, int64_t now, struct rbe_err *e) RBE_MUST_USE;
/* Its files are gone. */
enum rbe_code rbe_stock_removed(struct rbe_store *s, int64_t package, int64_t now, struct rbe_err *e) RBE_MUST_USE;

#endif
