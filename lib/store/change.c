#include "lib/store/change.h"

#include "lib/base/fresh.h"
#include "lib/store/sql.h"

void rbe_store_tell(struct rbe_store *s, struct rbe_share *share)
{
    s->share = share;
    s->version = -1;
}

void rbe_store_touch(struct rbe_store *s, const char *rid)
{
    const unsigned word = rbe_fresh_word(rid);

    for (size_t i = 0; i < s->n_touched; i++)
        if (s->touched[i] == word)
            return;
    /* The last place is never filled: full means too many to tell one by one. */
    if (s->n_touched < RBE_STORE_TOUCHED_MAX)
        s->touched[s->n_touched++] = word;
}

static enum rbe_code number(struct rbe_store *s, int64_t *ret, struct rbe_err *e)
{
    return rbe_sql_number(s, RBE_SQL_CHANGE_NUMBER, RBE_DB_NONE, ret, e);
}

enum rbe_code rbe_change_begin(struct rbe_store *s, struct rbe_err *e)
{
    s->n_touched = 0;
    s->added = false;
    return s->share ? number(s, &s->change, e) : RBE_OK;
}

/* The number that others must have seen before ours is the one this transaction began with: else there is a change that
 * nobody told. A writer that committed before us and has not come so far yet is taken for one. */
static void tell(struct rbe_store *s, int64_t now)
{
    int64_t told = s->change;

    if (s->n_touched == 0 || s->n_touched == RBE_STORE_TOUCHED_MAX)
        rbe_fresh_bump_all(s->share);
    else
        for (size_t i = 0; i < s->n_touched; i++)
            rbe_fresh_bump(s->share, s->touched[i]);
    if (atomic_compare_exchange_strong(&s->share->told, &told, now))
        return;
    atomic_store(&s->share->told, now);
    rbe_fresh_bump_all(s->share);
}

enum rbe_code rbe_change_commit(struct rbe_store *s, struct rbe_db *db, struct rbe_err *e)
{
    enum rbe_code code = RBE_OK;
    int64_t now = s->change;

    if (s->added)
        code = rbe_sql_run(s, RBE_SQL_CHANGE_COUNT, RBE_DB_NONE, NULL, e);
    if (code == RBE_OK && s->share)
        code = number(s, &now, e);
    if (code != RBE_OK) {
        rbe_db_rollback(db);
        return code;
    }
    RBE_TRY(rbe_db_commit(db, e));
    if (now != s->change)
        tell(s, now);
    return RBE_OK;
}

enum rbe_code rbe_store_catch_up(struct rbe_store *s, struct rbe_err *e)
{
    int64_t version, now, told;

    if (!s->share)
        return RBE_OK;
    RBE_TRY(rbe_store_change(s, &version, e));
    if (version == s->version)
        return RBE_OK;
    /* In this order: a commit that comes between the two is told already, and the exchange fails. */
    told = atomic_load(&s->share->told);
    RBE_TRY(number(s, &now, e));
    if (now != told && atomic_compare_exchange_strong(&s->share->told, &told, now))
        rbe_fresh_bump_all(s->share);
    s->version = version;
    return RBE_OK;
}
