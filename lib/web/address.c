#include "lib/web/address.h"

#include <arpa/inet.h>
#include <stdint.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/web/req.h"

/* Every address as IPv6; an IPv4 one as ::ffff:a.b.c.d. */
struct address {
    unsigned char b[16];
    bool v4;                     /* spelled as IPv4 */
};

static bool parse(const char *text, struct address *ret)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    memcpy(ret->b, mapped, sizeof(mapped));
    ret->v4 = inet_pton(AF_INET, text, ret->b + 12) == 1;
    return ret->v4 || inet_pton(AF_INET6, text, ret->b) == 1;
}

/* "address" or "address/bits". */
static bool in_block(const struct address *a, const char *block)
{
    char text[64];
    const char *slash = strchr(block, '/');
    size_t len = slash ? (size_t)(slash - block) : strlen(block);
    struct address net;
    int64_t bits;

    if (len >= sizeof(text))
        return false;
    memcpy(text, block, len);
    text[len] = '\0';
    if (!parse(text, &net))
        return false;
    bits = net.v4 ? 32 : 128;
    if (slash && !rbe_int_parse(slash + 1, 0, bits, &bits))
        return false;
    if (net.v4)
        bits += 96;
    size_t whole = (size_t)bits / 8, rest = (size_t)bits % 8;
    if (memcmp(a->b, net.b, whole) != 0)
        return false;
    return rest == 0 || ((a->b[whole] ^ net.b[whole]) >> (8 - rest)) == 0;
}

bool rbe_address_in(const char *address, const char *const *blocks, size_t n)
{
    struct address a;

    if (!address || !parse(address, &a))
        return false;
    for (size_t i = 0; i < n; i++)
        if (in_block(&a, blocks[i]))
            return true;
    return false;
}

const char *rbe_address_read(const char *text, size_t len, struct rbe_arena *arena)
{
    struct address a;
    char *s = rbe_arena_strndup(arena, text, len), *end;

    if (s[0] == '[') {
        s++;
        end = strchr(s, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return NULL;
        *end = '\0';
    } else {
        end = strchr(s, ':');
        /* One colon parts a port; more of them are an IPv6 address. */
        if (end && !strchr(end + 1, ':'))
            *end = '\0';
    }
    return parse(s, &a) ? s : NULL;
}
