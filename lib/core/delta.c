#include "lib/core/delta.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/metrics.h"
#include "lib/core/demand.h"
#include "lib/core/depot.h"
#include "lib/core/digest.h"
#include "lib/core/sweep.h"
#include "lib/core/vercmp.h"
#include "lib/patch/build.h"
#include "lib/store/change.h"
#include "lib/store/resource.h"
#include "lib/store/version.h"
#include "lib/wrap/json.h"

enum rbe_code rbe_delta_want(struct rbe_app *app, const struct rbe_package *target, const struct rbe_package *source,
                             int64_t weight, bool *ret_new, struct rbe_err *e)
{
    char subject[64];
    int64_t count;
    enum rbe_code code;

    if (ret_new)
        *ret_new = false;
    (void)snprintf(subject, sizeof(subject), "files:%lld:%lld", (long long)target->id, (long long)source->id);
    struct rbe_job j = {.kind = RBE_JOB_PATCH, .subject = subject, .target = target->id, .source = source->id,
                        .format = RBE_FORMAT_FILES, .weight = weight, .note = ""};

    j.created_at = j.run_at = rbe_clock_now();
    /* Counted and put under one lock, so that processes that want at once stay below the bound together. */
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
    code = rbe_job_count(app->store, target->id, &count, e);
    if (code == RBE_OK && (weight >= RBE_DELTA_NAMED || count < app->settings->batch.max_patches))
        code = rbe_job_put(app->store, &j, ret_new, e);
    if (code == RBE_OK)
        code = rbe_store_commit(app->store, RBE_BASE_USAGE, e);
    else
        rbe_store_rollback(app->store, RBE_BASE_USAGE);
    return code;
}

static bool has_tree(const struct rbe_package *p)
{
    static const unsigned char none[sizeof(p->tree)];

    return memcmp(p->tree, none, sizeof(none)) != 0;
}

/* Both full and not purged. The clients of a withdrawn version are the ones that have to move, so only the target may
 * not be withdrawn. */
static bool usable(const struct rbe_package_origin *target, const struct rbe_package_origin *source)
{
    const struct rbe_package *t = &target->package, *s = &source->package;

    return t->format == RBE_FORMAT_FULL && !t->purged_at && !target->withdrawn_at && s->format == RBE_FORMAT_FULL &&
           !s->purged_at;
}

/* *ret_found false when either end is unknown. */
static enum rbe_code find_ends(struct rbe_app *app, int64_t target, int64_t source, struct rbe_arena *arena,
                               struct rbe_package_origin *ret_target, struct rbe_package_origin *ret_source,
                               bool *ret_found, struct rbe_err *e)
{
    RBE_TRY(rbe_package_find_origin(app->store, target, arena, ret_target, ret_found, e));
    return *ret_found ? rbe_package_find_origin(app->store, source, arena, ret_source, ret_found, e) : RBE_OK;
}

/* Whether clients move from source to target, as lib/core/latest sees it. */
static enum rbe_code leads_up(struct rbe_app *app, const struct rbe_package_origin *target,
                              const struct rbe_package_origin *source, struct rbe_arena *arena, bool *ret,
                              struct rbe_err *e)
{
    struct rbe_resource r;
    struct rbe_version to, from;

    RBE_TRY(rbe_resource_get(app->store, target->rid, arena, &r, e));
    RBE_TRY(rbe_version_get(app->store, target->package.version, arena, &to, e));
    RBE_TRY(rbe_version_get(app->store, source->package.version, arena, &from, e));
    if (r.update != RBE_RESOURCE_INCREMENTAL)
        *ret = false;
    else if (source->withdrawn_at)
        *ret = true;
    else if (r.order == RBE_ORDER_VERSION && to.order_by && to.order_by == from.order_by)
        *ret = rbe_verkey_cmp(to.order_key, to.order_len, from.order_key, from.order_len) > 0;
    else
        *ret = to.number > from.number;
    return RBE_OK;
}

/* What clients name is only a pair of numbers: everything about it is looked up here. */
static enum rbe_code fold_pair(struct rbe_app *app, const struct rbe_demand *d, struct rbe_arena *arena,
                               struct rbe_err *e)
{
    struct rbe_package_origin target, source;
    struct rbe_package patch;
    bool found, up;

    RBE_TRY(find_ends(app, d->target, d->source, arena, &target, &source, &found, e));
    if (!found || !usable(&target, &source) || !has_tree(&target.package) || !has_tree(&source.package) ||
        strcmp(target.rid, source.rid) != 0 || target.package.version == source.package.version ||
        target.package.system != source.package.system || target.package.arch != source.package.arch)
        return RBE_OK;
    RBE_TRY(leads_up(app, &target, &source, arena, &up, e));
    if (!up)
        return RBE_OK;
    RBE_TRY(rbe_package_find_patch(app->store, d->target, d->source, RBE_FORMAT_FILES, arena, &patch, &found, e));
    if (found)
        return RBE_OK;
    int64_t weight = d->count > INT32_MAX ? INT32_MAX : (int64_t)d->count;
    return rbe_delta_want(app, &target.package, &source.package, weight, NULL, e);
}

enum rbe_code rbe_delta_fold(struct rbe_app *app, struct rbe_err *e)
{
    rbe_autofree struct rbe_demand *asked = rbe_alloc_array(RBE_SHARE_PAIRS, sizeof(*asked));
    rbe_auto(arena) struct rbe_arena arena = {0};
    size_t n = rbe_demand_take(app->share, asked, RBE_SHARE_PAIRS);

    for (size_t i = 0; i < n; i++) {
        RBE_TRY(fold_pair(app, &asked[i], &arena, e));
        rbe_arena_reset(&arena);
    }
    return RBE_OK;
}

/* A patch while it is being made. */
struct making {
    struct rbe_package_origin target, source;
    struct rbe_manifest to, from;
    struct rbe_plan_globs globs;
    struct rbe_plan plan;
    enum rbe_arc_type type;      /* of the target */
    const char *tmp;             /* NULL when there is no file to take away */
    int fd, target_fd, tmp_dir_fd;
    struct rbe_package row;
};

static void making_release(struct making *m)
{
    if (m->tmp)
        (void)unlink(m->tmp);
    if (m->fd >= 0)
        (void)close(m->fd);
    if (m->target_fd >= 0)
        (void)close(m->target_fd);
    if (m->tmp_dir_fd >= 0)
        (void)close(m->tmp_dir_fd);
    rbe_manifest_release(&m->to);
    rbe_manifest_release(&m->from);
}

/* Looks at the pair as it is now. *ret_why: NULL, or why there is nothing to build. */
static enum rbe_code still_wanted(struct rbe_app *app, const struct rbe_job *j, struct rbe_arena *arena,
                                  struct making *m, const char **ret_why, struct rbe_err *e)
{
    struct rbe_package patch;
    bool found;

    *ret_why = "no longer wanted";
    RBE_TRY(find_ends(app, j->target, j->source, arena, &m->target, &m->source, &found, e));
    if (!found || !usable(&m->target, &m->source))
        return RBE_OK;
    RBE_TRY(rbe_package_find_patch(app->store, j->target, j->source, RBE_FORMAT_FILES, arena, &patch, &found, e));
    *ret_why = found ? "already there" : NULL;
    return RBE_OK;
}

/* The globs of the resource's always_include, which is kept as a JSON array. */
static enum rbe_code globs_of(struct rbe_app *app, const char *rid, struct rbe_arena *arena, struct rbe_plan_globs *ret,
                              struct rbe_err *e)
{
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    struct rbe_resource r;

    RBE_TRY(rbe_resource_get(app->store, rid, arena, &r, e));
    RBE_TRY(rbe_json_parse(r.always_include, strlen(r.always_include), &doc, e));
    size_t n = rbe_json_count(doc), kept = 0;
    if (n == (size_t)-1)
        return rbe_fail(e, RBE_FAULT, "always_include of %s is no array", rid);
    const char **globs = rbe_arena_alloc_array(arena, n, sizeof(*globs));
    for (size_t i = 0; i < n; i++) {
        const char *glob = rbe_json_text(rbe_json_at(doc, i), NULL);

        if (glob)
            globs[kept++] = rbe_arena_strdup(arena, glob);
    }
    *ret = (struct rbe_plan_globs){globs, kept};
    return RBE_OK;
}

static enum rbe_code open_parts(struct rbe_app *app, struct rbe_arena *arena, struct making *m, struct rbe_err *e)
{
    const struct rbe_package *t = &m->target.package, *s = &m->source.package;

    m->type = rbe_arc_type_of(t->file_type);
    if (m->type == RBE_ARC_NONE || !has_tree(t) || !has_tree(s))
        return rbe_fail(e, RBE_REFUSED, "no incremental between files that are no archives");
    RBE_TRY(rbe_depot_manifest(app, t->path, &m->to, e));
    RBE_TRY(rbe_depot_manifest(app, s->path, &m->from, e));
    RBE_TRY(globs_of(app, m->target.rid, arena, &m->globs, e));
    rbe_plan_make(&m->from, &m->to, &m->globs, arena, &m->plan);
    return rbe_depot_open(app, t->path, &m->target_fd, e);
}

static enum rbe_code open_output(struct rbe_app *app, struct rbe_arena *arena, struct making *m, struct rbe_err *e)
{
    unsigned char random[8];
    char hex[2 * sizeof(random) + 1];
    const char *dir = rbe_app_path(app, arena, "tmp");

    rbe_random(random, sizeof(random));
    rbe_hex_encode(random, sizeof(random), hex);
    m->tmp_dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->tmp_dir_fd < 0)
        return rbe_fail_errno(e, "cannot open %s", dir);
    const char *path = rbe_arena_strfmt(arena, "%s/patch-%s", dir, hex);
    m->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (m->fd < 0)
        return rbe_fail_errno(e, "cannot make %s", path);
    rbe_sweep_hold(m->fd);
    m->tmp = path;
    return RBE_OK;
}

static enum rbe_code make_file(struct rbe_app *app, struct rbe_arena *arena, struct making *m, struct rbe_err *e)
{
    uint64_t size;

    RBE_TRY(open_parts(app, arena, m, e));
    RBE_TRY(open_output(app, arena, m, e));
    struct rbe_build b = {.from = &m->from, .to = &m->to, .plan = &m->plan, .target_fd = m->target_fd,
                          .target_type = m->type, .out_fd = m->fd, .tmp_dir_fd = m->tmp_dir_fd};
    RBE_TRY(rbe_build_files(&b, e));
    RBE_TRY(rbe_build_prove(&b, e));
    RBE_TRY(rbe_digest_of(m->fd, NULL, NULL, m->row.sha256, &size, e));
    m->row.size = (int64_t)size;
    return RBE_OK;
}

/* The row, once more against the present state of its ends: a withdrawal that came meanwhile wins. */
static enum rbe_code put_row(struct rbe_app *app, const struct rbe_job *j, struct rbe_arena *arena, struct making *m,
                             const char **ret_why, struct rbe_err *e)
{
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    enum rbe_code code = still_wanted(app, j, arena, m, ret_why, e);

    if (code == RBE_OK && !*ret_why) {
        rbe_store_touch(app->store, m->target.rid);
        code = rbe_package_put(app->store, &m->row, e);
    }
    if (code == RBE_OK && !*ret_why)
        return rbe_store_commit(app->store, RBE_BASE_RELEASES, e);
    rbe_store_rollback(app->store, RBE_BASE_RELEASES);
    return code;
}

static enum rbe_code store_file(struct rbe_app *app, const struct rbe_job *j, struct rbe_arena *arena,
                                struct making *m, const char **ret_why, struct rbe_err *e)
{
    const struct rbe_package *t = &m->target.package;
    const char *type = rbe_arc_name(rbe_build_type(m->type)), *path;
    const char *name = rbe_depot_file_name(arena, m->target.rid, m->target.version_name, (enum rbe_system)t->system,
                                           (enum rbe_arch)t->arch, m->source.version_name, type);

    RBE_TRY(rbe_depot_put(app, m->tmp, name, NULL, arena, &path, e));
    m->tmp = NULL;
    m->row.version = t->version;
    m->row.system = t->system;
    m->row.arch = t->arch;
    m->row.format = RBE_FORMAT_FILES;
    m->row.target = j->target;
    m->row.source = j->source;
    m->row.file_type = type;
    m->row.path = path;
    m->row.files = (int64_t)(m->plan.change[RBE_ADDED].n + m->plan.change[RBE_MODIFIED].n + m->plan.carried.n);
    m->row.created_at = rbe_clock_now();
    enum rbe_code code = put_row(app, j, arena, m, ret_why, e);
    if (code != RBE_OK || *ret_why)
        rbe_depot_drop(app, path);
    return code;
}

static enum rbe_code build(struct rbe_app *app, const struct rbe_job *j, struct rbe_arena *arena, struct making *m,
                           const char **ret_note, struct rbe_err *e)
{
    RBE_TRY(still_wanted(app, j, arena, m, ret_note, e));
    if (*ret_note)
        return RBE_OK;
    RBE_TRY(make_file(app, arena, m, e));
    int64_t size = m->row.size, whole = m->target.package.size;
    if (size >= whole) {
        *ret_note = rbe_arena_strfmt(arena, "not smaller than the full package (%lld \u2265 %lld bytes)",
                                     (long long)size, (long long)whole);
        rbe_metric_add(app->share, RBE_METRIC_PATCHES, "result=\"useless\"", 1);
        return RBE_OK;
    }
    RBE_TRY(store_file(app, j, arena, m, ret_note, e));
    if (*ret_note)
        return RBE_OK;
    *ret_note = rbe_arena_strfmt(arena, "%s -> %s: %lld bytes, %.1f %% of the full package", m->source.version_name,
                                 m->target.version_name, (long long)size, 100.0 * (double)size / (double)whole);
    rbe_metric_add(app->share, RBE_METRIC_PATCHES, "result=\"built\"", 1);
    rbe_metric_add(app->share, RBE_METRIC_PATCH_SAVED_BYTES, "", (uint64_t)(whole - size));
    return RBE_OK;
}

enum rbe_code rbe_delta_build(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                              struct rbe_err *e)
{
    struct making m = {.fd = -1, .target_fd = -1, .tmp_dir_fd = -1};
    enum rbe_code code = build(app, j, arena, &m, ret_note, e);

    making_release(&m);
    if (code == RBE_OK && m.row.id)
        j->bytes = m.row.size;
    if (code != RBE_OK) {
        *ret_note = e ? rbe_arena_strdup(arena, e->text) : "";
        rbe_metric_add(app->share, RBE_METRIC_PATCHES, "result=\"failed\"", 1);
    }
    return code;
}
