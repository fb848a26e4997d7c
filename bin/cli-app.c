/* What verbs need of an installation: its settings, its databases. */
#include "bin/cli.h"
#include "lib/base/log.h"

enum rbe_code rbe_cli_open(struct rbe_cli *cli, enum rbe_app_mode mode, struct rbe_err *e)
{
    return rbe_app_open(&cli->settings, mode, &cli->app, e);
}

static enum rbe_code open_need(struct rbe_cli *cli, enum rbe_cli_need need, struct rbe_err *e)
{
    if (need >= RBE_CLI_SETTINGS) {
        RBE_TRY(rbe_settings_load(cli->config, &cli->settings, e));
        rbe_log_level_set((enum rbe_log_level)cli->settings.log.level);
    }
    if (need == RBE_CLI_READ || need == RBE_CLI_WRITE)
        RBE_TRY(rbe_cli_open(cli, need == RBE_CLI_READ ? RBE_APP_READ : RBE_APP_WRITE, e));
    return RBE_OK;
}

static void close_all(struct rbe_cli *cli)
{
    rbe_app_close(cli->app);
    rbe_settings_release(&cli->settings);
}

const struct rbe_cli_home rbe_cli_app = {open_need, close_all};
