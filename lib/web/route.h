/* Matching a path against the pattern of a route. */
#ifndef RBE_WEB_ROUTE_H
#define RBE_WEB_ROUTE_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/base/mem.h"

enum { RBE_ROUTE_SEGMENTS_MAX = 8 };

struct rbe_route_segments {
    const char *v[RBE_ROUTE_SEGMENTS_MAX];
    size_t n;
};

/* "/resources/{}/latest": {} stands for one whole, non-empty segment; all else is literal. path is decoded, so a
 * '/' in it always parts segments. ret's texts live in the arena. */
bool rbe_route_match(const char *pattern, const char *path, struct rbe_arena *arena, struct rbe_route_segments *ret);

#endif
