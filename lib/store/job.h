/* Rows of job in usage.db: one queue for everything that is done later.
 *
 * A job is queued, leased by a living worker, and then done, or failed after its last try. (kind, subject) names the
 * work: putting the same work again changes nothing, whatever state it is in, so a pair is built once however many ask.
 * Only a job that still waits becomes more urgent when the same work is asked for with more weight.
 *
 * A lease holds host, process id and process start time. rbe_job_lease takes over a job whose worker is gone: on this
 * host at once, when the caller's `alive` callback says so; on another one when the lease was not renewed for
 * RBE_JOB_LEASE_SECONDS. A failed try is repeated after 1, 4, 16, 64, 256 minutes. No job waits longer than that: a
 * clock that ran ahead and was put back leaves none behind.
 */
#ifndef RBE_STORE_JOB_H
#define RBE_STORE_JOB_H

#include "lib/store/store.h"

/* As kept in the database: never renumber. */
enum rbe_job_kind { RBE_JOB_PATCH = 0, RBE_JOB_WEBHOOK = 1, RBE_JOB_PURGE = 2, RBE_JOB_MIRROR = 3, RBE_JOB_KIND_MAX };
enum rbe_job_state { RBE_JOB_QUEUED, RBE_JOB_LEASED, RBE_JOB_DONE, RBE_JOB_FAILED, RBE_JOB_STATE_MAX };
enum { RBE_JOB_RETRIES = 5, RBE_JOB_TRIES = 1 + RBE_JOB_RETRIES, RBE_JOB_LEASE_SECONDS = 10 * 60 };

struct rbe_job_worker {
    const char *host;
    int64_t pid;
    int64_t start;
};

struct rbe_job {
    int64_t id;
    enum rbe_job_kind kind;
    const char *subject;         /* names the work within its kind: "files:<target>:<source>" */
    int64_t target, source;      /* of a patch: row ids of the full packages */
    int format;                  /* of a patch: enum rbe_format */
    int64_t weight;              /* greater is sooner */
    enum rbe_job_state state;
    int tries;                   /* leases so far, the present one among them */
    int64_t created_at, run_at, leased_at, finished_at;
    struct rbe_job_worker worker;    /* of a leased one */
    const char *payload;         /* what the work needs beside its subject, as JSON; "" or NULL for none */
    int64_t bytes;               /* of a done one: size of what was made; 0 for nothing */
    int64_t cpu_ms, rss_bytes;   /* what the last try cost: processor time, and the most memory it held (0: not known) */
    const char *note;            /* the reason of the last failure, or what came of it; "" */
};

/* *ret_new (may be NULL) false when that work was there already. Sets id and state. Runs its own transaction when none
 * is open. */
enum rbe_code rbe_job_put(struct rbe_store *s, struct rbe_job *j, bool *ret_new, struct rbe_err *e) RBE_MUST_USE;
/* Leases the job to do next, the weightiest that is due, in its own transaction. *ret_found false: nothing is runnable.
 * *ret_busy (may be NULL): jobs leased by living workers at that moment, without this one. */
enum rbe_code rbe_job_lease(struct rbe_store *s, const struct rbe_job_worker *me, int64_t now,
                            bool (*alive)(const struct rbe_job_worker *w), struct rbe_arena *arena, struct rbe_job *ret,
                            bool *ret_found, int64_t *ret_busy, struct rbe_err *e) RBE_MUST_USE;
/* Says that the worker of a lease is still at it, in its own transaction; a lease lost meanwhile is left as it is. */
enum rbe_code rbe_job_renew(struct rbe_store *s, const struct rbe_job *j, int64_t now, struct rbe_err *e) RBE_MUST_USE;
/* Ends a lease, each in its own transaction, and keeps j's bytes, cpu_ms and rss_bytes; a lease lost meanwhile is
 * RBE_REFUSED. fail queues it again, or keeps it as failed after its last try or when final is set. */
enum rbe_code rbe_job_done(struct rbe_store *s, const struct rbe_job *j, const char *note, int64_t now,
                           struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_job_fail(struct rbe_store *s, const struct rbe_job *j, const char *note, bool final, int64_t now,
                           struct rbe_err *e) RBE_MUST_USE;
/* Queues a job anew with all its tries before it, due now; in its own transaction when none is open. One that is leased
 * stays so: RBE_PROCESSING. No such job: RBE_NOTFOUND. ret is the job as it was. */
enum rbe_code rbe_job_retry(struct rbe_store *s, int64_t id, int64_t now, struct rbe_arena *arena, struct rbe_job *ret,
                            struct rbe_err *e) RBE_MUST_USE;
/* Deletes jobs of a kind that ended before that time, done and failed, in its own transaction. */
enum rbe_code rbe_job_forget(struct rbe_store *s, enum rbe_job_kind kind, int64_t before,
                             struct rbe_err *e) RBE_MUST_USE;
/* Removes a leased job that has no point any more, so that the same work can be asked for again; a lease lost meanwhile is
 * RBE_REFUSED. In its own transaction. */
enum rbe_code rbe_job_drop(struct rbe_store *s, const struct rbe_job *j, struct rbe_err *e) RBE_MUST_USE;
/* What a leased job is doing just now, as its note until it ends; nothing when the lease was lost. In its own
 * transaction. */
enum rbe_code rbe_job_note(struct rbe_store *s, const struct rbe_job *j, const char *note, struct rbe_err *e)
    RBE_MUST_USE;
enum rbe_code rbe_job_find(struct rbe_store *s, enum rbe_job_kind kind, const char *subject, struct rbe_arena *arena,
                           struct rbe_job *ret, bool *ret_found, struct rbe_err *e) RBE_MUST_USE;
/* The least weighty patch job of a target and format that waits and is below that weight. */
enum rbe_code rbe_job_least(struct rbe_store *s, int64_t target, int format, int64_t below, struct rbe_arena *arena,
                            struct rbe_job *ret, bool *ret_found, struct rbe_err *e) RBE_MUST_USE;
/* The patch jobs of a target and format that are done and below that weight. */
enum rbe_code rbe_job_built(struct rbe_store *s, int64_t target, int format, int64_t below, struct rbe_arena *arena,
                            struct rbe_job **ret, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* All of them that are done or failed, by source and format. */
enum rbe_code rbe_job_ended(struct rbe_store *s, int64_t target, struct rbe_arena *arena, struct rbe_job **ret, size_t *ret_n,
                            struct rbe_err *e) RBE_MUST_USE;
/* Forgets the patch jobs of a pair that nobody is at; in a transaction. */
enum rbe_code rbe_job_forget_pair(struct rbe_store *s, int64_t target, int64_t source, struct rbe_err *e) RBE_MUST_USE;
/* Sources that patch jobs of a target begin from, in any state. */
enum rbe_code rbe_job_count(struct rbe_store *s, int64_t target, int64_t *ret, struct rbe_err *e) RBE_MUST_USE;
/* state -1 for all; newest first, at most limit. */
enum rbe_code rbe_job_list(struct rbe_store *s, int state, int64_t limit, struct rbe_arena *arena, struct rbe_job **ret,
                           size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;

/* How many jobs of a kind are in a state, of those that are not done, and when the oldest was made. */
struct rbe_job_tally {
    int kind, state;
    int64_t count, oldest;
};
enum rbe_code rbe_job_tally(struct rbe_store *s, struct rbe_arena *arena, struct rbe_job_tally **ret, size_t *ret_n,
                            struct rbe_err *e) RBE_MUST_USE;

#endif
