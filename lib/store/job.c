#include "lib/store/job.h"

#include <inttypes.h>
#include <string.h>

#include "lib/store/sql.h"

static const int64_t delays[RBE_JOB_RETRIES] = {60, 4 * 60, 16 * 60, 64 * 60, 256 * 60};

static void read_job(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    struct rbe_job *j = ret;

    *j = (struct rbe_job){
        .id = rbe_db_get_int(st, 0),
        .kind = (enum rbe_job_kind)rbe_db_get_int(st, 1),
        .subject = rbe_db_get_text(st, 2, arena),
        .target = rbe_db_get_int(st, 3),
        .source = rbe_db_get_int(st, 4),
        .format = (int)rbe_db_get_int(st, 5),
        .weight = rbe_db_get_int(st, 6),
        .state = (enum rbe_job_state)rbe_db_get_int(st, 7),
        .tries = (int)rbe_db_get_int(st, 8),
        .created_at = rbe_db_get_int(st, 9),
        .run_at = rbe_db_get_int(st, 10),
        .leased_at = rbe_db_get_int(st, 11),
        .finished_at = rbe_db_get_int(st, 12),
        .worker = {
            .host = rbe_db_get_text(st, 13, arena),
            .pid = rbe_db_get_int(st, 14),
            .start = rbe_db_get_int(st, 15),
        },
        .note = rbe_db_get_text(st, 16, arena),
        .payload = rbe_db_get_text(st, 17, arena),
        .bytes = rbe_db_get_int(st, 18),
        .cpu_ms = rbe_db_get_int(st, 19),
        .rss_bytes = rbe_db_get_int(st, 20),
    };
}

static enum rbe_code finish(struct rbe_store *s, enum rbe_code code, struct rbe_err *e)
{
    return rbe_store_end(s, RBE_BASE_USAGE, code, e);
}

/* The same work once more: its row as it is, and if it still waits, as urgent as the more urgent of the two. */
static enum rbe_code join(struct rbe_store *s, struct rbe_job *j, struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_job there;
    bool found;

    RBE_TRY(rbe_sql_find(s, RBE_SQL_JOB_FIND, RBE_DB_VALUES(rbe_db_int(j->kind), rbe_db_text(j->subject)), read_job,
                         &arena, &there, &found, e));
    if (!found)
        return rbe_fail(e, RBE_FAULT, "job %s is there and is not", j->subject);
    j->id = there.id;
    j->state = there.state;
    return rbe_sql_run(s, RBE_SQL_JOB_RAISE, RBE_DB_VALUES(rbe_db_int(j->id), rbe_db_int(j->weight)), NULL, e);
}

static enum rbe_code put(struct rbe_store *s, struct rbe_job *j, bool *ret_new, struct rbe_err *e)
{
    struct rbe_db_values values =
        RBE_DB_VALUES(rbe_db_int(j->kind), rbe_db_text(j->subject), rbe_db_int(j->target), rbe_db_int(j->source),
                      rbe_db_int(j->format), rbe_db_int(j->weight), rbe_db_int(j->created_at), rbe_db_int(j->run_at),
                      rbe_db_text(j->payload ? j->payload : ""));

    RBE_TRY(rbe_sql_put(s, RBE_SQL_JOB_PUT, values, &j->id, ret_new, e));
    if (!*ret_new)
        return join(s, j, e);
    j->state = RBE_JOB_QUEUED;
    return RBE_OK;
}

enum rbe_code rbe_job_put(struct rbe_store *s, struct rbe_job *j, bool *ret_new, struct rbe_err *e)
{
    struct rbe_db *db;
    bool new;

    RBE_TRY(rbe_store_db(s, RBE_BASE_USAGE, &db, e));
    bool inside = rbe_db_in_transaction(db);
    if (!inside)
        RBE_TRY(rbe_store_begin(s, RBE_BASE_USAGE, e));
    enum rbe_code code = put(s, j, &new, e);
    if (!inside)
        code = finish(s, code, e);
    if (code == RBE_OK && ret_new)
        *ret_new = new;
    return code;
}

/* What a lease becomes. */
struct end {
    enum rbe_job_state state;
    int64_t run_at, finished_at;
    const char *note;
};

static enum rbe_code end_lease(struct rbe_store *s, const struct rbe_job *j, const struct end *end, struct rbe_err *e)
{
    struct rbe_db_values values =
        RBE_DB_VALUES(rbe_db_int(j->id), rbe_db_text(j->worker.host), rbe_db_int(j->worker.pid),
                      rbe_db_int(j->worker.start), rbe_db_int(j->tries), rbe_db_int(end->state),
                      rbe_db_int(end->run_at), rbe_db_int(end->finished_at),
                      rbe_db_text(end->note ? end->note : ""), rbe_db_int(j->bytes), rbe_db_int(j->cpu_ms),
                      rbe_db_int(j->rss_bytes));
    int64_t changes;

    RBE_TRY(rbe_sql_run(s, RBE_SQL_JOB_END, values, &changes, e));
    return changes ? RBE_OK : rbe_fail(e, RBE_REFUSED, "job %" PRId64 " was taken over by another worker", j->id);
}

static enum rbe_code end_lease_alone(struct rbe_store *s, const struct rbe_job *j, const struct end *end,
                                     struct rbe_err *e)
{
    RBE_TRY(rbe_store_begin(s, RBE_BASE_USAGE, e));
    return finish(s, end_lease(s, j, end, e), e);
}

enum rbe_code rbe_job_done(struct rbe_store *s, const struct rbe_job *j, const char *note, int64_t now,
                           struct rbe_err *e)
{
    struct end end = {.state = RBE_JOB_DONE, .run_at = j->run_at, .finished_at = now, .note = note};

    return end_lease_alone(s, j, &end, e);
}

enum rbe_code rbe_job_fail(struct rbe_store *s, const struct rbe_job *j, const char *note, bool final, int64_t now,
                           struct rbe_err *e)
{
    struct end end = {.state = RBE_JOB_FAILED, .run_at = j->run_at, .finished_at = now, .note = note};

    if (!final && j->tries < RBE_JOB_TRIES) {
        end.state = RBE_JOB_QUEUED;
        end.run_at = now + delays[j->tries > 0 ? j->tries - 1 : 0];
        end.finished_at = 0;
    }
    return end_lease_alone(s, j, &end, e);
}

static enum rbe_code retry(struct rbe_store *s, int64_t id, int64_t now, struct rbe_arena *arena, struct rbe_job *ret,
                           struct rbe_err *e)
{
    bool found;

    RBE_TRY(rbe_sql_find(s, RBE_SQL_JOB_GET, RBE_DB_VALUES(rbe_db_int(id)), read_job, arena, ret, &found, e));
    if (!found)
        return rbe_fail(e, RBE_NOTFOUND, "job not found: %" PRId64, id);
    if (ret->state == RBE_JOB_LEASED)
        return rbe_fail(e, RBE_PROCESSING, "job %" PRId64 " is being worked on", id);
    return rbe_sql_run(s, RBE_SQL_JOB_RETRY, RBE_DB_VALUES(rbe_db_int(id), rbe_db_int(now)), NULL, e);
}

enum rbe_code rbe_job_retry(struct rbe_store *s, int64_t id, int64_t now, struct rbe_arena *arena, struct rbe_job *ret,
                            struct rbe_err *e)
{
    struct rbe_db *db;

    RBE_TRY(rbe_store_db(s, RBE_BASE_USAGE, &db, e));
    if (rbe_db_in_transaction(db))
        return retry(s, id, now, arena, ret, e);
    RBE_TRY(rbe_store_begin(s, RBE_BASE_USAGE, e));
    return finish(s, retry(s, id, now, arena, ret, e), e);
}

struct judge {
    const struct rbe_job_worker *me;
    int64_t now;
    bool (*alive)(const struct rbe_job_worker *w);
};

static bool is_living(const struct judge *judge, const struct rbe_job *j)
{
    int64_t age = judge->now - j->leased_at;

    /* A process of another machine cannot be looked at. Clocks differ a little; one that ran ahead must not keep a lease. */
    if (strcmp(j->worker.host, judge->me->host) != 0)
        return age < RBE_JOB_LEASE_SECONDS && age > -RBE_JOB_LEASE_SECONDS;
    return judge->alive(&j->worker);
}

/* Takes the leases of dead workers back. A job that kills its worker again and again has had its tries. */
static enum rbe_code take_back(struct rbe_store *s, const struct judge *judge, int64_t *ret_busy,
                               struct rbe_err *e)
{
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_job *jobs;
    void *rows;
    size_t n;

    *ret_busy = 0;
    RBE_TRY(rbe_sql_list(s, RBE_SQL_JOB_LEASES, RBE_DB_NONE, read_job, sizeof(*jobs), &arena, &rows, &n, e));
    jobs = rows;
    for (size_t i = 0; i < n; i++) {
        bool over = jobs[i].tries >= RBE_JOB_TRIES;
        struct end end = {
            .state = over ? RBE_JOB_FAILED : RBE_JOB_QUEUED,
            .run_at = judge->now,
            .finished_at = over ? judge->now : 0,
            .note = "its worker died",
        };

        if (is_living(judge, &jobs[i]))
            (*ret_busy)++;
        else
            RBE_TRY(end_lease(s, &jobs[i], &end, e));
    }
    return RBE_OK;
}

static enum rbe_code lease_next(struct rbe_store *s, const struct judge *judge, struct rbe_arena *arena,
                                struct rbe_job *ret, bool *ret_found, struct rbe_err *e)
{
    const struct rbe_job_worker *me = judge->me;
    const int64_t last = judge->now + delays[RBE_JOB_RETRIES - 1];

    RBE_TRY(rbe_sql_find(s, RBE_SQL_JOB_NEXT, RBE_DB_VALUES(rbe_db_int(judge->now), rbe_db_int(last)), read_job, arena,
                         ret, ret_found, e));
    if (!*ret_found)
        return RBE_OK;
    RBE_TRY(rbe_sql_run(s, RBE_SQL_JOB_LEASE,
                        RBE_DB_VALUES(rbe_db_int(ret->id), rbe_db_int(judge->now), rbe_db_text(me->host),
                                      rbe_db_int(me->pid), rbe_db_int(me->start)),
                        NULL, e));
    ret->state = RBE_JOB_LEASED;
    ret->tries++;
    ret->leased_at = judge->now;
    ret->worker = (struct rbe_job_worker){rbe_arena_strdup(arena, me->host), me->pid, me->start};
    return RBE_OK;
}

enum rbe_code rbe_job_lease(struct rbe_store *s, const struct rbe_job_worker *me, int64_t now,
                            bool (*alive)(const struct rbe_job_worker *w), struct rbe_arena *arena, struct rbe_job *ret,
                            bool *ret_found, int64_t *ret_busy, struct rbe_err *e)
{
    struct judge judge = {.me = me, .now = now, .alive = alive};
    int64_t busy;

    *ret_found = false;
    RBE_TRY(rbe_store_begin(s, RBE_BASE_USAGE, e));
    enum rbe_code code = take_back(s, &judge, &busy, e);
    if (code == RBE_OK)
        code = lease_next(s, &judge, arena, ret, ret_found, e);
    RBE_TRY(finish(s, code, e));
    if (ret_busy)
        *ret_busy = busy;
    return RBE_OK;
}

static enum rbe_code forget(struct rbe_store *s, enum rbe_job_kind kind, int64_t before, struct rbe_err *e)
{
    static const enum rbe_job_state ended[] = {RBE_JOB_DONE, RBE_JOB_FAILED};

    for (size_t i = 0; i < RBE_COUNT(ended); i++)
        RBE_TRY(rbe_sql_run(s, RBE_SQL_JOB_FORGET,
                            RBE_DB_VALUES(rbe_db_int(ended[i]), rbe_db_int(kind), rbe_db_int(before)), NULL, e));
    return RBE_OK;
}

enum rbe_code rbe_job_forget(struct rbe_store *s, enum rbe_job_kind kind, int64_t before, struct rbe_err *e)
{
    RBE_TRY(rbe_store_begin(s, RBE_BASE_USAGE, e));
    return finish(s, forget(s, kind, before, e), e);
}

static struct rbe_db_values lease_of(const struct rbe_job *j, struct rbe_db_value room[static 6], const char *note)
{
    room[0] = rbe_db_int(j->id);
    room[1] = rbe_db_text(j->worker.host);
    room[2] = rbe_db_int(j->worker.pid);
    room[3] = rbe_db_int(j->worker.start);
    room[4] = rbe_db_int(j->tries);
    room[5] = rbe_db_text(note ? note : "");
    return (struct rbe_db_values){room, note ? 6 : 5};
}

enum rbe_code rbe_job_drop(struct rbe_store *s, const struct rbe_job *j, struct rbe_err *e)
{
    struct rbe_db_value room[6];
    int64_t changes;

    RBE_TRY(rbe_store_begin(s, RBE_BASE_USAGE, e));
    RBE_TRY(finish(s, rbe_sql_run(s, RBE_SQL_JOB_DROP, lease_of(j, room, NULL), &changes, e), e));
    return changes ? RBE_OK : rbe_fail(e, RBE_REFUSED, "job %" PRId64 " was taken over by another worker", j->id);
}

enum rbe_code rbe_job_renew(struct rbe_store *s, const struct rbe_job *j, int64_t now, struct rbe_err *e)
{
    struct rbe_db_values values = RBE_DB_VALUES(rbe_db_int(j->id), rbe_db_text(j->worker.host), rbe_db_int(j->worker.pid),
                                                rbe_db_int(j->worker.start), rbe_db_int(j->tries), rbe_db_int(now));

    RBE_TRY(rbe_store_begin(s, RBE_BASE_USAGE, e));
    return finish(s, rbe_sql_run(s, RBE_SQL_JOB_RENEW, values, NULL, e), e);
}

enum rbe_code rbe_job_note(struct rbe_store *s, const struct rbe_job *j, const char *note, struct rbe_err *e)
{
    struct rbe_db_value room[6];

    RBE_TRY(rbe_store_begin(s, RBE_BASE_USAGE, e));
    return finish(s, rbe_sql_run(s, RBE_SQL_JOB_NOTE, lease_of(j, room, note), NULL, e), e);
}

enum rbe_code rbe_job_find(struct rbe_store *s, enum rbe_job_kind kind, const char *subject, struct rbe_arena *arena,
                           struct rbe_job *ret, bool *ret_found, struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_JOB_FIND, RBE_DB_VALUES(rbe_db_int(kind), rbe_db_text(subject)), read_job, arena, ret,
                        ret_found, e);
}

enum rbe_code rbe_job_least(struct rbe_store *s, int64_t target, int format, int64_t below, struct rbe_arena *arena,
                            struct rbe_job *ret, bool *ret_found, struct rbe_err *e)
{
    return rbe_sql_find(s, RBE_SQL_JOB_LEAST,
                        RBE_DB_VALUES(rbe_db_int(target), rbe_db_int(format), rbe_db_int(below)), read_job, arena, ret,
                        ret_found, e);
}

enum rbe_code rbe_job_ended(struct rbe_store *s, int64_t target, struct rbe_arena *arena, struct rbe_job **ret, size_t *ret_n,
                            struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_JOB_ENDED, RBE_DB_VALUES(rbe_db_int(target)), read_job, sizeof(**ret), arena, &rows, ret_n,
                         e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_job_built(struct rbe_store *s, int64_t target, int format, int64_t below, struct rbe_arena *arena,
                            struct rbe_job **ret, size_t *ret_n, struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_JOB_BUILT,
                         RBE_DB_VALUES(rbe_db_int(target), rbe_db_int(format), rbe_db_int(below)), read_job,
                         sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

enum rbe_code rbe_job_forget_pair(struct rbe_store *s, int64_t target, int64_t source, struct rbe_err *e)
{
    return rbe_sql_run(s, RBE_SQL_JOB_FORGET_PAIR, RBE_DB_VALUES(rbe_db_int(target), rbe_db_int(source)), NULL, e);
}

enum rbe_code rbe_job_count(struct rbe_store *s, int64_t target, int64_t *ret, struct rbe_err *e)
{
    return rbe_sql_number(s, RBE_SQL_JOB_COUNT, RBE_DB_VALUES(rbe_db_int(target)), ret, e);
}

enum rbe_code rbe_job_list(struct rbe_store *s, int state, int64_t limit, struct rbe_arena *arena, struct rbe_job **ret,
                           size_t *ret_n, struct rbe_err *e)
{
    struct rbe_db_values all = RBE_DB_VALUES(rbe_db_int(limit));
    struct rbe_db_values one = RBE_DB_VALUES(rbe_db_int(state), rbe_db_int(limit));
    void *rows;

    RBE_TRY(rbe_sql_list(s, state < 0 ? RBE_SQL_JOB_LIST : RBE_SQL_JOB_LIST_STATE, state < 0 ? all : one, read_job,
                         sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}

static void read_tally(struct rbe_db_stmt *st, struct rbe_arena *arena, void *ret)
{
    (void)arena;
    *(struct rbe_job_tally *)ret = (struct rbe_job_tally){
        .kind = (int)rbe_db_get_int(st, 0),
        .state = (int)rbe_db_get_int(st, 1),
        .count = rbe_db_get_int(st, 2),
        .oldest = rbe_db_get_int(st, 3),
    };
}

enum rbe_code rbe_job_tally(struct rbe_store *s, struct rbe_arena *arena, struct rbe_job_tally **ret, size_t *ret_n,
                            struct rbe_err *e)
{
    void *rows;

    RBE_TRY(rbe_sql_list(s, RBE_SQL_JOB_TALLY, RBE_DB_NONE, read_tally, sizeof(**ret), arena, &rows, ret_n, e));
    *ret = rows;
    return RBE_OK;
}
