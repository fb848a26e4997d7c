/* A kept value is a struct rbe_latest whose texts lie behind it, or only the head of one where there is no answer. Keys hold
 * everything of a question that the record depends on:
 *     4 bytes  channel, system, arch, delta formats
 *     rid, NUL
 *     current, NUL
 */
#include "lib/core/answer.h"

#include <string.h>

#include "lib/base/cache.h"
#include "lib/base/fresh.h"
#include "lib/base/metrics.h"
#include "lib/core/parcel.h"
#include "lib/core/shelf.h"
#include "lib/store/change.h"

enum { KEY_FIXED = 4, KEY_MAX = 512, TEXTS = 4 };

/* What was found when a question was asked, and where, for the counters. */
enum level { TABLE, POOL, LEVELS };
enum outcome { HIT, MISS, STALE, FAILED, OUTCOMES };

struct text {
    struct text *next;
    const void *as;
    size_t head_len, len;
    int status;
    bool url;
    char body[];
};

struct rbe_answer {
    struct rbe_fresh fresh;
    struct text *texts;
    bool absent;
    struct rbe_latest record;    /* not where absent */
};

struct rbe_answers {
    struct rbe_cache *cache;
    struct rbe_pool *pool;       /* the parent's; NULL where there are no others */
    struct rbe_shelf *shelf;     /* NULL where there is no memcached */
    struct rbe_share *share;
    struct rbe_share_series *series[LEVELS][OUTCOMES];
    struct rbe_fresh asked;      /* how it was when the last question was asked */
    size_t key_len;              /* of that question's key; 0: its answer is not kept */
    char key[KEY_MAX];
    int64_t looked;              /* the second when untold changes were last looked for */
};

/* The texts of a record: copied with it, and so to be named here. */
static const size_t texts[TEXTS] = {
    offsetof(struct rbe_latest, rid),
    offsetof(struct rbe_latest, version_name),
    offsetof(struct rbe_latest, release_note),
    offsetof(struct rbe_latest, custom_data),
};

static const char **text_at(struct rbe_latest *l, size_t i)
{
    return (const char **)(void *)((char *)l + texts[i]);
}

static void drop(void *value)
{
    struct rbe_answer *a = value;

    for (struct text *t = a->texts, *next; t; t = next) {
        next = t->next;
        free(t);
    }
}

static void find_series(struct rbe_answers *a)
{
    static const char *const levels[LEVELS] = {[TABLE] = "table", [POOL] = "pool"};
    static const char *const words[OUTCOMES] = {
        [HIT] = "hit", [MISS] = "miss", [STALE] = "stale", [FAILED] = "error"};

    for (size_t level = 0; level < LEVELS; level++)
        for (size_t i = 0; i < OUTCOMES; i++) {
            rbe_autofree char *labels = rbe_strfmt("level=\"%s\",result=\"%s\"", levels[level], words[i]);

            a->series[level][i] = rbe_metric_find(a->share, RBE_METRIC_CACHE, labels);
        }
}

enum rbe_code rbe_answers_new(struct rbe_app *app, struct rbe_answers **ret, struct rbe_err *e)
{
    const struct rbe_settings *settings = app->settings;
    struct rbe_cache_options o = {
        .values = (size_t)settings->cache.answers, .bytes = (size_t)settings->cache.bytes / 4, .drop = drop};
    struct rbe_shelf *shelf;

    *ret = NULL;
    if (settings->cache.answers == 0)
        return RBE_OK;
    RBE_TRY(rbe_shelf_new(app, &shelf, e));
    struct rbe_answers *a = rbe_alloc(sizeof(*a));
    rbe_random(&o.seed, sizeof(o.seed));
    a->cache = rbe_cache_new(&o);
    a->shelf = shelf;
    a->share = app->share;
    find_series(a);
    *ret = a;
    return RBE_OK;
}

enum rbe_code rbe_answers_pool(const struct rbe_settings *settings, unsigned workers, struct rbe_pool **ret,
                               struct rbe_err *e)
{
    uint64_t seed;

    *ret = NULL;
    if (settings->cache.answers == 0)
        return RBE_OK;
    rbe_random(&seed, sizeof(seed));
    return rbe_pool_new((size_t)settings->cache.bytes / 4 * 3 * workers, seed, ret, e);
}

void rbe_answers_join(struct rbe_app *app, struct rbe_pool *pool)
{
    if (!app->answers)
        return;
    rbe_pool_claim(pool);
    app->answers->pool = pool;
}

void rbe_answers_free(struct rbe_answers *a)
{
    if (!a)
        return;
    rbe_cache_free(a->cache);
    rbe_shelf_free(a->shelf);
    free(a);
}

/* ---- keeping ---- */

static void copy_record(struct rbe_latest *to, const struct rbe_latest *from, const size_t *len)
{
    char *text = (char *)(to + 1);

    *to = *from;
    to->kept = NULL;
    for (size_t i = 0; i < TEXTS; i++) {
        memcpy(text, *text_at(to, i), len[i]);
        *text_at(to, i) = text;
        text += len[i];
    }
}

static void keep(struct rbe_answers *a, struct rbe_latest *l)
{
    size_t size = sizeof(struct rbe_answer), len[TEXTS];

    for (size_t i = 0; l && i < TEXTS; i++) {
        len[i] = strlen(*text_at(l, i)) + 1;
        size += len[i];
    }
    struct rbe_answer *kept =
        rbe_cache_put(a->cache, a->key, a->key_len, l ? size : offsetof(struct rbe_answer, record));
    if (!kept)
        return;
    kept->fresh = a->asked;
    kept->texts = NULL;
    kept->absent = !l;
    if (!l)
        return;
    copy_record(&kept->record, l, len);
    l->kept = kept;
}

/* ---- finding ---- */

/* Returns its length; 0 when it does not fit, which no name does that could be published. */
static size_t make_key(const struct rbe_question *q, char ret[static KEY_MAX])
{
    const size_t rid = strlen(q->rid) + 1, current = strlen(q->current) + 1;

    if (rid > KEY_MAX / 2 || current > KEY_MAX / 2 - KEY_FIXED)
        return 0;
    ret[0] = (char)q->channel;
    ret[1] = (char)q->system;
    ret[2] = (char)q->arch;
    ret[3] = (char)q->formats;
    memcpy(ret + KEY_FIXED, q->rid, rid);
    memcpy(ret + KEY_FIXED + rid, q->current, current);
    return KEY_FIXED + rid + current;
}

/* Once a second a change that nobody told is looked for; where that fails, nothing that is kept can be trusted. */
static bool trusted(struct rbe_app *app, int64_t now)
{
    struct rbe_answers *a = app->answers;

    if (now == a->looked)
        return true;
    if (rbe_store_catch_up(app->store, NULL) != RBE_OK)
        return false;
    a->looked = now;
    return true;
}

static void tell(struct rbe_answers *a, enum level level, enum outcome outcome)
{
    rbe_metric_series_add(a->share, a->series[level][outcome], 1);
}

static enum rbe_answer_found take_from_pool(struct rbe_answers *a, const char *rid, struct rbe_latest *ret)
{
    enum rbe_answer_found found = RBE_ANSWER_UNKNOWN;
    size_t len;
    const void *parcel = rbe_pool_find(a->pool, a->key, a->key_len, &len);

    if (parcel)
        found = rbe_parcel_unpack(parcel, len, &a->asked, rid, ret);
    tell(a, POOL, found != RBE_ANSWER_UNKNOWN ? HIT : parcel ? STALE : MISS);
    return found;
}

static enum rbe_answer_found take_from_shelf(struct rbe_answers *a, const char *rid, struct rbe_latest *ret)
{
    enum rbe_answer_found found;
    const void *parcel;
    size_t len;

    if (!rbe_shelf_find(a->shelf, &a->asked, a->key, a->key_len, &parcel, &len))
        return RBE_ANSWER_UNKNOWN;
    found = rbe_parcel_unpack(parcel, len, &a->asked, rid, ret);
    if (found != RBE_ANSWER_UNKNOWN && a->pool)
        rbe_pool_put(a->pool, a->key, a->key_len, parcel, len);
    return found;
}

/* What others have found, kept here as well. */
static enum rbe_answer_found take(struct rbe_answers *a, const char *rid, struct rbe_latest *ret)
{
    enum rbe_answer_found found = RBE_ANSWER_UNKNOWN;

    a->asked = rbe_fresh_mark(a->share, rid);
    if (a->pool)
        found = take_from_pool(a, rid, ret);
    if (found == RBE_ANSWER_UNKNOWN && a->shelf)
        found = take_from_shelf(a, rid, ret);
    if (found != RBE_ANSWER_UNKNOWN)
        keep(a, found == RBE_ANSWER_RECORD ? ret : NULL);
    return found;
}

enum rbe_answer_found rbe_answer_find(struct rbe_app *app, const struct rbe_question *q, struct rbe_latest *ret)
{
    struct rbe_answers *a = app->answers;

    if (!a)
        return RBE_ANSWER_UNKNOWN;
    a->key_len = make_key(q, a->key);
    if (!a->key_len || !trusted(app, q->now)) {
        a->key_len = 0;
        tell(a, TABLE, FAILED);
        return RBE_ANSWER_UNKNOWN;
    }
    struct rbe_answer *kept = rbe_cache_find(a->cache, a->key, a->key_len);
    if (!kept || !rbe_fresh_holds(a->share, &kept->fresh)) {
        tell(a, TABLE, kept ? STALE : MISS);
        return take(a, q->rid, ret);
    }
    tell(a, TABLE, HIT);
    if (kept->absent)
        return RBE_ANSWER_ABSENT;
    *ret = kept->record;
    ret->kept = kept;
    return RBE_ANSWER_RECORD;
}

void rbe_answer_keep(struct rbe_app *app, struct rbe_latest *l)
{
    struct rbe_answers *a = app->answers;
    rbe_auto(str) struct rbe_str parcel = {0};

    if (!a || !a->key_len)
        return;
    if (a->pool || a->shelf)
        rbe_parcel_pack(&parcel, &a->asked, l);
    if (a->shelf)
        rbe_shelf_put(a->shelf, parcel.s, parcel.len);
    if (a->pool)
        rbe_pool_put(a->pool, a->key, a->key_len, parcel.s, parcel.len);
    keep(a, l);
}

/* ---- renderings ---- */

bool rbe_answer_text_find(const struct rbe_latest *l, const void *as, struct rbe_answer_text *ret)
{
    const struct text *t = l->kept ? l->kept->texts : NULL;

    while (t && t->as != as)
        t = t->next;
    if (!t)
        return false;
    *ret = (struct rbe_answer_text){.head = t->body, .head_len = t->head_len, .tail = t->body + t->head_len,
                                    .tail_len = t->len - t->head_len, .url = t->url, .status = t->status};
    return true;
}

void rbe_answer_text_keep(struct rbe_app *app, const struct rbe_latest *l, const void *as,
                          const struct rbe_answer_sent *sent)
{
    const char *body = sent->body, *at = sent->url ? strstr(body, sent->url) : NULL;
    const size_t len = sent->len, gap = at ? strlen(sent->url) : 0, head = at ? (size_t)(at - body) : len;

    /* A URL that stands otherwise in the body than by itself could not be replaced. */
    if (!l->kept || (sent->url && !at) || !rbe_cache_grow(app->answers->cache, l->kept, sizeof(struct text) + len - gap))
        return;
    struct text *t = rbe_realloc(NULL, sizeof(*t) + len - gap);
    *t = (struct text){.next = l->kept->texts, .as = as, .head_len = head, .len = len - gap, .status = sent->status,
                       .url = at != NULL};
    memcpy(t->body, body, head);
    memcpy(t->body + head, body + head + gap, len - head - gap);
    l->kept->texts = t;
}
