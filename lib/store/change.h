/* Telling other processes that the releases database has changed (lib/base/fresh), exactly and whatever happens.
 *
 * The database itself counts the changes that an answer may rest on (table change), whoever makes them. A commit of ours
 * tells words, or the epoch where it did not say which resources it touched, and then notes in the shared file up to
 * which number all is told. A number there that is not the database's own means that somebody changed it without telling:
 * a process killed after its commit, or a foreign program. The next writer of ours sees it at its commit, and a reader
 * within a second (rbe_store_catch_up); both change the epoch.
 */
#ifndef RBE_STORE_CHANGE_H
#define RBE_STORE_CHANGE_H

#include "lib/base/share.h"
#include "lib/store/store.h"

/* Where commits of the releases database are told from now on; share stays the caller's. */
void rbe_store_tell(struct rbe_store *s, struct rbe_share *share);
/* The transaction changes what is answered for this resource, and for no other that is not named too. One that changes
 * something and names none is told to all. */
void rbe_store_touch(struct rbe_store *s, const char *rid);
/* For those who keep what they read: looks whether there was a change that nobody told, and tells it to all. */
enum rbe_code rbe_store_catch_up(struct rbe_store *s, struct rbe_err *e) RBE_MUST_USE;

#endif
