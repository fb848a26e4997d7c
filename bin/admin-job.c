/* rbe-admin job … and verify */
#include "bin/admin.h"
#include "bin/listing.h"
#include "bin/progress.h"
#include "lib/base/codec.h"
#include "lib/core/catalog.h"
#include "lib/core/verify.h"

enum { JOBS = 100, JOBS_MAX = 1000000 };

static void put_json(struct rbe_jsonw *w, const struct rbe_job *j)
{
    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_int(w, "id", j->id);
    rbe_jsonw_str(w, "kind", rbe_job_kind_name(j->kind));
    rbe_jsonw_str(w, "subject", j->subject);
    rbe_jsonw_str(w, "state", rbe_job_state_name(j->state));
    rbe_jsonw_int(w, "tries", j->tries);
    rbe_jsonw_int(w, "weight", j->weight);
    rbe_jsonw_time(w, "created_at", j->created_at);
    rbe_jsonw_time(w, "run_at", j->run_at);
    rbe_jsonw_time(w, "finished_at", j->finished_at);
    rbe_jsonw_str(w, "note", j->note);
    rbe_jsonw_raw(w, "payload", *j->payload ? j->payload : "null");
    rbe_jsonw_int(w, "bytes", j->bytes);
    rbe_jsonw_int(w, "cpu_ms", j->cpu_ms);
    rbe_jsonw_int(w, "rss_bytes", j->rss_bytes);
    rbe_jsonw_obj_end(w);
}

/* Of a job that was tried. */
static const char *cpu_text(struct rbe_arena *arena, const struct rbe_job *j)
{
    if (j->tries == 0 || j->state == RBE_JOB_LEASED)
        return "";
    return rbe_arena_strfmt(arena, "%lld.%02lld s", (long long)j->cpu_ms / 1000, (long long)j->cpu_ms / 10 % 100);
}

static void put_row(struct rbe_table *t, const struct rbe_job *j)
{
    rbe_table_int(t, j->id);
    rbe_table_text(t, rbe_job_kind_name(j->kind));
    rbe_table_text(t, j->subject);
    rbe_table_text(t, rbe_job_state_name(j->state));
    rbe_table_int(t, j->tries);
    rbe_table_int(t, j->weight);
    rbe_table_time(t, j->created_at, "");
    if (j->bytes)
        rbe_table_size(t, j->bytes);
    else
        rbe_table_text(t, "");
    rbe_table_text(t, cpu_text(t->arena, j));
    rbe_table_text(t, j->note);
}

enum rbe_code rbe_admin_job_list(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[] = {{"ID", true},     {"KIND", false},    {"SUBJECT", false},
                                                      {"STATE", false}, {"TRIES", true},    {"WEIGHT", true},
                                                      {"CREATED", false}, {"SIZE", true},   {"CPU", true},
                                                      {"NOTE", false}};
    const char *named = rbe_cli_value(cli, "--state");
    rbe_auto(listing) struct rbe_listing l = {0};
    int state = named ? rbe_job_state_parse(named) : -1;
    struct rbe_job *jobs;
    int64_t limit;
    size_t n;

    RBE_TRY(rbe_cli_int(cli, "--limit", 1, JOBS_MAX, JOBS, &limit, e));
    RBE_TRY(rbe_catalog_jobs(cli->app, state, limit, &cli->arena, &jobs, &n, e));
    rbe_listing_init(&l, cli, columns, RBE_COUNT(columns));
    for (size_t i = 0; i < n; i++)
        if (cli->json)
            put_json(&l.json, &jobs[i]);
        else
            put_row(&l.table, &jobs[i]);
    rbe_listing_put(&l);
    return RBE_OK;
}

enum rbe_code rbe_admin_job_retry(struct rbe_cli *cli, struct rbe_err *e)
{
    struct rbe_jsonw w = {.out = &cli->out};
    struct rbe_job j;
    int64_t id;

    if (!rbe_int_parse(cli->args[0], 1, INT64_MAX, &id))
        return rbe_fail(e, RBE_USAGE, "ID must be a number, as job list shows it");
    RBE_TRY(rbe_catalog_retry(cli->app, id, &cli->arena, &j, e));
    if (!cli->json) {
        rbe_str_putf(&cli->out, "queued job %lld: %s %s\n", (long long)id, rbe_job_kind_name(j.kind), j.subject);
        return RBE_OK;
    }
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_int(&w, "id", id);
    rbe_jsonw_str(&w, "kind", rbe_job_kind_name(j.kind));
    rbe_jsonw_str(&w, "subject", j.subject);
    rbe_jsonw_str(&w, "was", rbe_job_state_name(j.state));
    rbe_jsonw_obj_end(&w);
    return RBE_OK;
}

/* ---- verify ---- */

struct watching {
    struct rbe_cli *cli;
    struct rbe_progress bar;
    struct rbe_jsonw w;
    struct rbe_table t;
};

static void found(void *arg, enum rbe_finding f, const char *path, const char *detail)
{
    struct watching *v = arg;

    if (!v->cli->json) {
        rbe_table_text(&v->t, rbe_finding_name(f));
        rbe_table_text(&v->t, path);
        rbe_table_text(&v->t, detail);
        return;
    }
    rbe_jsonw_obj(&v->w, NULL);
    rbe_jsonw_str(&v->w, "finding", rbe_finding_name(f));
    rbe_jsonw_str(&v->w, "path", path);
    rbe_jsonw_str(&v->w, "detail", detail);
    rbe_jsonw_obj_end(&v->w);
}

static void progress(void *arg, uint64_t done, uint64_t total)
{
    struct watching *v = arg;

    rbe_progress_show(&v->bar, done, total);
}

static void put_verified(struct watching *v, const struct rbe_verified *sum)
{
    struct rbe_cli *cli = v->cli;

    if (cli->json) {
        rbe_jsonw_arr_end(&v->w);
        rbe_jsonw_int(&v->w, "packages", (int64_t)sum->packages);
        rbe_jsonw_int(&v->w, "bytes", (int64_t)sum->bytes);
        rbe_jsonw_int(&v->w, "repaired", (int64_t)sum->repaired);
        rbe_jsonw_obj_end(&v->w);
        return;
    }
    if (sum->findings)
        rbe_table_put(&v->t, &cli->out);
    rbe_str_putf(&cli->out, "%llu packages, %s verified, %llu findings", (unsigned long long)sum->packages,
                 rbe_table_size_text(&cli->arena, (int64_t)sum->bytes), (unsigned long long)sum->findings);
    if (sum->repaired)
        rbe_str_putf(&cli->out, ", %llu of them repaired", (unsigned long long)sum->repaired);
    rbe_str_putc(&cli->out, '\n');
}

enum rbe_code rbe_admin_verify(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[] = {{"FINDING", false}, {"PATH", false}, {"DETAIL", false}};
    struct watching v = {.cli = cli, .w = {.out = &cli->out}};
    struct rbe_verify what = {.repair = rbe_cli_value(cli, "--repair") != NULL, .found = found, .progress = progress,
                              .arg = &v};
    struct rbe_verified sum;

    RBE_TRY(rbe_cli_open(cli, what.repair ? RBE_APP_WRITE : RBE_APP_READ, e));
    rbe_progress_init(&v.bar, "verifying");
    rbe_table_init(&v.t, &cli->arena, columns, RBE_COUNT(columns));
    if (cli->json) {
        rbe_jsonw_obj(&v.w, NULL);
        rbe_jsonw_arr(&v.w, "findings");
    }
    enum rbe_code code = rbe_verify_run(cli->app, &what, &sum, e);
    rbe_progress_end(&v.bar);
    if (code != RBE_OK) {
        rbe_str_reset(&cli->out);
        return code;
    }
    put_verified(&v, &sum);
    if (sum.findings > sum.repaired)
        return rbe_fail(e, RBE_FAULT, "verify: %llu findings%s", (unsigned long long)(sum.findings - sum.repaired),
                        what.repair ? " that could not be repaired" : "");
    return RBE_OK;
}
