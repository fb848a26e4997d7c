/* What an installation holds, listed for people and machines alike: the command line and the administration API
 * render these rows, and neither speaks to the store itself.
 *
 * Rows and their texts live in the arena.
 */
#ifndef RBE_CORE_CATALOG_H
#define RBE_CORE_CATALOG_H

#include "lib/core/app.h"
#include "lib/core/target.h"
#include "lib/store/job.h"
#include "lib/store/package.h"
#include "lib/store/resource.h"
#include "lib/store/token.h"
#include "lib/store/version.h"

/* A page of resources by rid; total counts all that match. */
struct rbe_catalog_resources {
    struct rbe_resource *v;
    size_t n;
    int64_t total;
};
enum rbe_code rbe_catalog_resources(struct rbe_app *app, const struct rbe_resource_filter *f, struct rbe_arena *arena,
                                    struct rbe_catalog_resources *ret, struct rbe_err *e) RBE_MUST_USE;
/* Unknown: RBE_NOTFOUND naming it. */
enum rbe_code rbe_catalog_resource(struct rbe_app *app, const char *rid, struct rbe_arena *arena,
                                   struct rbe_resource *ret, struct rbe_err *e) RBE_MUST_USE;

/* A page of a resource's versions, newest first. f->resource is filled in from rid. */
struct rbe_catalog_versions {
    struct rbe_version *v;
    size_t n;
    int64_t total;
};
enum rbe_code rbe_catalog_versions(struct rbe_app *app, const char *rid, const struct rbe_version_filter *f,
                                   struct rbe_arena *arena, struct rbe_catalog_versions *ret, struct rbe_err *e)
    RBE_MUST_USE;

/* A version with its packages: for each platform the full one, then what leads to it. */
struct rbe_catalog_package {
    struct rbe_package package;
    const char *from;            /* version name it leads from, NULL for a full one */
};
/* What a publisher could do to make updates smaller, found while they were built. */
struct rbe_catalog_advice {
    const char *from;            /* version name */
    const char *text;
};
/* A package that could not be built. */
struct rbe_catalog_failure {
    int64_t job;
    const char *from;            /* version name */
    enum rbe_format format;
    const char *reason;
};
struct rbe_catalog_version {
    struct rbe_resource resource;
    struct rbe_version version;
    struct rbe_catalog_package *packages;
    size_t n;
    struct rbe_catalog_advice *advice;
    size_t n_advice;
    struct rbe_catalog_failure *failures;
    size_t n_failures;
};
enum rbe_code rbe_catalog_version(struct rbe_app *app, const char *rid, const char *name, struct rbe_arena *arena,
                                  struct rbe_catalog_version *ret, struct rbe_err *e) RBE_MUST_USE;

/* All tokens, revoked ones too, by name, with their last use. */
enum rbe_code rbe_catalog_tokens(struct rbe_app *app, struct rbe_arena *arena, struct rbe_token **ret, size_t *ret_n,
                                 struct rbe_err *e) RBE_MUST_USE;
/* Ends a token at once. Unknown or revoked before: RBE_NOTFOUND naming it. */
enum rbe_code rbe_catalog_revoke(struct rbe_app *app, const char *name, struct rbe_err *e) RBE_MUST_USE;
/* "publish", "admin" */
const char *rbe_scope_name(enum rbe_scope scope);
/* False when there is no such scope. */
bool rbe_scope_parse(const char *text, enum rbe_scope *ret);

/* Jobs, newest first, at most limit; state -1 for all. */
enum rbe_code rbe_catalog_jobs(struct rbe_app *app, int state, int64_t limit, struct rbe_arena *arena,
                               struct rbe_job **ret, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* Queues a job anew that failed or waits for its next try. Unknown: RBE_NOTFOUND; being worked on: RBE_PROCESSING; done:
 * RBE_REFUSED. ret is the job as it was. */
enum rbe_code rbe_catalog_retry(struct rbe_app *app, int64_t id, struct rbe_arena *arena, struct rbe_job *ret,
                                struct rbe_err *e) RBE_MUST_USE;
/* "patch" */
const char *rbe_job_kind_name(enum rbe_job_kind kind);
/* "queued", "leased", "done", "failed" */
const char *rbe_job_state_name(enum rbe_job_state state);
/* -1 when there is no such state. */
int rbe_job_state_parse(const char *text);

/* The configuration in force, row by row; a secret's value is "(set)" or empty. */
struct rbe_catalog_setting {
    const char *name, *value, *help;
    bool reloadable;
};
struct rbe_catalog_setting *rbe_catalog_settings(const struct rbe_settings *settings, struct rbe_arena *arena,
                                                 size_t *ret_n);

#endif
