#include "lib/base/breaker.h"

/* A moment that is further off than it can be is from before the machine was started. */
#define FAR (UINT64_C(3600) * 1000000000)

static bool ahead(uint64_t moment, uint64_t now)
{
    return moment > now && moment - now <= FAR;
}

/* Of all that come once the pause is over, one moves the moment on and may try. */
static bool may_try(struct rbe_share_breaker *b, uint64_t span, uint64_t now)
{
    uint64_t again = atomic_load(&b->again);

    if (again == 0)
        return true;
    return !ahead(again, now) && atomic_compare_exchange_strong(&b->again, &again, now + span);
}

bool rbe_breaker_enter(struct rbe_share_breaker *b, unsigned seats, uint64_t span, uint64_t now, unsigned *ret_seat)
{
    *ret_seat = 0;
    if (!b)
        return true;
    if (!may_try(b, span, now))
        return false;
    for (unsigned i = 0; i < seats && i < RBE_SHARE_SEATS; i++) {
        uint64_t until = atomic_load(&b->seat[i]);

        if (ahead(until, now) || !atomic_compare_exchange_strong(&b->seat[i], &until, now + span))
            continue;
        *ret_seat = i;
        return true;
    }
    return false;
}

void rbe_breaker_leave(struct rbe_share_breaker *b, unsigned seat, bool good, uint64_t pause, uint64_t now)
{
    if (!b)
        return;
    atomic_store(&b->seat[seat], 0);
    if (good) {
        atomic_store(&b->failures, 0);
        atomic_store(&b->again, 0);
    } else if (atomic_fetch_add(&b->failures, 1) + 1 >= RBE_BREAKER_FAILURES) {
        atomic_store(&b->again, now + pause);
    }
}
