/* Asks, fetches, and makes a change ready.
 *
 * An update is tried by ever simpler packages: of patches, of whole changed files, of everything. What does not fit, does not
 * verify, is refused or is too large for the disk leads to the next one.
 */
#include "lib/patch/prepare.h"

#include <string.h>
#include <sys/utsname.h>

#include "lib/base/codec.h"
#include "lib/base/quote.h"
#include "lib/patch/apply.h"
#include "lib/patch/fetch.h"
#include "lib/patch/gather.h"

enum { SPARE = 1 << 20 };

/* ---- asking ---- */

static void warn_of_plain(struct rbe_update *u, const char *url)
{
    if (u->warned || !rbe_ask_in_clear(url))
        return;
    u->warned = true;
    rbe_updater_say(u, RBE_UPDATE_EVENT_WARNING,
                    "the server is spoken to without encryption: anybody on the way can change what it says");
}

static const char *machine(void)
{
    static const struct {
        const char *machine, *arch;
    } known[] = {{"x86_64", "amd64"}, {"aarch64", "arm64"}, {"i686", "386"},
                 {"i386", "386"},     {"armv7l", "arm"},    {"armv6l", "arm"}};
    struct utsname name;

    if (uname(&name) == 0)
        for (size_t i = 0; i < RBE_COUNT(known); i++)
            if (strcmp(name.machine, known[i].machine) == 0)
                return known[i].arch;
    return "";
}

static const char *or(const char *a, const char *b, const char *c)
{
    return a ? a : b ? b : c;
}

static struct rbe_ask question(struct rbe_update *u, enum rbe_level level)
{
    const struct rbe_installed *i = &u->installed;

    return (struct rbe_ask){
        .net = u->net,
        .tongue = u->o.dialect == RBE_UPDATE_COMPAT ? RBE_TONGUE_COMPAT : RBE_TONGUE_NATIVE,
        .server = u->server,
        .resource = u->resource,
        .channel = or(u->channel, i->channel, "stable"),
        .system = or(u->system, i->system, "linux"),
        .arch = or(u->arch, i->arch, machine()),
        .cdk = u->cdk,
        .current = level < RBE_LEVEL_FULL && i->known ? i->version : "",
        .delta = level == RBE_LEVEL_DELTA ? rbe_str_text(&u->deltas) : "",
        .stop = rbe_updater_stops,
        .arg = u,
    };
}

static void on_again(void *arg, const struct rbe_err *e, int64_t pause_ms)
{
    const struct rbe_update_event event = {.kind = RBE_UPDATE_EVENT_RETRY, .text = e->text, .path = "",
                                           .total = (uint64_t)(pause_ms + 999) / 1000};

    rbe_updater_tell(arg, &event);
}

static struct rbe_retry retry_of(struct rbe_update *u)
{
    return (struct rbe_retry){.tries = u->o.tries, .pause_ms = u->o.pause_ms, .patience_s = u->o.patience_s,
                              .again = on_again, .stop = rbe_updater_stops, .arg = u};
}

enum rbe_code rbe_prepare_ask(struct rbe_update *u, enum rbe_level level)
{
    struct rbe_retry retry = retry_of(u);
    struct rbe_ask a;

    if (!u->server || !u->resource)
        return rbe_fail(&u->e, RBE_USAGE, "a server and a resource have to be named");
    warn_of_plain(u, u->server);
    a = question(u, level);
    for (;;) {
        rbe_offer_release(&u->offer);
        u->e = (struct rbe_err){0};
        if (rbe_ask(&a, &u->installed, &u->offer, &u->e) == RBE_OK)
            return RBE_OK;
        RBE_TRY(rbe_retry(&retry, false, &u->e));
    }
}

/* ---- making ready ---- */

static enum rbe_code tick_stage(void *arg, uint64_t done, uint64_t total, struct rbe_err *e)
{
    return rbe_updater_tick(arg, RBE_UPDATE_EVENT_STAGE, done, total, e);
}

static void on_progress(void *arg, uint64_t done, uint64_t total)
{
    rbe_updater_count(arg, RBE_UPDATE_EVENT_DOWNLOAD, done, total);
}

void rbe_prepare_forget(struct rbe_update *u)
{
    rbe_needs_release(&u->needs);
    rbe_stamps_release(&u->next_stamps);
    rbe_installed_release(&u->next);
    rbe_journal_release(&u->journal);
    u->ready = false;
}

static unsigned rules_of(const struct rbe_update *u)
{
    return u->home.folds ? RBE_RULES_FOLD : 0;
}

static enum rbe_code fetch(struct rbe_update *u, int *ret_fd)
{
    struct rbe_fetch f = {.net = u->net, .home = &u->home, .url = u->offer.url, .size = u->offer.size, .retry = retry_of(u),
                          .progress = on_progress, .arg = u};

    memcpy(f.sha256, u->offer.sha256, sizeof(f.sha256));
    warn_of_plain(u, u->offer.url);
    return rbe_fetch(&f, ret_fd, &u->e);
}

/* Files that change forward and back, named anew for each change. */
static void name_set(struct rbe_journal *j)
{
    unsigned char random[(RBE_SET_NAME - 1) / 2];

    rbe_random(random, sizeof(random));
    rbe_hex_encode(random, sizeof(random), j->set);
}

/* The state before and after, and the new manifest, beside the files. */
static enum rbe_code put_states(struct rbe_update *u, const struct rbe_home_set *set)
{
    rbe_autofree char *name = rbe_installed_manifest(u->next.sum);
    rbe_auto(str) struct rbe_str text = {0};

    rbe_manifest_format(&u->next.manifest, &text);
    RBE_TRY(rbe_home_put(&u->home, name, &text, &u->e));
    rbe_installed_format(&u->next, &text);
    RBE_TRY(rbe_home_put_at(set->fd, RBE_APPLY_STATE_NEW, &text, &u->e));
    if (!u->installed.known)
        return RBE_OK;
    rbe_installed_format(&u->installed, &text);
    return rbe_home_put_at(set->fd, RBE_APPLY_STATE_OLD, &text, &u->e);
}

static enum rbe_code judge_space(struct rbe_update *u, const struct rbe_gather *g)
{
    uint64_t need = rbe_gather_space(g) + SPARE, free, total;

    RBE_TRY(rbe_home_space(&u->home, &free, &total, &u->e));
    return need <= free ? RBE_OK
                        : rbe_fail(&u->e, RBE_NOSPACE, "the new files take %llu bytes of disk, %llu are free",
                                   (unsigned long long)need, (unsigned long long)free);
}

static enum rbe_code stage(struct rbe_update *u, const struct rbe_incoming *in)
{
    struct rbe_home_set set;
    const struct rbe_gather g = {
        .home = &u->home, .set = &set, .in = in, .old = &u->installed.manifest, .target = &u->next.manifest,
        .needs = &u->needs, .tick = tick_stage, .arg = u,
    };

    RBE_TRY(judge_space(u, &g));
    name_set(&u->journal);
    RBE_TRY(rbe_home_set_make(&u->home, u->journal.set, &set, &u->e));
    enum rbe_code code = put_states(u, &set);
    if (code == RBE_OK)
        code = rbe_gather(&g, &u->e);
    rbe_home_set_release(&set);
    return code;
}

/* From the tree that should be, u->next, to a finished set and journal. */
static enum rbe_code prepare(struct rbe_update *u, const struct rbe_incoming *in)
{
    static const struct rbe_manifest nothing = {0};
    rbe_autofree enum rbe_look *looks = rbe_alloc_array(u->next.manifest.n, sizeof(*looks));
    const struct rbe_moves moves = {
        .home = &u->home, .old = u->installed.known ? &u->installed.manifest : &nothing, .target = &u->next.manifest,
        .looks = looks, .keep = rbe_updater_keep(u),
    };
    bool mends = u->installed.known && strcmp(u->installed.version, u->next.version) == 0;

    RBE_TRY(rbe_updater_survey(u, &u->next.manifest, u->o.thorough, looks, &u->next_stamps));
    RBE_TRY(rbe_moves_plan(&moves, &u->journal, &u->needs, &u->e));
    /* Mending leads to no other version, so the way back stays the one there is. */
    u->journal.undo = !mends;
    RBE_TRY(stage(u, in));
    u->ready = true;
    return RBE_OK;
}

static void describe_next(struct rbe_update *u)
{
    const struct rbe_ask a = question(u, RBE_LEVEL_FULL);
    struct rbe_installed *n = &u->next;

    n->known = true;
    n->resource = rbe_strdup(a.resource);
    n->version = rbe_strdup(u->offer.version);
    n->number = u->offer.number;
    n->channel = rbe_strdup(a.channel);
    n->system = rbe_strdup(a.system);
    n->arch = rbe_strdup(a.arch);
    rbe_manifest_hash(&n->manifest, n->sum);
}

static enum rbe_code take_package(struct rbe_update *u, int fd)
{
    struct rbe_incoming in = {0};
    struct rbe_incoming_limits limits = {.rules = rules_of(u), .stop = rbe_updater_stops, .arg = u};
    uint64_t free;
    enum rbe_code code = rbe_home_space(&u->home, &free, &limits.bytes, &u->e);

    if (code == RBE_OK)
        code = rbe_incoming_open(fd, u->offer.incremental, &limits, &in, &u->e);
    if (code == RBE_OK)
        code = rbe_incoming_target(&in, &u->installed.manifest, limits.rules, &u->next.manifest, &u->e);
    if (code == RBE_OK) {
        describe_next(u);
        code = prepare(u, &in);
    }
    rbe_incoming_release(&in);
    return code;
}

/* Fetches what is offered and makes it ready. */
static enum rbe_code take_offer(struct rbe_update *u)
{
    rbe_autoclose int fd = -1;

    if (!*u->offer.url)
        return rbe_fail(&u->e, RBE_FORBIDDEN, "version %s cannot be downloaded without a cdk: %s",
                        rbe_quote(u->offer.version, strlen(u->offer.version)).text,
                        rbe_quote(u->offer.message, strlen(u->offer.message)).text);
    RBE_TRY(fetch(u, &fd));
    return take_package(u, fd);
}

/* Whether a simpler package may do what this one could not. Undoing patches takes disk and memory of its own. */
static bool falls_back(enum rbe_code code, enum rbe_level level)
{
    return code == RBE_INVALID || code == RBE_REFUSED || code == RBE_NOTFOUND || code == RBE_GONE || code == RBE_TOOLARGE ||
           (level == RBE_LEVEL_DELTA && (code == RBE_NOSPACE || code == RBE_FAULT));
}

void rbe_prepare_drop(struct rbe_update *u, bool package)
{
    enum rbe_applied applied;

    rbe_prepare_forget(u);
    if (package && rbe_fetch_drop(&u->home, NULL) != RBE_OK)
        return;
    if (rbe_apply_recover(&u->home, &applied, NULL) != RBE_OK)
        return;
}

/* The offer in hand; true when another kind of package, or asking anew, may help where it failed. */
static enum rbe_code take_level(struct rbe_update *u, enum rbe_level level, bool *ret_again)
{
    enum rbe_code code = take_offer(u);
    rbe_autofree char *why = rbe_strdup(u->e.text);

    *ret_again = falls_back(code, level);
    if (code == RBE_OK)
        return RBE_OK;
    /* A download that was cut off by the network is gone on with next time; one that filled the disk must not stay there. */
    rbe_prepare_drop(u, *ret_again || code == RBE_NOSPACE);
    if (*ret_again)
        rbe_updater_say(u, RBE_UPDATE_EVENT_FALLBACK, why);
    return code;
}

enum rbe_code rbe_prepare_update(struct rbe_update *u, enum rbe_level level)
{
    unsigned char failed[RBE_SHA256_SIZE] = {0};
    bool asked_again = false, again;

    for (;;) {
        RBE_TRY(rbe_prepare_ask(u, level));
        if (!u->offer.newer && level != RBE_LEVEL_FULL)
            return RBE_OK;
        if (!u->offer.incremental)
            level = RBE_LEVEL_FULL;
        if (level != RBE_LEVEL_FULL && memcmp(failed, u->offer.sha256, sizeof(failed)) == 0) {
            level++;
            continue;
        }
        enum rbe_code code = take_level(u, level, &again);

        if (code == RBE_OK || !again)
            return code;
        memcpy(failed, u->offer.sha256, sizeof(failed));
        /* A key that expired, or a package that was replaced, meanwhile: the server knows better now, but is asked once. */
        if (!asked_again && (code == RBE_GONE || (level == RBE_LEVEL_FULL && code == RBE_INVALID))) {
            asked_again = true;
            memset(failed, 0, sizeof(failed));
        } else if (level == RBE_LEVEL_FULL) {
            return code;
        } else {
            level++;
        }
    }
}

static char *copy_of(const char *text)
{
    return text ? rbe_strdup(text) : NULL;
}

/* Mends without a package what can be: links, modes, directories. */
static enum rbe_code mend_here(struct rbe_update *u)
{
    struct rbe_installed *n = &u->next;

    for (size_t i = 0; i < u->installed.manifest.n; i++)
        rbe_manifest_add(&n->manifest, &u->installed.manifest.entries[i]);
    RBE_TRY(rbe_manifest_seal(&n->manifest, &u->e));
    n->known = true;
    n->resource = rbe_strdup(u->installed.resource);
    n->version = rbe_strdup(u->installed.version);
    n->number = u->installed.number;
    n->channel = copy_of(u->installed.channel);
    n->system = copy_of(u->installed.system);
    n->arch = copy_of(u->installed.arch);
    memcpy(n->sum, u->installed.sum, sizeof(n->sum));
    return prepare(u, NULL);
}

enum rbe_code rbe_prepare_mend(struct rbe_update *u)
{
    rbe_autofree enum rbe_look *looks = rbe_alloc_array(u->installed.manifest.n, sizeof(*looks));
    rbe_auto(stamps) struct rbe_stamps stamps = {0};

    RBE_TRY(rbe_updater_survey(u, &u->installed.manifest, u->o.thorough, looks, &stamps));
    if (rbe_updater_damage(u, &u->installed.manifest, looks) == 0) {
        rbe_updater_stamps(u, &stamps);
        return rbe_fetch_drop(&u->home, &u->e);
    }
    rbe_updater_stamps(u, &stamps);
    enum rbe_code code = mend_here(u);
    if (code != RBE_NOTFOUND && code != RBE_REFUSED)
        return code;
    rbe_prepare_drop(u, false);
    RBE_TRY(rbe_prepare_ask(u, RBE_LEVEL_FULL));
    if (strcmp(u->offer.version, u->installed.version) != 0)
        return rbe_fail(&u->e, RBE_REFUSED, "files are damaged, and version %s is not offered any more", u->installed.version);
    return rbe_prepare_update(u, RBE_LEVEL_FULL);
}
