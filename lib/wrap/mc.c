/* What is used of libmemcached's interface is declared here: its names and numbers are those of libmemcached.so.11, which is
 * from 2012 and what Debian has, and so the build needs no headers of it. How it shall behave is told by its own
 * configuration text.
 */
#include "lib/wrap/mc.h"

#include <dlfcn.h>
#include <string.h>
#include <time.h>

#include "lib/base/clock.h"
#include "lib/base/linkage.h"
#include "lib/base/str.h"

#define LIBRARY "libmemcached.so.11"
#define SECOND UINT64_C(1000000000)

enum outcome { DONE = 0, EXISTS = 12, NOT_STORED = 14, NOT_FOUND = 16, END = 21, TIMEOUT = 31 };
enum { BEHAVIOR_RETRY_TIMEOUT = 15, RETRY_SECONDS = 2 };

typedef int execute(const void *pool, void *result, void *arg);

struct rbe_mc {
    void *library, *pool;
    size_t servers;
    uint64_t *again;             /* by server: not to be asked before (monotonic ns) */
    uint32_t (*server_of)(const void *pool, const char *key, size_t key_len);
    void *(*make)(const char *text, size_t len);
    void (*release)(void *pool);
    int (*behavior_set)(void *pool, int flag, uint64_t value);
    char *(*get)(void *pool, const char *key, size_t key_len, size_t *len, uint32_t *flags, int *outcome);
    int (*set)(void *pool, const char *key, size_t key_len, const char *p, size_t n, time_t seconds, uint32_t flags);
    int (*add)(void *pool, const char *key, size_t key_len, const char *p, size_t n, time_t seconds, uint32_t flags);
    int (*cas)(void *pool, const char *key, size_t key_len, const char *p, size_t n, time_t seconds, uint32_t flags,
               uint64_t mark);
    int (*mget)(void *pool, const char *const *keys, const size_t *key_lens, size_t n);
    int (*fetch_execute)(void *pool, execute *const *callbacks, void *arg, unsigned n);
    const char *(*result_value)(const void *result);
    size_t (*result_length)(const void *result);
    uint64_t (*result_cas)(const void *result);
};

static enum rbe_code load(struct rbe_mc *m, struct rbe_err *e)
{
    const struct {
        const char *name;
        void *to;
    } functions[] = {
        {"memcached", &m->make},
        {"memcached_free", &m->release},
        {"memcached_behavior_set", &m->behavior_set},
        {"memcached_generate_hash", &m->server_of},
        {"memcached_get", &m->get},
        {"memcached_set", &m->set},
        {"memcached_add", &m->add},
        {"memcached_cas", &m->cas},
        {"memcached_mget", &m->mget},
        {"memcached_fetch_execute", &m->fetch_execute},
        {"memcached_result_value", &m->result_value},
        {"memcached_result_length", &m->result_length},
        {"memcached_result_cas", &m->result_cas},
    };

    m->library = RBE_LOADS ? dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!m->library)
        return rbe_fail(e, RBE_REFUSED, RBE_LOADS ? "memcached.servers needs %s (Debian: libmemcached11)"
                                                  : "memcached.servers: this rbe is linked statically and loads no %s", LIBRARY);
    for (size_t i = 0; i < RBE_COUNT(functions); i++) {
        void *found = dlsym(m->library, functions[i].name);

        if (!found)
            return rbe_fail(e, RBE_REFUSED, "%s has no %s", LIBRARY, functions[i].name);
        memcpy(functions[i].to, &found, sizeof(found));
    }
    return RBE_OK;
}

enum rbe_code rbe_mc_new(const char *const *servers, size_t n, int64_t timeout_ms, struct rbe_mc **ret, struct rbe_err *e)
{
    rbe_autoptr(mc) struct rbe_mc *m = rbe_alloc(sizeof(*m));
    rbe_auto(str) struct rbe_str text = {0};

    RBE_TRY(load(m, e));
    for (size_t i = 0; i < n; i++)
        rbe_str_putf(&text, servers[i][0] == '/' ? "--SOCKET=\"%s\" " : "--SERVER=%s ", servers[i]);
    rbe_str_putf(&text, "--DISTRIBUTION=consistent --TCP-NODELAY --SUPPORT-CAS --CONNECT-TIMEOUT=%lld --POLL-TIMEOUT=%lld",
                 (long long)timeout_ms, (long long)timeout_ms);
    m->pool = m->make(rbe_str_text(&text), text.len);
    if (!m->pool)
        return rbe_fail(e, RBE_REFUSED, "memcached.servers: not understood");
    if (m->behavior_set(m->pool, BEHAVIOR_RETRY_TIMEOUT, RETRY_SECONDS) != DONE)
        return rbe_fail(e, RBE_REFUSED, "memcached.servers: %s takes no time to retry", LIBRARY);
    m->servers = n;
    m->again = rbe_alloc(n * sizeof(*m->again));
    *ret = rbe_steal(m);
    return RBE_OK;
}

/* The library itself stays loaded, as what it set up ends with the process. */
void rbe_mc_free(struct rbe_mc *m)
{
    if (!m)
        return;
    if (m->pool)
        m->release(m->pool);
    free(m->again);
    free(m);
}

/* The library itself leaves alone only a server that it cannot connect to, and waits anew for one that takes connections
 * and then says nothing. */
static uint64_t *again_of(struct rbe_mc *m, const char *key)
{
    return &m->again[m->server_of(m->pool, key, strlen(key)) % m->servers];
}

static bool left_alone(struct rbe_mc *m, const char *key)
{
    return *again_of(m, key) > rbe_clock_mono();
}

static enum rbe_mc_got got_of(struct rbe_mc *m, const char *key, int outcome)
{
    if (outcome == DONE)
        return RBE_MC_HIT;
    if (outcome == NOT_FOUND || outcome == NOT_STORED || outcome == EXISTS || outcome == END)
        return RBE_MC_MISS;
    if (outcome == TIMEOUT)
        *again_of(m, key) = rbe_clock_mono() + RETRY_SECONDS * SECOND;
    return RBE_MC_AWAY;
}

enum rbe_mc_got rbe_mc_get(struct rbe_mc *m, const char *key, char **ret, size_t *ret_len)
{
    uint32_t flags;
    int outcome;

    *ret = NULL;
    if (left_alone(m, key))
        return RBE_MC_AWAY;
    *ret = m->get(m->pool, key, strlen(key), ret_len, &flags, &outcome);
    if (outcome == DONE && *ret)
        return RBE_MC_HIT;
    free(rbe_steal(*ret));
    return outcome == DONE ? RBE_MC_AWAY : got_of(m, key, outcome);
}

bool rbe_mc_set(struct rbe_mc *m, const char *key, const void *p, size_t n, unsigned seconds)
{
    return !left_alone(m, key) &&
           got_of(m, key, m->set(m->pool, key, strlen(key), p, n, (time_t)seconds, 0)) == RBE_MC_HIT;
}

enum rbe_mc_got rbe_mc_add(struct rbe_mc *m, const char *key, unsigned seconds)
{
    return rbe_mc_swap(m, key, 0, "", 0, seconds);
}

/* ---- reading and changing ---- */

struct reading {
    const struct rbe_mc *mc;
    char *to;
    size_t size, len;
    uint64_t mark;
    bool found;
};

static int take_result(const void *pool, void *result, void *arg)
{
    struct reading *r = arg;

    (void)pool;
    r->found = true;
    r->len = r->mc->result_length(result);
    r->mark = r->mc->result_cas(result);
    if (r->len)
        memcpy(r->to, r->mc->result_value(result), r->len < r->size ? r->len : r->size);
    return DONE;
}

/* fetch_execute reads on to the end of the answer, and so nothing of it is taken for the next. */
enum rbe_mc_got rbe_mc_read(struct rbe_mc *m, const char *key, void *ret, size_t size, size_t *ret_len, uint64_t *ret_mark)
{
    static execute *const callbacks[] = {take_result};
    struct reading r = {.mc = m, .to = ret, .size = size};
    size_t key_len = strlen(key);

    *ret_len = 0;
    *ret_mark = 0;
    if (left_alone(m, key))
        return RBE_MC_AWAY;
    int outcome = m->mget(m->pool, &key, &key_len, 1);
    if (outcome == DONE)
        outcome = m->fetch_execute(m->pool, callbacks, &r, 1);
    if (outcome != DONE || !r.found)
        return outcome == DONE ? RBE_MC_AWAY : got_of(m, key, outcome);
    *ret_len = r.len;
    *ret_mark = r.mark;
    return RBE_MC_HIT;
}

enum rbe_mc_got rbe_mc_swap(struct rbe_mc *m, const char *key, uint64_t mark, const void *p, size_t n, unsigned seconds)
{
    if (left_alone(m, key))
        return RBE_MC_AWAY;
    return got_of(m, key, mark ? m->cas(m->pool, key, strlen(key), p, n, (time_t)seconds, 0, mark)
                               : m->add(m->pool, key, strlen(key), p, n, (time_t)seconds, 0));
}
