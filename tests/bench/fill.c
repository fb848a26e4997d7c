/* An installation full of releases, without files: fill CONFIG FIRST COUNT VERSIONS puts resources r000000FIRST … with so
 * many versions each, 1.0.0, 1.1.0 and on, one package for any platform each. Only answers can be asked of it, no downloads.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/app.h"
#include "lib/core/vercmp.h"
#include "lib/store/package.h"
#include "lib/store/resource.h"
#include "lib/store/version.h"

enum { A_TRANSACTION = 500, PUBLISHED_AT = 1700000000, SIZE = 1 << 20 };

static enum rbe_code put_version(struct rbe_store *s, int64_t resource, long minor, struct rbe_err *e)
{
    struct rbe_version v = {.resource = resource, .created_at = PUBLISHED_AT};
    struct rbe_verkey key;
    char name[32], path[64];

    (void)snprintf(name, sizeof(name), "1.%ld.0", minor);
    rbe_verkey_of(name, &key);
    v.name = name;
    v.order_by = key.parser;
    v.order_key = key.bytes;
    v.order_len = key.len;
    RBE_TRY(rbe_version_put(s, &v, e));
    (void)snprintf(path, sizeof(path), "p/%032llx/a.zip", (unsigned long long)v.id);
    struct rbe_package p = {
        .version = v.id, .file_type = "zip", .path = path, .size = SIZE, .files = 1, .created_at = PUBLISHED_AT};
    memcpy(p.sha256, &v.id, sizeof(v.id));
    return rbe_package_put(s, &p, e);
}

static enum rbe_code put_resource(struct rbe_store *s, long number, long versions, struct rbe_err *e)
{
    struct rbe_resource r = {.created_at = PUBLISHED_AT};
    char rid[32];

    (void)snprintf(rid, sizeof(rid), "r%08ld", number);
    r.rid = r.name = rid;
    RBE_TRY(rbe_resource_put(s, &r, e));
    for (long i = 0; i < versions; i++)
        RBE_TRY(put_version(s, r.id, i, e));
    return rbe_offer_refresh(s, r.id, e);
}

static enum rbe_code fill(const char *config, long first, long count, long versions, struct rbe_err *e)
{
    struct rbe_settings settings = {0};
    rbe_autoptr(app) struct rbe_app *app = NULL;

    RBE_TRY(rbe_settings_load(config, &settings, e));
    RBE_TRY(rbe_app_open(&settings, RBE_APP_WRITE, &app, e));
    for (long i = 0; i < count; i++) {
        if (i % A_TRANSACTION == 0)
            RBE_TRY(rbe_store_begin(app->store, RBE_BASE_RELEASES, e));
        RBE_TRY(put_resource(app->store, first + i, versions, e));
        if ((i + 1) % A_TRANSACTION == 0 || i + 1 == count)
            RBE_TRY(rbe_store_commit(app->store, RBE_BASE_RELEASES, e));
    }
    return RBE_OK;
}

int main(int argc, char **argv)
{
    struct rbe_err e = {0};

    if (argc != 5) {
        (void)fputs("usage: fill CONFIG FIRST COUNT VERSIONS\n", stderr);
        return 2;
    }
    if (fill(argv[1], strtol(argv[2], NULL, 10), strtol(argv[3], NULL, 10), strtol(argv[4], NULL, 10), &e) == RBE_OK)
        return 0;
    (void)fprintf(stderr, "fill: %s\n", e.text);
    return 1;
}
