/* The way of an answer: the offers that this client can use, the one among them that is latest, what the asker may
 * know of it, where the client stands, and the package that takes it from there.
 */
#include "lib/core/latest.h"

#include <string.h>

#include "lib/core/access.h"
#include "lib/core/answer.h"
#include "lib/core/demand.h"
#include "lib/core/vercmp.h"
#include "lib/store/lookup.h"

static const char *const updates[RBE_UPDATE_MAX] = {
    [RBE_UPDATE_UNTOLD] = NULL,
    [RBE_UPDATE_NONE] = "none",
    [RBE_UPDATE_FULL] = "full",
    [RBE_UPDATE_INCREMENTAL] = "incremental",
};

/* What an answer is made of while it is made. */
struct search {
    struct rbe_app *app;
    const struct rbe_question *q;
    struct rbe_arena *arena;
    struct rbe_err *e;
    struct rbe_lookup of;
    struct rbe_lookup_offer best;        /* the latest */
    struct rbe_lookup_offered given;     /* and what of it this client gets */
};

/* The version the client is on. */
struct standing {
    struct rbe_lookup_standing at;
    bool known;                  /* `at` is what the database says; else there is only the order of its name */
};

const char *rbe_update_name(enum rbe_update update)
{
    return update < RBE_UPDATE_MAX ? updates[update] : NULL;
}

static enum rbe_code not_found(struct rbe_err *e)
{
    return rbe_fail(e, RBE_NOTFOUND, "resource not found");
}

/* ---- which is latest ---- */

/* Offers of one parser: by key, then by number. */
static int offer_cmp(const struct rbe_lookup_offer *a, const struct rbe_lookup_offer *b)
{
    int way = rbe_verkey_cmp(a->order_key, a->order_len, b->order_key, b->order_len);

    return way ? way : (a->number > b->number) - (a->number < b->number);
}

static bool beaten(const struct rbe_lookup_offer *offers, size_t n, const struct rbe_lookup_offer *o)
{
    for (size_t i = 0; i < n; i++)
        if (offers[i].order_by == o->order_by && offer_cmp(&offers[i], o) > 0)
            return true;
    return false;
}

static bool more_specific(const struct rbe_lookup_offer *a, const struct rbe_lookup_offer *b)
{
    return (a->system != 0) + (a->arch != 0) > (b->system != 0) + (b->arch != 0);
}

/* The winners of the parsers meet by number; the same version offered for several platforms goes to the closest one. n
 * > 0. */
static const struct rbe_lookup_offer *choose(const struct rbe_lookup_offer *offers, size_t n)
{
    const struct rbe_lookup_offer *best = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct rbe_lookup_offer *o = &offers[i];

        if (beaten(offers, n, o))
            continue;
        if (!best || o->number > best->number || (o->number == best->number && more_specific(o, best)))
            best = o;
    }
    return best;
}

static enum rbe_code find_latest(struct search *s)
{
    struct rbe_store *store = s->app->store;
    struct rbe_lookup_offer *offers;
    size_t n;

    RBE_TRY(rbe_lookup_offers(store, &s->of, s->arena, &offers, &n, s->e));
    if (n == 0)
        return not_found(s->e);
    s->best = *choose(offers, n);
    return rbe_lookup_offered(store, &s->best, s->arena, &s->given, s->e);
}

/* ---- where the client stands ---- */

/* Clients send a '+' unencoded, and it arrives as a space. */
static const char *with_plus(struct rbe_arena *arena, const char *name)
{
    char *text = rbe_arena_strdup(arena, name);

    for (char *c = strchr(text, ' '); c; c = strchr(c, ' '))
        *c = '+';
    return text;
}

static enum rbe_code find_version(const struct search *s, const char *name, struct standing *ret)
{
    return rbe_lookup_standing(s->app->store, s->best.resource, name, &s->of, s->arena, &ret->at, &ret->known, s->e);
}

/* The latest itself, of which all is known. */
static struct rbe_lookup_standing on_latest(const struct search *s)
{
    const struct rbe_lookup_offer *b = &s->best;

    return (struct rbe_lookup_standing){
        .version = b->version, .number = b->number, .order_by = b->order_by, .order_key = b->order_key,
        .order_len = b->order_len, .package = b->package, .system = b->system, .arch = b->arch,
        .has_tree = s->given.has_tree};
}

static enum rbe_code find_standing(const struct search *s, struct standing *ret)
{
    const char *name = s->q->current;
    struct rbe_verkey key;

    *ret = (struct standing){0};
    if (!name[0])
        return RBE_OK;
    if (strcmp(name, s->given.name) == 0) {
        *ret = (struct standing){.at = on_latest(s), .known = true};
        return RBE_OK;
    }
    RBE_TRY(find_version(s, name, ret));
    if (!ret->known && strchr(name, ' ')) {
        rbe_verkey_of(name, &key);
        const char *plus = with_plus(s->arena, name);

        RBE_TRY(find_version(s, plus, ret));
        if (!ret->known && key.parser == 0)
            name = plus;
    }
    if (ret->known)
        return RBE_OK;
    rbe_verkey_of(name, &key);
    unsigned char *bytes = rbe_arena_alloc(s->arena, key.len);
    memcpy(bytes, key.bytes, key.len);
    ret->at = (struct rbe_lookup_standing){.order_by = key.parser, .order_key = bytes, .order_len = key.len};
    return RBE_OK;
}

static bool stands_on_latest(const struct search *s, const struct standing *on)
{
    return on->known && on->at.version == s->best.version;
}

/* Whether the client needs no update. An unknown version has no number, so it can only be judged by its name. */
static bool is_latest(const struct search *s, const struct standing *on)
{
    const struct rbe_lookup_standing *a = &on->at;
    const struct rbe_lookup_offer *b = &s->best;

    if (on->known && a->withdrawn_at)
        return false;
    if (b->order == RBE_ORDER_PUBLISHED)
        return on->known && a->number >= b->number;
    if (a->order_by != b->order_by || (!on->known && a->order_by == 0))
        return false;
    int way = rbe_verkey_cmp(a->order_key, a->order_len, b->order_key, b->order_len);
    return way > 0 || (way == 0 && (!on->known || a->number >= b->number));
}

/* ---- the package that takes it from there ---- */

/* Only pairs that a builder would take, so that nobody's asking fills the counters with others. */
static void note_way(const struct search *s, const struct rbe_lookup_standing *from, struct rbe_latest *ret)
{
    if (from->system != s->best.system || from->arch != s->best.arch || from->purged_at || !from->has_tree ||
        !s->given.has_tree)
        return;
    ret->stands_at = from->package;
    ret->goes_to = s->best.package;
}

/* Finds the smallest incremental that this client can apply. */
static enum rbe_code find_patch(const struct search *s, const struct standing *on, struct rbe_latest *l,
                                struct rbe_package *ret, bool *ret_found)
{
    struct rbe_package *patches;
    size_t n;

    *ret_found = false;
    if (!on->known || !on->at.package || s->best.update != RBE_RESOURCE_INCREMENTAL)
        return RBE_OK;
    note_way(s, &on->at, l);
    RBE_TRY(rbe_package_patches(s->app->store, s->best.package, on->at.package, s->arena, &patches, &n, s->e));
    for (size_t i = 0; i < n && !*ret_found; i++) {
        if (patches[i].format != RBE_FORMAT_FILES && !(s->q->formats & RBE_FORMAT_BIT(patches[i].format)))
            continue;
        *ret = patches[i];
        *ret_found = ret->size < s->given.size;
    }
    return RBE_OK;
}

static void give(struct rbe_latest *l, int64_t package, enum rbe_format format, int64_t size,
                 const unsigned char sha256[static RBE_SHA256_SIZE])
{
    l->grant.kind = RBE_GRANT_DOWNLOAD;
    l->grant.package = package;
    l->format = format;
    l->file_size = size;
    memcpy(l->sha256, sha256, sizeof(l->sha256));
}

static enum rbe_code decide(const struct search *s, const struct standing *on, struct rbe_latest *ret)
{
    struct rbe_package patch;
    bool found = false;

    ret->update = is_latest(s, on) ? RBE_UPDATE_NONE : RBE_UPDATE_FULL;
    if (ret->update == RBE_UPDATE_NONE && stands_on_latest(s, on))
        note_way(s, &on->at, ret);
    if (ret->update == RBE_UPDATE_FULL)
        RBE_TRY(find_patch(s, on, ret, &patch, &found));
    if (found) {
        ret->update = RBE_UPDATE_INCREMENTAL;
        give(ret, patch.id, patch.format, patch.size, patch.sha256);
    } else
        give(ret, s->best.package, RBE_FORMAT_FULL, s->given.size, s->given.sha256);
    return RBE_OK;
}

/* The record as one sees it who may know all. What is read is of one moment. */
static enum rbe_code search(struct search *s, struct rbe_latest *ret)
{
    struct standing on;

    RBE_TRY(find_latest(s));
    RBE_TRY(find_standing(s, &on));
    *ret = (struct rbe_latest){
        .rid = s->q->rid,
        .version_name = s->given.name,
        .version_number = s->best.number,
        .channel = (enum rbe_channel)s->best.channel,
        .system = (enum rbe_system)s->best.system,
        .arch = (enum rbe_arch)s->best.arch,
        .named = stands_on_latest(s, &on),
        .release_note = s->given.release_note,
        .custom_data = s->given.custom_data,
        .published_at = s->given.published_at,
        .resource = s->best.resource,
        .access = s->best.access,
    };
    return decide(s, &on, ret);
}

/* ---- who may know ---- */

/* *ret_told: the asker may know more than the version's data. */
static enum rbe_code judge(struct rbe_app *app, const struct rbe_question *q, struct rbe_arena *arena,
                           struct rbe_latest *ret, bool *ret_told, struct rbe_err *e)
{
    const struct rbe_access_ask ask = {.cdk = q->cdk, .resource = ret->resource, .rid = q->rid, .address = q->address,
                                       .now = q->now};
    struct rbe_access_verdict verdict;

    *ret_told = ret->access == RBE_ACCESS_PUBLIC && !q->cdk_always;
    if (*ret_told || !q->cdk[0])
        return RBE_OK;
    RBE_TRY(rbe_access_cdk(app, &ask, arena, &verdict, e));
    ret->verdict = verdict.code;
    *ret_told = verdict.code == RBE_OK;
    if (*ret_told) {
        ret->cdk_expires = verdict.expires_at;
        ret->grant.cdk = verdict.cdk;
    }
    return RBE_OK;
}

/* Takes out what this asker may not know. */
static void withhold(struct rbe_latest *ret)
{
    ret->update = RBE_UPDATE_UNTOLD;
    ret->format = RBE_FORMAT_FULL;
    ret->file_size = 0;
    memset(ret->sha256, 0, sizeof(ret->sha256));
    ret->grant = (struct rbe_grant){0};
}

/* ---- all of it ---- */

/* From the database, in one snapshot. */
static enum rbe_code find_anew(struct rbe_app *app, const struct rbe_question *q, struct rbe_arena *arena,
                               struct rbe_latest *ret, struct rbe_err *e)
{
    struct search s = {.app = app, .q = q, .arena = arena, .e = e,
                       .of = {.rid = q->rid, .channel = (int)q->channel, .system = (int)q->system, .arch = (int)q->arch}};

    RBE_TRY(rbe_store_snapshot_begin(app->store, e));
    enum rbe_code code = search(&s, ret);
    rbe_store_snapshot_end(app->store);
    if (code == RBE_OK)
        rbe_answer_keep(app, ret);
    else if (code == RBE_NOTFOUND)
        rbe_answer_keep(app, NULL);
    return code;
}

enum rbe_code rbe_latest_find(struct rbe_app *app, const struct rbe_question *q, struct rbe_arena *arena,
                              struct rbe_latest *ret, struct rbe_err *e)
{
    enum rbe_answer_found ready = rbe_answer_find(app, q, ret);
    bool told;

    if (ready == RBE_ANSWER_ABSENT)
        return not_found(e);
    if (ready == RBE_ANSWER_UNKNOWN)
        RBE_TRY(find_anew(app, q, arena, ret, e));
    RBE_TRY(judge(app, q, arena, ret, &told, e));
    if (!told) {
        withhold(ret);
        return RBE_OK;
    }
    if (ret->goes_to)
        rbe_demand_note(app->share, ret->stands_at, ret->goes_to, q->formats);
    ret->grant.expires = q->now + app->settings->extra.download_effective_time;
    if (rbe_region_valid(q->region))
        memcpy(ret->grant.region, q->region, strlen(q->region));
    return RBE_OK;
}
