/* rbe-admin stats, rbe-admin cache */
#include "bin/admin.h"
#include "bin/table.h"
#include "lib/base/fresh.h"
#include "lib/core/stats.h"

enum { ROWS = 100, ROWS_MAX = 1000000 };

static void put_json(struct rbe_str *out, const struct rbe_stats *s)
{
    struct rbe_jsonw w = {.out = out};

    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_int(&w, "database_bytes", s->database_bytes);
    rbe_jsonw_int(&w, "packages", s->packages);
    rbe_jsonw_int(&w, "package_bytes", s->package_bytes);
    rbe_jsonw_arr(&w, "jobs");
    for (size_t i = 0; i < s->n_jobs; i++) {
        rbe_jsonw_obj(&w, NULL);
        rbe_jsonw_str(&w, "kind", s->jobs[i].kind);
        rbe_jsonw_int(&w, "queued", s->jobs[i].queued);
        rbe_jsonw_int(&w, "leased", s->jobs[i].leased);
        rbe_jsonw_int(&w, "failed", s->jobs[i].failed);
        rbe_jsonw_int(&w, "oldest_seconds", s->jobs[i].oldest);
        rbe_jsonw_obj_end(&w);
    }
    rbe_jsonw_arr_end(&w);
    rbe_jsonw_arr(&w, "clients");
    for (size_t i = 0; i < s->n_standing; i++) {
        rbe_jsonw_obj(&w, NULL);
        rbe_jsonw_str(&w, "resource_id", s->standing[i].rid);
        rbe_jsonw_str(&w, "version_name", s->standing[i].version_name);
        rbe_jsonw_str(&w, "system", s->standing[i].system);
        rbe_jsonw_str(&w, "arch", s->standing[i].arch);
        rbe_jsonw_int(&w, "asked", s->standing[i].asked);
        rbe_jsonw_obj_end(&w);
    }
    rbe_jsonw_arr_end(&w);
    rbe_jsonw_obj_end(&w);
}

static void put_tables(struct rbe_cli *cli, const struct rbe_stats *s)
{
    static const struct rbe_table_column jobs[] = {
        {"JOBS", false}, {"QUEUED", true}, {"LEASED", true}, {"FAILED", true}, {"OLDEST", true}};
    static const struct rbe_table_column clients[] = {
        {"RESOURCE", false}, {"VERSION", false}, {"SYSTEM", false}, {"ARCH", false}, {"ASKED", true}};
    struct rbe_table t;

    rbe_str_putf(&cli->out, "%lld packages, %s; databases %s\n\n", (long long)s->packages,
                 rbe_table_size_text(&cli->arena, s->package_bytes), rbe_table_size_text(&cli->arena, s->database_bytes));
    rbe_table_init(&t, &cli->arena, jobs, RBE_COUNT(jobs));
    for (size_t i = 0; i < s->n_jobs; i++) {
        rbe_table_text(&t, s->jobs[i].kind);
        rbe_table_int(&t, s->jobs[i].queued);
        rbe_table_int(&t, s->jobs[i].leased);
        rbe_table_int(&t, s->jobs[i].failed);
        rbe_table_text(&t, rbe_arena_strfmt(&cli->arena, "%lld s", (long long)s->jobs[i].oldest));
    }
    rbe_table_put(&t, &cli->out);
    rbe_str_putc(&cli->out, '\n');
    rbe_table_init(&t, &cli->arena, clients, RBE_COUNT(clients));
    for (size_t i = 0; i < s->n_standing; i++) {
        rbe_table_text(&t, s->standing[i].rid);
        rbe_table_text(&t, s->standing[i].version_name);
        rbe_table_text(&t, s->standing[i].system);
        rbe_table_text(&t, s->standing[i].arch);
        rbe_table_int(&t, s->standing[i].asked);
    }
    rbe_table_put(&t, &cli->out);
}

enum rbe_code rbe_admin_stats(struct rbe_cli *cli, struct rbe_err *e)
{
    struct rbe_stats s;
    int64_t limit;

    RBE_TRY(rbe_cli_int(cli, "--limit", 1, ROWS_MAX, ROWS, &limit, e));
    RBE_TRY(rbe_stats_read(cli->app, limit, &cli->arena, &s, e));
    if (cli->json)
        put_json(&cli->out, &s);
    else
        put_tables(cli, &s);
    return RBE_OK;
}

enum rbe_code rbe_admin_cache_flush(struct rbe_cli *cli, struct rbe_err *e)
{
    (void)e;
    rbe_fresh_bump_all(cli->app->share);
    rbe_str_puts(&cli->out, cli->json ? "{\"flushed\":true}\n" : "no process answers from what it kept before\n");
    return RBE_OK;
}
