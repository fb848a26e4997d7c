/* Rows of version: one release of a resource, whatever platforms it has packages for; and the offers made from them.
 *
 * Channels, systems and arches are the enums of core/target as numbers; order_by is the parser's number of core/vercmp
 * (0: none takes the name) and order_key its key, which memcmp puts in order.
 *
 * An offer is derived state: for each (resource, channel, system, arch, parser) the greatest version that has a full
 * package there. rbe_offer_refresh makes a resource's offers anew from its versions; whoever changes versions or full
 * packages calls it in the same transaction, so an answer never walks all versions of a resource
 * (lib/store/lookup reads them).
 */
#ifndef RBE_STORE_VERSION_H
#define RBE_STORE_VERSION_H

#include "lib/store/store.h"

struct rbe_version {
    int64_t id, resource;        /* resource: row id */
    const char *name;
    int64_t number;              /* version_number, from 1 within the resource */
    int channel;
    int order_by;
    const void *order_key;
    size_t order_len;
    const char *release_note, *custom_data;
    int64_t created_at, withdrawn_at;
    int64_t packages;            /* count of full packages not purged, filled by rbe_version_list */
};

/* Gives v the next number of its resource and puts it; sets id and number. Name taken: RBE_VERSION_EXISTS. */
enum rbe_code rbe_version_put(struct rbe_store *s, struct rbe_version *v, struct rbe_err *e) RBE_MUST_USE;
/* *ret_found false when the name is unknown there. Withdrawn ones are found too. */
enum rbe_code rbe_version_find(struct rbe_store *s, int64_t resource, const char *name, struct rbe_arena *arena,
                               struct rbe_version *ret, bool *ret_found, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_version_get(struct rbe_store *s, int64_t id, struct rbe_arena *arena, struct rbe_version *ret,
                              struct rbe_err *e) RBE_MUST_USE;
/* NULL keeps what is there. */
enum rbe_code rbe_version_set_data(struct rbe_store *s, int64_t id, const char *release_note, const char *custom_data,
                                   struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_version_set_order(struct rbe_store *s, int64_t id, int order_by, const void *key, size_t len,
                                    struct rbe_err *e) RBE_MUST_USE;

enum rbe_code rbe_version_set_channel(struct rbe_store *s, int64_t id, int channel, struct rbe_err *e) RBE_MUST_USE;
/* Withdraws one version, or all of a resource when id is 0. *ret_n: how many were not withdrawn before; those that were
 * keep their time. */
enum rbe_code rbe_version_withdraw(struct rbe_store *s, int64_t resource, int64_t id, int64_t now, int64_t *ret_n,
                                   struct rbe_err *e) RBE_MUST_USE;

struct rbe_version_filter {
    int64_t resource;
    int channel;                 /* -1 for any */
    int64_t offset, limit;
};
/* Newest number first. */
enum rbe_code rbe_version_list(struct rbe_store *s, const struct rbe_version_filter *f, struct rbe_arena *arena,
                               struct rbe_version **ret, size_t *ret_n, int64_t *ret_total, struct rbe_err *e)
    RBE_MUST_USE;

enum rbe_code rbe_offer_refresh(struct rbe_store *s, int64_t resource, struct rbe_err *e) RBE_MUST_USE;
/* Offers that are there and should not be, and the other way round. */
enum rbe_code rbe_offer_count_wrong(struct rbe_store *s, int64_t resource, int64_t *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
