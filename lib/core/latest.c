/* The way of an answer: the offers that this client can use, the one among them that is latest, what the asker may
 * know of it, where the client stands, and the package that takes it from there.
 */
#include "lib/core/latest.h"

#include <string.h>

#include "lib/core/access.h"
#include "lib/core/answer.h"
#include "lib/core/demand.h"
#include "lib/core/vercmp.h"
#include "lib/store/version.h"

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
    struct rbe_resource resource;
    struct rbe_version version;  /* the latest */
    struct rbe_package package;  /* its full package for this client */
};

/* The version the client is on. */
struct standing {
    struct rbe_version version;
    bool known;                  /* version holds its row; else there is only the name */
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
static int offer_cmp(const struct rbe_offer *a, const struct rbe_offer *b)
{
    int way = rbe_verkey_cmp(a->order_key, a->order_len, b->order_key, b->order_len);

    return way ? way : (a->number > b->number) - (a->number < b->number);
}

static bool beaten(const struct rbe_offer *offers, size_t n, const struct rbe_offer *o)
{
    for (size_t i = 0; i < n; i++)
        if (offers[i].order_by == o->order_by && offer_cmp(&offers[i], o) > 0)
            return true;
    return false;
}

static bool more_specific(const struct rbe_offer *a, const struct rbe_offer *b)
{
    return (a->system != 0) + (a->arch != 0) > (b->system != 0) + (b->arch != 0);
}

/* The winners of the parsers meet by number; the same version offered for several platforms goes to the closest one. n
 * > 0. */
static const struct rbe_offer *choose(const struct rbe_offer *offers, size_t n)
{
    const struct rbe_offer *best = NULL;

    for (size_t i = 0; i < n; i++) {
        const struct rbe_offer *o = &offers[i];

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
    struct rbe_offer *offers;
    size_t n;

    RBE_TRY(rbe_resource_get(store, s->q->rid, s->arena, &s->resource, s->e));
    RBE_TRY(rbe_offer_list(store, s->resource.id, (int)s->q->channel, (int)s->q->system, (int)s->q->arch, s->arena,
                           &offers, &n, s->e));
    if (n == 0)
        return not_found(s->e);
    const struct rbe_offer *best = choose(offers, n);
    RBE_TRY(rbe_version_get(store, best->version, s->arena, &s->version, s->e));
    return rbe_package_get(store, best->package, s->arena, &s->package, s->e);
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

static enum rbe_code find_standing(const struct search *s, struct standing *ret)
{
    struct rbe_store *store = s->app->store;
    const char *name = s->q->current;
    struct rbe_verkey key;

    *ret = (struct standing){0};
    if (!name[0])
        return RBE_OK;
    if (strcmp(name, s->version.name) == 0) {
        *ret = (struct standing){.version = s->version, .known = true};
        return RBE_OK;
    }
    RBE_TRY(rbe_version_find(store, s->resource.id, name, s->arena, &ret->version, &ret->known, s->e));
    if (!ret->known && strchr(name, ' ')) {
        rbe_verkey_of(name, &key);
        const char *plus = with_plus(s->arena, name);

        RBE_TRY(rbe_version_find(store, s->resource.id, plus, s->arena, &ret->version, &ret->known, s->e));
        if (!ret->known && key.parser == 0)
            name = plus;
    }
    if (ret->known)
        return RBE_OK;
    rbe_verkey_of(name, &key);
    unsigned char *bytes = rbe_arena_alloc(s->arena, key.len);
    memcpy(bytes, key.bytes, key.len);
    ret->version = (struct rbe_version){.order_by = key.parser, .order_key = bytes, .order_len = key.len};
    return RBE_OK;
}

/* Whether the client needs no update. An unknown version has no number, so it can only be judged by its name. */
static bool is_latest(const struct search *s, const struct standing *on)
{
    const struct rbe_version *a = &on->version, *b = &s->version;

    if (on->known && a->withdrawn_at)
        return false;
    if (s->resource.order == RBE_ORDER_PUBLISHED)
        return on->known && a->number >= b->number;
    if (a->order_by != b->order_by || (!on->known && a->order_by == 0))
        return false;
    int way = rbe_verkey_cmp(a->order_key, a->order_len, b->order_key, b->order_len);
    return way > 0 || (way == 0 && (!on->known || a->number >= b->number));
}

/* ---- the package that takes it from there ---- */

/* The full package this client was given at that version: the closest one to its platform. */
static enum rbe_code find_source(const struct search *s, int64_t version, struct rbe_package *ret, bool *ret_found)
{
    const int system = (int)s->q->system, arch = (int)s->q->arch;
    const int places[][2] = {{system, arch}, {system, RBE_ARCH_ANY}, {RBE_SYSTEM_ANY, RBE_ARCH_ANY}};

    *ret_found = false;
    for (size_t i = 0; i < RBE_COUNT(places) && !*ret_found; i++) {
        if (i && memcmp(places[i], places[i - 1], sizeof(places[i])) == 0)
            continue;
        RBE_TRY(rbe_package_find(s->app->store, version, places[i][0], places[i][1], s->arena, ret, ret_found, s->e));
    }
    return RBE_OK;
}

static bool has_tree(const struct rbe_package *p)
{
    static const unsigned char none[sizeof(p->tree)];

    return memcmp(p->tree, none, sizeof(none)) != 0;
}

/* Only pairs that a builder would take, so that nobody's asking fills the counters with others. */
static bool buildable(const struct search *s, const struct rbe_package *source)
{
    return source->system == s->package.system && source->arch == s->package.arch && !source->purged_at &&
           has_tree(source) && has_tree(&s->package);
}

static void note_way(const struct search *s, const struct rbe_package *source, struct rbe_latest *ret)
{
    if (!buildable(s, source))
        return;
    ret->stands_at = source->id;
    ret->goes_to = s->package.id;
}

/* Finds the smallest incremental that this client can apply. */
static enum rbe_code find_patch(const struct search *s, const struct standing *on, struct rbe_latest *l,
                                struct rbe_package *ret, bool *ret_found)
{
    struct rbe_package source, *patches;
    size_t n;

    *ret_found = false;
    if (!on->known || s->resource.update != RBE_RESOURCE_INCREMENTAL)
        return RBE_OK;
    RBE_TRY(find_source(s, on->version.id, &source, ret_found));
    if (!*ret_found)
        return RBE_OK;
    *ret_found = false;
    note_way(s, &source, l);
    RBE_TRY(rbe_package_patches(s->app->store, s->package.id, source.id, s->arena, &patches, &n, s->e));
    for (size_t i = 0; i < n && !*ret_found; i++) {
        if (patches[i].format != RBE_FORMAT_FILES && !(s->q->formats & RBE_FORMAT_BIT(patches[i].format)))
            continue;
        *ret = patches[i];
        *ret_found = ret->size < s->package.size;
    }
    return RBE_OK;
}

static enum rbe_code decide(const struct search *s, const struct standing *on, struct rbe_latest *ret)
{
    const struct rbe_package *given = &s->package;
    struct rbe_package patch;
    bool found = false;

    ret->update = is_latest(s, on) ? RBE_UPDATE_NONE : RBE_UPDATE_FULL;
    if (ret->update == RBE_UPDATE_NONE && on->known && on->version.id == s->version.id)
        note_way(s, given, ret);
    if (ret->update == RBE_UPDATE_FULL)
        RBE_TRY(find_patch(s, on, ret, &patch, &found));
    if (found) {
        given = &patch;
        ret->update = RBE_UPDATE_INCREMENTAL;
    }
    ret->format = given->format;
    ret->file_size = given->size;
    memcpy(ret->sha256, given->sha256, sizeof(ret->sha256));
    ret->grant.kind = RBE_GRANT_DOWNLOAD;
    ret->grant.package = given->id;
    return RBE_OK;
}

/* The record as one sees it who may know all. What is read is of one moment. */
static enum rbe_code search(struct search *s, struct rbe_latest *ret)
{
    struct standing on;

    RBE_TRY(find_latest(s));
    RBE_TRY(find_standing(s, &on));
    *ret = (struct rbe_latest){
        .rid = s->resource.rid,
        .version_name = s->version.name,
        .version_number = s->version.number,
        .channel = (enum rbe_channel)s->version.channel,
        .system = (enum rbe_system)s->package.system,
        .arch = (enum rbe_arch)s->package.arch,
        .named = on.known && on.version.id == s->version.id,
        .release_note = s->version.release_note,
        .custom_data = s->version.custom_data,
        .published_at = s->version.created_at,
        .resource = s->resource.id,
        .access = s->resource.access,
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
    struct search s = {.app = app, .q = q, .arena = arena, .e = e};

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
