#include "lib/patch/retry.h"

#include <poll.h>

#include "lib/wrap/hash.h"

enum { PAUSE_MAX_MS = 60000, SLICE_MS = 100 };

bool rbe_retry_pause(int64_t ms, bool (*stop)(void *arg), void *arg)
{
    for (; ms > 0; ms -= SLICE_MS) {
        if (stop && stop(arg))
            return true;
        (void)poll(NULL, 0, (int)(ms < SLICE_MS ? ms : SLICE_MS));
    }
    return stop && stop(arg);
}

/* Up to ms, differently for each client. */
static int64_t some_of(int64_t ms)
{
    uint16_t chance;

    rbe_random(&chance, sizeof(chance));
    return (int64_t)((uint64_t)ms * chance / UINT16_MAX);
}

int64_t rbe_retry_longer(int64_t ms)
{
    ms = ms + ms / 2 + some_of(ms);
    return ms < PAUSE_MAX_MS ? ms : PAUSE_MAX_MS;
}

/* Never earlier than the server wants, and not all clients at once. */
static int64_t pause_of(const struct rbe_retry *r, const struct rbe_err *e)
{
    int64_t asked = e->retry_after * 1000;

    asked += some_of(asked / 10);
    return asked > r->next_ms ? asked : r->next_ms;
}

/* The failure, with what the server said of its end. */
static enum rbe_code give_up(struct rbe_err *e)
{
    static const struct {
        int64_t seconds, most;
        const char *name;
    } units[] = {{1, 120, "seconds"}, {60, 120 * 60, "minutes"}, {3600, INT64_MAX, "hours"}};
    struct rbe_err why = *e;
    size_t i = 0;

    if (why.retry_after <= 0)
        return why.code;
    while (why.retry_after > units[i].most)
        i++;
    (void)rbe_fail(e, why.code, "%.400s; it may be asked again in %lld %s", why.text,
                   (long long)((why.retry_after + units[i].seconds - 1) / units[i].seconds), units[i].name);
    e->retry_after = why.retry_after;
    return why.code;
}

enum rbe_code rbe_retry(struct rbe_retry *r, bool progress, struct rbe_err *e)
{
    int64_t pause;

    if (progress || !r->next_ms)
        r->next_ms = r->pause_ms;
    r->failed = progress ? 0 : r->failed + 1;
    if ((e->code != RBE_UNAVAILABLE && e->code != RBE_LIMITED) || (r->stop && r->stop(r->arg)))
        return e->code;
    if (r->failed >= r->tries || e->retry_after > r->patience_s)
        return give_up(e);
    pause = pause_of(r, e);
    if (r->again)
        r->again(r->arg, e, pause);
    if (rbe_retry_pause(pause, r->stop, r->arg))
        return rbe_fail(e, RBE_UNAVAILABLE, "stopped");
    if (r->failed)
        r->next_ms = rbe_retry_longer(r->next_ms);
    /* granted: what goes wrong from here on has other reasons */
    e->retry_after = 0;
    return RBE_OK;
}
