/* download.fcgi: turns a download key into the file. */
#include <string.h>

#include "cgi-bin/program.h"
#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/log.h"
#include "lib/core/access.h"
#include "lib/core/depot.h"
#include "lib/core/grant.h"

static const char *content_type_of(const char *file_type)
{
    if (strcmp(file_type, "zip") == 0)
        return "application/zip";
    return strcmp(file_type, "tar") == 0 || strncmp(file_type, "tar.", 4) == 0 ? "application/x-gtar"
                                                                               : "application/octet-stream";
}

/* The key was good when it was made; what it stands for may have changed since. */
static enum rbe_code find_package(struct rbe_app *app, const struct rbe_grant *g, struct rbe_arena *arena,
                                  struct rbe_package *ret, struct rbe_err *e)
{
    struct rbe_package_origin origin = {0};
    bool found = false;

    RBE_TRY(rbe_package_find_origin(app->store, g->package, arena, &origin, &found, e));
    if (!found || origin.withdrawn_at || origin.package.purged_at)
        return rbe_fail(e, RBE_GONE, "this package is no longer offered");
    *ret = origin.package;
    return RBE_OK;
}

static enum rbe_code send_package(struct rbe_app *app, const struct rbe_package *package, struct rbe_arena *arena,
                                  struct rbe_resp *p, struct rbe_err *e)
{
    static const enum rbe_sending ways[RBE_SENDFILE_MAX] = {
        [RBE_SENDFILE_NONE] = RBE_SEND_STREAM,
        [RBE_SENDFILE_X_SENDFILE] = RBE_SEND_X_SENDFILE,
        [RBE_SENDFILE_X_ACCEL] = RBE_SEND_X_ACCEL,
    };
    char *etag = rbe_arena_alloc(arena, RBE_SHA256_TEXT);
    const char *slash = strrchr(package->path, '/');
    struct rbe_resp_file file = {
        .size = (uint64_t)package->size,
        .etag = etag,
        .content_type = content_type_of(package->file_type),
        .file_name = slash ? slash + 1 : package->path,
        .how = ways[app->settings->storage.sendfile],
    };

    rbe_hex_encode(package->sha256, sizeof(package->sha256), etag);
    if (file.how == RBE_SEND_X_SENDFILE)
        file.send_path = rbe_depot_path(app, arena, package->path);
    else if (file.how == RBE_SEND_X_ACCEL)
        file.send_path = rbe_arena_strfmt(arena, "%s%s", app->settings->storage.accel_prefix, package->path);
    RBE_TRY(rbe_depot_open(app, package->path, &file.fd, e));
    rbe_resp_file(p, &file);
    return RBE_OK;
}

static enum rbe_code handle_download(void *ctx, struct rbe_req *r, struct rbe_resp *p, struct rbe_err *e)
{
    struct rbe_app *app = ctx;
    struct rbe_arena *arena = rbe_req_arena(r);
    bool counts = rbe_req_method(r) == RBE_GET;
    int64_t now = rbe_clock_now();
    struct rbe_grant grant;
    struct rbe_package package;
    struct rbe_err lost;

    RBE_TRY(rbe_grant_verify(app, RBE_GRANT_DOWNLOAD, rbe_req_segment(r, 0), now, &grant, e));
    RBE_TRY(find_package(app, &grant, arena, &package, e));
    RBE_TRY(rbe_access_download(app, &grant, counts, now, arena, &lost, e));
    if (lost.code != RBE_OK)
        rbe_log_err(RBE_LOG_WARN, &lost, "a download was not counted");
    return send_package(app, &package, arena, p, e);
}

int main(int argc, char **argv)
{
    static const struct rbe_route routes[] = {
        {.methods = RBE_GET, .pattern = "/resources/download/{}", .handle = handle_download, .secret_path = true},
        {.methods = RBE_GET, .pattern = "/api/resources/download/{}", .handle = handle_download, .secret_path = true},
    };
    static const struct rbe_program program = {
        .name = "download",
        .what = "Turns a download key into its file: GET [/api]/resources/download/{key}.",
        .routes = routes,
        .n_routes = RBE_COUNT(routes),
        .mode = RBE_APP_READ,
    };

    return rbe_program_main(argc, argv, &program);
}
