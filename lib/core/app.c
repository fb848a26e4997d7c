#include "lib/core/app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

#include "lib/core/answer.h"
#include "lib/core/commons.h"
#include "lib/core/destination.h"
#include "lib/core/outside.h"
#include "lib/core/vercmp.h"
#include "lib/store/change.h"
#include "lib/store/resource.h"
#include "lib/store/version.h"
#include "lib/wrap/file.h"
#include "lib/wrap/sys.h"

enum { DIR_MODE = 0750, PAGE = 256 };
#define ZONES "/usr/share/zoneinfo"
#define HELPERS "libexec/rbe/"

static struct rbe_store_options store_options(const struct rbe_settings *settings, const char *dir, bool read_only)
{
    return (struct rbe_store_options){
        .dir = dir,
        .journal = (enum rbe_journal)settings->database.journal,
        .read_only = read_only,
    };
}

/* The path of the running program; without /proc, what it was started as. */
static char *find_myself(void)
{
    char *exe = realpath("/proc/self/exe", NULL);
    const char *started = exe ? NULL : (const char *)getauxval(AT_EXECFN);

    return started ? realpath(started, NULL) : exe;
}

/* Beside this program, as installed or in the build tree (from bin/, from cgi-bin/ two deep, from tests/unit/), else
 * where ./configure said. */
static char *find_helper(const char *name)
{
    static const char *const above[] = {"..", "../.."};
    rbe_autofree char *exe = find_myself();
    char *slash = exe ? strrchr(exe, '/') : NULL;

    if (slash)
        *slash = '\0';
    for (size_t i = 0; slash && i < RBE_COUNT(above); i++) {
        rbe_autofree char *path = rbe_strfmt("%s/%s/" HELPERS "%s", exe, above[i], name);

        if (access(path, X_OK) == 0)
            return rbe_steal(path);
    }
    return rbe_strfmt(RBE_PREFIX "/" HELPERS "%s", name);
}

void rbe_app_detach(struct rbe_app *app)
{
    rbe_store_close(rbe_steal(app->store));
}

enum rbe_code rbe_app_reopen(struct rbe_app *app, struct rbe_err *e)
{
    rbe_autofree char *db = rbe_strfmt("%s/db", app->settings->instance.data_dir);
    const struct rbe_store_options options = store_options(app->settings, db, app->mode != RBE_APP_WRITE);

    rbe_app_detach(app);
    RBE_TRY(rbe_store_open(&options, &app->store, e));
    rbe_store_tell(app->store, app->share);
    return RBE_OK;
}

enum rbe_code rbe_app_zone(const struct rbe_settings *settings, struct rbe_zone **ret, struct rbe_err *e)
{
    const char *name = settings->extra.quota_time_zone;
    rbe_autofree char *path = rbe_strfmt(ZONES "/%s", name);
    rbe_auto(str) struct rbe_str file = {0};

    *ret = NULL;
    if (strcmp(name, "UTC") == 0)
        return RBE_OK;
    RBE_TRY(rbe_file_get(path, RBE_ZONE_BYTES_MAX, &file, e));
    *ret = rbe_zone_parse(file.s, file.len);
    return *ret ? RBE_OK : rbe_fail(e, RBE_REFUSED, "%s is no time zone's file", path);
}

enum rbe_code rbe_app_share(const struct rbe_settings *settings, struct rbe_share **ret, struct rbe_err *e)
{
    rbe_autofree char *run = rbe_strfmt("%s/run", settings->instance.data_dir);

    return rbe_share_open(run, ret, e);
}

static enum rbe_code open_parts(struct rbe_app *app, struct rbe_err *e)
{
    const struct rbe_settings *settings = app->settings;
    const struct rbe_conf_list *secrets = &settings->auth.sign_secret;

    for (; app->signers < secrets->n && app->signers < RBE_SECRETS_MAX; app->signers++) {
        const char *secret = secrets->v[app->signers];

        app->signer[app->signers] = rbe_hmac_new(secret, strlen(secret));
    }
    rbe_random(&app->nonce, sizeof(app->nonce));
    if (rbe_app_zone(settings, &app->zone, e) != RBE_OK)
        return rbe_err_prefix(e, "extra.quota_time_zone");
    RBE_TRY(rbe_become_owner(settings->instance.data_dir, e));
    RBE_TRY(rbe_app_share(settings, &app->share, e));
    RBE_TRY(rbe_app_reopen(app, e));
    if (app->mode == RBE_APP_WRITE) {
        app->inspector = find_helper("rbe-inspect");
        app->encoder = find_helper("rbe-encode");
    }
    if (app->mode == RBE_APP_ANSWER)
        RBE_TRY(rbe_answers_new(app, &app->answers, e));
    return RBE_OK;
}

enum rbe_code rbe_app_open(const struct rbe_settings *settings, enum rbe_app_mode mode, struct rbe_app **ret,
                           struct rbe_err *e)
{
    rbe_autoptr(app) struct rbe_app *app = NULL;

    if (settings->auth.sign_secret.n == 0)
        return rbe_fail(e, RBE_REFUSED, "%s%sauth.sign_secret is not set", settings->file ? settings->file : "",
                        settings->file ? ": " : "");
    app = rbe_alloc(sizeof(*app));
    app->settings = settings;
    app->mode = mode;
    if (mode == RBE_APP_WRITE) {
        rbe_autofree char *user = rbe_user_name();

        app->shell = rbe_strfmt("shell %s", user);
        app->actor.name = app->shell;
    }
    RBE_TRY(open_parts(app, e));
    *ret = rbe_steal(app);
    return RBE_OK;
}

void rbe_app_close(struct rbe_app *app)
{
    if (!app)
        return;
    for (size_t i = 0; i < app->signers; i++)
        rbe_hmac_free(app->signer[i]);
    rbe_answers_free(app->answers);
    rbe_store_close(app->store);
    rbe_share_close(app->share);
    rbe_zone_free(app->zone);
    free(app->inspector);
    rbe_outside_free(app->outside);
    rbe_destination_free(app->destination);
    rbe_commons_free(app->commons);
    free(app->encoder);
    free(app->shell);
    free(app);
}

const char *rbe_app_path(const struct rbe_app *app, struct rbe_arena *arena, const char *below)
{
    return rbe_arena_strfmt(arena, "%s/%s", app->settings->instance.data_dir, below);
}

/* ---- bringing up to date ---- */

static enum rbe_code reorder_version(struct rbe_store *s, const struct rbe_version *v, bool *changed, struct rbe_err *e)
{
    struct rbe_verkey key;

    rbe_verkey_of(v->name, &key);
    if (key.parser == v->order_by && key.len == v->order_len &&
        (key.len == 0 || memcmp(key.bytes, v->order_key, key.len) == 0))
        return RBE_OK;
    *changed = true;
    return rbe_version_set_order(s, v->id, key.parser, key.bytes, key.len, e);
}

static enum rbe_code reorder_resource(void *store, const struct rbe_resource *r, struct rbe_err *e)
{
    struct rbe_store *s = store;
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_version_filter page = {.resource = r->id, .channel = -1, .limit = PAGE};
    struct rbe_version *versions;
    int64_t total;
    bool changed = false;
    size_t n;

    do {
        rbe_arena_reset(&arena);
        RBE_TRY(rbe_version_list(s, &page, &arena, &versions, &n, &total, e));
        for (size_t i = 0; i < n; i++)
            RBE_TRY(reorder_version(s, &versions[i], &changed, e));
        page.offset += (int64_t)n;
    } while (n && page.offset < total);
    return changed ? rbe_offer_refresh(s, r->id, e) : RBE_OK;
}

static enum rbe_code reorder_all(struct rbe_store *s, const char *rules, struct rbe_err *e)
{
    RBE_TRY(rbe_resource_each(s, reorder_resource, s, e));
    return rbe_store_meta_put(s, "order_rules", rules, e);
}

/* Version names are read again when the rules they were read by are not this program's. */
static enum rbe_code reorder(const struct rbe_store_options *options, struct rbe_err *e)
{
    rbe_autoptr(store) struct rbe_store *s = NULL;
    rbe_auto(arena) struct rbe_arena arena = {0};
    rbe_auto(str) struct rbe_str rules = {0};
    const char *kept;

    rbe_vercmp_rules(&rules);
    RBE_TRY(rbe_store_open(options, &s, e));
    RBE_TRY(rbe_store_meta_find(s, "order_rules", &arena, &kept, e));
    if (kept && strcmp(kept, rbe_str_text(&rules)) == 0)
        return RBE_OK;
    RBE_TRY(rbe_store_begin(s, RBE_BASE_RELEASES, e));
    enum rbe_code code = reorder_all(s, rbe_str_text(&rules), e);
    return rbe_store_end(s, RBE_BASE_RELEASES, code, e);
}

enum rbe_code rbe_app_make_dirs(const struct rbe_settings *settings, struct rbe_err *e)
{
    /* A web server that is in the owner's group sends packages, and sees nothing else. */
    static const struct {
        const char *name;
        mode_t mode;
    } dirs[] = {{"db", 0700}, {"packages/p", DIR_MODE}, {"tmp", 0700}, {"run", DIR_MODE}};
    const char *data = settings->instance.data_dir;

    RBE_TRY(rbe_dir_make(data, DIR_MODE, e));
    RBE_TRY(rbe_become_owner(data, e));
    for (size_t i = 0; i < RBE_COUNT(dirs); i++) {
        rbe_autofree char *dir = rbe_strfmt("%s/%s", data, dirs[i].name);

        RBE_TRY(rbe_dir_make(dir, dirs[i].mode, e));
    }
    return RBE_OK;
}

enum rbe_code rbe_app_migrate(const struct rbe_settings *settings, unsigned *ret_applied, struct rbe_err *e)
{
    rbe_autofree char *db = rbe_strfmt("%s/db", settings->instance.data_dir);
    const struct rbe_store_options options = store_options(settings, db, false);

    RBE_TRY(rbe_app_make_dirs(settings, e));
    RBE_TRY(rbe_store_migrate(&options, ret_applied, e));
    return reorder(&options, e);
}

enum rbe_code rbe_app_update(const struct rbe_settings *settings, unsigned *ret_applied, struct rbe_err *e)
{
    rbe_autofree char *db = rbe_strfmt("%s/db/rbe.db", settings->instance.data_dir);

    if (access(settings->instance.data_dir, F_OK) == 0)
        RBE_TRY(rbe_become_owner(settings->instance.data_dir, e));
    if (access(db, F_OK) != 0 && errno == ENOENT)
        return rbe_fail(e, RBE_REFUSED, "%s does not exist: rbe-admin init makes a new installation", db);
    return rbe_app_migrate(settings, ret_applied, e);
}
