#include "lib/web/route.h"

#include <string.h>

struct span {
    const char *s;
    size_t len;
};

static bool match(const char *pattern, const char *path, struct span *found, size_t *ret_n)
{
    size_t n = 0;

    while (*pattern) {
        if (pattern[0] != '{' || pattern[1] != '}') {
            if (*pattern++ != *path++)
                return false;
            continue;
        }
        size_t len = strcspn(path, "/");
        if (len == 0 || n == RBE_ROUTE_SEGMENTS_MAX)
            return false;
        found[n++] = (struct span){path, len};
        pattern += 2;
        path += len;
    }
    *ret_n = n;
    return *path == '\0';
}

bool rbe_route_match(const char *pattern, const char *path, struct rbe_arena *arena, struct rbe_route_segments *ret)
{
    struct span found[RBE_ROUTE_SEGMENTS_MAX];
    size_t n;

    if (!match(pattern, path, found, &n))
        return false;
    ret->n = n;
    for (size_t i = 0; i < n; i++)
        ret->v[i] = rbe_arena_strndup(arena, found[i].s, found[i].len);
    return true;
}
