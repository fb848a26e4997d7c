/* The longer half of an update: everything up to the finished journal, with nothing of the tree changed. */
#ifndef RBE_PATCH_PREPARE_H
#define RBE_PATCH_PREPARE_H

#include "lib/patch/updater.h"

/* The kinds of packages, from the smallest and pickiest on. */
enum rbe_level { RBE_LEVEL_DELTA, RBE_LEVEL_FILES, RBE_LEVEL_FULL };

/* All fail with the reason in u->e. */

/* Asks, again and again while there is no answer: u->offer. */
enum rbe_code rbe_prepare_ask(struct rbe_update *u, enum rbe_level level) RBE_MUST_USE;
/* Makes ready what leads to the offered version, beginning with packages of a level; nothing when there is none newer. */
enum rbe_code rbe_prepare_update(struct rbe_update *u, enum rbe_level level) RBE_MUST_USE;
/* The version is right: makes ready what is missing in the tree. */
enum rbe_code rbe_prepare_mend(struct rbe_update *u) RBE_MUST_USE;
/* Forgets what was made ready; drop removes its files as well, and with `package` the download. u->e stays. */
void rbe_prepare_forget(struct rbe_update *u);
void rbe_prepare_drop(struct rbe_update *u, bool package);

#endif
