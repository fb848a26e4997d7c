/* Where does this download go? To the CDN, to a place of the client's region, or nowhere else: then this server sends
 * the file itself.
 *
 * A region that stands neither in extra.download_prefix_info nor in extra.distribute_cdn_region counts as `default`. Of a
 * hundred downloads of a region that may use it, extra.distribute_cdn_ratio go to the CDN, the others to the places of
 * the region by weight, or to those of `default` where it has none that can be used; where no place can be used, to the
 * CDN after all. A place can be used when it is up (lib/core/probe) and, where a mirror target names it, when the
 * package's copy there is verified.
 */
#ifndef RBE_CORE_DESTINATION_H
#define RBE_CORE_DESTINATION_H

#include "lib/core/app.h"
#include "lib/store/package.h"

/* Makes the places of the settings ready, which stay with the app (app->destination) until it is closed. A signature that
 * cannot be made: RBE_REFUSED. */
enum rbe_code rbe_destination_open(struct rbe_app *app, struct rbe_err *e) RBE_MUST_USE;
/* What chance begins with; after opening it is random. */
void rbe_destination_seed(struct rbe_destination *d, uint64_t seed);
/* NULL is fine. */
void rbe_destination_free(struct rbe_destination *d);

struct rbe_destination_query {
    const struct rbe_package *package;
    const char *region;          /* rbe_destination_region */
    int64_t now;
};
/* *ret is the signed URL in the arena, or NULL for this server. What is known of the places is read anew once a second;
 * where that fails, what was known stays. */
enum rbe_code rbe_destination_find(struct rbe_app *app, const struct rbe_destination_query *q, struct rbe_arena *arena,
                                   const char **ret, struct rbe_err *e) RBE_MUST_USE;

/* The region of a request: what the key says ("" for nothing), else what the header or variable of extra.region_from says
 * (NULL for nothing; in any letter case), else instance.region_id. A text that can be no region is `default`. */
const char *rbe_destination_region(const struct rbe_settings *settings, const char *said, const char *observed,
                                   struct rbe_arena *arena);

/* Whether this text, NULL for none, is extra.origin_secret. Takes the same time whatever it is. */
bool rbe_destination_is_origin(const struct rbe_settings *settings, const char *secret);

/* All places of the settings, the CDN first, each URL once, in the order they stand. For those who look after them. */
struct rbe_destination_place {
    const char *url;
    const struct rbe_place_auth *auth;
    const char *target;          /* of the first mirror target that names it, or NULL */
};
struct rbe_destination_place *rbe_destination_places(const struct rbe_settings *settings, struct rbe_arena *arena,
                                                     size_t *ret_n);

#endif
