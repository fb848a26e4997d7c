/* rbe-admin secret … */
#include "bin/admin.h"
#include "lib/core/deed.h"
#include "lib/core/secrets.h"

static enum rbe_code record(struct rbe_cli *cli, const struct rbe_secrets_rotated *r, struct rbe_err *e)
{
    const struct rbe_deed deed = {
        .action = "secret rotate",
        .facts = {{"secrets", NULL, (int64_t)r->secrets}, {"dropped", NULL, (int64_t)r->dropped}},
    };

    RBE_TRY(rbe_cli_open(cli, RBE_APP_WRITE, e));
    return rbe_deed_record(cli->app, &deed, e);
}

/* The file may belong to root and the databases to another, whom opening them makes of us: so the file comes first. */
enum rbe_code rbe_admin_secret_rotate(struct rbe_cli *cli, struct rbe_err *e)
{
    struct rbe_jsonw w = {.out = &cli->out};
    struct rbe_secrets_rotated r;

    RBE_TRY(rbe_secrets_rotate(&cli->settings, &cli->arena, &r, e));
    if (cli->json) {
        rbe_jsonw_obj(&w, NULL);
        rbe_jsonw_str(&w, "file", r.file);
        rbe_jsonw_int(&w, "secrets", (int64_t)r.secrets);
        rbe_jsonw_int(&w, "dropped", (int64_t)r.dropped);
        rbe_jsonw_obj_end(&w);
    } else {
        rbe_str_putf(&cli->out, "%s: a fresh secret is in front, %zu behind it still verify\n", r.file, r.secrets - 1);
        if (r.dropped)
            rbe_str_puts(&cli->out, "the oldest was dropped: links that it signed are no longer taken\n");
        rbe_str_puts(&cli->out, "the programs sign with it once they read the configuration anew\n");
    }
    enum rbe_code code = record(cli, &r, e);
    return code == RBE_OK ? RBE_OK : rbe_err_prefix(e, "rotated, but not recorded");
}
