/* Plans: one walk along both manifests, which are sorted alike. */
#include "lib/patch/plan.h"

#include <fnmatch.h>
#include <string.h>

const char *rbe_change_name(enum rbe_change change)
{
    static const char *const names[RBE_CHANGE_MAX] = {
        [RBE_ADDED] = "added",         [RBE_MODIFIED] = "modified",       [RBE_DELETED] = "deleted",
        [RBE_ADDED_DIR] = "added_dir", [RBE_DELETED_DIR] = "deleted_dir",
    };

    return names[change];
}

bool rbe_plan_match(const struct rbe_plan_globs *globs, const char *path)
{
    const char *slash = strrchr(path, '/');

    for (size_t i = 0; i < globs->n; i++) {
        if (fnmatch(globs->v[i], path, FNM_PATHNAME) == 0)
            return true;
        if (slash && !strchr(globs->v[i], '/') && fnmatch(globs->v[i], slash + 1, FNM_PATHNAME) == 0)
            return true;
    }
    return false;
}

/* Lists grow by doubling; what an outgrown one held stays in the arena, at most as much again. */
static void put(struct rbe_arena *arena, struct rbe_plan_list *list, const struct rbe_entry *entry)
{
    if ((list->n & (list->n - 1)) == 0) {
        const struct rbe_entry **v = rbe_arena_alloc_array(arena, list->n ? 2 * list->n : 1, sizeof(*v));

        if (list->n)
            memcpy(v, list->v, list->n * sizeof(*v));
        list->v = v;
    }
    list->v[list->n++] = entry;
}

static void gone(struct rbe_arena *arena, struct rbe_plan *plan, const struct rbe_entry *old)
{
    put(arena, &plan->change[old->kind == RBE_KIND_DIR ? RBE_DELETED_DIR : RBE_DELETED], old);
}

static void come(struct rbe_arena *arena, struct rbe_plan *plan, const struct rbe_entry *new)
{
    put(arena, &plan->change[new->kind == RBE_KIND_DIR ? RBE_ADDED_DIR : RBE_ADDED], new);
}

static void stayed(struct rbe_arena *arena, struct rbe_plan *plan, const struct rbe_plan_globs *globs,
                   const struct rbe_entry *old, const struct rbe_entry *new)
{
    bool was_dir = old->kind == RBE_KIND_DIR, is_dir = new->kind == RBE_KIND_DIR;

    if (was_dir != is_dir) {
        gone(arena, plan, old);
        come(arena, plan, new);
    } else if (is_dir) {
        return;
    } else if (!rbe_entry_equal(old, new)) {
        put(arena, &plan->change[RBE_MODIFIED], new);
    } else if (rbe_plan_match(globs, new->path)) {
        put(arena, &plan->carried, new);
    }
}

void rbe_plan_make(const struct rbe_manifest *from, const struct rbe_manifest *to, const struct rbe_plan_globs *globs,
                   struct rbe_arena *arena, struct rbe_plan *ret)
{
    size_t i = 0, j = 0;

    *ret = (struct rbe_plan){0};
    while (i < from->n || j < to->n) {
        int order = i == from->n ? 1 : j == to->n ? -1 : strcmp(from->entries[i].path, to->entries[j].path);

        if (order < 0)
            gone(arena, ret, &from->entries[i]);
        else if (order > 0)
            come(arena, ret, &to->entries[j]);
        else
            stayed(arena, ret, globs, &from->entries[i], &to->entries[j]);
        i += order <= 0;
        j += order >= 0;
    }
}
