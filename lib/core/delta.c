#include "lib/core/delta.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/metrics.h"
#include "lib/core/depot.h"
#include "lib/core/format.h"
#include "lib/core/sweep.h"
#include "lib/core/wish.h"
#include "lib/patch/build.h"
#include "lib/patch/deltapack.h"
#include "lib/patch/digest.h"
#include "lib/store/change.h"
#include "lib/store/resource.h"
#include "lib/wrap/file.h"
#include "lib/wrap/json.h"

static bool has_tree(const struct rbe_package *p)
{
    static const unsigned char none[sizeof(p->tree)];

    return memcmp(p->tree, none, sizeof(none)) != 0;
}

/* A patch while it is being made. */
struct making {
    struct rbe_app *app;
    const struct rbe_job *job;
    struct rbe_arena *arena;
    struct rbe_package_origin target, source;
    struct rbe_manifest to, from;
    struct rbe_plan_globs globs;
    struct rbe_plan plan;
    enum rbe_arc_type type;      /* of the target */
    int64_t baseline;            /* bytes that clients get without this package */
    const char *tmp;             /* NULL when there is no file to take away */
    const char *dir;             /* of what a delta needs on the way; NULL for none */
    int fd, target_fd, source_fd, tmp_dir_fd, dir_fd;
    struct rbe_package row;
    const char *advice;          /* to the publisher; NULL for none */
    uint64_t rss_bytes;
};

static void making_release(struct making *m)
{
    const int fds[] = {m->fd, m->target_fd, m->source_fd, m->tmp_dir_fd, m->dir_fd};
    struct rbe_err ignored = {0};

    if (m->tmp)
        (void)unlink(m->tmp);
    /* What cannot be removed now is swept later. */
    if (m->dir && rbe_dir_remove(m->dir, &ignored) != RBE_OK)
        m->dir = NULL;
    for (size_t i = 0; i < RBE_COUNT(fds); i++)
        if (fds[i] >= 0)
            (void)close(fds[i]);
    rbe_manifest_release(&m->to);
    rbe_manifest_release(&m->from);
}

/* Looks at the pair as it is now. *ret_why: NULL, or why there is nothing to build. */
static enum rbe_code still_wanted(struct making *m, const char **ret_why, struct rbe_err *e)
{
    const struct rbe_job *j = m->job;
    struct rbe_store *store = m->app->store;
    struct rbe_package patch;
    bool found;

    *ret_why = "no longer wanted";
    RBE_TRY(rbe_wish_ends(m->app, j->target, j->source, m->arena, &m->target, &m->source, &found, e));
    if (!found || !rbe_wish_usable(&m->target, &m->source))
        return RBE_OK;
    RBE_TRY(rbe_package_find_patch(store, j->target, j->source, (enum rbe_format)j->format, m->arena, &patch, &found, e));
    *ret_why = found ? "already there" : NULL;
    m->baseline = m->target.package.size;
    if (found || j->format == RBE_FORMAT_FILES)
        return RBE_OK;
    RBE_TRY(rbe_package_find_patch(store, j->target, j->source, RBE_FORMAT_FILES, m->arena, &patch, &found, e));
    if (found && !patch.purged_at && patch.size < m->baseline)
        m->baseline = patch.size;
    return RBE_OK;
}

/* A later release makes what leads to the one before it pointless: RBE_GONE. */
static enum rbe_code still_offered(struct making *m, struct rbe_err *e)
{
    struct rbe_resource r;
    bool offered;

    RBE_TRY(rbe_resource_get(m->app->store, m->target.rid, m->arena, &r, e));
    RBE_TRY(rbe_package_offered(m->app->store, r.id, m->target.package.id, &offered, e));
    return offered ? RBE_OK
                   : rbe_fail(e, RBE_GONE, "void: %s is no longer the latest for anybody", m->target.version_name);
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

static enum rbe_code open_parts(struct making *m, struct rbe_err *e)
{
    const struct rbe_package *t = &m->target.package, *s = &m->source.package;

    m->type = rbe_arc_type_of(t->file_type);
    if (m->type == RBE_ARC_NONE || !has_tree(t) || !has_tree(s))
        return rbe_fail(e, RBE_REFUSED, "no incremental between files that are no archives");
    RBE_TRY(rbe_depot_manifest(m->app, t->path, &m->to, e));
    RBE_TRY(rbe_depot_manifest(m->app, s->path, &m->from, e));
    RBE_TRY(globs_of(m->app, m->target.rid, m->arena, &m->globs, e));
    rbe_plan_make(&m->from, &m->to, &m->globs, m->arena, &m->plan);
    return rbe_depot_open(m->app, t, &m->target_fd, e);
}

static enum rbe_code open_output(struct making *m, struct rbe_err *e)
{
    unsigned char random[8];
    char hex[2 * sizeof(random) + 1];
    const char *dir = rbe_app_path(m->app, m->arena, "tmp");

    rbe_random(random, sizeof(random));
    rbe_hex_encode(random, sizeof(random), hex);
    m->tmp_dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->tmp_dir_fd < 0)
        return rbe_fail_errno(e, "cannot open %s", dir);
    const char *path = rbe_arena_strfmt(m->arena, "%s/patch-%s", dir, hex);
    m->fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (m->fd < 0)
        return rbe_fail_errno(e, "cannot make %s", path);
    rbe_sweep_hold(m->fd);
    m->tmp = path;
    return RBE_OK;
}

static enum rbe_code make_dir(struct making *m, struct rbe_err *e)
{
    const char *dir = rbe_arena_strfmt(m->arena, "%s.d", m->tmp);

    if (mkdir(dir, 0750) < 0)
        return rbe_fail_errno(e, "cannot make %s", dir);
    m->dir = dir;
    m->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (m->dir_fd < 0)
        return rbe_fail_errno(e, "cannot open %s", dir);
    rbe_sweep_hold(m->dir_fd);
    return RBE_OK;
}

/* What a job does just now is worth a line in the list of jobs, but not its failure. */
static void tell(void *arg, const char *doing)
{
    const struct making *m = arg;
    struct rbe_err ignored = {0};

    if (m->job->id && rbe_job_note(m->app->store, m->job, doing, &ignored) != RBE_OK)
        return;
}

/* What is made of the same input is the same, so a package that failed its proof would fail it again; where it was the machine
 * that failed, it would not. */
static enum rbe_code proved(enum rbe_code code, struct rbe_err *e)
{
    if (code != RBE_FAULT || e->no)
        return code;
    return e->code = RBE_REFUSED;
}

/* *ret_useless: NULL, or why it is not worth it. */
static enum rbe_code make_delta(struct making *m, const char **ret_useless, struct rbe_err *e)
{
    const struct rbe_settings *settings = m->app->settings;
    struct rbe_deltapack_end end;

    RBE_TRY(make_dir(m, e));
    RBE_TRY(rbe_depot_open(m->app, &m->source.package, &m->source_fd, e));
    const struct rbe_deltapack d = {
        .from = &m->from,
        .to = &m->to,
        .plan = &m->plan,
        .globs = &m->globs,
        .source_fd = m->source_fd,
        .target_fd = m->target_fd,
        .source_type = rbe_arc_type_of(m->source.package.file_type),
        .target_type = m->type,
        .out_fd = m->fd,
        .dir = m->dir,
        .engine = rbe_engine_find(rbe_format_name((enum rbe_format)m->job->format)),
        .encoder = {.program = m->app->encoder, .cpu_seconds = (uint64_t)settings->batch.cpu_seconds,
                    .memory_bytes = (uint64_t)settings->batch.memory_bytes},
        .baseline = (uint64_t)m->baseline,
        .progress = tell,
        .arg = m,
    };

    if (!d.engine)
        return rbe_fail(e, RBE_REFUSED, "no delta of format %d", m->job->format);
    RBE_TRY(rbe_deltapack_build(&d, m->arena, &end, e));
    m->rss_bytes = end.rss_bytes;
    m->advice = end.advice;
    *ret_useless = end.useless;
    if (end.useless)
        return RBE_OK;
    tell(m, "proving");
    return proved(rbe_deltapack_prove(&d, e), e);
}

static enum rbe_code make_files(const struct making *m, struct rbe_err *e)
{
    const uint64_t memory = (uint64_t)m->app->settings->batch.memory_bytes;
    const struct rbe_build b = {.from = &m->from, .to = &m->to, .plan = &m->plan, .target_fd = m->target_fd,
                                .target_type = m->type, .out_fd = m->fd, .tmp_dir_fd = m->tmp_dir_fd,
                                .memory_bytes = memory > RBE_BUILD_PROCESS ? memory - RBE_BUILD_PROCESS : 0};

    RBE_TRY(rbe_build_files(&b, e));
    return proved(rbe_build_prove(&b, e), e);
}

static enum rbe_code make_file(struct making *m, const char **ret_useless, struct rbe_err *e)
{
    uint64_t size;

    RBE_TRY(open_parts(m, e));
    RBE_TRY(open_output(m, e));
    if (m->job->format == RBE_FORMAT_FILES)
        RBE_TRY(make_files(m, e));
    else
        RBE_TRY(make_delta(m, ret_useless, e));
    if (*ret_useless)
        return RBE_OK;
    RBE_TRY(rbe_digest_of(m->fd, m->row.sha256, &size, e));
    m->row.size = (int64_t)size;
    if (m->row.size < m->baseline)
        return RBE_OK;
    *ret_useless = rbe_arena_strfmt(m->arena, "not smaller than the %s package (%lld \u2265 %lld bytes)",
                                    m->baseline < m->target.package.size ? "files" : "full", (long long)size,
                                    (long long)m->baseline);
    return RBE_OK;
}

/* The row, once more against the present state of its ends: a withdrawal that came meanwhile wins. */
static enum rbe_code put_row(struct making *m, const char **ret_why, struct rbe_err *e)
{
    struct rbe_store *store = m->app->store;

    RBE_TRY(rbe_store_begin(store, RBE_BASE_RELEASES, e));
    enum rbe_code code = still_wanted(m, ret_why, e);

    if (code == RBE_OK && !*ret_why) {
        rbe_store_touch(store, m->target.rid);
        code = rbe_package_put(store, &m->row, e);
    }
    if (code == RBE_OK && !*ret_why)
        return rbe_store_commit(store, RBE_BASE_RELEASES, e);
    rbe_store_rollback(store, RBE_BASE_RELEASES);
    return code;
}

static enum rbe_code store_file(struct making *m, const char **ret_why, struct rbe_err *e)
{
    const struct rbe_package *t = &m->target.package;
    const bool files = m->job->format == RBE_FORMAT_FILES;
    const char *type = rbe_arc_name(files ? rbe_build_type(m->type) : RBE_ARC_ZIP), *path;
    const char *name = rbe_depot_file_name(m->arena, m->target.rid, m->target.version_name, (enum rbe_system)t->system,
                                           (enum rbe_arch)t->arch, m->source.version_name, type);

    RBE_TRY(rbe_depot_put(m->app, m->tmp, name, NULL, m->arena, &path, e));
    m->tmp = NULL;
    m->row.version = t->version;
    m->row.system = t->system;
    m->row.arch = t->arch;
    m->row.format = (enum rbe_format)m->job->format;
    m->row.target = m->job->target;
    m->row.source = m->job->source;
    m->row.file_type = type;
    m->row.path = path;
    m->row.files = (int64_t)(m->plan.change[RBE_ADDED].n + m->plan.change[RBE_MODIFIED].n + m->plan.carried.n);
    m->row.created_at = rbe_clock_now();
    enum rbe_code code = put_row(m, ret_why, e);
    if (code != RBE_OK || *ret_why)
        rbe_depot_drop(m->app, path);
    return code;
}

static enum rbe_code build_one(struct making *m, const char **ret_note, struct rbe_err *e)
{
    RBE_TRY(still_wanted(m, ret_note, e));
    if (*ret_note)
        return RBE_OK;
    RBE_TRY(still_offered(m, e));
    RBE_TRY(make_file(m, ret_note, e));
    if (*ret_note) {
        rbe_metric_add(m->app->share, RBE_METRIC_PATCHES, "result=\"useless\"", 1);
        return RBE_OK;
    }
    int64_t size = m->row.size, whole = m->target.package.size;

    RBE_TRY(store_file(m, ret_note, e));
    if (*ret_note)
        return RBE_OK;
    *ret_note = rbe_arena_strfmt(m->arena, "%s -> %s: %lld bytes, %.1f %% of the full package", m->source.version_name,
                                 m->target.version_name, (long long)size, 100.0 * (double)size / (double)whole);
    rbe_metric_add(m->app->share, RBE_METRIC_PATCHES, "result=\"built\"", 1);
    rbe_metric_add(m->app->share, RBE_METRIC_PATCH_SAVED_BYTES, "", (uint64_t)(m->baseline - size));
    return RBE_OK;
}

static const char advice_mark[] = "; advice: ";

const char *rbe_delta_advice(const char *note)
{
    const char *mark = strstr(note, advice_mark);

    return mark ? mark + sizeof(advice_mark) - 1 : NULL;
}

/* Whole files are built first, and deltas are measured against what came of them: also against the full package, where
 * whole files save nothing. */
static enum rbe_code build(struct making *m, const char **ret_note, struct rbe_err *e)
{
    struct rbe_package files;
    bool found;

    RBE_TRY(build_one(m, ret_note, e));
    if (m->advice && *ret_note)
        *ret_note = rbe_arena_strfmt(m->arena, "%s%s%s", *ret_note, advice_mark, m->advice);
    if (m->job->format != RBE_FORMAT_FILES || !m->target.rid || !rbe_wish_usable(&m->target, &m->source))
        return RBE_OK;
    RBE_TRY(rbe_package_find_patch(m->app->store, m->job->target, m->job->source, RBE_FORMAT_FILES, m->arena, &files,
                                   &found, e));
    return rbe_wish_deltas(m->app, m->job, &m->target.package, &m->source.package,
                           found ? files.size : m->target.package.size, e);
}

enum rbe_code rbe_delta_build(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                              struct rbe_err *e)
{
    struct making m = {.app = app, .job = j, .arena = arena, .fd = -1, .target_fd = -1, .source_fd = -1,
                       .tmp_dir_fd = -1, .dir_fd = -1};
    enum rbe_code code = build(&m, ret_note, e);

    making_release(&m);
    j->rss_bytes = (int64_t)m.rss_bytes;
    if (code == RBE_OK && m.row.id)
        j->bytes = m.row.size;
    if (code != RBE_OK) {
        *ret_note = e ? rbe_arena_strdup(arena, e->text) : "";
        rbe_metric_add(app->share, RBE_METRIC_PATCHES, code == RBE_GONE ? "result=\"void\"" : "result=\"failed\"", 1);
    }
    return code;
}
