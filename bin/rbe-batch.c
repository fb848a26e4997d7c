/* rbe-batch: works the queue. From cron it returns when nothing is left to do; with --watch it stays. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "bin/cli.h"
#include "lib/core/catalog.h"
#include "lib/core/crew.h"
#include "lib/core/mirroring.h"

/* Set by SIGINT, SIGTERM and SIGHUP: the present job is finished first. After SIGHUP the program begins anew, and so reads the
 * configuration again. */
static volatile sig_atomic_t stop, again, over;

static void on_stop(int number)
{
    if (number == SIGHUP)
        again = 1;
    else
        over = 1;
    stop = 1;
}

static void report(void *arg, const struct rbe_job *j, const char *note, const struct rbe_err *e)
{
    struct rbe_cli *cli = arg;
    const char *kind = rbe_job_kind_name(j->kind);
    struct rbe_err of_output = {0};

    if (e->code != RBE_OK) {
        (void)fprintf(stderr, "rbe-batch: %s %s, try %d: %s\n", kind, j->subject, j->tries, note);
        return;
    }
    rbe_str_putf(&cli->out, "%s %s: %s\n", kind, j->subject, note);
    if (rbe_cli_flush(cli, &of_output) != RBE_OK)
        rbe_str_reset(&cli->out);
}

/* What is told of a database that is away, a full disk, a chore that failed. */
static void trouble(void *arg, const struct rbe_err *e)
{
    (void)arg;
    (void)fprintf(stderr, "rbe-batch: %s\n", *e->text ? e->text : "working again");
}

/* Asked after SIGHUP: with a bad one there is no beginning anew. */
static bool good_configuration(const struct rbe_cli *cli)
{
    struct rbe_settings settings = {0};
    struct rbe_err e = {0};
    bool good = rbe_settings_load(cli->settings.file, &settings, &e) == RBE_OK && settings.auth.sign_secret.n > 0;

    rbe_settings_release(&settings);
    if (!good) {
        (void)fprintf(stderr, "rbe-batch: the new configuration is not taken: %s\n",
                      e.text[0] ? e.text : "auth.sign_secret is not set");
        again = 0;
    }
    return good;
}

static enum rbe_code run(struct rbe_cli *cli, struct rbe_err *e)
{
    struct sigaction act = {.sa_handler = on_stop};
    struct rbe_work work = {.watch = rbe_cli_value(cli, "--watch") != NULL, .stop = &stop, .report = report,
                            .trouble = trouble, .arg = cli};
    unsigned failed;

    (void)sigemptyset(&act.sa_mask);
    if (sigaction(SIGINT, &act, NULL) != 0 || sigaction(SIGTERM, &act, NULL) != 0 ||
        (work.watch && sigaction(SIGHUP, &act, NULL) != 0))
        return rbe_fail_errno(e, "cannot set up signals");
    if (cli->settings.database.auto_migrate)
        RBE_TRY(rbe_app_update(&cli->settings, NULL, e));
    RBE_TRY(rbe_cli_open(cli, RBE_APP_WRITE, e));
    cli->app->actor.name = "rbe-batch";
    for (;;) {
        RBE_TRY(rbe_crew_run(cli->app, &work, rbe_crew_size(&cli->settings), &failed, e));
        if (over || !again || good_configuration(cli))
            break;
        stop = over;
    }
    return failed ? rbe_fail(e, RBE_FAULT, "%u job%s failed for good", failed, failed == 1 ? "" : "s") : RBE_OK;
}

static void report_copy(void *arg, const char *target, const char *path, const struct rbe_err *e)
{
    struct rbe_cli *cli = arg;
    struct rbe_err of_output = {0};

    if (e) {
        (void)fprintf(stderr, "rbe-batch: %s %s: %s\n", target, path, e->text);
        return;
    }
    rbe_str_putf(&cli->out, "%s %s\n", target, path);
    if (rbe_cli_flush(cli, &of_output) != RBE_OK)
        rbe_str_reset(&cli->out);
}

static enum rbe_code mirror(struct rbe_cli *cli, struct rbe_err *e)
{
    unsigned failed;

    if (cli->settings.mirror.targets.n == 0)
        return rbe_fail(e, RBE_REFUSED, "%s: mirror.targets is empty", cli->settings.file);
    RBE_TRY(rbe_cli_open(cli, RBE_APP_WRITE, e));
    bool verify = rbe_cli_value(cli, "--verify") != NULL;
    RBE_TRY(rbe_mirroring_run(cli->app, verify, report_copy, cli, &failed, e));
    return failed ? rbe_fail(e, RBE_FAULT, "%u cop%s could not be made", failed, failed == 1 ? "y" : "ies") : RBE_OK;
}

static const struct rbe_cli_option options[] = {
    {.name = "--watch", .help = "stay, and work on what comes"},
    {.name = NULL},
};

static const struct rbe_cli_option mirror_options[] = {
    {.name = "--verify", .help = "read the copies that are there back as well"},
    {.name = NULL},
};

static const struct rbe_cli_verb verbs[] = {
    {"", "", options, RBE_CLI_SETTINGS, run, "Work off the queue: build the incremental packages that are wanted."},
    {"mirror", "", mirror_options, RBE_CLI_SETTINGS, mirror,
     "Copy to the mirror targets at once what is missing there, and take away what is gone here."},
    {.run = NULL},
};

static const struct rbe_cli_program program = {
    .name = "rbe-batch",
    .summary = "",
    .verbs = verbs,
    .home = &rbe_cli_app,
};

int main(int argc, char **argv)
{
    int status = rbe_cli_main(&program, argc, argv);

    if (again && !over) {
        /* Another one must not kill it before it listens. */
        (void)signal(SIGHUP, SIG_IGN);
        (void)execv("/proc/self/exe", argv);
    }
    return status;
}
