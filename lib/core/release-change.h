/* Changing what is published: its texts, its channel, and withdrawing it.
 *
 * Each is one transaction that also makes the resource's offers anew where they may differ, so the very next answer
 * knows. Nothing is deleted: a withdrawn version keeps its row, so its name stays taken and its clients can still be led
 * away from it.
 */
#ifndef RBE_CORE_RELEASE_CHANGE_H
#define RBE_CORE_RELEASE_CHANGE_H

#include "lib/core/app.h"
#include "lib/store/resource.h"
#include "lib/store/version.h"

enum rbe_release_text { RBE_RELEASE_NOTE, RBE_RELEASE_DATA };

/* A release note or custom data as a publisher sends it. */
struct rbe_release_words {
    enum rbe_release_text which;
    const char *version_name;
    const char *channel;         /* the version's, as spelled by the publisher; NULL or "" when not said */
    const char *content;         /* "" takes away what is there; NULL breaks a rule */
};
/* A note is cut at RBE_RELEASE_NOTE_MAX characters. Broken rules: RBE_INVALID with violations, RBE_BAD_CHANNEL. No such
 * version, or on another channel: RBE_NOTFOUND. *ret is the version as it is then. */
enum rbe_code rbe_release_describe(struct rbe_app *app, const struct rbe_resource *resource,
                                   const struct rbe_release_words *words, struct rbe_arena *arena,
                                   struct rbe_version *ret, struct rbe_err *e) RBE_MUST_USE;

/* Never to be offered again; one that is withdrawn already stays as it is. No such version: RBE_NOTFOUND. */
enum rbe_code rbe_release_withdraw(struct rbe_app *app, const struct rbe_resource *resource, const char *name,
                                   struct rbe_arena *arena, struct rbe_version *ret, struct rbe_err *e) RBE_MUST_USE;
/* The same for all versions of a resource; *ret_n: how many were not withdrawn before. */
enum rbe_code rbe_release_withdraw_all(struct rbe_app *app, const struct rbe_resource *resource, int64_t *ret_n,
                                       struct rbe_err *e) RBE_MUST_USE;

/* Moves a version with all its packages to another channel, as spelled by the publisher. No such version: RBE_NOTFOUND.
 * A name without order where the channel needs one: RBE_UNORDERED. Withdrawn: RBE_REFUSED. */
enum rbe_code rbe_release_promote(struct rbe_app *app, const struct rbe_resource *resource, const char *name,
                                  const char *channel, struct rbe_arena *arena, struct rbe_version *ret,
                                  struct rbe_err *e) RBE_MUST_USE;

#endif
