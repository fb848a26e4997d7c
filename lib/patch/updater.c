/* What all parts of the updater share: telling what happens, working alone on a whole tree, looking at it. */
#include "lib/patch/updater.h"

#include <string.h>

#include "lib/patch/apply.h"
#include "lib/patch/retry.h"

enum { LOCK_MS = 100 };

/* ---- telling ---- */

void rbe_updater_tell(struct rbe_update *u, const struct rbe_update_event *event)
{
    if (u->o.event)
        u->o.event(u->o.arg, event);
}

void rbe_updater_say(struct rbe_update *u, enum rbe_update_event_kind kind, const char *text)
{
    rbe_updater_tell(u, &(struct rbe_update_event){.kind = kind, .text = text, .path = ""});
}

void rbe_updater_count(struct rbe_update *u, enum rbe_update_event_kind kind, uint64_t done, uint64_t total)
{
    rbe_updater_tell(u, &(struct rbe_update_event){.kind = kind, .text = "", .path = "", .done = done, .total = total});
}

bool rbe_updater_stops(void *arg)
{
    const struct rbe_update *u = arg;

    return atomic_load(&u->cancelled);
}

enum rbe_code rbe_updater_tick(struct rbe_update *u, enum rbe_update_event_kind kind, uint64_t done, uint64_t total,
                               struct rbe_err *e)
{
    rbe_updater_count(u, kind, done, total);
    return rbe_updater_stops(u) ? rbe_fail(e, RBE_UNAVAILABLE, "cancelled") : RBE_OK;
}

static enum rbe_code tick_survey(void *arg, uint64_t done, uint64_t total, struct rbe_err *e)
{
    return rbe_updater_tick(arg, RBE_UPDATE_EVENT_SURVEY, done, total, e);
}

/* ---- the directory ---- */

enum rbe_code rbe_updater_reload(struct rbe_update *u)
{
    RBE_TRY(rbe_installed_load(&u->home, &u->installed, &u->e));
    rbe_stamps_release(&u->stamps);
    rbe_stamps_load(&u->home, &u->installed, &u->stamps);
    return RBE_OK;
}

/* Alone at work, on a tree that is whole. ret_busy: another one is at work, and nobody waits. */
enum rbe_code rbe_updater_enter(struct rbe_update *u, bool *ret_busy)
{
    enum rbe_applied applied;

    u->e = (struct rbe_err){0};
    for (bool told = false;; told = true) {
        RBE_TRY(rbe_home_lock(&u->home, u->dir, ret_busy, &u->e));
        if (!*ret_busy)
            break;
        if (!u->o.wait)
            return rbe_fail(&u->e, RBE_REFUSED, "another updater is at work on %s", u->dir);
        if (!told)
            rbe_updater_say(u, RBE_UPDATE_EVENT_WAITING, "another updater is at work");
        if (rbe_retry_pause(LOCK_MS, rbe_updater_stops, u))
            return rbe_fail(&u->e, RBE_UNAVAILABLE, "cancelled");
    }
    RBE_TRY(rbe_apply_recover(&u->home, &applied, &u->e));
    if (applied != RBE_APPLIED_NOTHING)
        rbe_updater_say(u, RBE_UPDATE_EVENT_RECOVERED,
                  applied == RBE_APPLIED_FORWARD ? "a change that was cut off was completed"
                                                 : "a change that was cut off was taken back");
    RBE_TRY(rbe_updater_reload(u));
    if (u->installed.broken)
        rbe_updater_say(u, RBE_UPDATE_EVENT_WARNING, "what is installed cannot be read any more; all files will be looked at");
    if (u->installed.known && u->resource && strcmp(u->installed.resource, u->resource) != 0)
        return rbe_fail(&u->e, RBE_REFUSED, "%s holds %s, not %s", u->dir, u->installed.resource, u->resource);
    return RBE_OK;
}

struct rbe_keep rbe_updater_keep(const struct rbe_update *u)
{
    return (struct rbe_keep){(const char *const *)u->keep, u->n_keep};
}

/* What of a tree does not stand in the directory. */
enum rbe_code rbe_updater_survey(struct rbe_update *u, const struct rbe_manifest *tree, bool thorough, enum rbe_look *ret_looks,
                            struct rbe_stamps *ret_stamps)
{
    const struct rbe_survey s = {
        .home = &u->home, .tree = tree, .installed = &u->installed, .stamps = thorough ? NULL : &u->stamps,
        .keep = rbe_updater_keep(u), .tick = tick_survey, .arg = u,
    };

    return rbe_survey(&s, ret_looks, ret_stamps, &u->e);
}

size_t rbe_updater_damage(struct rbe_update *u, const struct rbe_manifest *tree, const enum rbe_look *looks)
{
    size_t n = 0;

    for (size_t i = 0; i < tree->n; i++)
        if (looks[i] > RBE_LOOK_KEPT) {
            rbe_updater_tell(u, &(struct rbe_update_event){.kind = RBE_UPDATE_EVENT_DAMAGED, .text = rbe_look_name(looks[i]),
                                               .path = tree->entries[i].path});
            n++;
        }
    return n;
}

/* Keeps what was learned; losing it costs time only. */
void rbe_updater_stamps(struct rbe_update *u, struct rbe_stamps *stamps)
{
    bool same = stamps->n == u->stamps.n &&
                (stamps->n == 0 || memcmp(stamps->v, u->stamps.v, stamps->n * sizeof(*stamps->v)) == 0);

    if (!same && rbe_stamps_save(&u->home, &u->installed, stamps, NULL) != RBE_OK)
        rbe_updater_say(u, RBE_UPDATE_EVENT_WARNING, "cannot keep what the files look like; the next run reads them again");
    rbe_stamps_release(&u->stamps);
    u->stamps = *stamps;
    *stamps = (struct rbe_stamps){0};
}
