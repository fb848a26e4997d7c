#include "lib/patch/solid.h"

#include <string.h>

/* Entries sorted by what they hold, files only. */
struct contents {
    const struct rbe_entry **v;
    size_t n;
};

struct making {
    const struct rbe_solid_input *in;
    struct rbe_arena *arena;
    struct contents old, new;
    struct rbe_solid *ret;
    struct rbe_solid_side sources, targets;
};

static int by_content(const void *a, const void *b)
{
    const struct rbe_entry *const *x = a, *const *y = b;
    int order = memcmp((*x)->sha256, (*y)->sha256, RBE_SHA256_SIZE);

    return order ? order : strcmp((*x)->path, (*y)->path);
}

static struct contents contents_of(const struct rbe_manifest *m, struct rbe_arena *arena)
{
    struct contents c = {.v = rbe_arena_alloc_array(arena, m->n, sizeof(*c.v))};

    for (size_t i = 0; i < m->n; i++)
        if (m->entries[i].kind == RBE_KIND_FILE)
            c.v[c.n++] = &m->entries[i];
    if (c.n)
        qsort(c.v, c.n, sizeof(*c.v), by_content);
    return c;
}

/* The first by path that holds the same; NULL for none. */
static const struct rbe_entry *same_in(const struct contents *c, const struct rbe_entry *entry)
{
    size_t low = 0, high = c->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (memcmp(c->v[mid]->sha256, entry->sha256, RBE_SHA256_SIZE) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low < c->n && memcmp(c->v[low]->sha256, entry->sha256, RBE_SHA256_SIZE) == 0 ? c->v[low] : NULL;
}

/* ---- the order: directory, name up to the last dot, ending ---- */

struct place {
    const char *path, *name, *dot;
};

static struct place place_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');

    return (struct place){path, name, dot && dot > name ? dot : name + strlen(name)};
}

static int compare_part(const char *a, const char *a_end, const char *b, const char *b_end)
{
    size_t n = (size_t)(a_end - a), m = (size_t)(b_end - b);
    int order = memcmp(a, b, n < m ? n : m);

    return order ? order : (n > m) - (n < m);
}

static int compare_place(const struct rbe_entry *x, const struct rbe_entry *y)
{
    struct place a = place_of(x->path), b = place_of(y->path);
    int order = compare_part(a.path, a.name, b.path, b.name);

    if (order == 0)
        order = compare_part(a.name, a.dot, b.name, b.dot);
    return order ? order : strcmp(a.dot, b.dot);
}

static int by_place(const void *a, const void *b)
{
    return compare_place(*(const struct rbe_entry *const *)a, *(const struct rbe_entry *const *)b);
}

/* ---- what becomes of each file ---- */

static void put_side(struct rbe_solid_side *side, const struct rbe_entry *entry)
{
    side->v[side->n++] = entry;
    side->bytes += entry->size;
}

static void put_copy(struct making *m, const struct rbe_entry *entry, const char *from, bool of_new)
{
    struct rbe_copy *copy = &m->ret->copies[m->ret->n_copies++];

    *copy = (struct rbe_copy){.path = entry->path, .from = from, .mode = entry->mode, .of_new = of_new};
    memcpy(copy->sha256, entry->sha256, sizeof(copy->sha256));
}

static void put_whole(struct making *m, const struct rbe_entry *entry)
{
    m->ret->whole.v[m->ret->whole.n++] = (struct rbe_want){.entry = entry};
}

static bool comes_whole(const struct making *m, const struct rbe_entry *entry)
{
    return entry->kind != RBE_KIND_FILE || entry->size == 0 || rbe_plan_match(m->in->globs, entry->path) ||
           (m->in->apart && m->in->apart[entry - m->in->to->entries]);
}

/* A file that changed its mode only is a copy of itself. */
static void put_changed(struct making *m, const struct rbe_entry *entry)
{
    const struct rbe_entry *own, *old, *first;

    if (entry->kind != RBE_KIND_FILE || entry->size == 0 || rbe_plan_match(m->in->globs, entry->path)) {
        put_whole(m, entry);
        return;
    }
    old = same_in(&m->old, entry);
    own = old ? rbe_manifest_find(m->in->from, entry->path) : NULL;
    first = same_in(&m->new, entry);
    if (old)
        put_copy(m, entry, own && memcmp(own->sha256, old->sha256, RBE_SHA256_SIZE) == 0 ? own->path : old->path, false);
    else if (first != entry)
        put_copy(m, entry, first->path, true);
    else if (comes_whole(m, entry))
        put_whole(m, entry);
    else
        put_side(&m->targets, entry);
}

/* Of an old file that is modified or gone. What holds the same as another one, or lives on, would only be in the way. */
static void put_former(struct making *m, const struct rbe_entry *entry)
{
    const struct rbe_entry *old = entry->kind == RBE_KIND_FILE ? entry : NULL;

    if (old && old->size > 0 && !same_in(&m->new, old))
        put_side(&m->sources, old);
}

static void sort_all(struct making *m)
{
    const struct rbe_plan_list *change = m->in->plan->change;

    for (size_t i = 0; i < change[RBE_ADDED_DIR].n; i++)
        put_whole(m, change[RBE_ADDED_DIR].v[i]);
    for (size_t i = 0; i < m->in->plan->carried.n; i++)
        put_whole(m, m->in->plan->carried.v[i]);
    for (size_t i = 0; i < change[RBE_ADDED].n; i++)
        put_changed(m, change[RBE_ADDED].v[i]);
    for (size_t i = 0; i < change[RBE_MODIFIED].n; i++) {
        put_changed(m, change[RBE_MODIFIED].v[i]);
        put_former(m, rbe_manifest_find(m->in->from, change[RBE_MODIFIED].v[i]->path));
    }
    for (size_t i = 0; i < change[RBE_DELETED].n; i++)
        put_former(m, change[RBE_DELETED].v[i]);
}

/* ---- groups ---- */

/* Of files that hold the same the first by path stays. */
static void drop_doubles(struct rbe_solid_side *side)
{
    size_t n = side->n;

    if (n == 0)
        return;
    qsort(side->v, n, sizeof(*side->v), by_content);
    side->n = 0;
    side->bytes = 0;
    for (size_t i = 0; i < n; i++)
        if (side->n == 0 || memcmp(side->v[side->n - 1]->sha256, side->v[i]->sha256, RBE_SHA256_SIZE) != 0)
            put_side(side, side->v[i]);
}

static bool full(const struct rbe_solid_side *side, const struct rbe_entry *next, uint64_t bound)
{
    return side->n > 0 && (side->bytes > bound || next->size > bound - side->bytes);
}

/* Walks both sides in their common order and begins a new group where one side would grow beyond the bound. Sides of a
 * group are parts of the whole sides, one behind the other. */
static void make_groups(struct making *m)
{
    struct rbe_solid_side *a = &m->sources, *b = &m->targets;
    struct rbe_solid_group *group = NULL;

    m->ret->groups = rbe_arena_alloc_array(m->arena, a->n + b->n, sizeof(*m->ret->groups));
    for (size_t i = 0, k = 0; k < b->n;) {
        bool source = i < a->n && compare_place(a->v[i], b->v[k]) <= 0;
        const struct rbe_entry *next = source ? a->v[i] : b->v[k];

        if (!group || full(source ? &group->source : &group->target, next, m->in->bound)) {
            group = &m->ret->groups[m->ret->n_groups++];
            *group = (struct rbe_solid_group){.source.v = &a->v[i], .target.v = &b->v[k]};
        }
        struct rbe_solid_side *side = source ? &group->source : &group->target;

        side->n++;
        side->bytes += next->size;
        i += source;
        k += !source;
        /* Behind the last target: what is left of the sources still helps it as far as the bound goes. */
        for (; k == b->n && i < a->n && !full(&group->source, a->v[i], m->in->bound); i++) {
            group->source.n++;
            group->source.bytes += a->v[i]->size;
        }
    }
}

/* Groups that got sources only have nothing to make. */
static void drop_idle_groups(struct rbe_solid *s)
{
    size_t n = s->n_groups;

    s->n_groups = 0;
    for (size_t i = 0; i < n; i++)
        if (s->groups[i].target.n > 0)
            s->groups[s->n_groups++] = s->groups[i];
}

void rbe_solid_make(const struct rbe_solid_input *in, struct rbe_arena *arena, struct rbe_solid *ret)
{
    struct making m = {.in = in, .arena = arena, .ret = ret};
    const struct rbe_plan_list *change = in->plan->change;
    size_t changed = change[RBE_ADDED].n + change[RBE_MODIFIED].n;
    size_t former = change[RBE_DELETED].n + change[RBE_MODIFIED].n;

    *ret = (struct rbe_solid){0};
    ret->copies = rbe_arena_alloc_array(arena, changed, sizeof(*ret->copies));
    ret->whole.v = rbe_arena_alloc_array(arena, changed + change[RBE_ADDED_DIR].n + in->plan->carried.n,
                                         sizeof(*ret->whole.v));
    m.sources.v = rbe_arena_alloc_array(arena, former, sizeof(*m.sources.v));
    m.targets.v = rbe_arena_alloc_array(arena, changed, sizeof(*m.targets.v));
    m.old = contents_of(in->from, arena);
    m.new = contents_of(in->to, arena);
    sort_all(&m);
    rbe_wanted_sort(&ret->whole);
    drop_doubles(&m.sources);
    if (m.sources.n)
        qsort(m.sources.v, m.sources.n, sizeof(*m.sources.v), by_place);
    if (m.targets.n)
        qsort(m.targets.v, m.targets.n, sizeof(*m.targets.v), by_place);
    make_groups(&m);
    drop_idle_groups(ret);
}

/* ---- as changes.json says it ---- */

static const char *free_dir(const struct rbe_manifest *to, struct rbe_arena *arena)
{
    const char *dir = "delta";

    for (unsigned i = 1; rbe_manifest_find(to, dir); i++)
        dir = rbe_arena_strfmt(arena, "delta-%u", i);
    return dir;
}

static struct rbe_piece *pieces_of(const struct rbe_solid_side *side, struct rbe_arena *arena)
{
    struct rbe_piece *v = rbe_arena_alloc_array(arena, side->n, sizeof(*v));

    for (size_t i = 0; i < side->n; i++) {
        v[i] = (struct rbe_piece){.path = side->v[i]->path, .size = side->v[i]->size, .mode = side->v[i]->mode};
        memcpy(v[i].sha256, side->v[i]->sha256, sizeof(v[i].sha256));
    }
    return v;
}

void rbe_solid_describe(const struct rbe_solid *s, const struct rbe_manifest *to, const struct rbe_engine *engine,
                        struct rbe_arena *arena, struct rbe_delta *ret)
{
    const char *dir = free_dir(to, arena);

    *ret = (struct rbe_delta){.format = engine->name, .copies = s->copies, .n_copies = s->n_copies,
                              .n_groups = s->n_groups};
    ret->groups = rbe_arena_alloc_array(arena, s->n_groups, sizeof(*ret->groups));
    for (size_t i = 0; i < s->n_groups; i++)
        ret->groups[i] = (struct rbe_group){
            .patch = rbe_arena_strfmt(arena, "%s/%zu.%s", dir, i, engine->ending),
            .source = pieces_of(&s->groups[i].source, arena),
            .n_source = s->groups[i].source.n,
            .target = pieces_of(&s->groups[i].target, arena),
            .n_target = s->groups[i].target.n,
        };
}
