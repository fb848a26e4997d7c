/* Token buckets that several machines share through memcached: the rate of one client over all of them together.
 *
 * A bucket stands under a name made of a keyed hash, so machines share buckets when they share servers and the first of
 * auth.sign_secret, and a name says nothing of an address. It holds what is missing and when that was so, with a MAC,
 * because others may reach these servers. The moment never goes back, whoever's clock is behind: for him the bucket fills
 * no faster, and not at all until his clock is there or the value expires, which it does by the server's own clock when
 * the bucket is full. So a clock that is wrong costs a client no more than one filling of his bucket.
 */
#ifndef RBE_CORE_COMMONS_H
#define RBE_CORE_COMMONS_H

#include "lib/base/bucket.h"
#include "lib/core/app.h"

struct rbe_commons;
/* *ret stays NULL where memcached.servers is empty. */
enum rbe_code rbe_commons_new(struct rbe_app *app, struct rbe_commons **ret, struct rbe_err *e) RBE_MUST_USE;
void rbe_commons_free(struct rbe_commons *c);

/* AWAY: nobody knows; also when others were faster again and again, and where c is NULL. */
enum rbe_commons_got { RBE_COMMONS_TOKEN, RBE_COMMONS_EMPTY, RBE_COMMONS_AWAY };
/* As rbe_bucket_take and rbe_bucket_look; `now` is nanoseconds since 1970. */
enum rbe_commons_got rbe_commons_take(struct rbe_commons *c, uint64_t who, struct rbe_bucket_rate rate, uint64_t now,
                                      uint64_t *ret_wait);
enum rbe_commons_got rbe_commons_look(struct rbe_commons *c, uint64_t who, struct rbe_bucket_rate rate, uint64_t now,
                                      uint64_t *ret_wait);

/* A mark that is there for so many seconds. */
void rbe_commons_mark(struct rbe_commons *c, uint64_t who, unsigned seconds);
bool rbe_commons_marked(struct rbe_commons *c, uint64_t who);

#endif
