#include "lib/core/destination.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/core/urlsign.h"
#include "lib/store/mirror.h"

enum { FRESH_NS = 1000000000, PERCENT = 100, TRUST_SECONDS = 3600 };

/* A place, ready to be chosen. */
struct spot {
    const char *url;
    int64_t weight;
    struct rbe_urlsign *sign;
    bool down;
    bool *of_target;             /* the targets that name it, by their number; NULL when none does */
};

struct area {
    const char *name;
    size_t first, n;             /* of spots */
    bool cdn;                    /* may use the CDN */
};

struct rbe_destination {
    const struct rbe_settings *settings;
    struct rbe_arena arena;
    struct spot *spots;          /* the CDN is the first, where there is one */
    size_t n_spots;
    struct area *areas;          /* `default` is the first */
    size_t n_areas;
    bool has_cdn;
    uint64_t chance;
    uint64_t looked_at;          /* when `down` was read, of the clock that never jumps; 0 for never */
};

/* What one download is decided by. */
struct choice {
    struct rbe_app *app;
    struct rbe_destination *d;
    const struct rbe_destination_query *q;
    struct rbe_arena *arena;
    bool *held;                  /* by target: whether it holds a verified copy; NULL while nobody asked */
    struct rbe_err *e;
};

/* ---- chance (splitmix64) ---- */

static uint64_t draw(struct rbe_destination *d)
{
    uint64_t z = (d->chance += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* A number below n, which is small beside 2^64. */
static uint64_t draw_below(struct rbe_destination *d, uint64_t n)
{
    return (uint64_t)((unsigned __int128)draw(d) * n >> 64);
}

/* ---- making ready ---- */

static bool listed(const struct rbe_conf_list *list, const char *text)
{
    for (size_t i = 0; i < list->n; i++)
        if (strcmp(list->v[i], text) == 0)
            return true;
    return false;
}

static bool *targets_of(struct rbe_destination *d, const char *url)
{
    const struct rbe_mirror_target *targets = d->settings->mirror.targets.v;
    bool *of = NULL;

    for (size_t i = 0; i < d->settings->mirror.targets.n; i++) {
        if (!listed(&targets[i].urls, url))
            continue;
        if (!of)
            of = rbe_arena_alloc_array(&d->arena, d->settings->mirror.targets.n, sizeof(*of));
        of[i] = true;
    }
    return of;
}

static enum rbe_code add_spot(struct rbe_destination *d, const char *url, int64_t weight,
                              const struct rbe_place_auth *auth, struct rbe_err *e)
{
    struct spot *spot = &d->spots[d->n_spots];

    RBE_TRY(rbe_urlsign_new(auth, url, d->settings->extra.download_effective_time, &spot->sign, e));
    spot->url = url;
    spot->weight = weight;
    spot->of_target = targets_of(d, url);
    d->n_spots++;
    return RBE_OK;
}

static struct area *find_area(struct rbe_destination *d, const char *name)
{
    for (size_t i = 0; i < d->n_areas; i++)
        if (strcmp(d->areas[i].name, name) == 0)
            return &d->areas[i];
    return NULL;
}

static struct area *add_area(struct rbe_destination *d, const char *name)
{
    const struct rbe_conf_list *allowed = &d->settings->extra.distribute_cdn_region;
    struct area *area = find_area(d, name);

    if (area)
        return area;
    area = &d->areas[d->n_areas++];
    *area = (struct area){.name = name, .cdn = d->has_cdn && (allowed->n == 0 || listed(allowed, name))};
    return area;
}

static enum rbe_code add_places(struct rbe_destination *d, const struct rbe_conf_group *group, struct rbe_err *e)
{
    const struct rbe_place *places = group->records.v;
    struct area *area = add_area(d, group->name);

    area->first = d->n_spots;
    area->n = group->records.n;
    for (size_t i = 0; i < group->records.n; i++)
        RBE_TRY(add_spot(d, places[i].url, places[i].weight, &places[i].auth, e));
    return RBE_OK;
}

static enum rbe_code make_ready(struct rbe_destination *d, struct rbe_err *e)
{
    const struct rbe_conf_groups *groups = &d->settings->extra.download_prefix_info;
    const struct rbe_conf_list *allowed = &d->settings->extra.distribute_cdn_region;
    const char *cdn = d->settings->extra.cdn_prefix;
    size_t spots = 1;

    for (size_t i = 0; i < groups->n; i++)
        spots += groups->v[i].records.n;
    d->spots = rbe_arena_alloc_array(&d->arena, spots, sizeof(*d->spots));
    d->areas = rbe_arena_alloc_array(&d->arena, 1 + groups->n + allowed->n, sizeof(*d->areas));
    d->has_cdn = cdn[0];
    if (cdn[0])
        RBE_TRY(add_spot(d, cdn, 1, &d->settings->extra.cdn_auth, e));
    (void)add_area(d, "default");
    for (size_t i = 0; i < groups->n; i++)
        RBE_TRY(add_places(d, &groups->v[i], e));
    for (size_t i = 0; i < allowed->n; i++)
        (void)add_area(d, allowed->v[i]);
    return RBE_OK;
}

enum rbe_code rbe_destination_open(struct rbe_app *app, struct rbe_err *e)
{
    app->destination = rbe_alloc(sizeof(*app->destination));
    app->destination->settings = app->settings;
    rbe_random(&app->destination->chance, sizeof(app->destination->chance));
    return make_ready(app->destination, e);
}

void rbe_destination_seed(struct rbe_destination *d, uint64_t seed)
{
    d->chance = seed;
}

void rbe_destination_free(struct rbe_destination *d)
{
    if (!d)
        return;
    for (size_t i = 0; i < d->n_spots; i++)
        rbe_urlsign_free(d->spots[i].sign);
    rbe_arena_release(&d->arena);
    free(d);
}

/* ---- which places can be used ---- */

/* A mark that nobody has looked at for long says little: the one who looks may be gone himself. */
static bool trusted(const struct rbe_settings *settings, const struct rbe_mirror *m, int64_t now)
{
    int64_t span = 3 * settings->mirror.probe_interval;

    return settings->mirror.probe_interval > 0 && now - m->checked_at < (span > TRUST_SECONDS ? span : TRUST_SECONDS);
}

static void look(struct choice *c)
{
    struct rbe_destination *d = c->d;
    uint64_t now = rbe_clock_mono();
    struct rbe_err ignored = {0};
    struct rbe_mirror *rows;
    size_t n;

    if (d->settings->mirror.probe_interval == 0 || (d->looked_at && now - d->looked_at < FRESH_NS))
        return;
    d->looked_at = now;
    if (rbe_mirror_list(c->app->store, c->arena, &rows, &n, &ignored) != RBE_OK)
        return;
    for (size_t i = 0; i < d->n_spots; i++) {
        d->spots[i].down = false;
        for (size_t k = 0; k < n; k++)
            if (!rows[k].up && strcmp(rows[k].url, d->spots[i].url) == 0)
                d->spots[i].down = trusted(d->settings, &rows[k], c->q->now);
    }
}

/* Asked at most once a download, and only where a target's place could be chosen. */
static enum rbe_code find_held(struct choice *c)
{
    const struct rbe_conf_records *targets = &c->d->settings->mirror.targets;
    const struct rbe_mirror_target *v = targets->v;
    const char **names;
    size_t n;

    RBE_TRY(rbe_mirror_copies(c->app->store, c->q->package->id, c->arena, &names, &n, c->e));
    c->held = rbe_arena_alloc_array(c->arena, targets->n, sizeof(*c->held));
    for (size_t i = 0; i < targets->n; i++)
        for (size_t k = 0; k < n; k++)
            c->held[i] = c->held[i] || strcmp(v[i].name, names[k]) == 0;
    return RBE_OK;
}

static enum rbe_code usable(struct choice *c, const struct spot *spot, bool *ret)
{
    *ret = spot->weight > 0 && !spot->down;
    if (!*ret || !spot->of_target)
        return RBE_OK;
    if (!c->held)
        RBE_TRY(find_held(c));
    *ret = false;
    for (size_t i = 0; i < c->d->settings->mirror.targets.n && !*ret; i++)
        *ret = spot->of_target[i] && c->held[i];
    return RBE_OK;
}

/* ---- choosing ---- */

/* By weight among those that can be used; *ret stays NULL when there is none. */
static enum rbe_code choose_in(struct choice *c, const struct area *area, struct spot **ret)
{
    struct spot *spots = c->d->spots + area->first;
    bool *good = rbe_arena_alloc_array(c->arena, area->n, sizeof(*good));
    uint64_t sum = 0;

    *ret = NULL;
    for (size_t i = 0; i < area->n; i++) {
        RBE_TRY(usable(c, &spots[i], &good[i]));
        sum += good[i] ? (uint64_t)spots[i].weight : 0;
    }
    if (sum == 0)
        return RBE_OK;
    uint64_t at = draw_below(c->d, sum);
    for (size_t i = 0; !*ret; i++) {
        uint64_t weight = good[i] ? (uint64_t)spots[i].weight : 0;

        if (at < weight)
            *ret = &spots[i];
        else
            at -= weight;
    }
    return RBE_OK;
}

static enum rbe_code choose(struct choice *c, struct spot **ret)
{
    struct rbe_destination *d = c->d;
    const uint64_t ratio = (uint64_t)d->settings->extra.distribute_cdn_ratio;
    const struct area *area = find_area(d, c->q->region);
    bool cdn = false;

    *ret = NULL;
    if (!area)
        area = &d->areas[0];
    if (area->cdn && ratio > 0)
        RBE_TRY(usable(c, &d->spots[0], &cdn));
    if (cdn && draw_below(d, PERCENT) < ratio) {
        *ret = &d->spots[0];
        return RBE_OK;
    }
    RBE_TRY(choose_in(c, area, ret));
    if (!*ret && area != &d->areas[0])
        RBE_TRY(choose_in(c, &d->areas[0], ret));
    if (!*ret && cdn && area->n + d->areas[0].n > 0)
        *ret = &d->spots[0];
    return RBE_OK;
}

static enum rbe_code sign(struct choice *c, const struct spot *spot, const char **ret)
{
    struct rbe_urlsign_request q = {.path = c->q->package->path, .method = "GET", .now = c->q->now};
    unsigned long long high = draw(c->d), low = draw(c->d);

    q.rand = rbe_arena_strfmt(c->arena, "%016llx%016llx", high, low);
    return rbe_urlsign_make(spot->sign, &q, c->arena, ret, c->e);
}

enum rbe_code rbe_destination_find(struct rbe_app *app, const struct rbe_destination_query *q, struct rbe_arena *arena,
                                   const char **ret, struct rbe_err *e)
{
    struct choice c = {.app = app, .d = app->destination, .q = q, .arena = arena, .e = e};
    struct spot *spot;

    *ret = NULL;
    if (c.d->n_spots == 0)
        return RBE_OK;
    look(&c);
    RBE_TRY(choose(&c, &spot));
    return spot ? sign(&c, spot, ret) : RBE_OK;
}

/* ---- regions and lists ---- */

const char *rbe_destination_region(const struct rbe_settings *settings, const char *said, const char *observed,
                                   struct rbe_arena *arena)
{
    char *region;

    if (said[0])
        return rbe_region_valid(said) ? said : "default";
    if (!observed || !observed[0])
        return settings->instance.region_id;
    region = rbe_arena_strdup(arena, observed);
    for (char *c = region; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return rbe_region_valid(region) ? region : "default";
}

bool rbe_destination_is_origin(const struct rbe_settings *settings, const char *secret)
{
    const char *ours = settings->extra.origin_secret;
    unsigned char want[RBE_SHA256_SIZE], got[RBE_SHA256_SIZE];

    if (!ours[0] || !secret)
        return false;
    /* Hashes are of one length, whatever was sent. */
    rbe_sha256_of(ours, strlen(ours), want);
    rbe_sha256_of(secret, strlen(secret), got);
    return rbe_hash_equal(want, got, sizeof(want));
}

static void list_place(const struct rbe_settings *settings, const char *url, const struct rbe_place_auth *auth,
                       struct rbe_destination_place *all, size_t *n)
{
    const struct rbe_mirror_target *targets = settings->mirror.targets.v;
    const char *target = NULL;

    for (size_t i = 0; i < *n; i++)
        if (strcmp(all[i].url, url) == 0)
            return;
    for (size_t i = 0; i < settings->mirror.targets.n && !target; i++)
        target = listed(&targets[i].urls, url) ? targets[i].name : NULL;
    all[(*n)++] = (struct rbe_destination_place){.url = url, .auth = auth, .target = target};
}

struct rbe_destination_place *rbe_destination_places(const struct rbe_settings *settings, struct rbe_arena *arena,
                                                     size_t *ret_n)
{
    const struct rbe_conf_groups *groups = &settings->extra.download_prefix_info;
    size_t most = 1;

    for (size_t i = 0; i < groups->n; i++)
        most += groups->v[i].records.n;
    struct rbe_destination_place *all = rbe_arena_alloc_array(arena, most, sizeof(*all));
    *ret_n = 0;
    if (settings->extra.cdn_prefix[0])
        list_place(settings, settings->extra.cdn_prefix, &settings->extra.cdn_auth, all, ret_n);
    for (size_t i = 0; i < groups->n; i++) {
        const struct rbe_place *places = groups->v[i].records.v;

        for (size_t k = 0; k < groups->v[i].records.n; k++)
            list_place(settings, places[k].url, &places[k].auth, all, ret_n);
    }
    return all;
}
