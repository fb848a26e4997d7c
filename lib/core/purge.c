#include "lib/core/purge.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/core/deed.h"
#include "lib/core/depot.h"
#include "lib/core/vercmp.h"
#include "lib/core/webhook.h"
#include "lib/store/change.h"
#include "lib/store/mark.h"
#include "lib/store/resource.h"
#include "lib/store/stock.h"

enum { PAGE = 256, WEIGHT = 1000, PARSERS = 16, HOLD_LOOKS = 200, HOUR = 3600 };
#define MARK_LIFE "key life"
#define MARK_UNTIL "key life until"
#define MARK_PURGED "purged at"

/* ---- which are old ---- */

/* The full packages of a resource while they are judged. */
struct judged {
    const struct rbe_stock *v;
    size_t n;
    bool *keep;
    bool by_number;              /* the resource is ordered as published */
};

static bool same_group(const struct rbe_stock *a, const struct rbe_stock *b)
{
    return a->system == b->system && a->arch == b->arch && a->channel == b->channel;
}

/* Whether a is later than b, both of one parser (or of none). */
static bool later(const struct judged *w, const struct rbe_stock *a, const struct rbe_stock *b)
{
    int way = w->by_number || !a->order_by ? 0 : rbe_verkey_cmp(a->order_key, a->order_len, b->order_key, b->order_len);

    return way ? way > 0 : a->number > b->number;
}

static size_t parser_of(const struct judged *w, const struct rbe_stock *s)
{
    return w->by_number || s->order_by < 0 || s->order_by >= PARSERS ? 0 : (size_t)s->order_by;
}

/* Among those from `first` to `end` that are not kept yet, what a client would be told is the latest: per parser the
 * greatest, of these the greatest number. `end` when there is none. */
static size_t latest_left(const struct judged *w, size_t first, size_t end)
{
    size_t greatest[PARSERS], best = end;

    for (size_t p = 0; p < PARSERS; p++)
        greatest[p] = end;
    for (size_t i = first; i < end; i++) {
        size_t *of_parser = &greatest[parser_of(w, &w->v[i])];

        if (!w->keep[i] && !w->v[i].withdrawn_at && (*of_parser == end || later(w, &w->v[i], &w->v[*of_parser])))
            *of_parser = i;
    }
    for (size_t p = 0; p < PARSERS; p++)
        if (greatest[p] < end && (best == end || w->v[greatest[p]].number > w->v[best].number))
            best = greatest[p];
    return best;
}

/* One channel, system and arch. */
static void judge_group(const struct judged *w, size_t first, size_t end, int64_t keep)
{
    int64_t kept = 0, oldest = 0;

    for (size_t i; kept < keep && (i = latest_left(w, first, end)) < end; kept++) {
        w->keep[i] = true;
        oldest = kept == 0 || w->v[i].number < oldest ? w->v[i].number : oldest;
    }
    /* a withdrawn one leads its clients away as long as it is not older than what is kept */
    for (size_t i = first; i < end; i++)
        if (w->v[i].withdrawn_at)
            w->keep[i] = kept > 0 && (kept < keep || w->v[i].number > oldest);
    for (size_t i = first; i < end; i++)
        if (w->v[i].offered)
            w->keep[i] = true;
}

static void judge(const struct judged *w, int64_t keep)
{
    for (size_t first = 0, end; first < w->n; first = end) {
        for (end = first + 1; end < w->n && same_group(&w->v[first], &w->v[end]);)
            end++;
        judge_group(w, first, end, keep);
    }
}

/* ---- the first step ---- */

static enum rbe_code look(struct rbe_app *app, const struct rbe_resource *r, struct rbe_arena *arena,
                          struct judged *ret, size_t *ret_old, struct rbe_err *e)
{
    struct rbe_stock *rows;

    RBE_TRY(rbe_stock_list(app->store, r->id, arena, &rows, &ret->n, e));
    ret->v = rows;
    ret->keep = rbe_arena_alloc_array(arena, ret->n, sizeof(*ret->keep));
    ret->by_number = r->order == RBE_ORDER_PUBLISHED;
    judge(ret, app->settings->extra.keep_versions);
    *ret_old = 0;
    for (size_t i = 0; i < ret->n; i++)
        *ret_old += !ret->keep[i];
    return RBE_OK;
}

static enum rbe_code mark_old(struct rbe_app *app, const struct rbe_resource *r, struct rbe_arena *arena,
                              struct rbe_purged *sum, struct rbe_err *e)
{
    struct rbe_purged of_this = {0};
    int64_t now = rbe_clock_now();
    struct judged w;
    size_t old;

    RBE_TRY(look(app, r, arena, &w, &old, e));
    for (size_t i = 0; i < w.n; i++)
        if (!w.keep[i])
            RBE_TRY(rbe_stock_purge(app->store, w.v[i].package, now, &of_this.packages, &of_this.patches,
                                    &of_this.bytes, e));
    sum->packages += of_this.packages;
    sum->patches += of_this.patches;
    sum->bytes += of_this.bytes;
    if (old == 0)
        return RBE_OK;
    rbe_store_touch(app->store, r->rid);
    return rbe_deed_record(app, &(struct rbe_deed){.action = "purge", .rid = r->rid,
                                                   .facts = {{"packages", .number = of_this.packages},
                                                             {"patches", .number = of_this.patches},
                                                             {"bytes", .number = of_this.bytes}}}, e);
}

struct purging {
    struct rbe_app *app;
    struct rbe_purged *sum;
};

/* Looked at without a transaction first: where nothing is old, no publisher has to wait. */
static enum rbe_code purge_resource(void *arg, const struct rbe_resource *r, struct rbe_err *e)
{
    const struct purging *p = arg;
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_purged before = *p->sum;
    struct judged w;
    size_t old;

    RBE_TRY(look(p->app, r, &arena, &w, &old, e));
    if (old == 0)
        return RBE_OK;
    RBE_TRY(rbe_store_begin(p->app->store, RBE_BASE_RELEASES, e));
    enum rbe_code code = rbe_store_end(p->app->store, RBE_BASE_RELEASES, mark_old(p->app, r, &arena, p->sum, e), e);
    if (code != RBE_OK)
        *p->sum = before;
    return code;
}

/* ---- how long keys live ---- */

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t rbe_purge_key_life(const struct rbe_settings *settings)
{
    const struct rbe_conf_groups *regions = &settings->extra.download_prefix_info;
    int64_t life = settings->extra.download_effective_time + settings->auth.key_skew;

    life = longer(life, settings->extra.cdn_auth.lifetime);
    for (size_t i = 0; i < regions->n; i++) {
        const struct rbe_place *places = regions->v[i].records.v;

        for (size_t k = 0; k < regions->v[i].records.n; k++)
            life = longer(life, places[k].auth.lifetime);
    }
    return life;
}

/* What keys may live by now. One that was made before a shorter life was configured has the longer one still, so that is
 * remembered for as long as it lasts, counted from when the shorter one was first seen. */
static enum rbe_code know_life(struct rbe_app *app, int64_t now, int64_t *ret, struct rbe_err *e)
{
    int64_t life = rbe_purge_key_life(app->settings), kept, until;

    RBE_TRY(rbe_mark_find(app->store, MARK_LIFE, &kept, e));
    RBE_TRY(rbe_mark_find(app->store, MARK_UNTIL, &until, e));
    *ret = life;
    if (life == kept && until == 0)
        return RBE_OK;
    if (life < kept && until == 0)
        until = now + kept;
    if (life < kept && now < until)
        *ret = kept;
    else
        until = 0;
    RBE_TRY(rbe_mark_put(app->store, MARK_LIFE, *ret, e));
    return rbe_mark_put(app->store, MARK_UNTIL, until, e);
}

static enum rbe_code life_now(struct rbe_app *app, int64_t now, int64_t *ret, struct rbe_err *e)
{
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
    return rbe_store_end(app->store, RBE_BASE_USAGE, know_life(app, now, ret, e), e);
}

enum rbe_code rbe_purge_run(struct rbe_app *app, const char *rid, struct rbe_purged *ret, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct purging purging = {app, ret};
    struct rbe_resource r;
    int64_t life;

    *ret = (struct rbe_purged){0};
    RBE_TRY(life_now(app, rbe_clock_now(), &life, e));
    if (rid) {
        RBE_TRY(rbe_resource_get(app->store, rid, &arena, &r, e));
        RBE_TRY(purge_resource(&purging, &r, e));
    } else {
        RBE_TRY(rbe_resource_each(app->store, purge_resource, &purging, e));
    }
    return rbe_stock_waiting(app->store, &ret->waiting, e);
}

enum rbe_code rbe_purge_by_itself(struct rbe_app *app, int64_t now, struct rbe_err *e)
{
    int64_t interval = app->settings->batch.purge_interval, last;
    struct rbe_purged sum;

    if (!interval)
        return RBE_OK;
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_USAGE, e));
    enum rbe_code code = rbe_mark_find(app->store, MARK_PURGED, &last, e);
    bool due = code == RBE_OK && (now < last || now - last >= interval);
    if (due)
        code = rbe_mark_put(app->store, MARK_PURGED, now, e);
    RBE_TRY(rbe_store_end(app->store, RBE_BASE_USAGE, code, e));
    return due ? rbe_purge_run(app, NULL, &sum, e) : RBE_OK;
}

/* ---- the second step ---- */

/* Removals share the lock, a backup has it alone. `looks` at it, 50 ms apart, before it is given up. */
static enum rbe_code lock_removals(struct rbe_app *app, int how, int looks, int *ret_fd, struct rbe_err *e)
{
    static const struct timespec moment = {.tv_nsec = 50 * 1000000};
    rbe_auto(arena) struct rbe_arena arena = {0};
    const char *path = rbe_app_path(app, &arena, "run/removals.lock");
    rbe_autoclose int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return rbe_fail_errno(e, "cannot open %s", path);
    for (int i = 0; flock(fd, how | LOCK_NB) < 0; i++) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return rbe_fail_errno(e, "cannot lock %s", path);
        if (i >= looks)
            return rbe_fail(e, RBE_UNAVAILABLE, "a backup is being made");
        (void)nanosleep(&moment, NULL);
    }
    *ret_fd = rbe_steal_fd(fd);
    return RBE_OK;
}

enum rbe_code rbe_purge_hold_off(struct rbe_app *app, int *ret_fd, struct rbe_err *e)
{
    return lock_removals(app, LOCK_EX, HOLD_LOOKS, ret_fd, e);
}

static enum rbe_code queue_removal(struct rbe_app *app, int64_t package, int64_t now, struct rbe_err *e)
{
    char subject[48];

    (void)snprintf(subject, sizeof(subject), "package:%lld", (long long)package);
    struct rbe_job j = {.kind = RBE_JOB_PURGE, .subject = subject, .target = package, .weight = WEIGHT,
                        .created_at = now, .run_at = now};
    return rbe_job_put(app->store, &j, NULL, e);
}

enum rbe_code rbe_purge_queue(struct rbe_app *app, int64_t now, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_package *rows;
    int64_t life, after = 0;
    size_t n;

    RBE_TRY(life_now(app, now, &life, e));
    /* Clocks of several machines may differ by less. */
    RBE_TRY(rbe_stock_put_back(app->store, now + HOUR, now, e));
    do {
        rbe_arena_reset(&arena);
        RBE_TRY(rbe_package_purged(app->store, now - life - 1, after, PAGE, &arena, &rows, &n, e));
        for (size_t i = 0; i < n; i++) {
            after = rows[i].id;
            RBE_TRY(queue_removal(app, rows[i].id, now, e));
        }
    } while (n);
    return RBE_OK;
}

enum rbe_code rbe_purge_remove(struct rbe_app *app, struct rbe_job *j, struct rbe_arena *arena, const char **ret_note,
                               struct rbe_err *e)
{
    struct rbe_package_origin o;
    bool found;

    RBE_TRY(rbe_package_find_origin(app->store, j->target, arena, &o, &found, e));
    if (!found || !o.package.purged_at || o.package.removed_at) {
        *ret_note = "there is nothing to remove";
        return RBE_OK;
    }
    rbe_autoclose int lock = -1;
    RBE_TRY(lock_removals(app, LOCK_SH, 0, &lock, e));
    enum rbe_code code = rbe_depot_remove(app, o.package.path, e);
    if (code != RBE_OK) {
        struct rbe_err untold = {0};

        /* the failure itself matters more than one to tell of it */
        if (rbe_webhook_purge_error(app, &o, e ? e->text : "", &untold) != RBE_OK && e)
            (void)rbe_err_prefix(e, "%s, and that could not be told (%s)", o.package.path, untold.text);
        return code;
    }
    RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
    rbe_store_touch(app->store, o.rid);
    code = rbe_stock_removed(app->store, j->target, rbe_clock_now(), e);
    RBE_TRY(rbe_store_end(app->store, RBE_BASE_RELEASES, code, e));
    *ret_note = rbe_arena_strfmt(arena, "removed %s", o.package.path);
    return RBE_OK;
}
