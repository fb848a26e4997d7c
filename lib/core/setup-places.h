/* Looking whether what is configured of places, signatures and mirror targets can work, and does not give away what it
 * should guard. A part of lib/core/setup.
 */
#ifndef RBE_CORE_SETUP_PLACES_H
#define RBE_CORE_SETUP_PLACES_H

#include "lib/core/setup.h"
#include "lib/store/store.h"

/* store of NULL: what only the database knows is left out. Says nothing where nothing is configured. */
void rbe_setup_places_check(const struct rbe_settings *settings, struct rbe_store *store, rbe_setup_found *found,
                            void *arg);

#endif
