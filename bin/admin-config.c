/* rbe-admin init, migrate and config … */
#include <stdlib.h>

#include "bin/admin.h"
#include "bin/listing.h"
#include "lib/core/catalog.h"
#include "lib/core/checkup.h"
#include "lib/core/setup.h"

static void put_migrated(struct rbe_cli *cli, unsigned applied, const char *file, bool made)
{
    struct rbe_jsonw w = {.out = &cli->out};
    const char *data = cli->settings.instance.data_dir;

    if (cli->json) {
        rbe_jsonw_obj(&w, NULL);
        if (file) {
            rbe_jsonw_str(&w, "config", file);
            rbe_jsonw_bool(&w, "config_made", made);
        }
        rbe_jsonw_str(&w, "data_dir", data);
        rbe_jsonw_int(&w, "migrations", applied);
        rbe_jsonw_obj_end(&w);
        return;
    }
    if (file)
        rbe_str_putf(&cli->out, "configuration   %s (%s)\n", file, made ? "made, with a fresh secret" : "was there");
    rbe_str_putf(&cli->out, "data directory  %s\n", data);
    if (applied)
        rbe_str_putf(&cli->out, "databases       %u migration%s applied\n", applied, applied == 1 ? "" : "s");
    else
        rbe_str_puts(&cli->out, "databases       up to date\n");
}

enum rbe_code rbe_admin_init(struct rbe_cli *cli, struct rbe_err *e)
{
    const char *file = rbe_setup_config_file(cli->config), *data = rbe_cli_value(cli, "--data");
    rbe_autofree char *here = NULL;
    unsigned applied;
    bool made;

    /* In the file a relative path would be taken from the file's directory, on the command line it is meant from
     * here. */
    if (data && data[0] != '/') {
        rbe_autofree char *cwd = realpath(".", NULL);

        if (!cwd)
            return rbe_fail_errno(e, "cannot tell the present directory");
        here = rbe_strfmt("%s/%s", cwd, data);
        data = here;
    }
    RBE_TRY(rbe_setup_config(file, data, &made, e));
    if (data && !made)
        return rbe_fail(e, RBE_REFUSED, "%s is there already and says itself where the data is; --data is for new ones",
                        file);
    RBE_TRY(rbe_settings_load(file, &cli->settings, e));
    RBE_TRY(rbe_app_migrate(&cli->settings, &applied, e));
    put_migrated(cli, applied, file, made);
    return RBE_OK;
}

enum rbe_code rbe_admin_migrate(struct rbe_cli *cli, struct rbe_err *e)
{
    unsigned applied;

    RBE_TRY(rbe_app_update(&cli->settings, &applied, e));
    put_migrated(cli, applied, NULL, false);
    return RBE_OK;
}

struct checking {
    struct rbe_listing list;
    unsigned bad;
};

static void found(void *arg, enum rbe_verdict verdict, const char *what, const char *text)
{
    struct checking *c = arg;

    c->bad += verdict == RBE_VERDICT_BAD;
    if (!c->list.cli->json) {
        rbe_table_text(&c->list.table, rbe_verdict_name(verdict));
        rbe_table_text(&c->list.table, what);
        rbe_table_text(&c->list.table, text);
        return;
    }
    struct rbe_jsonw *w = &c->list.json;
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_str(w, "verdict", rbe_verdict_name(verdict));
    rbe_jsonw_str(w, "what", what);
    rbe_jsonw_str(w, "text", text);
    rbe_jsonw_obj_end(w);
}

enum rbe_code rbe_admin_config_check(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[3];
    struct checking c = {0};
    struct rbe_checkup checkup = {.settings = &cli->settings, .found = found, .arg = &c};

    rbe_listing_init(&c.list, cli, columns, RBE_COUNT(columns));
    rbe_checkup(&checkup);
    rbe_listing_put(&c.list);
    rbe_listing_release(&c.list);
    if (c.bad)
        return rbe_fail(e, RBE_REFUSED, "config check: %u bad", c.bad);
    return RBE_OK;
}

enum rbe_code rbe_admin_config_list(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[] = {{"KEY", false}, {"VALUE", false}};
    rbe_auto(listing) struct rbe_listing l = {0};
    size_t n;
    const struct rbe_catalog_setting *rows = rbe_catalog_settings(&cli->settings, &cli->arena, &n);

    (void)e;
    rbe_listing_init(&l, cli, columns, RBE_COUNT(columns));
    for (size_t i = 0; i < n; i++) {
        if (!cli->json) {
            rbe_table_text(&l.table, rows[i].name);
            rbe_table_text(&l.table, rows[i].value);
            continue;
        }
        rbe_jsonw_obj(&l.json, NULL);
        rbe_jsonw_str(&l.json, "key", rows[i].name);
        rbe_jsonw_str(&l.json, "value", rows[i].value);
        rbe_jsonw_bool(&l.json, "reloadable", rows[i].reloadable);
        rbe_jsonw_str(&l.json, "help", rows[i].help);
        rbe_jsonw_obj_end(&l.json);
    }
    rbe_listing_put(&l);
    return RBE_OK;
}
