#include "lib/core/catalog.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/core/deed.h"
#include "lib/core/delta.h"
#include "lib/core/duty.h"
#include "lib/store/usage.h"

static const char *const scopes[RBE_SCOPE_MAX] = {
    [RBE_SCOPE_PUBLISH] = "publish",
    [RBE_SCOPE_ADMIN] = "admin",
};
static const char *const states[RBE_JOB_STATE_MAX] = {
    [RBE_JOB_QUEUED] = "queued",
    [RBE_JOB_LEASED] = "leased",
    [RBE_JOB_DONE] = "done",
    [RBE_JOB_FAILED] = "failed",
};

const char *rbe_scope_name(enum rbe_scope scope)
{
    return (unsigned)scope < RBE_SCOPE_MAX ? scopes[scope] : "unknown";
}

bool rbe_scope_parse(const char *text, enum rbe_scope *ret)
{
    for (size_t i = 0; i < RBE_SCOPE_MAX; i++)
        if (strcmp(scopes[i], text) == 0) {
            *ret = (enum rbe_scope)i;
            return true;
        }
    return false;
}

const char *rbe_job_kind_name(enum rbe_job_kind kind)
{
    const struct rbe_duty *duty = rbe_duty_of(kind);

    return duty ? duty->name : "unknown";
}

const char *rbe_job_state_name(enum rbe_job_state state)
{
    return (unsigned)state < RBE_JOB_STATE_MAX ? states[state] : "unknown";
}

int rbe_job_state_parse(const char *text)
{
    for (int i = 0; i < RBE_JOB_STATE_MAX; i++)
        if (strcmp(states[i], text) == 0)
            return i;
    return -1;
}

enum rbe_code rbe_catalog_resources(struct rbe_app *app, const struct rbe_resource_filter *f, struct rbe_arena *arena,
                                    struct rbe_catalog_resources *ret, struct rbe_err *e)
{
    return rbe_resource_list(app->store, f, arena, &ret->v, &ret->n, &ret->total, e);
}

enum rbe_code rbe_catalog_resource(struct rbe_app *app, const char *rid, struct rbe_arena *arena,
                                   struct rbe_resource *ret, struct rbe_err *e)
{
    enum rbe_code code = rbe_resource_get(app->store, rid, arena, ret, e);

    return code == RBE_NOTFOUND ? rbe_fail(e, RBE_NOTFOUND, "resource not found: %s", rid) : code;
}

enum rbe_code rbe_catalog_versions(struct rbe_app *app, const char *rid, const struct rbe_version_filter *f,
                                   struct rbe_arena *arena, struct rbe_catalog_versions *ret, struct rbe_err *e)
{
    struct rbe_version_filter of_resource = *f;
    struct rbe_resource r;

    RBE_TRY(rbe_catalog_resource(app, rid, arena, &r, e));
    of_resource.resource = r.id;
    return rbe_version_list(app->store, &of_resource, arena, &ret->v, &ret->n, &ret->total, e);
}

static int by_platform(const void *a, const void *b)
{
    const struct rbe_package *x = &((const struct rbe_catalog_package *)a)->package;
    const struct rbe_package *y = &((const struct rbe_catalog_package *)b)->package;

    if (x->system != y->system)
        return x->system - y->system;
    if (x->arch != y->arch)
        return x->arch - y->arch;
    if (x->format != y->format)
        return (int)x->format - (int)y->format;
    return x->id < y->id ? -1 : x->id > y->id;
}

static enum rbe_code find_packages(struct rbe_app *app, const char *rid, const char *name, struct rbe_arena *arena,
                                   struct rbe_catalog_version *ret, struct rbe_err *e)
{
    struct rbe_package *rows;
    bool found;

    RBE_TRY(rbe_catalog_resource(app, rid, arena, &ret->resource, e));
    RBE_TRY(rbe_version_find(app->store, ret->resource.id, name, arena, &ret->version, &found, e));
    if (!found)
        return rbe_fail(e, RBE_NOTFOUND, "version not found: %s %s", rid, name);
    RBE_TRY(rbe_package_list(app->store, ret->version.id, 0, 0, arena, &rows, &ret->n, e));
    ret->packages = rbe_arena_alloc_array(arena, ret->n, sizeof(*ret->packages));
    for (size_t i = 0; i < ret->n; i++) {
        ret->packages[i].package = rows[i];
        if (rows[i].format == RBE_FORMAT_FULL)
            continue;
        struct rbe_package_origin source;
        RBE_TRY(rbe_package_find_origin(app->store, rows[i].source, arena, &source, &found, e));
        ret->packages[i].from = found ? source.version_name : "";
    }
    qsort(ret->packages, ret->n, sizeof(*ret->packages), by_platform);
    return RBE_OK;
}

/* Formats of one pair that say the same say it once. */
static void put_advice(struct rbe_catalog_version *ret, const char *from, const char *text)
{
    const struct rbe_catalog_advice *last = ret->n_advice ? &ret->advice[ret->n_advice - 1] : NULL;

    if (!last || strcmp(last->from, from) != 0 || strcmp(last->text, text) != 0)
        ret->advice[ret->n_advice++] = (struct rbe_catalog_advice){from, text};
}

/* Room for n more. */
static void *grown(struct rbe_arena *arena, const void *v, size_t count, size_t n, size_t size)
{
    void *all = rbe_arena_alloc_array(arena, count + n, size);

    if (count)
        memcpy(all, v, count * size);
    return all;
}

/* What is to be said of the jobs that lead to a package. */
static enum rbe_code find_sayings(struct rbe_app *app, const struct rbe_package *target, struct rbe_arena *arena,
                                  struct rbe_catalog_version *ret, struct rbe_err *e)
{
    struct rbe_job *jobs;
    size_t n;

    RBE_TRY(rbe_job_ended(app->store, target->id, arena, &jobs, &n, e));
    ret->advice = grown(arena, ret->advice, ret->n_advice, n, sizeof(*ret->advice));
    ret->failures = grown(arena, ret->failures, ret->n_failures, n, sizeof(*ret->failures));
    for (size_t i = 0; i < n; i++) {
        const bool failed = jobs[i].state == RBE_JOB_FAILED;
        const char *text = failed ? jobs[i].note : rbe_delta_advice(jobs[i].note);
        struct rbe_package_origin source;
        bool found;

        if (!text)
            continue;
        RBE_TRY(rbe_package_find_origin(app->store, jobs[i].source, arena, &source, &found, e));
        const char *from = found ? source.version_name : "";
        if (failed)
            ret->failures[ret->n_failures++] =
                (struct rbe_catalog_failure){jobs[i].id, from, (enum rbe_format)jobs[i].format, text};
        else
            put_advice(ret, from, text);
    }
    return RBE_OK;
}

enum rbe_code rbe_catalog_version(struct rbe_app *app, const char *rid, const char *name, struct rbe_arena *arena,
                                  struct rbe_catalog_version *ret, struct rbe_err *e)
{
    *ret = (struct rbe_catalog_version){0};
    RBE_TRY(find_packages(app, rid, name, arena, ret, e));
    for (size_t i = 0; i < ret->n; i++)
        if (ret->packages[i].package.format == RBE_FORMAT_FULL)
            RBE_TRY(find_sayings(app, &ret->packages[i].package, arena, ret, e));
    return RBE_OK;
}

static int by_name(const void *a, const void *b)
{
    const struct rbe_token *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : x->id < y->id ? -1 : x->id > y->id;
}

enum rbe_code rbe_catalog_tokens(struct rbe_app *app, struct rbe_arena *arena, struct rbe_token **ret, size_t *ret_n,
                                 struct rbe_err *e)
{
    RBE_TRY(rbe_token_list(app->store, arena, ret, ret_n, e));
    for (size_t i = 0; i < *ret_n; i++)
        RBE_TRY(rbe_usage_token(app->store, (*ret)[i].id, &(*ret)[i].used_at, e));
    if (*ret_n)
        qsort(*ret, *ret_n, sizeof(**ret), by_name);
    return RBE_OK;
}

enum rbe_code rbe_catalog_revoke(struct rbe_app *app, const char *name, struct rbe_err *e)
{
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    enum rbe_code code = rbe_token_revoke(app->store, name, rbe_clock_now(), e);

    if (code == RBE_OK)
        code = rbe_deed_record(app, &(struct rbe_deed){.action = "token revoke", .subject = name}, e);
    code = rbe_store_end(app->store, RBE_BASE_RELEASES, code, e);
    return code == RBE_NOTFOUND ? rbe_fail(e, RBE_NOTFOUND, "token not found: %s", name) : code;
}

enum rbe_code rbe_catalog_jobs(struct rbe_app *app, int state, int64_t limit, struct rbe_arena *arena,
                               struct rbe_job **ret, size_t *ret_n, struct rbe_err *e)
{
    return rbe_job_list(app->store, state, limit, arena, ret, ret_n, e);
}

enum rbe_code rbe_catalog_retry(struct rbe_app *app, int64_t id, struct rbe_arena *arena, struct rbe_job *ret,
                                struct rbe_err *e)
{
    rbe_autofree char *subject = rbe_strfmt("%lld", (long long)id);

    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
    enum rbe_code code = rbe_job_retry(app->store, id, rbe_clock_now(), arena, ret, e);

    if (code == RBE_OK && ret->state == RBE_JOB_DONE)
        code = rbe_fail(e, RBE_REFUSED, "job %lld is done", (long long)id);
    if (code == RBE_OK)
        code = rbe_deed_record(app, &(struct rbe_deed){.action = "job retry", .subject = subject,
                                                       .facts = {{"kind", .text = rbe_job_kind_name(ret->kind)},
                                                                 {"job", .text = ret->subject}}}, e);
    return rbe_store_end(app->store, RBE_BASE_USAGE, code, e);
}

struct rbe_catalog_setting *rbe_catalog_settings(const struct rbe_settings *settings, struct rbe_arena *arena,
                                                 size_t *ret_n)
{
    const struct rbe_conf_key *table = rbe_settings_table(ret_n);
    struct rbe_catalog_setting *rows = rbe_arena_alloc_array(arena, *ret_n, sizeof(*rows));

    for (size_t i = 0; i < *ret_n; i++) {
        const char *value = rbe_conf_show(&table[i], settings, arena);

        rows[i] = (struct rbe_catalog_setting){.name = table[i].name, .help = table[i].help, .value = value,
                                               .reloadable = table[i].reloadable};
        if (table[i].secret)
            rows[i].value = *value && strcmp(value, "[]") != 0 ? "(set)" : "";
    }
    return rows;
}
