/* download.fcgi: turns a download key into a redirect or into the file, and is the origin of a CDN. */
#include <string.h>

#include "cgi-bin/program.h"
#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/log.h"
#include "lib/core/access.h"
#include "lib/core/depot.h"
#include "lib/core/destination.h"
#include "lib/core/grant.h"
#include "lib/core/limit.h"

static const char *content_type_of(const char *file_type)
{
    if (strcmp(file_type, "zip") == 0)
        return "application/zip";
    return strcmp(file_type, "tar") == 0 || strncmp(file_type, "tar.", 4) == 0 ? "application/x-gtar"
                                                                               : "application/octet-stream";
}

static bool offered(const struct rbe_package_origin *o)
{
    return !o->withdrawn_at && !o->package.purged_at;
}

/* The key was good when it was made; what it stands for may have changed since. */
static enum rbe_code find_package(struct rbe_app *app, const struct rbe_grant *g, struct rbe_arena *arena,
                                  struct rbe_package_origin *ret, struct rbe_err *e)
{
    bool found = false;

    *ret = (struct rbe_package_origin){0};
    RBE_TRY(rbe_package_find_origin(app->store, g->package, arena, ret, &found, e));
    return found && offered(ret) ? RBE_OK : rbe_fail(e, RBE_GONE, "this package is no longer offered");
}

/* cache: Cache-Control, NULL for no-store. */
static enum rbe_code send_package(struct rbe_app *app, struct rbe_req *r, const struct rbe_package *package,
                                  const char *cache, struct rbe_resp *p, struct rbe_err *e)
{
    static const enum rbe_sending ways[RBE_SENDFILE_MAX] = {
        [RBE_SENDFILE_NONE] = RBE_SEND_STREAM,
        [RBE_SENDFILE_X_SENDFILE] = RBE_SEND_X_SENDFILE,
        [RBE_SENDFILE_X_ACCEL] = RBE_SEND_X_ACCEL,
    };
    struct rbe_arena *arena = rbe_req_arena(r);
    char *etag = rbe_arena_alloc(arena, RBE_SHA256_TEXT);
    const char *slash = strrchr(package->path, '/');
    struct rbe_resp_file file = {
        .fd = -1,
        .size = (uint64_t)package->size,
        .etag = etag,
        .content_type = content_type_of(package->file_type),
        .file_name = slash ? slash + 1 : package->path,
        .cache = cache,
        .how = ways[app->settings->storage.sendfile],
    };

    rbe_hex_encode(package->sha256, sizeof(package->sha256), etag);
    if (file.how == RBE_SEND_X_SENDFILE)
        file.send_path = rbe_depot_path(app, arena, package->path);
    else if (file.how == RBE_SEND_X_ACCEL)
        file.send_path = rbe_arena_strfmt(arena, "%s%s", app->settings->storage.accel_prefix, package->path);
    RBE_TRY(rbe_depot_open(app, package, &file.fd, e));
    rbe_resp_file(p, &file);
    return RBE_OK;
}

/* What the web server knows of where the client is. */
static const char *observed_region(const struct rbe_app *app, const struct rbe_req *r)
{
    const char *name = app->settings->extra.region_from;
    const char *variable = name[0] ? rbe_req_env(r, name) : NULL;

    return variable || !name[0] ? variable : rbe_req_header(r, name);
}

/* *ret NULL: the file is sent from here. */
static enum rbe_code find_url(struct rbe_app *app, struct rbe_req *r, const struct rbe_grant *g,
                              const struct rbe_package *package, const char **ret, struct rbe_err *e)
{
    struct rbe_arena *arena = rbe_req_arena(r);
    const struct rbe_destination_query q = {
        .package = package,
        .region = rbe_destination_region(app->settings, g->region, observed_region(app, r), arena),
        .now = rbe_clock_now(),
    };

    return rbe_destination_find(app, &q, arena, ret, e);
}

static void redirect(struct rbe_resp *p, const char *url)
{
    rbe_resp_status(p, 302);
    rbe_resp_header(p, "Location", url);
    struct rbe_jsonw *w = rbe_resp_json(p, 0, "success");
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "url", url);
    rbe_jsonw_obj_end(w);
}

static enum rbe_code handle_download(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    struct rbe_app *app = ctx;
    struct rbe_arena *arena = rbe_req_arena(r);
    struct rbe_access_use use = {.counts = rbe_req_method(r) == RBE_GET, .address = rbe_req_address(r),
                                 .now = rbe_clock_now()};
    struct rbe_package_origin origin;
    struct rbe_grant grant;
    struct rbe_err lost;
    const char *url = NULL;

    RBE_TRY(rbe_limit_take(app, RBE_LIMIT_DOWNLOAD, use.address, e));
    RBE_TRY(rbe_grant_verify(app, RBE_GRANT_DOWNLOAD, rbe_req_segment(r, 0), use.now, &grant, e));
    RBE_TRY(find_package(app, &grant, arena, &origin, e));
    use.key = &grant;
    use.rid = origin.rid;
    use.version_name = origin.version_name;
    RBE_TRY(rbe_access_download(app, &use, arena, &lost, e));
    if (lost.code != RBE_OK)
        rbe_log_err(RBE_LOG_WARN, &lost, "a download was not counted");
    if (use.counts)
        RBE_TRY(find_url(app, r, &grant, &origin.package, &url, e));
    if (!url)
        return send_package(app, r, &origin.package, NULL, p, e);
    redirect(p, url);
    return RBE_OK;
}

/* The public path of a package, for the CDN that proves itself; for all others there is no such path. What lies there
 * never changes. */
static enum rbe_code handle_origin(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    struct rbe_app *app = ctx;
    struct rbe_arena *arena = rbe_req_arena(r);
    struct rbe_package_origin origin = {0};
    bool found = false;

    if (!rbe_destination_is_origin(app->settings, rbe_req_header(r, "X-Origin-Secret")))
        return rbe_fail(e, RBE_NOROUTE, "no such path");
    const char *path = rbe_arena_strfmt(arena, "p/%s/%s", rbe_req_segment(r, 0), rbe_req_segment(r, 1));
    RBE_TRY(rbe_package_find_origin_path(app->store, path, arena, &origin, &found, e));
    if (!found)
        return rbe_fail(e, RBE_NOROUTE, "no such path");
    if (!offered(&origin))
        return rbe_fail(e, RBE_GONE, "this package is no longer offered");
    return send_package(app, r, &origin.package, "public, max-age=31536000, immutable", p, e);
}

static enum rbe_code prepare(struct rbe_app *app, struct rbe_err *e)
{
    RBE_TRY(rbe_limit_open(app, e));
    return rbe_destination_open(app, e);
}

int main(int argc, char **argv)
{
    static const struct rbe_route routes[] = {
        {.methods = RBE_GET, .pattern = "/resources/download/{}", .handle = handle_download, .secret_path = true},
        {.methods = RBE_GET, .pattern = "/api/resources/download/{}", .handle = handle_download, .secret_path = true},
        {.methods = RBE_GET, .pattern = "/p/{}/{}", .handle = handle_origin, .secret_path = true},
    };
    static const struct rbe_program program = {
        .name = "download",
        .what = "Turns a download key into a redirect or its file:\n"
                "GET [/api]/resources/download/{key}.",
        .routes = routes,
        .n_routes = RBE_COUNT(routes),
        .mode = RBE_APP_READ,
        .prepare = prepare,
    };

    return rbe_program_main(argc, argv, &program);
}
