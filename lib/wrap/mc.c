/* What is used of libmemcached's interface is declared here: its names and numbers are those of libmemcached.so.11, which is
 * from 2012 and what Debian has, and so the build needs no headers of it. How it shall behave is told by its own
 * configuration text.
 */
#include "lib/wrap/mc.h"

#include <dlfcn.h>
#include <string.h>
#include <time.h>

#include "lib/base/str.h"

#define LIBRARY "libmemcached.so.11"

enum outcome { DONE = 0, NOT_STORED = 14, NOT_FOUND = 16 };
enum { BEHAVIOR_RETRY_TIMEOUT = 15, RETRY_SECONDS = 2 };

struct rbe_mc {
    void *library, *pool;
    void *(*make)(const char *text, size_t len);
    void (*release)(void *pool);
    int (*behavior_set)(void *pool, int flag, uint64_t value);
    char *(*get)(void *pool, const char *key, size_t key_len, size_t *len, uint32_t *flags, int *outcome);
    int (*set)(void *pool, const char *key, size_t key_len, const char *p, size_t n, time_t seconds, uint32_t flags);
    int (*add)(void *pool, const char *key, size_t key_len, const char *p, size_t n, time_t seconds, uint32_t flags);
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
        {"memcached_get", &m->get},
        {"memcached_set", &m->set},
        {"memcached_add", &m->add},
    };

    m->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!m->library)
        return rbe_fail(e, RBE_REFUSED, "memcached.servers needs %s (Debian: libmemcached11)", LIBRARY);
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
    rbe_str_putf(&text, "--DISTRIBUTION=consistent --TCP-NODELAY --CONNECT-TIMEOUT=%lld --POLL-TIMEOUT=%lld",
                 (long long)timeout_ms, (long long)timeout_ms);
    m->pool = m->make(rbe_str_text(&text), text.len);
    if (!m->pool)
        return rbe_fail(e, RBE_REFUSED, "memcached.servers: not understood");
    if (m->behavior_set(m->pool, BEHAVIOR_RETRY_TIMEOUT, RETRY_SECONDS) != DONE)
        return rbe_fail(e, RBE_REFUSED, "memcached.servers: %s takes no time to retry", LIBRARY);
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
    free(m);
}

enum rbe_mc_got rbe_mc_get(struct rbe_mc *m, const char *key, char **ret, size_t *ret_len)
{
    uint32_t flags;
    int outcome;

    *ret = m->get(m->pool, key, strlen(key), ret_len, &flags, &outcome);
    if (outcome == DONE && *ret)
        return RBE_MC_HIT;
    free(rbe_steal(*ret));
    return outcome == NOT_FOUND ? RBE_MC_MISS : RBE_MC_AWAY;
}

bool rbe_mc_set(struct rbe_mc *m, const char *key, const void *p, size_t n, unsigned seconds)
{
    return m->set(m->pool, key, strlen(key), p, n, (time_t)seconds, 0) == DONE;
}

enum rbe_mc_got rbe_mc_add(struct rbe_mc *m, const char *key, unsigned seconds)
{
    int outcome = m->add(m->pool, key, strlen(key), "", 0, (time_t)seconds, 0);

    return outcome == DONE ? RBE_MC_HIT : outcome == NOT_STORED ? RBE_MC_MISS : RBE_MC_AWAY;
}
