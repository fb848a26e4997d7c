#include "lib/core/checkup-places.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/core/destination.h"
#include "lib/core/urlsign.h"
#include "lib/store/resource.h"

enum { SECRET_ENOUGH = 16 };

static const char prefix_info[] = "extra.download_prefix_info", cdn_prefix[] = "extra.cdn_prefix";
static const char origin_secret[] = "extra.origin_secret", mirror_targets[] = "mirror.targets";

struct look {
    struct rbe_checkup *checkup;
    const struct rbe_settings *settings;
    struct rbe_arena *arena;
    const char *guarded;         /* a resource that wants a cdk, or NULL */
};

static void look_auth(struct look *l, const char *what, const char *url, const struct rbe_place_auth *auth)
{
    rbe_autoptr(urlsign) struct rbe_urlsign *sign = NULL;
    struct rbe_err e = {0};
    struct stat st;

    if (rbe_urlsign_new(auth, url, 1, &sign, &e) != RBE_OK)
        rbe_checkup_say(l->checkup, RBE_VERDICT_BAD, what, "%s", e.text);
    if (auth->key_file[0] && stat(auth->key_file, &st) == 0 && st.st_mode & (S_IROTH | S_IWOTH))
        rbe_checkup_say(l->checkup, RBE_VERDICT_WARN, what, "%s is a secret and open to everybody", auth->key_file);
    /* Who has one link can try secrets against it at leisure. */
    bool short_hashed = auth->type == RBE_SIGNATURE_MD5_A || auth->type == RBE_SIGNATURE_SECURE_LINK ||
                        auth->type == RBE_SIGNATURE_SECDOWNLOAD;
    if (short_hashed && strlen(auth->secret) < SECRET_ENOUGH)
        rbe_checkup_say(l->checkup, RBE_VERDICT_WARN, what,
                        "the secret of %s has less than %d bytes, so a link is enough to guess it",
                        url, (int)SECRET_ENOUGH);
}

static void look_place(struct look *l, const char *what, const char *url, const struct rbe_place_auth *auth)
{
    look_auth(l, what, url, auth);
    if (l->guarded && auth->type == RBE_SIGNATURE_NONE)
        rbe_checkup_say(l->checkup, RBE_VERDICT_WARN, what,
                        "%s wants a cdk, and links to %s are not signed: they stay good for everybody",
                        l->guarded, url);
    if (strcmp(url, l->settings->instance.public_url) == 0)
        rbe_checkup_say(l->checkup, RBE_VERDICT_WARN, what,
                        "%s is this server itself, which serves p/… only to a CDN with the origin_secret", url);
}

static void look_groups(struct look *l)
{
    const struct rbe_conf_groups *groups = &l->settings->extra.download_prefix_info;
    bool has_default = groups->n == 0;

    for (size_t i = 0; i < groups->n; i++) {
        const struct rbe_place *places = groups->v[i].records.v;

        has_default = has_default || strcmp(groups->v[i].name, "default") == 0;
        for (size_t k = 0; k < groups->v[i].records.n; k++)
            if (places[k].weight > 0)
                look_place(l, prefix_info, places[k].url, &places[k].auth);
    }
    if (!has_default)
        rbe_checkup_say(l->checkup, RBE_VERDICT_WARN, prefix_info,
                        "there is no default, so other regions have no place");
}

/* A CDN has to get its files from somewhere. */
static void look_cdn(struct look *l)
{
    const struct rbe_settings *s = l->settings;
    const char *url = s->extra.cdn_prefix;

    if (!url[0]) {
        if (s->extra.cdn_auth.type != RBE_SIGNATURE_NONE || s->extra.distribute_cdn_region.n)
            rbe_checkup_say(l->checkup, RBE_VERDICT_WARN, cdn_prefix,
                            "is empty, so what else is set for a CDN does nothing");
        return;
    }
    size_t n;
    const struct rbe_destination_place *places = rbe_destination_places(s, l->arena, &n);
    look_place(l, cdn_prefix, url, &s->extra.cdn_auth);
    if (!places[0].target && !s->extra.origin_secret[0])
        rbe_checkup_say(l->checkup, RBE_VERDICT_WARN, origin_secret,
                        "is empty, so a CDN cannot fetch from this server, and no mirror target names %s", url);
}

static bool is_place(const struct rbe_destination_place *places, size_t n, const char *url)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(places[i].url, url) == 0)
            return true;
    return false;
}

static void look_target(struct look *l, const struct rbe_mirror_target *t)
{
    const char *packages = rbe_arena_strfmt(l->arena, "%s/packages", l->settings->instance.data_dir);
    size_t n, len = strlen(packages);
    const struct rbe_destination_place *places = rbe_destination_places(l->settings, l->arena, &n);
    struct stat st;

    for (size_t i = 0; i < t->urls.n; i++)
        if (!is_place(places, n, t->urls.v[i]))
            rbe_checkup_say(l->checkup, RBE_VERDICT_WARN, mirror_targets,
                            "%s: downloads are not sent to %s", t->name, t->urls.v[i]);
    if (!t->path[0])
        return;
    if (stat(t->path, &st) != 0 || !S_ISDIR(st.st_mode))
        rbe_checkup_say(l->checkup, RBE_VERDICT_BAD, mirror_targets, "%s: %s is not there", t->name, t->path);
    else if (strncmp(t->path, packages, len) == 0 && (t->path[len] == '/' || !t->path[len]))
        rbe_checkup_say(l->checkup, RBE_VERDICT_BAD, mirror_targets,
                        "%s: %s is where the packages are copied from", t->name, t->path);
}

void rbe_checkup_places(struct rbe_checkup *c, struct rbe_store *store)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct look l = {.checkup = c, .settings = c->settings, .arena = &arena};
    const struct rbe_mirror_target *targets = c->settings->mirror.targets.v;
    unsigned before = c->troubles;
    struct rbe_resource guarded;
    struct rbe_err ignored = {0};
    bool is_guarded = false;
    size_t n;

    if (store && rbe_resource_find_guarded(store, &arena, &guarded, &is_guarded, &ignored) == RBE_OK && is_guarded)
        l.guarded = guarded.rid;
    look_cdn(&l);
    look_groups(&l);
    for (size_t i = 0; i < c->settings->mirror.targets.n; i++)
        look_target(&l, &targets[i]);
    (void)rbe_destination_places(c->settings, &arena, &n);
    if (c->troubles == before && n > 0)
        rbe_checkup_say(c, RBE_VERDICT_OK, "places", "%zu, with what they need", n);
}
