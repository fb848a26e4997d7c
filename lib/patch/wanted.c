/* The list of what a package holds, made from a plan. */
#include "lib/patch/wanted.h"

#include <string.h>

#include "lib/patch/rules.h"

static int by_path(const void *a, const void *b)
{
    return strcmp(((const struct rbe_want *)a)->entry->path, ((const struct rbe_want *)b)->entry->path);
}

static void take(struct rbe_wanted *w, const struct rbe_plan_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        w->v[w->n++] = (struct rbe_want){.entry = list->v[i]};
}

void rbe_wanted_make(const struct rbe_plan *plan, struct rbe_arena *arena, struct rbe_wanted *ret)
{
    const struct rbe_plan_list *lists[] = {&plan->change[RBE_ADDED_DIR], &plan->change[RBE_ADDED],
                                           &plan->change[RBE_MODIFIED], &plan->carried};
    size_t n = 0;

    for (size_t i = 0; i < RBE_COUNT(lists); i++)
        n += lists[i]->n;
    *ret = (struct rbe_wanted){.v = rbe_arena_alloc_array(arena, n, sizeof(*ret->v))};
    for (size_t i = 0; i < RBE_COUNT(lists); i++)
        take(ret, lists[i]);
    rbe_wanted_sort(ret);
}

void rbe_wanted_sort(struct rbe_wanted *w)
{
    if (w->n)
        qsort(w->v, w->n, sizeof(*w->v), by_path);
}

struct rbe_want *rbe_wanted_find(const struct rbe_wanted *w, const char *path)
{
    const struct rbe_entry entry = {.path = path};
    const struct rbe_want key = {.entry = &entry};

    return bsearch(&key, w->v, w->n, sizeof(*w->v), by_path);
}

const struct rbe_entry *rbe_wanted_missing(const struct rbe_wanted *w)
{
    for (size_t i = 0; i < w->n; i++)
        if (!w->v[i].done)
            return w->v[i].entry;
    return NULL;
}

const char *rbe_wanted_path(struct rbe_arena *arena, const char *name)
{
    size_t len = strlen(name);
    struct rbe_rules_span path = rbe_rules_path(name, len, len > 0 && name[len - 1] == '/');

    return rbe_arena_strndup(arena, path.s, path.len);
}

enum rbe_code rbe_wanted_fault(enum rbe_code code, const char *what, struct rbe_err *e)
{
    char text[sizeof(e->text)] = "cannot be read";

    if (code != RBE_INVALID)
        return code;
    if (e)
        memcpy(text, e->text, sizeof(text));
    return rbe_fail(e, RBE_FAULT, "%s: %s", what, text);
}
