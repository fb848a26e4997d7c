/* Ready answers that all processes share through memcached: the last level below the tables of each (lib/core/answer), who
 * knows what the bytes mean.
 *
 * A value stands under a name made, by a secret of the installation, from the question and from the marks of freshness it
 * was read at: one bump of a word or of the epoch, and nobody asks for the old names any more. It carries a MAC, because
 * whoever else reaches these servers could put something there. A name that is missing is computed by one process while the
 * others wait for it a moment. Without the servers everything goes on as without this file.
 */
#ifndef RBE_CORE_SHELF_H
#define RBE_CORE_SHELF_H

#include "lib/base/fresh.h"
#include "lib/core/app.h"

struct rbe_shelf;
/* *ret stays NULL where memcached.servers is empty. */
enum rbe_code rbe_shelf_new(struct rbe_app *app, struct rbe_shelf **ret, struct rbe_err *e) RBE_MUST_USE;
void rbe_shelf_free(struct rbe_shelf *s);

/* key: of the question, as in the table. What is found lives until the next find. */
bool rbe_shelf_find(struct rbe_shelf *s, const struct rbe_fresh *mark, const void *key, size_t n, const void **ret,
                    size_t *ret_len);
/* What is known now of the last question. */
void rbe_shelf_put(struct rbe_shelf *s, const void *value, size_t len);

#endif
