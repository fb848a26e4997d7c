/* What a process of the suite holds: configuration, databases, the shared file, its signing keys. One a process, opened
 * after fork; there are no other globals.
 *
 * The data directory:
 *     rbe.yaml rbe.local.yaml          (where rbe-serve or init put them; may be elsewhere)
 *     db/rbe.db db/usage.db
 *     packages/p/<32 hex>/<file name>  a package, and beside it its `manifest`
 *     tmp/                             uploads and packages being made, same file system as packages/
 *     run/shared.<n>                   the mmap'ed file of counters (lib/base/share)
 */
#ifndef RBE_CORE_APP_H
#define RBE_CORE_APP_H

#include "lib/base/share.h"
#include "lib/base/zone.h"
#include "lib/core/settings.h"
#include "lib/store/store.h"
#include "lib/wrap/hash.h"

/* ANSWER reads and keeps answers ready, for a process that is asked again and again. */
enum rbe_app_mode { RBE_APP_READ, RBE_APP_ANSWER, RBE_APP_WRITE };

/* On whose behalf the process acts, for the record of what it changes (deed.h). Texts are the caller's. */
struct rbe_actor {
    const char *name;            /* "token NAME", "shell USER"; NULL while nobody is known */
    const char *origin;          /* address of a client; NULL for a shell */
};

struct rbe_app {
    const struct rbe_settings *settings;
    enum rbe_app_mode mode;
    struct rbe_actor actor;                      /* the user who runs a process that writes, unless somebody else is set */
    struct rbe_store *store;                     /* NULL only after rbe_app_detach */
    struct rbe_share *share;
    struct rbe_hmac *signer[RBE_SECRETS_MAX];    /* one for each sign_secret */
    size_t signers;
    struct rbe_zone *zone;                       /* extra.quota_time_zone; NULL is UTC */
    uint64_t nonce;                              /* of the next download key (grant.h) */
    char *shell;                                 /* "shell USER"; NULL where nothing is written */
    struct rbe_answers *answers;                 /* ready ones (lib/core/answer); NULL: none are kept */
    char *inspector;                             /* path of rbe-inspect; NULL where nothing is written */
    struct rbe_outside *outside;                 /* services that are asked (outside.h); NULL until one is */
    struct rbe_destination *destination;         /* where downloads go (destination.h); NULL until it is opened */
    struct rbe_commons *commons;                 /* buckets shared with other machines (commons.h); NULL: none are */
    char *encoder;                               /* of rbe-encode; likewise */
};

/* Settings must outlive the app. Becomes the owner of the data directory when started as root (rbe_become_owner). */
enum rbe_code rbe_app_open(const struct rbe_settings *settings, enum rbe_app_mode mode, struct rbe_app **ret,
                           struct rbe_err *e) RBE_MUST_USE;
void rbe_app_close(struct rbe_app *app);
RBE_DEFINE_CLEANUP(app, struct rbe_app, rbe_app_close)
/* The zone of extra.quota_time_zone; NULL for UTC. A name that has no file: RBE_NOTFOUND. */
enum rbe_code rbe_app_zone(const struct rbe_settings *settings, struct rbe_zone **ret, struct rbe_err *e) RBE_MUST_USE;
/* Closes the databases, for a process that stays while they are away; reopen opens what is there by then. */
void rbe_app_detach(struct rbe_app *app);
enum rbe_code rbe_app_reopen(struct rbe_app *app, struct rbe_err *e) RBE_MUST_USE;

/* Maps the shared file alone, for one who only counts. */
enum rbe_code rbe_app_share(const struct rbe_settings *settings, struct rbe_share **ret, struct rbe_err *e) RBE_MUST_USE;

/* Makes the data directory and those in it, with the right modes, and becomes the owner when started as root. */
enum rbe_code rbe_app_make_dirs(const struct rbe_settings *settings, struct rbe_err *e) RBE_MUST_USE;
/* Makes the data directory and databases, or brings them up to date; also reads version names again when the parser table
 * has changed. *ret_applied (may be NULL): migrations applied. */
enum rbe_code rbe_app_migrate(const struct rbe_settings *settings, unsigned *ret_applied, struct rbe_err *e)
    RBE_MUST_USE;
/* The same for an installation that was made before: where there is none (or its disk is not mounted) RBE_REFUSED, so that
 * nothing empty is ever served in its place. */
enum rbe_code rbe_app_update(const struct rbe_settings *settings, unsigned *ret_applied, struct rbe_err *e)
    RBE_MUST_USE;

/* "<data_dir>/<below>", in the arena. */
const char *rbe_app_path(const struct rbe_app *app, struct rbe_arena *arena, const char *below);

#endif
