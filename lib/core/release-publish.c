/* Publishing a version for one platform. In this order, so that a process may die anywhere and leave nothing but files
 * that no row names: look at the rules and at what is there, inspect the bytes, put them into the depot, name them in
 * one transaction that looks again at all it depends on, and queue patches.
 */
#include <fcntl.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/metrics.h"
#include "lib/base/utf8.h"
#include "lib/core/deed.h"
#include "lib/core/depot.h"
#include "lib/core/release.h"
#include "lib/core/vercmp.h"
#include "lib/core/wish.h"
#include "lib/patch/inspector.h"
#include "lib/store/change.h"
#include "lib/wrap/file.h"

enum { EXTENSION_MAX = 16 };

/* A publish on its way. */
struct publish {
    struct rbe_app *app;
    const struct rbe_publish *said;
    struct rbe_arena *arena;
    struct rbe_published *ret;
    enum rbe_channel channel;
    enum rbe_system system;
    enum rbe_arch arch;
    struct rbe_verkey key;
    const char *note, *data;     /* release note, cut, and custom data; "" for none */
    enum rbe_arc_type type;      /* of an incremental resource's archive */
    const char *file_type;
    struct rbe_manifest manifest;
    const char *path;            /* in the depot */
};

static void rbe_publish_release(struct publish *w)
{
    rbe_manifest_release(&w->manifest);
}

/* ---- what was said ---- */

const char *rbe_publish_next_name(const char **at, struct rbe_arena *arena)
{
    static const char space[] = " \t\r\n";

    while (**at) {
        const char *name = *at + strspn(*at, space), *end = *at + strcspn(*at, ",");

        *at = end + (*end == ',');
        while (end > name && strchr(space, end[-1]))
            end--;
        if (end > name)
            return rbe_arena_strndup(arena, name, (size_t)(end - name));
    }
    return NULL;
}

/* Hex of either case, with or without "sha256:" before it. */
static void check_hash(const struct rbe_publish *p, struct rbe_err *e)
{
    static const char prefix[] = "sha256:";
    unsigned char sum[RBE_SHA256_SIZE];
    char text[RBE_SHA256_TEXT] = "";
    const char *said = p->sha256 ? p->sha256 : "";

    if (!*said || !p->staged)
        return;
    if (strncmp(said, prefix, sizeof(prefix) - 1) == 0)
        said += sizeof(prefix) - 1;
    for (size_t i = 0; i < sizeof(text) - 1 && said[i]; i++)
        text[i] = said[i] >= 'A' && said[i] <= 'F' ? (char)(said[i] - 'A' + 'a') : said[i];
    if (strlen(said) != sizeof(text) - 1 || !rbe_hex_decode(text, sizeof(text) - 1, sum, sizeof(sum)))
        rbe_invalid(e, "sha256", "format", "must be %d hex digits", (int)sizeof(text) - 1);
    else if (memcmp(sum, p->staged->sha256, sizeof(sum)) != 0)
        rbe_invalid(e, "sha256", "mismatch", "is not the hash of the bytes that arrived");
}

static void check_data(struct publish *w, struct rbe_err *e)
{
    const char *note = w->said->release_note ? w->said->release_note : "";
    const char *data = w->said->custom_data ? w->said->custom_data : "";
    size_t len = rbe_utf8_cut(note, strlen(note), RBE_RELEASE_NOTE_MAX);

    if (!rbe_utf8_valid(note, len))
        rbe_invalid(e, "release_note", "utf8", "must be UTF-8");
    w->note = rbe_arena_strndup(w->arena, note, len);
    w->data = rbe_arena_strdup(w->arena, data);
    if (strlen(data) > RBE_CUSTOM_DATA_MAX)
        rbe_invalid(e, "custom_data", "max_length", "must be at most %d bytes", (int)RBE_CUSTOM_DATA_MAX);
    else if (!rbe_utf8_valid(data, strlen(data)))
        rbe_invalid(e, "custom_data", "utf8", "must be UTF-8");
}

static void check_file(const struct rbe_publish *p, struct rbe_err *e)
{
    if (!p->staged)
        rbe_invalid(e, "file", "required", "is required");
    else if (p->staged->size == 0)
        rbe_invalid(e, "file", "empty", "must not be empty");
    check_hash(p, e);
}

/* expected: the file is still to come. */
static enum rbe_code check(struct publish *w, bool expected, struct rbe_err *e)
{
    const struct rbe_publish *p = w->said;
    struct rbe_err own = {0};    /* gathers violations, also for a caller who wants none */

    if (rbe_version_name_check("version_name", p->version_name, &own) == RBE_OK)
        rbe_verkey_of(p->version_name, &w->key);
    if (!expected)
        check_file(p, &own);
    check_data(w, &own);
    if (p->olds > RBE_PUBLISH_OLDS_MAX)
        rbe_invalid(&own, "old_version", "max_items", "must be at most %d names", (int)RBE_PUBLISH_OLDS_MAX);
    if (own.code != RBE_OK) {
        if (e)
            *e = own;
        return own.code;
    }
    RBE_TRY(rbe_channel_parse(p->channel, &w->channel, e));
    RBE_TRY(rbe_system_parse(p->system, &w->system, e));
    return rbe_arch_parse(p->arch, &w->arch, e);
}

/* ---- what is there ---- */

/* Resource, version and package as they are now. *ret_version: the version is there and this platform may join it, or
 * is in it with these very bytes (existed). Bytes still to come may turn out to be these very ones. */
static enum rbe_code look(struct publish *w, bool *ret_version, struct rbe_err *e)
{
    struct rbe_store *store = w->app->store;
    const char *name = w->said->version_name;
    struct rbe_published *r = w->ret;
    bool there = false;

    *ret_version = r->existed = false;
    RBE_TRY(rbe_resource_get(store, w->said->rid, w->arena, &r->resource, e));
    RBE_TRY(rbe_version_find(store, r->resource.id, name, w->arena, &r->version, ret_version, e));
    if (!*ret_version)
        return RBE_OK;
    if (r->version.withdrawn_at)
        return rbe_fail(e, RBE_VERSION_EXISTS, "version %s was withdrawn, and its name stays taken", name);
    RBE_TRY(rbe_package_find(store, r->version.id, (int)w->system, (int)w->arch, w->arena, &r->package, &there, e));
    if (there && !w->said->staged)
        return RBE_OK;
    if (there) {
        r->existed = (uint64_t)r->package.size == w->said->staged->size &&
                     memcmp(r->package.sha256, w->said->staged->sha256, RBE_SHA256_SIZE) == 0;
        if (r->existed)
            return RBE_OK;
        return rbe_fail(e, RBE_VERSION_EXISTS, "version %s exists for %s/%s with other bytes", name,
                        rbe_system_name(w->system), rbe_arch_name(w->arch));
    }
    if (r->version.channel != (int)w->channel)
        return rbe_fail(e, RBE_VERSION_EXISTS, "version %s is on channel %s, not %s", name,
                        rbe_channel_name((enum rbe_channel)r->version.channel), rbe_channel_name(w->channel));
    return RBE_OK;
}

static enum rbe_code check_order(const struct publish *w, struct rbe_err *e)
{
    if (w->ret->resource.order == RBE_ORDER_VERSION && w->channel != RBE_CHANNEL_STABLE && w->key.parser == 0)
        return rbe_fail(e, RBE_UNORDERED, "version name %s has no order, which channel %s needs", w->said->version_name,
                        rbe_channel_name(w->channel));
    return RBE_OK;
}

/* ---- what arrived ---- */

static bool ends_in(const char *name, const char *end)
{
    size_t n = strlen(name), m = strlen(end);

    return n > m && strcasecmp(name + n - m, end) == 0;
}

/* The type of a file that is not looked into: what its name ends in. */
static const char *type_of_name(const char *name, struct rbe_arena *arena)
{
    static const char *const doubles[] = {"tar.gz", "tar.xz", "tar.zst"};
    const char *dot = strrchr(name, '.');

    for (size_t i = 0; i < RBE_COUNT(doubles); i++) {
        rbe_autofree char *end = rbe_strfmt(".%s", doubles[i]);

        if (ends_in(name, end))
            return doubles[i];
    }
    size_t len = dot ? strspn(dot + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") : 0;
    if (len == 0 || len > EXTENSION_MAX || dot[1 + len])
        return "bin";
    char *type = rbe_arena_strdup(arena, dot + 1);
    for (char *c = type; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return type;
}

/* Names that the clients' systems cannot hold are refused; a package for any may reach all of them. */
static unsigned rules_of(enum rbe_system system)
{
    static const unsigned rules[RBE_SYSTEM_MAX] = {
        [RBE_SYSTEM_ANY] = RBE_RULES_WINDOWS | RBE_RULES_FOLD,
        [RBE_SYSTEM_WINDOWS] = RBE_RULES_WINDOWS | RBE_RULES_FOLD,
        [RBE_SYSTEM_DARWIN] = RBE_RULES_FOLD,
    };

    return rules[system];
}

static enum rbe_code inspect(struct publish *w, struct rbe_err *e)
{
    const struct rbe_staging *staged = w->said->staged;
    const struct rbe_settings *settings = w->app->settings;
    unsigned char first[16];
    rbe_autoclose int fd = -1;
    size_t n;

    if (w->ret->resource.update == RBE_RESOURCE_FULL) {
        w->file_type = type_of_name(staged->name, w->arena);
        return RBE_OK;
    }
    /* the inspector gets a descriptor of its own that cannot write */
    fd = open(staged->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return rbe_fail_errno(e, "cannot open %s", staged->path);
    if (rbe_file_read_at(fd, first, sizeof(first), 0, &n, e) != RBE_OK)
        return rbe_err_prefix(e, "%s", staged->path);
    w->type = rbe_arc_detect(first, n);
    if (w->type == RBE_ARC_NONE)
        return rbe_invalid(e, "file", "type", "must be a zip, tar.gz, tar.xz or tar.zst archive");
    w->file_type = rbe_arc_name(w->type);
    const struct rbe_inspect what = {
        .fd = fd,
        .type = w->type,
        .rules = rules_of(w->system),
        .limits = {.entries = (uint64_t)settings->limits.archive_entries,
                   .bytes = (uint64_t)settings->limits.archive_bytes},
    };
    return rbe_inspector_run(w->app->inspector, &what, &w->manifest, e);
}

static enum rbe_code store_bytes(struct publish *w, struct rbe_err *e)
{
    struct rbe_staging *staged = w->said->staged;
    const char *name = rbe_depot_file_name(w->arena, w->said->rid, w->said->version_name, w->system, w->arch, NULL,
                                           w->file_type);

    RBE_TRY(rbe_depot_put(w->app, staged->path, name, w->type ? &w->manifest : NULL, w->arena, &w->path, e));
    free(staged->path);
    staged->path = NULL;
    return RBE_OK;
}

/* ---- naming it ---- */

static enum rbe_code put_version(struct publish *w, int64_t now, struct rbe_err *e)
{
    w->ret->version = (struct rbe_version){
        .resource = w->ret->resource.id,
        .name = rbe_arena_strdup(w->arena, w->said->version_name),
        .channel = (int)w->channel,
        .order_by = w->key.parser,
        .order_key = memcpy(rbe_arena_alloc(w->arena, w->key.len), w->key.bytes, w->key.len),
        .order_len = w->key.len,
        .release_note = w->note,
        .custom_data = w->data,
        .created_at = now,
    };
    return rbe_version_put(w->app->store, &w->ret->version, e);
}

static enum rbe_code update_version(struct publish *w, struct rbe_err *e)
{
    struct rbe_version *v = &w->ret->version;
    const char *note = *w->note ? w->note : NULL;
    const char *data = *w->data ? w->data : NULL;

    if (!note && !data)
        return RBE_OK;
    v->release_note = note ? note : v->release_note;
    v->custom_data = data ? data : v->custom_data;
    return rbe_version_set_data(w->app->store, v->id, note, data, e);
}

static enum rbe_code put_package(struct publish *w, int64_t now, struct rbe_err *e)
{
    struct rbe_package *k = &w->ret->package;

    *k = (struct rbe_package){
        .version = w->ret->version.id,
        .system = (int)w->system,
        .arch = (int)w->arch,
        .format = RBE_FORMAT_FULL,
        .file_type = w->file_type,
        .path = w->path,
        .size = (int64_t)w->said->staged->size,
        .files = (int64_t)w->manifest.files,
        .created_at = now,
    };
    memcpy(k->sha256, w->said->staged->sha256, sizeof(k->sha256));
    if (w->type)
        rbe_manifest_hash(&w->manifest, k->tree);
    return rbe_package_put(w->app->store, k, e);
}

static enum rbe_code record(const struct publish *w, struct rbe_err *e)
{
    const struct rbe_package *k = &w->ret->package;
    char hash[RBE_SHA256_TEXT];

    rbe_hex_encode(k->sha256, sizeof(k->sha256), hash);
    return rbe_deed_record(w->app, &(struct rbe_deed){
        .action = "version publish", .rid = w->ret->resource.rid, .subject = w->ret->version.name,
        .facts = {{"channel", .text = rbe_channel_name((enum rbe_channel)w->ret->version.channel)},
                  {"system", .text = rbe_system_name(w->system)}, {"arch", .text = rbe_arch_name(w->arch)},
                  {"file_size", .number = k->size}, {"sha256", .text = hash}},
    }, e);
}

/* Inside the transaction: others may have published meanwhile, so all is looked at again. */
static enum rbe_code name_it(struct publish *w, struct rbe_err *e)
{
    int64_t now = rbe_clock_now();
    bool version = false;

    RBE_TRY(look(w, &version, e));
    if (w->ret->existed)
        return RBE_OK;
    RBE_TRY(version ? update_version(w, e) : put_version(w, now, e));
    RBE_TRY(put_package(w, now, e));
    RBE_TRY(record(w, e));
    rbe_store_touch(w->app->store, w->ret->resource.rid);
    return rbe_offer_refresh(w->app->store, w->ret->resource.id, e);
}

static enum rbe_code settle(struct publish *w, struct rbe_err *e)
{
    struct rbe_store *store = w->app->store;
    enum rbe_code code = rbe_store_begin(store, RBE_BASE_RELEASES, e);

    if (code == RBE_OK)
        code = name_it(w, e);
    if (code == RBE_OK && !w->ret->existed)
        code = rbe_store_commit(store, RBE_BASE_RELEASES, e);
    rbe_store_rollback(store, RBE_BASE_RELEASES);
    if (code != RBE_OK || w->ret->existed)
        rbe_depot_drop(w->app, w->path);
    return code;
}

/* ---- patches from the named versions ---- */

/* *ret_good false: there is nothing of that name that a patch could start from. */
static enum rbe_code want_from(struct publish *w, const char *old, bool *ret_good, struct rbe_err *e)
{
    struct rbe_published *r = w->ret;
    struct rbe_version version;
    struct rbe_package source;
    bool found = false;

    *ret_good = false;
    if (r->resource.update != RBE_RESOURCE_INCREMENTAL)
        return RBE_OK;
    RBE_TRY(rbe_version_find(w->app->store, r->resource.id, old, w->arena, &version, &found, e));
    if (!found || version.id == r->version.id)
        return RBE_OK;
    RBE_TRY(rbe_package_find(w->app->store, version.id, (int)w->system, (int)w->arch, w->arena, &source, &found, e));
    if (!found || source.purged_at)
        return RBE_OK;
    *ret_good = true;
    return rbe_wish_put(w->app,
                        &(struct rbe_wish){.target = &r->package, .source = &source, .format = RBE_FORMAT_FILES,
                                           .tier = RBE_WISH_NAMED}, NULL, e);
}

static bool named_before(const struct rbe_publish *p, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if (strcmp(p->old_versions[j], p->old_versions[i]) == 0)
            return true;
    return false;
}

/* The version is live by now, so a queue that cannot be reached does not make the publish fail: the same jobs come
 * again from what clients ask for, and from the same upload made again. */
static void want_patches(struct publish *w)
{
    const struct rbe_publish *p = w->said;
    const char **ignored = rbe_arena_alloc_array(w->arena, p->olds ? p->olds : 1, sizeof(*ignored));
    size_t n = 0;

    for (size_t i = 0; i < p->olds; i++) {
        bool good;

        if (named_before(p, i))
            continue;
        if (want_from(w, p->old_versions[i], &good, &w->ret->queue_error) != RBE_OK)
            break;
        if (!good)
            ignored[n++] = rbe_arena_strdup(w->arena, p->old_versions[i]);
    }
    w->ret->ignored_olds = ignored;
    w->ret->ignored = n;
}

enum rbe_code rbe_release_expect(struct rbe_app *app, const struct rbe_publish *p, struct rbe_arena *arena,
                                 struct rbe_err *e)
{
    struct rbe_published found = {0};
    struct rbe_publish said = *p;
    rbe_auto(publish) struct publish w = {.app = app, .said = &said, .arena = arena, .ret = &found};
    bool version = false;

    said.staged = NULL;
    RBE_TRY(check(&w, true, e));
    RBE_TRY(look(&w, &version, e));
    return check_order(&w, e);
}

enum rbe_code rbe_release_publish(struct rbe_app *app, const struct rbe_publish *p, struct rbe_arena *arena,
                                  struct rbe_published *ret, struct rbe_err *e)
{
    rbe_auto(publish) struct publish w = {.app = app, .said = p, .arena = arena, .ret = ret};
    bool version = false;

    *ret = (struct rbe_published){0};
    RBE_TRY(check(&w, false, e));
    RBE_TRY(look(&w, &version, e));
    if (!ret->existed) {
        if (!p->staged->path)
            return rbe_fail(e, RBE_GONE, "the file of version %s is no longer here", p->version_name);
        RBE_TRY(check_order(&w, e));
        RBE_TRY(inspect(&w, e));
        RBE_TRY(store_bytes(&w, e));
        RBE_TRY(settle(&w, e));
    }
    if (!ret->existed)
        rbe_metric_add(app->share, RBE_METRIC_PUBLISHED, "", 1);
    want_patches(&w);
    const struct rbe_grant grant = {.kind = RBE_GRANT_STATUS, .package = ret->package.id};
    rbe_grant_sign(app, &grant, ret->status_key);
    return RBE_OK;
}
