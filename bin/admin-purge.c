/* rbe-admin purge */
#include "bin/admin.h"
#include "bin/table.h"
#include "lib/core/catalog.h"
#include "lib/core/purge.h"

enum rbe_code rbe_admin_purge(struct rbe_cli *cli, struct rbe_err *e)
{
    const char *rid = rbe_cli_value(cli, "--resource");
    struct rbe_jsonw w = {.out = &cli->out};
    struct rbe_resource r;
    struct rbe_purged sum;

    if (rid)
        RBE_TRY(rbe_catalog_resource(cli->app, rid, &cli->arena, &r, e));
    RBE_TRY(rbe_purge_run(cli->app, rid, &sum, e));
    if (!cli->json) {
        rbe_str_putf(&cli->out, "no longer offered: %lld packages and %lld patches, %s; to be removed: %lld\n",
                     (long long)sum.packages, (long long)sum.patches, rbe_table_size_text(&cli->arena, sum.bytes),
                     (long long)sum.waiting);
        return RBE_OK;
    }
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_int(&w, "packages", sum.packages);
    rbe_jsonw_int(&w, "patches", sum.patches);
    rbe_jsonw_int(&w, "bytes", sum.bytes);
    rbe_jsonw_int(&w, "waiting", sum.waiting);
    rbe_jsonw_obj_end(&w);
    return RBE_OK;
}
