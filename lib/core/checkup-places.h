/* Looking whether what is configured of places, signatures and mirror targets can work, and does not give away what it
 * should guard. A part of lib/core/checkup.
 */
#ifndef RBE_CORE_CHECKUP_PLACES_H
#define RBE_CORE_CHECKUP_PLACES_H

#include "lib/core/checkup.h"
#include "lib/store/store.h"

/* store of NULL: what only the database knows is left out. Says nothing where nothing is configured. */
void rbe_checkup_places(struct rbe_checkup *c, struct rbe_store *store);

#endif
