/* Releases: making resources, publishing versions.
 *
 * Publishing is synchronous: when rbe_release_publish returns, the version is live and durable. The bytes come first,
 * as a staged file (staging.h), are inspected, synced, moved into place with their manifest, and only then named by
 * the database.
 */
#ifndef RBE_CORE_RELEASE_H
#define RBE_CORE_RELEASE_H

#include "lib/core/app.h"
#include "lib/core/grant.h"
#include "lib/core/staging.h"
#include "lib/core/target.h"
#include "lib/store/package.h"
#include "lib/store/resource.h"
#include "lib/store/version.h"

/* Words of the contract: "incremental"|"full", "public"|"cdk", "version"|"published". */
const char *rbe_resource_update_name(enum rbe_resource_update v);
const char *rbe_resource_access_name(enum rbe_resource_access v);
const char *rbe_resource_order_name(enum rbe_resource_order v);

/* A resource as a publisher spells it; NULL or "" takes the default. */
struct rbe_resource_draft {
    const char *rid, *name, *description, *update_type, *access, *order;
    const char *const *always_include;
    size_t always_includes;
};
/* Broken rules: RBE_INVALID with a violation a field. Taken: RBE_RESOURCE_EXISTS. */
enum rbe_code rbe_release_create(struct rbe_app *app, const struct rbe_resource_draft *d, struct rbe_arena *arena,
                                 struct rbe_resource *ret, struct rbe_err *e) RBE_MUST_USE;

/* In names, characters, bytes. */
enum { RBE_PUBLISH_OLDS_MAX = 100, RBE_RELEASE_NOTE_MAX = 20000, RBE_CUSTOM_DATA_MAX = 10000 };

/* The next name of a list parted by commas, without the space around it; NULL at its end. Moves *at on. */
const char *rbe_publish_next_name(const char **at, struct rbe_arena *arena);

struct rbe_publish {
    const char *rid, *version_name;
    const char *channel, *system, *arch;     /* as spelled by the publisher; "" for the defaults */
    const char *const *old_versions;         /* names, already split at commas */
    size_t olds;
    const char *release_note;                /* "" for none; a later non-empty one replaces; cut at its maximum */
    const char *custom_data;                 /* the same, but refused over its maximum */
    const char *sha256;                      /* hex the bytes must have, "" to trust them */
    struct rbe_staging *staged;              /* the finished file, NULL for none; its bytes are taken over on success.
                                              * Without a path it is gone, and only told whether it was published */
};
struct rbe_published {
    struct rbe_resource resource;
    struct rbe_version version;
    struct rbe_package package;
    bool existed;                            /* the same bytes were there already: nothing was changed */
    const char *const *ignored_olds;
    size_t ignored;
    struct rbe_err queue_error;              /* why patches from old_versions were not queued; all else went well */
    char status_key[RBE_GRANT_TEXT];
};
/* Broken rules: RBE_INVALID with violations, RBE_BAD_*, RBE_UNORDERED. Other bytes or another channel:
 * RBE_VERSION_EXISTS. The file is gone, and not published: RBE_GONE. On any failure nothing is left behind. */
enum rbe_code rbe_release_publish(struct rbe_app *app, const struct rbe_publish *p, struct rbe_arena *arena,
                                  struct rbe_published *ret, struct rbe_err *e) RBE_MUST_USE;

/* What can be said before the file is there (staged is not looked at): fails where rbe_release_publish would, whatever
 * the bytes. */
enum rbe_code rbe_release_expect(struct rbe_app *app, const struct rbe_publish *p, struct rbe_arena *arena,
                                 struct rbe_err *e) RBE_MUST_USE;

/* As the contract numbers them. */
enum rbe_status { RBE_STATUS_PENDING = 1, RBE_STATUS_COMPLETED, RBE_STATUS_FAILED, RBE_STATUS_UNKNOWN };
/* What became of the publish of this resource that answered key. */
enum rbe_code rbe_release_status(struct rbe_app *app, const struct rbe_resource *resource, const char *key, int64_t now,
                                 struct rbe_arena *arena, enum rbe_status *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
