/* The weight of a job is its tier and, below that, the bytes all who ask would save together, so that the queue's order
 * needs no table of its own. What one client saves stands in the job's payload, because more may ask later.
 */
#include "lib/core/wish.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/core/demand.h"
#include "lib/core/depot.h"
#include "lib/core/format.h"
#include "lib/core/vercmp.h"
#include "lib/patch/plan.h"
#include "lib/store/change.h"
#include "lib/store/mark.h"
#include "lib/store/resource.h"
#include "lib/store/standing.h"
#include "lib/store/version.h"
#include "lib/wrap/json.h"

enum { SOURCES = 1000, BATCH = 200 };
/* Steps of weight: in each tier the deltas stand below the packages of whole files. */
#define STEP INT64_C(1000000000000000)

static int64_t weigh(const struct rbe_wish *w, int64_t saves)
{
    int64_t asked = w->asked > 0 ? w->asked : 1, all;

    if (__builtin_mul_overflow(asked, saves > 0 ? saves : 1, &all) || all >= STEP)
        all = STEP - 1;
    return (2 * (int64_t)w->tier + (w->format == RBE_FORMAT_FILES)) * STEP + all;
}

enum rbe_wish_tier rbe_wish_tier(int64_t weight)
{
    int64_t tier = weight / (2 * STEP);

    return tier < RBE_WISH_TIER_MAX ? (enum rbe_wish_tier)tier : RBE_WISH_NAMED;
}

static bool has_tree(const struct rbe_package *p)
{
    static const unsigned char none[sizeof(p->tree)];

    return memcmp(p->tree, none, sizeof(none)) != 0;
}

/* The share of the new tree that need not be sent, of the size of its package. Where a manifest cannot be read, all. */
static int64_t expect(struct rbe_app *app, const struct rbe_wish *w)
{
    rbe_auto(manifest) struct rbe_manifest from = {0}, to = {0};
    rbe_auto(arena) struct rbe_arena arena = {0};
    const struct rbe_plan_globs none = {0};
    struct rbe_err ignored = {0};
    struct rbe_plan plan;
    double sent = 0;

    if (!has_tree(w->target) || !has_tree(w->source) ||
        rbe_depot_manifest(app, w->source->path, &from, &ignored) != RBE_OK ||
        rbe_depot_manifest(app, w->target->path, &to, &ignored) != RBE_OK || to.bytes == 0)
        return w->target->size;
    rbe_plan_make(&from, &to, &none, &arena, &plan);
    for (size_t i = 0; i < plan.change[RBE_ADDED].n; i++)
        sent += (double)plan.change[RBE_ADDED].v[i]->size;
    for (size_t i = 0; i < plan.change[RBE_MODIFIED].n; i++)
        sent += (double)plan.change[RBE_MODIFIED].v[i]->size;
    return (int64_t)((double)w->target->size * (1 - sent / (double)to.bytes));
}

/* {"saves":N} */
static int64_t saves_of(const struct rbe_job *j)
{
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    struct rbe_err ignored = {0};
    int64_t saves = 0;

    if (!j->payload || rbe_json_parse(j->payload, strlen(j->payload), &doc, &ignored) != RBE_OK ||
        !rbe_json_int(rbe_json_find(doc, "saves"), &saves))
        return 0;
    return saves;
}

/* Whether a target has a place for one more source of that weight, perhaps that of a lighter one that waits: then
 * *ret_lighter is its source, else 0. */
static enum rbe_code has_room(struct rbe_app *app, const struct rbe_wish *w, int64_t weight, struct rbe_arena *arena,
                              bool *ret, int64_t *ret_lighter, struct rbe_err *e)
{
    struct rbe_job least;
    int64_t count;

    *ret = true;
    *ret_lighter = 0;
    if (w->tier == RBE_WISH_NAMED || w->format != RBE_FORMAT_FILES)
        return RBE_OK;
    RBE_TRY(rbe_job_count(app->store, w->target->id, &count, e));
    if (count < app->settings->batch.max_patches)
        return RBE_OK;
    *ret = false;
    if (app->settings->batch.max_patches == 0)
        return RBE_OK;
    RBE_TRY(rbe_job_least(app->store, w->target->id, RBE_FORMAT_FILES, weight, arena, &least, ret, e));
    *ret_lighter = *ret ? least.source : 0;
    return RBE_OK;
}

static enum rbe_code put_new(struct rbe_app *app, const struct rbe_wish *w, struct rbe_job *j, bool *ret_new,
                             struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    int64_t lighter;
    bool room;

    RBE_TRY(has_room(app, w, j->weight, &arena, &room, &lighter, e));
    if (lighter)
        RBE_TRY(rbe_job_forget_pair(app->store, w->target->id, lighter, e));
    return room ? rbe_job_put(app->store, j, ret_new, e) : RBE_OK;
}

static const char *subject_of(const struct rbe_wish *w, struct rbe_arena *arena)
{
    return rbe_arena_strfmt(arena, "%s:%lld:%lld", rbe_format_name(w->format), (long long)w->target->id,
                            (long long)w->source->id);
}

enum rbe_code rbe_wish_put(struct rbe_app *app, const struct rbe_wish *w, bool *ret_new, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    const char *subject = subject_of(w, &arena);
    struct rbe_job there;
    bool found, room = true, new = false;
    int64_t ignored;

    if (ret_new)
        *ret_new = false;
    RBE_TRY(rbe_job_find(app->store, RBE_JOB_PATCH, subject, &arena, &there, &found, e));
    /* Clients on many versions ask every second for what finds no place: no manifest is read for that. */
    if (!found && !w->saves)
        RBE_TRY(has_room(app, w, weigh(w, w->target->size), &arena, &room, &ignored, e));
    if (!room)
        return RBE_OK;
    int64_t saves = found ? saves_of(&there) : w->saves ? w->saves : expect(app, w);
    struct rbe_job j = {.kind = RBE_JOB_PATCH, .subject = subject, .target = w->target->id, .source = w->source->id,
                        .format = (int)w->format, .weight = weigh(w, saves), .note = "",
                        .payload = rbe_arena_strfmt(&arena, "{\"saves\":%lld}", (long long)saves)};

    if (found && (there.state != RBE_JOB_QUEUED || there.weight >= j.weight))
        return RBE_OK;
    j.created_at = j.run_at = rbe_clock_now();
    /* Counted and put under one lock, so that processes that want at once stay below the bound together. */
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
    enum rbe_code code = found ? rbe_job_put(app->store, &j, &new, e) : put_new(app, w, &j, &new, e);

    RBE_TRY(rbe_store_end(app->store, RBE_BASE_USAGE, code, e));
    if (ret_new)
        *ret_new = new;
    return RBE_OK;
}

/* ---- deltas ---- */

/* What is configured, as a set. */
static unsigned built_formats(const struct rbe_app *app)
{
    const struct rbe_conf_list *list = &app->settings->batch.delta_formats;
    unsigned set = 0;

    for (size_t i = 0; i < list->n; i++)
        set |= rbe_format_set(list->v[i]);
    return set;
}

/* Where only clients ask, a format is built that one of them can apply. */
static enum rbe_code put_deltas(struct rbe_app *app, const struct rbe_wish *files, unsigned asked, int64_t size,
                                struct rbe_err *e)
{
    unsigned set = built_formats(app) & (files->tier == RBE_WISH_ASKED ? asked : ~0u);

    for (enum rbe_format format = RBE_FORMAT_FILES + 1; format < RBE_FORMAT_MAX; format++) {
        struct rbe_wish w = *files;

        w.format = format;
        /* Deltas come to a seventh of whole files, as a rule. */
        w.saves = size / 7 * 6 + 1;
        if (set & RBE_FORMAT_BIT(format))
            RBE_TRY(rbe_wish_put(app, &w, NULL, e));
    }
    return RBE_OK;
}

enum rbe_code rbe_wish_deltas(struct rbe_app *app, const struct rbe_job *files, const struct rbe_package *target,
                              const struct rbe_package *source, int64_t size, struct rbe_err *e)
{
    struct rbe_standing on;

    RBE_TRY(rbe_standing_find(app->store, source->id, rbe_clock_now(), &on, e));
    const struct rbe_wish w = {.target = target, .source = source, .format = RBE_FORMAT_FILES,
                               .tier = rbe_wish_tier(files->weight), .asked = on.asked};

    return put_deltas(app, &w, on.formats, size, e);
}

/* ---- pairs ---- */

struct pair {
    struct rbe_package_origin target, source;
};

/* *ret_found false when either end is unknown. */
enum rbe_code rbe_wish_ends(struct rbe_app *app, int64_t target, int64_t source, struct rbe_arena *arena,
                            struct rbe_package_origin *ret_target, struct rbe_package_origin *ret_source,
                            bool *ret_found, struct rbe_err *e)
{
    RBE_TRY(rbe_package_find_origin(app->store, target, arena, ret_target, ret_found, e));
    return *ret_found ? rbe_package_find_origin(app->store, source, arena, ret_source, ret_found, e) : RBE_OK;
}

bool rbe_wish_usable(const struct rbe_package_origin *target, const struct rbe_package_origin *source)
{
    const struct rbe_package *t = &target->package, *s = &source->package;

    return t->format == RBE_FORMAT_FULL && !t->purged_at && !target->withdrawn_at && s->format == RBE_FORMAT_FULL &&
           !s->purged_at;
}

/* Whether clients move from source to target, as lib/core/latest sees it. */
static enum rbe_code leads_up(struct rbe_app *app, const struct pair *p, struct rbe_arena *arena, bool *ret,
                              struct rbe_err *e)
{
    struct rbe_resource r;
    struct rbe_version to, from;

    RBE_TRY(rbe_resource_get(app->store, p->target.rid, arena, &r, e));
    RBE_TRY(rbe_version_get(app->store, p->target.package.version, arena, &to, e));
    RBE_TRY(rbe_version_get(app->store, p->source.package.version, arena, &from, e));
    if (r.update != RBE_RESOURCE_INCREMENTAL)
        *ret = false;
    else if (p->source.withdrawn_at)
        *ret = true;
    else if (r.order == RBE_ORDER_VERSION && to.order_by && to.order_by == from.order_by)
        *ret = rbe_verkey_cmp(to.order_key, to.order_len, from.order_key, from.order_len) > 0;
    else
        *ret = to.number > from.number;
    return RBE_OK;
}

/* What clients name is only a pair of numbers: everything about it is looked up here. */
static enum rbe_code find_pair(struct rbe_app *app, int64_t target, int64_t source, struct rbe_arena *arena,
                               struct pair *ret, bool *ret_good, struct rbe_err *e)
{
    const struct rbe_package *t = &ret->target.package, *s = &ret->source.package;

    RBE_TRY(rbe_wish_ends(app, target, source, arena, &ret->target, &ret->source, ret_good, e));
    *ret_good = *ret_good && rbe_wish_usable(&ret->target, &ret->source) && has_tree(t) && has_tree(s) &&
                strcmp(ret->target.rid, ret->source.rid) == 0 && t->version != s->version && t->system == s->system &&
                t->arch == s->arch;
    return *ret_good ? leads_up(app, ret, arena, ret_good, e) : RBE_OK;
}

/* ---- what clients said ---- */

/* Of the sources that packages are built from already, named ones aside, the one that clients are on least; *ret_found
 * false where clients are not on it less than half as often as on the one that wants its place. */
static enum rbe_code find_outdone(struct rbe_app *app, const struct rbe_wish *w, struct rbe_arena *arena, int64_t *ret,
                                  bool *ret_found, struct rbe_err *e)
{
    const int64_t named = 2 * (int64_t)RBE_WISH_NAMED * STEP, now = rbe_clock_now();
    int64_t least = INT64_MAX;
    struct rbe_job *built;
    size_t n;

    *ret_found = false;
    RBE_TRY(rbe_job_built(app->store, w->target->id, RBE_FORMAT_FILES, named, arena, &built, &n, e));
    for (size_t i = 0; i < n; i++) {
        struct rbe_standing on;

        RBE_TRY(rbe_standing_find(app->store, built[i].source, now, &on, e));
        if (on.asked >= least)
            continue;
        least = on.asked;
        *ret = built[i].source;
    }
    *ret_found = n > 0 && least < w->asked / 2;
    return RBE_OK;
}

/* Where all places of a target are taken by packages that are built, one that is wanted far less makes way: it is offered no
 * longer, and does not come back for this target, so that no two can take turns. */
static enum rbe_code make_way(struct rbe_app *app, const struct rbe_wish *w, const char *rid, struct rbe_arena *arena,
                              struct rbe_err *e)
{
    int64_t count, source = 0;
    bool found;

    RBE_TRY(rbe_job_count(app->store, w->target->id, &count, e));
    if (count < app->settings->batch.max_patches)
        return RBE_OK;
    RBE_TRY(find_outdone(app, w, arena, &source, &found, e));
    if (!found)
        return RBE_OK;
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    rbe_store_touch(app->store, rid);
    enum rbe_code code = rbe_package_purge_pair(app->store, w->target->id, source, rbe_clock_now(), e);

    RBE_TRY(rbe_store_end(app->store, RBE_BASE_RELEASES, code, e));
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
    code = rbe_job_forget_pair(app->store, w->target->id, source, e);
    return rbe_store_end(app->store, RBE_BASE_USAGE, code, e);
}

/* Puts a wish of clients for whole files; where it finds no place, one is made. *ret_done: its job has ended well, and there is
 * no package all the same. */
static enum rbe_code put_asked(struct rbe_app *app, const struct rbe_wish *w, const char *rid, struct rbe_arena *arena,
                               bool *ret_done, struct rbe_err *e)
{
    const char *subject = subject_of(w, arena);
    struct rbe_job there = {0};
    bool found;

    RBE_TRY(rbe_wish_put(app, w, &found, e));
    if (!found)
        RBE_TRY(rbe_job_find(app->store, RBE_JOB_PATCH, subject, arena, &there, &found, e));
    *ret_done = found && there.state == RBE_JOB_DONE;
    if (found)
        return RBE_OK;
    RBE_TRY(make_way(app, w, rid, arena, e));
    return rbe_wish_put(app, w, NULL, e);
}

/* Of a pair that clients go: what of it is not there yet. */
static enum rbe_code fold_pair(struct rbe_app *app, const struct rbe_demand *d, struct rbe_arena *arena,
                               struct rbe_err *e)
{
    struct rbe_standing on;
    struct rbe_package files;
    struct pair pair;
    bool good, built, done = false;

    if (d->source == d->target)
        return RBE_OK;
    RBE_TRY(find_pair(app, d->target, d->source, arena, &pair, &good, e));
    if (!good)
        return RBE_OK;
    RBE_TRY(rbe_standing_find(app->store, d->source, rbe_clock_now(), &on, e));
    RBE_TRY(rbe_package_find_patch(app->store, d->target, d->source, RBE_FORMAT_FILES, arena, &files, &built, e));
    const struct rbe_wish w = {.target = &pair.target.package, .source = &pair.source.package,
                               .format = RBE_FORMAT_FILES, .tier = RBE_WISH_ASKED, .asked = on.asked};

    /* The job of the whole files, when it ends, brings the deltas that were asked for until then; also where whole files save
     * nothing. */
    if (!built)
        RBE_TRY(put_asked(app, &w, pair.target.rid, arena, &done, e));
    if (!d->formats || (built && files.purged_at) || !(built || done))
        return RBE_OK;
    return put_deltas(app, &w, on.formats, built ? files.size : w.target->size, e);
}

/* Only sources that are full packages are counted, so that the table cannot grow beyond them. */
static enum rbe_code count_all(struct rbe_app *app, const struct rbe_demand *asked, size_t n, struct rbe_arena *arena,
                               struct rbe_err *e)
{
    int64_t now = rbe_clock_now();

    for (size_t i = 0; i < n; i++) {
        struct rbe_package_origin source;
        bool found;

        RBE_TRY(rbe_package_find_origin(app->store, asked[i].source, arena, &source, &found, e));
        if (found && source.package.format == RBE_FORMAT_FULL)
            RBE_TRY(rbe_standing_add(app->store,
                                     &(struct rbe_standing){.package = asked[i].source, .formats = asked[i].formats,
                                                            .asked = (int64_t)(asked[i].count & INT32_MAX)}, now, e));
        rbe_arena_reset(arena);
    }
    return RBE_OK;
}

static enum rbe_code fold_demand(struct rbe_app *app, struct rbe_err *e)
{
    rbe_autofree struct rbe_demand *asked = rbe_alloc_array(RBE_SHARE_PAIRS, sizeof(*asked));
    rbe_auto(arena) struct rbe_arena arena = {0};
    size_t n = rbe_demand_take(app->share, asked, RBE_SHARE_PAIRS);

    if (n == 0)
        return RBE_OK;
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
    enum rbe_code code = count_all(app, asked, n, &arena, e);

    RBE_TRY(rbe_store_end(app->store, RBE_BASE_USAGE, code, e));
    for (size_t i = 0; i < n; i++) {
        RBE_TRY(fold_pair(app, &asked[i], &arena, e));
        rbe_arena_reset(&arena);
    }
    return RBE_OK;
}

/* ---- what was published ---- */

struct candidate {
    const struct rbe_package *source;
    int64_t asked;
};

/* Of equally many the newest first, as they are listed. */
static int by_asked(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    int order = (x->asked < y->asked) - (x->asked > y->asked);

    return order ? order : (x->source > y->source) - (x->source < y->source);
}

/* The versions clients are on, then the last ones before; max_patches is kept by rbe_wish_put. */
static enum rbe_code plan_from(struct rbe_app *app, const struct rbe_package *target, struct rbe_package *sources,
                               size_t n, struct rbe_arena *arena, struct rbe_err *e)
{
    struct candidate *c = rbe_arena_alloc_array(arena, n, sizeof(*c));
    int64_t now = rbe_clock_now(), depth = app->settings->batch.prebuild_depth;
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        struct rbe_standing on;
        struct pair pair;
        bool good;

        RBE_TRY(rbe_standing_find(app->store, sources[i].id, now, &on, e));
        if (on.asked == 0 && depth <= 0)
            continue;
        RBE_TRY(find_pair(app, target->id, sources[i].id, arena, &pair, &good, e));
        if (!good)
            continue;
        depth--;
        c[kept++] = (struct candidate){&sources[i], on.asked};
    }
    if (kept)
        qsort(c, kept, sizeof(*c), by_asked);
    for (size_t i = 0; i < kept && (int64_t)i < app->settings->batch.max_patches; i++) {
        const struct rbe_wish w = {.target = target, .source = c[i].source, .format = RBE_FORMAT_FILES,
                                   .tier = c[i].asked ? RBE_WISH_ASKED : RBE_WISH_AHEAD, .asked = c[i].asked};

        RBE_TRY(rbe_wish_put(app, &w, NULL, e));
    }
    return RBE_OK;
}

static enum rbe_code plan_release(struct rbe_app *app, const struct rbe_package *target, struct rbe_arena *arena,
                                  struct rbe_err *e)
{
    struct rbe_package *sources;
    struct rbe_version version;
    bool offered;
    size_t n;

    if (target->format != RBE_FORMAT_FULL || target->purged_at || !has_tree(target))
        return RBE_OK;
    RBE_TRY(rbe_version_get(app->store, target->version, arena, &version, e));
    RBE_TRY(rbe_package_offered(app->store, version.resource, target->id, &offered, e));
    if (!offered)
        return RBE_OK;
    RBE_TRY(rbe_package_sources(app->store, version.resource, target->system, target->arch, SOURCES, arena, &sources,
                                &n, e));
    return plan_from(app, target, sources, n, arena, e);
}

/* Goes through the packages that came since the last time: ids only grow. */
static enum rbe_code fold_releases(struct rbe_app *app, struct rbe_err *e)
{
    static const char mark[] = "packages planned";
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_package *rows;
    int64_t seen;
    size_t n;

    RBE_TRY(rbe_mark_find(app->store, mark, &seen, e));
    RBE_TRY(rbe_package_list(app->store, 0, seen, BATCH, &arena, &rows, &n, e));
    for (size_t i = 0; i < n; i++)
        RBE_TRY(plan_release(app, &rows[i], &arena, e));
    if (n == 0)
        return RBE_OK;
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
    enum rbe_code code = rbe_mark_put(app->store, mark, rows[n - 1].id, e);

    return rbe_store_end(app->store, RBE_BASE_USAGE, code, e);
}

enum rbe_code rbe_wish_fold(struct rbe_app *app, struct rbe_err *e)
{
    RBE_TRY(fold_demand(app, e));
    return fold_releases(app, e);
}
