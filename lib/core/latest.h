/* What should this client install? One question, one record; dialects render it.
 */
#ifndef RBE_CORE_LATEST_H
#define RBE_CORE_LATEST_H

#include "lib/core/app.h"
#include "lib/core/format.h"
#include "lib/core/grant.h"
#include "lib/core/target.h"
#include "lib/store/resource.h"

/* What the record depends on must also be in the key of lib/core/answer.c; cdk, region and now come in afterwards. */
struct rbe_question {
    const char *rid;
    enum rbe_channel channel;
    enum rbe_system system;
    enum rbe_arch arch;
    const char *current;         /* version name the client is on, "" when not said */
    const char *cdk;             /* "" when not said */
    unsigned formats;            /* delta formats that the client can apply, as a set (lib/core/format) */
    bool cdk_always;             /* a cdk is wanted, and judged when said, whatever the resource's access */
    const char *address;         /* of the client; wanted only with a cdk */
    const char *region;          /* "" for default */
    int64_t now;
};

enum rbe_update { RBE_UPDATE_UNTOLD, RBE_UPDATE_NONE, RBE_UPDATE_FULL, RBE_UPDATE_INCREMENTAL, RBE_UPDATE_MAX };

struct rbe_latest {
    const char *rid, *version_name;
    int64_t version_number;
    enum rbe_channel channel;    /* of the version */
    enum rbe_system system;      /* of the package */
    enum rbe_arch arch;
    bool named;                  /* `current` is the latest by its name, not only equal or greater in order */
    enum rbe_update update;      /* RBE_UPDATE_UNTOLD: the asker has no right to know (no cdk, or a bad one) */
    /* Of what the asker may fetch, for all but UNTOLD. With NONE it is the full package, for dialects whose clients
     * compare for themselves. */
    enum rbe_format format;
    int64_t file_size;
    unsigned char sha256[32];
    struct rbe_grant grant;      /* to be signed when the answer is rendered */
    const char *release_note, *custom_data;
    int64_t published_at;
    int64_t cdk_expires;         /* 0: none or never */
    enum rbe_code verdict;       /* RBE_OK, or what is wrong with the cdk (RBE_CDK_*) */
    /* What the files of this room know beside. */
    int64_t resource;            /* row ids: its own, */
    int64_t stands_at, goes_to;  /* and of the full package it has there and the one it is sent to (the same one where it
                                  * is up to date); 0 where no incremental can lead from there */
    enum rbe_resource_access access;
    struct rbe_answer *kept;     /* where the record is kept, or NULL */
};

/* "none", "full", "incremental"; NULL for untold. */
const char *rbe_update_name(enum rbe_update update);

/* Unknown resource or nothing for this platform: RBE_NOTFOUND "resource not found". Texts live in the arena, or in the
 * table of ready answers until the next question. Notes where clients stand in the shared file (lib/core/demand), writes
 * nothing else. */
enum rbe_code rbe_latest_find(struct rbe_app *app, const struct rbe_question *q, struct rbe_arena *arena,
                              struct rbe_latest *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
