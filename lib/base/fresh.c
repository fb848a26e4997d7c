#include "lib/base/fresh.h"

unsigned rbe_fresh_word(const char *rid)
{
    uint32_t h = 2166136261u;

    for (; *rid; rid++)
        h = (h ^ (unsigned char)*rid) * 16777619u;
    return (h ^ h >> 16) % RBE_SHARE_WORDS;
}

struct rbe_fresh rbe_fresh_mark(struct rbe_share *share, const char *rid)
{
    struct rbe_fresh mark = {.word = rbe_fresh_word(rid)};

    if (share) {
        mark.epoch = atomic_load(&share->epoch);
        mark.value = atomic_load(&share->word[mark.word]);
    }
    return mark;
}

void rbe_fresh_bump(struct rbe_share *share, unsigned word)
{
    if (share)
        atomic_fetch_add(&share->word[word % RBE_SHARE_WORDS], 1);
}

void rbe_fresh_bump_all(struct rbe_share *share)
{
    if (share)
        atomic_fetch_add(&share->epoch, 1);
}
