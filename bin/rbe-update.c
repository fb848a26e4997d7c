/* rbe-update: brings a directory to the version that a server offers, over the library face that applications use as well. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "bin/cli.h"
#include "bin/progress.h"
#include "include/rbe_update.h"
#include "lib/base/jsonw.h"
#include "lib/base/quote.h"

enum { EXIT_AVAILABLE = 3 };

/* What SIGINT and SIGTERM end. */
static struct rbe_update *volatile running;

static void on_stop(int number)
{
    (void)number;
    if (running)
        rbe_update_cancel(running);
}

struct run {
    struct rbe_cli *cli;
    struct rbe_update *update;
    struct rbe_progress bar;
    enum rbe_update_event_kind shown;    /* what the bar is about */
    uint64_t told;                       /* bytes at the last JSON event of its kind */
};

static const struct {
    const char *name, *label;
} kinds[RBE_UPDATE_EVENT_MAX] = {
    [RBE_UPDATE_EVENT_DOWNLOAD] = {"download", "downloading"},
    [RBE_UPDATE_EVENT_SURVEY] = {"survey", "looking at files"},
    [RBE_UPDATE_EVENT_STAGE] = {"stage", "making ready"},
    [RBE_UPDATE_EVENT_APPLY] = {"apply", NULL},
    [RBE_UPDATE_EVENT_RECOVERED] = {"recovered", NULL},
    [RBE_UPDATE_EVENT_RETRY] = {"retry", NULL},
    [RBE_UPDATE_EVENT_FALLBACK] = {"fallback", NULL},
    [RBE_UPDATE_EVENT_DAMAGED] = {"damaged", NULL},
    [RBE_UPDATE_EVENT_WAITING] = {"waiting", NULL},
    [RBE_UPDATE_EVENT_WARNING] = {"warning", NULL},
};

/* An event as one line of JSON, out at once. */
static void put_json(struct run *r, const struct rbe_update_event *event)
{
    struct rbe_jsonw w = {.out = &r->cli->out};

    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_str(&w, "event", kinds[event->kind].name);
    if (*event->path)
        rbe_jsonw_str(&w, "path", event->path);
    if (*event->text)
        rbe_jsonw_str(&w, "text", event->text);
    if (kinds[event->kind].label) {
        rbe_jsonw_int(&w, "done", (int64_t)event->done);
        rbe_jsonw_int(&w, "total", (int64_t)event->total);
    }
    if (event->kind == RBE_UPDATE_EVENT_RETRY)
        rbe_jsonw_int(&w, "seconds", (int64_t)event->total);
    rbe_jsonw_obj_end(&w);
    rbe_str_putc(&r->cli->out, '\n');
    if (rbe_cli_flush(r->cli, NULL) != RBE_OK)
        rbe_str_reset(&r->cli->out);
}

/* Bytes are told a hundred times a kind at most, and when all are there. */
static bool worth_telling(struct run *r, const struct rbe_update_event *event)
{
    if (!kinds[event->kind].label)
        return true;
    if (event->kind != r->shown || event->done < r->told)
        r->told = 0;
    if (event->done < event->total && event->done - r->told < event->total / 100 + 1)
        return false;
    if (event->done == r->told && event->done > 0)
        return false;
    r->told = event->done;
    return true;
}

static void put_line(const struct rbe_update_event *event)
{
    struct rbe_quote path = rbe_quote(event->path, strlen(event->path));

    (void)fprintf(stderr, "rbe-update: %s%s%s%s%s", kinds[event->kind].name, *event->path ? " " : "",
                  *event->path ? path.text : "", *event->text ? ": " : "", event->text);
    if (event->kind == RBE_UPDATE_EVENT_RETRY)
        (void)fprintf(stderr, "; again in %llu s", (unsigned long long)event->total);
    (void)fputc('\n', stderr);
}

static void on_event(void *arg, const struct rbe_update_event *event)
{
    struct run *r = arg;

    if (r->cli->json) {
        if (worth_telling(r, event))
            put_json(r, event);
        r->shown = event->kind;
    } else if (kinds[event->kind].label) {
        if (event->kind != r->shown || !r->bar.label)
            rbe_progress_init(&r->bar, kinds[event->kind].label);
        r->shown = event->kind;
        rbe_progress_show(&r->bar, event->done, event->total);
    } else {
        rbe_progress_end(&r->bar);
        if (event->kind != RBE_UPDATE_EVENT_APPLY)
            put_line(event);
    }
}

/* ---- what there is to say in the end ---- */

static void put_offer(struct run *r, bool newer, const struct rbe_update_release *release)
{
    struct rbe_jsonw w = {.out = &r->cli->out};

    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_str(&w, "event", newer ? "available" : "current");
    rbe_jsonw_str(&w, "version", release->version);
    rbe_jsonw_str(&w, "before", release->installed);
    rbe_jsonw_int(&w, "size", release->size);
    rbe_jsonw_bool(&w, "downloadable", release->downloadable);
    rbe_jsonw_str(&w, "release_note", release->release_note);
    rbe_jsonw_str(&w, "custom_data", release->custom_data);
    rbe_jsonw_obj_end(&w);
    rbe_str_putc(&r->cli->out, '\n');
}

static void put_end(struct run *r, const char *what, const char *version, const char *before)
{
    struct rbe_str *out = &r->cli->out;
    struct rbe_jsonw w = {.out = out};

    rbe_progress_end(&r->bar);
    if (r->cli->json) {
        rbe_jsonw_obj(&w, NULL);
        rbe_jsonw_str(&w, "event", what);
        rbe_jsonw_str(&w, "version", version);
        rbe_jsonw_str(&w, "before", before);
        rbe_jsonw_obj_end(&w);
        rbe_str_putc(out, '\n');
        return;
    }
    struct rbe_quote now = rbe_quote(version, strlen(version)), then = rbe_quote(before, strlen(before));
    rbe_str_putf(out, "%s: version %s", what, now.text);
    if (*before && strcmp(before, version) != 0)
        rbe_str_putf(out, ", before %s", then.text);
    rbe_str_putc(out, '\n');
}

static enum rbe_code fail_with(struct run *r, enum rbe_update_result result, struct rbe_err *e)
{
    bool stopped = result == RBE_UPDATE_CANCELLED;
    const char *why = stopped ? "stopped" : rbe_update_error(r->update);
    struct rbe_jsonw w = {.out = &r->cli->out};

    rbe_progress_end(&r->bar);
    if (r->cli->json) {
        rbe_jsonw_obj(&w, NULL);
        rbe_jsonw_str(&w, "event", stopped ? "stopped" : "failed");
        rbe_jsonw_str(&w, "text", why);
        if (rbe_update_retry_after(r->update) > 0)
            rbe_jsonw_int(&w, "retry_after", rbe_update_retry_after(r->update));
        rbe_jsonw_obj_end(&w);
        rbe_str_putc(&r->cli->out, '\n');
    }
    return rbe_fail(e, stopped ? RBE_UNAVAILABLE : RBE_FAULT, "%s", why);
}

static enum rbe_code check(struct run *r, struct rbe_err *e)
{
    struct rbe_update_release release;
    enum rbe_update_result result = rbe_update_check(r->update, &release);

    if (result != RBE_UPDATE_OK && result != RBE_UPDATE_AVAILABLE)
        return fail_with(r, result, e);
    if (r->cli->json)
        put_offer(r, result == RBE_UPDATE_AVAILABLE, &release);
    else
        put_end(r, result == RBE_UPDATE_OK ? "current" : "available", release.version, release.installed);
    r->cli->exit = result == RBE_UPDATE_OK ? 0 : EXIT_AVAILABLE;
    return RBE_OK;
}

static enum rbe_code verify(struct run *r, struct rbe_err *e)
{
    enum rbe_update_result result = rbe_update_verify(r->update);

    if (result != RBE_UPDATE_OK)
        return fail_with(r, result, e);
    put_end(r, "verified", rbe_update_installed(r->update), "");
    return RBE_OK;
}

static enum rbe_code roll_back(struct run *r, struct rbe_err *e)
{
    rbe_autofree char *before = rbe_strdup(rbe_update_installed(r->update));
    enum rbe_update_result result = rbe_update_rollback(r->update);

    if (result != RBE_UPDATE_OK)
        return fail_with(r, result, e);
    put_end(r, "rolled back", rbe_update_installed(r->update), before);
    return RBE_OK;
}

static enum rbe_code update(struct run *r, struct rbe_err *e)
{
    rbe_autofree char *before = rbe_strdup(rbe_update_installed(r->update));
    enum rbe_update_result result = rbe_update_download(r->update);
    bool changes = result == RBE_UPDATE_OK && rbe_update_ready(r->update);

    if (changes)
        result = rbe_update_apply(r->update);
    if (result != RBE_UPDATE_OK)
        return fail_with(r, result, e);
    bool mended = changes && strcmp(before, rbe_update_installed(r->update)) == 0;
    put_end(r, !changes ? "current" : mended ? "mended" : "updated", rbe_update_installed(r->update), before);
    return RBE_OK;
}

/* ---- the command line ---- */

static const char ONE[] = "--check, --verify and --rollback exclude each other";

static enum rbe_code read_options(struct rbe_cli *cli, struct rbe_update_options *o, struct rbe_err *e)
{
    const char *dialect = rbe_cli_value(cli, "--dialect"), *server = rbe_cli_value(cli, "--server");
    int verbs = (rbe_cli_value(cli, "--check") != NULL) + (rbe_cli_value(cli, "--verify") != NULL) +
                (rbe_cli_value(cli, "--rollback") != NULL);
    bool offline = rbe_cli_value(cli, "--verify") || rbe_cli_value(cli, "--rollback");
    int64_t tries, patience;
    size_t n;

    if (verbs > 1)
        return rbe_fail(e, RBE_USAGE, "%s", ONE);
    if (!offline && (!server || !rbe_cli_value(cli, "--resource")))
        return rbe_fail(e, RBE_USAGE, "--server and --resource have to be given");
    if (server && strncasecmp(server, "http://", 7) != 0 && strncasecmp(server, "https://", 8) != 0)
        return rbe_fail(e, RBE_USAGE, "--server must be a URL of http or https");
    if (!*rbe_cli_value(cli, "--dir"))
        return rbe_fail(e, RBE_USAGE, "--dir must name a directory");
    RBE_TRY(rbe_cli_int(cli, "--tries", 1, 100, 0, &tries, e));
    RBE_TRY(rbe_cli_int(cli, "--patience", 1, 86400, 0, &patience, e));
    const char *const *keep = rbe_cli_values(cli, "--keep", &n);
    const char **ended = rbe_arena_alloc_array(&cli->arena, n + 1, sizeof(*ended));
    for (size_t i = 0; i < n; i++)
        ended[i] = keep[i];
    *o = (struct rbe_update_options){
        .size = sizeof(*o), .server = server, .resource = rbe_cli_value(cli, "--resource"),
        .dir = rbe_cli_value(cli, "--dir"), .channel = rbe_cli_value(cli, "--channel"),
        .system = rbe_cli_value(cli, "--system"), .arch = rbe_cli_value(cli, "--arch"), .cdk = rbe_cli_value(cli, "--cdk"),
        .keep = ended, .dialect = dialect && strcmp(dialect, "compat") == 0 ? RBE_UPDATE_COMPAT : RBE_UPDATE_NATIVE,
        .thorough = rbe_cli_value(cli, "--thorough") != NULL, .wait = !rbe_cli_value(cli, "--no-wait"), .tries = (unsigned)tries,
        .patience_s = (unsigned)patience,
    };
    return RBE_OK;
}

static enum rbe_code set_signals(struct rbe_err *e)
{
    struct sigaction act = {.sa_handler = on_stop};

    (void)sigemptyset(&act.sa_mask);
    if (sigaction(SIGINT, &act, NULL) != 0 || sigaction(SIGTERM, &act, NULL) != 0)
        return rbe_fail_errno(e, "cannot set up signals");
    return RBE_OK;
}

static enum rbe_code run(struct rbe_cli *cli, struct rbe_err *e)
{
    struct run r = {.cli = cli, .shown = RBE_UPDATE_EVENT_MAX};
    struct rbe_update_options o;
    enum rbe_code code;

    RBE_TRY(read_options(cli, &o, e));
    o.event = on_event;
    o.arg = &r;
    RBE_TRY(set_signals(e));
    code = rbe_update_open(&o, &r.update) == RBE_UPDATE_OK ? RBE_OK : fail_with(&r, RBE_UPDATE_FAILED, e);
    running = r.update;
    if (code == RBE_OK)
        code = rbe_cli_value(cli, "--check")      ? check(&r, e)
               : rbe_cli_value(cli, "--verify")   ? verify(&r, e)
               : rbe_cli_value(cli, "--rollback") ? roll_back(&r, e)
                                                  : update(&r, e);
    running = NULL;
    rbe_update_close(r.update);
    return code;
}

static const struct rbe_cli_option options[] = {
    {"--server", "URL", "the update server", false, false},
    {"--resource", "RID", "what to update to: its resource id", false, false},
    {"--dir", "DIR", "the directory that is brought up to date", false, true},
    {"--channel", "C", "stable, beta or alpha (default: as last time, or stable)", false, false},
    {"--system", "S", "the system it is for (default: as last time, or this one)", false, false},
    {"--arch", "A", "the architecture (default: as last time, or this one)", false, false},
    {"--cdk", "K", "the key that downloads need", false, false},
    {"--check", NULL, "only tell: exit status 3 when there is an update", false, false},
    {"--verify", NULL, "compare every file with what was installed", false, false},
    {"--rollback", NULL, "go back to the version before", false, false},
    {"--keep", "GLOB", "leave paths like these alone, they are the user's own", true, false},
    {"--dialect", "native|compat", "how the server speaks (default: native)", false, false},
    {"--thorough", NULL, "read every file, also those that look as they did", false, false},
    {"--no-wait", NULL, "fail when another updater is at work", false, false},
    {"--tries", "N", "how often to try what fails on the network (default: 5)", false, false},
    {"--patience", "S", "how long a server may ask to wait (default: 300)", false, false},
    {.name = NULL},
};

static const struct rbe_cli_verb verbs[] = {
    {"", "", options, RBE_CLI_NOTHING, run, "Bring a directory to the version that an rbe server offers, or leave it as it is."},
    {.run = NULL},
};

static const struct rbe_cli_program program = {
    .name = "rbe-update",
    .summary = "",
    .verbs = verbs,
    .json = true,
};

int main(int argc, char **argv)
{
    return rbe_cli_main(&program, argc, argv);
}
