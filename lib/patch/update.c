/* The library face of the updater. Everything up to the finished journal happens in rbe_update_download (lib/patch/prepare);
 * rbe_update_apply hands it to lib/patch/apply.
 */
#include "include/rbe_update.h"

#include <string.h>
#include <strings.h>

#include "lib/patch/apply.h"
#include "lib/patch/engine.h"
#include "lib/patch/fetch.h"
#include "lib/patch/prepare.h"

enum { TRIES = 5, PAUSE_MS = 1000, PATIENCE_S = 300 };

static enum rbe_update_result outcome(const struct rbe_update *u, enum rbe_code code)
{
    if (code == RBE_OK)
        return RBE_UPDATE_OK;
    return atomic_load(&u->cancelled) ? RBE_UPDATE_CANCELLED : RBE_UPDATE_FAILED;
}

/* ---- opening ---- */

static char *copy(const char *text)
{
    return text ? rbe_strdup(text) : NULL;
}

static void copy_options(struct rbe_update *u, const struct rbe_update_options *o)
{
    memcpy(&u->o, o, o->size < sizeof(u->o) ? o->size : sizeof(u->o));
    u->server = copy(u->o.server);
    u->resource = copy(u->o.resource);
    u->dir = copy(u->o.dir);
    u->channel = copy(u->o.channel);
    u->system = copy(u->o.system);
    u->arch = copy(u->o.arch);
    u->cdk = rbe_strdup(u->o.cdk ? u->o.cdk : "");
    while (u->o.keep && u->o.keep[u->n_keep])
        u->n_keep++;
    u->keep = rbe_alloc_array(u->n_keep + 1, sizeof(*u->keep));
    for (size_t i = 0; i < u->n_keep; i++)
        u->keep[i] = rbe_strdup(u->o.keep[i]);
    u->o.tries = u->o.tries ? u->o.tries : TRIES;
    u->o.pause_ms = u->o.pause_ms ? u->o.pause_ms : PAUSE_MS;
    u->o.patience_s = u->o.patience_s ? u->o.patience_s : PATIENCE_S;
}

enum rbe_update_result rbe_update_open(const struct rbe_update_options *o, struct rbe_update **ret)
{
    struct rbe_update *u = rbe_alloc(sizeof(*u));

    *ret = u;
    copy_options(u, o);
    u->net = rbe_net_new();
    for (size_t i = 0; i < rbe_engines_count; i++)
        rbe_str_putf(&u->deltas, "%s%s", i ? "," : "", rbe_engines[i].name);
    u->home = (struct rbe_home){.dir = -1, .fd = -1, .lock = -1};
    rbe_place_init(&u->home.tree, -1);
    if (!u->dir || !*u->dir)
        return outcome(u, rbe_fail(&u->e, RBE_USAGE, "no directory is given"));
    if (u->server && strncasecmp(u->server, "http://", 7) != 0 && strncasecmp(u->server, "https://", 8) != 0)
        return outcome(u, rbe_fail(&u->e, RBE_USAGE, "the server has to be a URL of http or https"));
    if (rbe_home_open(u->dir, &u->home, &u->e) != RBE_OK)
        return outcome(u, u->e.code);
    return outcome(u, rbe_installed_load(&u->home, &u->installed, &u->e));
}

void rbe_update_close(struct rbe_update *u)
{
    if (!u)
        return;
    rbe_prepare_forget(u);
    rbe_stamps_release(&u->stamps);
    rbe_installed_release(&u->installed);
    rbe_offer_release(&u->offer);
    rbe_home_release(&u->home);
    rbe_net_free(u->net);
    rbe_str_release(&u->deltas);
    free(u->server);
    free(u->resource);
    free(u->dir);
    free(u->channel);
    free(u->system);
    free(u->arch);
    free(u->cdk);
    for (size_t i = 0; i < u->n_keep; i++)
        free(u->keep[i]);
    free(u->keep);
    free(u);
}

void rbe_update_cancel(struct rbe_update *u)
{
    atomic_store(&u->cancelled, true);
}

const char *rbe_update_installed(const struct rbe_update *u)
{
    return u->installed.known ? u->installed.version : "";
}

const char *rbe_update_error(const struct rbe_update *u)
{
    return u->e.text;
}

int64_t rbe_update_retry_after(const struct rbe_update *u)
{
    return u->e.retry_after;
}

int rbe_update_ready(const struct rbe_update *u)
{
    return u->ready;
}

enum rbe_update_result rbe_update_check(struct rbe_update *u, struct rbe_update_release *ret)
{
    const struct rbe_offer *o = &u->offer;

    u->e = (struct rbe_err){0};
    enum rbe_code code = rbe_prepare_ask(u, RBE_LEVEL_DELTA);
    if (code != RBE_OK)
        return outcome(u, code);
    if (ret)
        *ret = (struct rbe_update_release){
            .version = o->version, .installed = rbe_update_installed(u), .release_note = o->note, .custom_data = o->custom,
            .message = o->message, .size = o->size, .downloadable = *o->url != '\0',
        };
    return o->newer ? RBE_UPDATE_AVAILABLE : RBE_UPDATE_OK;
}

/* Alone at work, on a tree that is whole, with nothing made ready. */
static enum rbe_update_result enter(struct rbe_update *u)
{
    bool busy = false;
    enum rbe_code code = rbe_updater_enter(u, &busy);

    if (code != RBE_OK)
        return busy && !rbe_updater_stops(u) ? RBE_UPDATE_BUSY : outcome(u, code);
    rbe_prepare_forget(u);
    return RBE_UPDATE_OK;
}

enum rbe_update_result rbe_update_download(struct rbe_update *u)
{
    enum rbe_update_result entered = enter(u);
    enum rbe_code code;

    if (entered != RBE_UPDATE_OK)
        return entered;
    code = rbe_prepare_update(u, u->installed.known ? RBE_LEVEL_DELTA : RBE_LEVEL_FULL);
    if (code == RBE_OK && !u->ready)
        code = rbe_prepare_mend(u);
    if (code != RBE_OK)
        rbe_prepare_drop(u, false);
    return outcome(u, code);
}

/* ---- the change ---- */

/* What was put into the tree looks like now. */
static void stamp_new(struct rbe_update *u)
{
    for (size_t i = 0; i < u->needs.n; i++) {
        const struct rbe_entry *entry = u->needs.v[i].entry;
        struct stat st;

        if (entry->kind == RBE_KIND_FILE && rbe_place_look(&u->home.tree, entry->path, &st, NULL) == RBE_OK && st.st_mode)
            u->next_stamps.v[entry - u->next.manifest.entries] = rbe_stamp_of(&st);
    }
}

enum rbe_update_result rbe_update_apply(struct rbe_update *u)
{
    enum rbe_code code;

    u->e = (struct rbe_err){0};
    if (!u->ready)
        return RBE_UPDATE_OK;
    rbe_updater_say(u, RBE_UPDATE_EVENT_APPLY, u->next.version);
    code = rbe_apply(&u->home, &u->journal, &u->e);
    if (code == RBE_OK) {
        stamp_new(u);
        rbe_installed_release(&u->installed);
        u->installed = u->next;
        u->next = (struct rbe_installed){0};
        rbe_updater_stamps(u, &u->next_stamps);
        /* It is of no use any more, and does no harm: the next run that has nothing to do removes it. */
        if (rbe_fetch_drop(&u->home, NULL) != RBE_OK)
            rbe_updater_say(u, RBE_UPDATE_EVENT_WARNING, "cannot remove the download");
    }
    rbe_prepare_forget(u);
    return outcome(u, code);
}

enum rbe_update_result rbe_update_verify(struct rbe_update *u)
{
    rbe_auto(stamps) struct rbe_stamps stamps = {0};
    enum rbe_update_result entered = enter(u);
    enum rbe_code code;

    if (entered != RBE_UPDATE_OK)
        return entered;
    if (!u->installed.known)
        return outcome(u, rbe_fail(&u->e, RBE_NOTFOUND, "%s holds no version that is known", u->dir));
    rbe_autofree enum rbe_look *looks = rbe_alloc_array(u->installed.manifest.n, sizeof(*looks));
    code = rbe_updater_survey(u, &u->installed.manifest, true, looks, &stamps);
    if (code != RBE_OK)
        return outcome(u, code);
    size_t damaged = rbe_updater_damage(u, &u->installed.manifest, looks);
    rbe_updater_stamps(u, &stamps);
    if (damaged == 0)
        return RBE_UPDATE_OK;
    (void)rbe_fail(&u->e, RBE_FAULT, "%zu of %zu entries differ from version %s", damaged, u->installed.manifest.n,
                   u->installed.version);
    return RBE_UPDATE_DAMAGED;
}

enum rbe_update_result rbe_update_rollback(struct rbe_update *u)
{
    enum rbe_update_result entered = enter(u);
    enum rbe_code code;

    if (entered != RBE_UPDATE_OK)
        return entered;
    code = rbe_apply_undo(&u->home, &u->e);
    /* What was known of the files was about the other version. */
    if (code == RBE_OK)
        code = rbe_home_drop(&u->home, RBE_HOME_STAMPS, &u->e);
    if (code == RBE_OK)
        code = rbe_updater_reload(u);
    return outcome(u, code);
}
