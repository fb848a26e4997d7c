/* Rules on single names are functions on a path or a component. Rules on the whole are checked in a tree of nodes, one a path
 * component, found by (parent, folded component) in a hash table; so a name that a file system without letter case would take
 * for another meets it there, and links can be followed as that file system would.
 */
#include "lib/patch/rules.h"

#include <string.h>

#include "lib/base/quote.h"
#include "lib/base/utf8.h"
#include "lib/wrap/text.h"

enum { LINKS_MAX = 40, ROOT = 0, NONE = 0 };
/* Bytes of paths and targets, those of implied directories too, for a tree as such and for each entry it may hold: real trees
 * have 60 an entry. A tar of a few megabytes could name gigabytes. */
enum { NAMES_FIXED = 512 * 1024, NAMES_ENTRY = 400 };

struct rbe_rules_span rbe_rules_path(const char *name, size_t len, bool dir)
{
    if (len >= 2 && name[0] == '.' && name[1] == '/') {
        name += 2;
        len -= 2;
    } else if (dir && len == 1 && name[0] == '.') {
        return (struct rbe_rules_span){name, 0};
    }
    if (dir && len > 0 && name[len - 1] == '/')
        len--;
    if (dir && len == 1 && name[0] == '.')
        len = 0;
    return (struct rbe_rules_span){name, len};
}

static enum rbe_code refuse_at(struct rbe_err *e, int line, struct rbe_rules_span path, const char *rule, const char *what)
{
    return rbe_invalid_at(e, __FILE__, line, "file", rule, "entry %s: %s", rbe_quote(path.s, path.len).text, what);
}
#define refuse(e, path, rule, what) refuse_at((e), __LINE__, (path), (rule), (what))

static bool is(struct rbe_rules_span s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.s, text, s.len) == 0;
}

/* The part of *rest up to the next slash; *rest moves behind it. False when nothing is left. */
static bool next_part(struct rbe_rules_span *rest, struct rbe_rules_span *ret)
{
    if (!rest->s)
        return false;
    const char *slash = memchr(rest->s, '/', rest->len);
    size_t len = slash ? (size_t)(slash - rest->s) : rest->len;

    *ret = (struct rbe_rules_span){rest->s, len};
    *rest = slash ? (struct rbe_rules_span){slash + 1, rest->len - len - 1} : (struct rbe_rules_span){NULL, 0};
    return true;
}

static bool has_any(struct rbe_rules_span s, const char *bytes)
{
    for (size_t i = 0; i < s.len; i++)
        if (strchr(bytes, s.s[i]))
            return true;
    return false;
}

/* CON, COM1 and the like, with or without an extension; Windows also skips spaces before the dot. */
static bool is_device(struct rbe_rules_span part)
{
    static const char *const names[] = {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$"};
    static const char *const ports[] = {"COM", "LPT"};
    const char *dot = memchr(part.s, '.', part.len);
    size_t len = dot ? (size_t)(dot - part.s) : part.len;

    while (len > 0 && part.s[len - 1] == ' ')
        len--;
    for (size_t i = 0; i < RBE_COUNT(names); i++)
        if (len == strlen(names[i]) && strncasecmp(part.s, names[i], len) == 0)
            return true;
    for (size_t i = 0; i < RBE_COUNT(ports); i++) {
        if (len < 4 || strncasecmp(part.s, ports[i], 3) != 0)
            continue;
        struct rbe_rules_span digit = {part.s + 3, len - 3};
        if ((digit.len == 1 && digit.s[0] >= '0' && digit.s[0] <= '9') || is(digit, "\u00b9") || is(digit, "\u00b2") ||
            is(digit, "\u00b3"))
            return true;
    }
    return false;
}

/* What holds for a component of a name or of a link's target. `path` is what the message names. */
static enum rbe_code judge_part(struct rbe_rules_span path, struct rbe_rules_span part, unsigned rules, struct rbe_err *e)
{
    if (part.len > RBE_RULES_COMPONENT_MAX)
        return refuse(e, path, "length", "a part of a path must not be longer than 255 bytes");
    if (!(rules & RBE_RULES_WINDOWS) || part.len == 0)
        return RBE_OK;
    if (part.s[part.len - 1] == '.' || part.s[part.len - 1] == ' ')
        return refuse(e, path, "trailing", "for Windows a name must not end with a dot or a space");
    if (is_device(part))
        return refuse(e, path, "device_name", "CON, NUL, COM1 and the like are not names on Windows");
    if (has_any(part, "<>\"|?*"))
        return refuse(e, path, "characters", "for Windows a name must not hold any of <>\"|?*");
    return RBE_OK;
}

/* What holds for the text of a name and of a link's target. */
static enum rbe_code judge_text(struct rbe_rules_span path, struct rbe_rules_span text, struct rbe_err *e)
{
    if (text.len > RBE_RULES_PATH_MAX)
        return refuse(e, path, "length", "a path must not be longer than 4096 bytes");
    if (!rbe_utf8_valid(text.s, text.len))
        return refuse(e, path, "utf8", "a name must be UTF-8");
    if (memchr(text.s, '\0', text.len) || rbe_utf8_has_control(text.s, text.len))
        return refuse(e, path, "control", "a name must not hold control characters");
    if (memchr(text.s, '\\', text.len))
        return refuse(e, path, "backslash", "a name must not hold a backslash");
    if (memchr(text.s, ':', text.len))
        return refuse(e, path, "colon", "a name must not hold a drive or ':'");
    if (text.len > 0 && text.s[0] == '/')
        return refuse(e, path, "absolute", "a name must not be absolute");
    return RBE_OK;
}

/* Names at the root that are the updater's own. On Windows they have short names as well, RBE~1 and
 * CHANGE~1.JSO or another number. */
static bool is_reserved(struct rbe_rules_span part, unsigned rules)
{
    rbe_auto(str) struct rbe_str folded = {0};

    if (rules & RBE_RULES_FOLD) {
        rbe_text_fold(part.s, part.len, &folded);
        part = (struct rbe_rules_span){rbe_str_text(&folded), folded.len};
    }
    if (rules & RBE_RULES_WINDOWS && ((part.len > 4 && strncasecmp(part.s, "rbe~", 4) == 0) ||
                                      (part.len > 7 && strncasecmp(part.s, "change~", 7) == 0)))
        return true;
    return is(part, ".rbe") || is(part, "changes.json");
}

enum rbe_code rbe_rules_name(struct rbe_rules_span path, unsigned rules, struct rbe_err *e)
{
    struct rbe_rules_span rest = path, part;

    if (path.len == 0)
        return refuse(e, path, "empty", "a name must not be empty");
    RBE_TRY(judge_text(path, path, e));
    while (next_part(&rest, &part)) {
        if (part.len == 0)
            return refuse(e, path, "empty", "a name must not hold \"//\" or end with '/'");
        if (is(part, "."))
            return refuse(e, path, "dot", "a name must not hold \".\" as a part");
        if (is(part, ".."))
            return refuse(e, path, "traversal", "a name must not hold \"..\"");
        RBE_TRY(judge_part(path, part, rules, e));
        if (part.s == path.s && is_reserved(part, rules))
            return refuse(e, path, "reserved", "changes.json and .rbe at the root belong to the updater");
    }
    return RBE_OK;
}

static enum rbe_code judge_target(struct rbe_rules_span path, struct rbe_rules_span target, unsigned rules, struct rbe_err *e)
{
    struct rbe_rules_span rest = target, part;

    if (target.len == 0)
        return refuse(e, path, "empty", "a link must have a target");
    if (target.s[0] == '/')
        return refuse(e, path, "link_absolute", "a link's target must not be absolute");
    RBE_TRY(judge_text(path, target, e));
    while (next_part(&rest, &part))
        if (!is(part, ".") && !is(part, ".."))
            RBE_TRY(judge_part(path, part, rules, e));
    return RBE_OK;
}

/* A path component that an entry has or implies. Node 0 is the root. */
struct node {
    size_t parent;
    uint64_t hash;
    const char *name, *key;          /* as spelled, and folded (the same pointer where folding changes nothing) */
    uint32_t name_len, key_len;
    const char *target;              /* of a link */
    size_t target_len;
    size_t id;
    bool is_entry, has_children;
    enum rbe_kind kind;
};

struct rbe_rules_tree {
    unsigned rules;
    uint64_t max;
    uint64_t names;                  /* bytes so far */
    struct node *nodes;
    size_t n, cap;
    size_t *slots;                   /* node indexes, NONE when free; a power of two of them, at most half full */
    size_t slots_n;
    uint64_t seed;                   /* so that nobody can choose names that collide */
    struct rbe_arena arena;
    struct rbe_str fold;
};

enum { FIRST_NODES = 64 };

struct rbe_rules_tree *rbe_rules_tree_new(unsigned rules, uint64_t max_entries)
{
    struct rbe_rules_tree *t = rbe_alloc(sizeof(*t));

    t->rules = rules;
    t->max = max_entries;
    rbe_random(&t->seed, sizeof(t->seed));
    t->cap = FIRST_NODES;
    t->nodes = rbe_alloc_array(t->cap, sizeof(*t->nodes));
    t->n = 1;
    t->nodes[ROOT] = (struct node){.name = "", .key = "", .kind = RBE_KIND_DIR};
    t->slots_n = (size_t)2 * FIRST_NODES;
    t->slots = rbe_alloc_array(t->slots_n, sizeof(*t->slots));
    return t;
}

void rbe_rules_tree_free(struct rbe_rules_tree *t)
{
    if (!t)
        return;
    free(t->nodes);
    free(t->slots);
    rbe_str_release(&t->fold);
    rbe_arena_release(&t->arena);
    free(t);
}

static uint64_t mix(uint64_t h)
{
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
    return h ^ h >> 32;
}

static uint64_t hash_of(const struct rbe_rules_tree *t, size_t parent, struct rbe_rules_span key)
{
    uint64_t h = mix(t->seed ^ parent);

    for (size_t i = 0; i < key.len; i++)
        h = (h ^ (unsigned char)key.s[i]) * 0x100000001b3u + t->seed;
    return mix(h);
}

/* The folded form of a component, in fold's memory where it is not the component itself. */
static struct rbe_rules_span key_of(const struct rbe_rules_tree *t, struct rbe_rules_span part, struct rbe_str *fold)
{
    if (!(t->rules & RBE_RULES_FOLD))
        return part;
    rbe_str_reset(fold);
    rbe_text_fold(part.s, part.len, fold);
    return (struct rbe_rules_span){rbe_str_text(fold), fold->len};
}

/* The node of that key below parent, or NONE; *ret_slot is where it stands or belongs. */
static size_t lookup(const struct rbe_rules_tree *t, size_t parent, struct rbe_rules_span key, uint64_t hash, size_t *ret_slot)
{
    size_t slot = (size_t)hash & (t->slots_n - 1);

    for (; t->slots[slot] != NONE; slot = (slot + 1) & (t->slots_n - 1)) {
        const struct node *n = &t->nodes[t->slots[slot]];

        if (n->hash == hash && n->parent == parent && n->key_len == key.len && memcmp(n->key, key.s, key.len) == 0)
            break;
    }
    *ret_slot = slot;
    return t->slots[slot];
}

static void grow(struct rbe_rules_tree *t)
{
    t->nodes = rbe_grow(t->nodes, t->n, &t->cap, sizeof(*t->nodes));
    if (t->n * 2 < t->slots_n)
        return;
    free(t->slots);
    t->slots_n *= 2;
    t->slots = rbe_alloc_array(t->slots_n, sizeof(*t->slots));
    for (size_t i = 1; i < t->n; i++) {
        size_t slot = (size_t)t->nodes[i].hash & (t->slots_n - 1);

        while (t->slots[slot] != NONE)
            slot = (slot + 1) & (t->slots_n - 1);
        t->slots[slot] = i;
    }
}

static size_t add_node(struct rbe_rules_tree *t, size_t parent, struct rbe_rules_span part, struct rbe_rules_span key,
                       uint64_t hash)
{
    size_t slot;

    grow(t);
    (void)lookup(t, parent, key, hash, &slot);
    char *name = rbe_arena_strndup(&t->arena, part.s, part.len);
    bool same = key.len == part.len && memcmp(key.s, part.s, key.len) == 0;
    t->nodes[t->n] = (struct node){
        .parent = parent,
        .hash = hash,
        .name = name,
        .key = same ? name : rbe_arena_strndup(&t->arena, key.s, key.len),
        .name_len = (uint32_t)part.len,
        .key_len = (uint32_t)key.len,
        .kind = RBE_KIND_DIR,
    };
    t->nodes[parent].has_children = true;
    t->slots[slot] = t->n;
    return t->n++;
}

static enum rbe_code refuse_case(struct rbe_err *e, struct rbe_rules_span path, struct rbe_rules_span part, const struct node *n)
{
    enum { WIDE = 70, NARROW = 40 };

    return rbe_invalid(e, "file", "case", "entry %s: %s and %s are equal but for letter case or Unicode form",
                       rbe_quote_within(path.s, path.len, WIDE).text, rbe_quote_within(part.s, part.len, NARROW).text,
                       rbe_quote_within(n->name, n->name_len, NARROW).text);
}

static enum rbe_code count_names(struct rbe_rules_tree *t, size_t n, struct rbe_err *e)
{
    t->names += n;
    if (t->names <= NAMES_FIXED || (t->names - NAMES_FIXED) / NAMES_ENTRY <= t->max)
        return RBE_OK;
    return rbe_invalid(e, "file", "limit_names", "the archive's names are too long altogether");
}

/* The node of a path, made where it is missing. */
static enum rbe_code walk(struct rbe_rules_tree *t, struct rbe_rules_span path, size_t *ret, struct rbe_err *e)
{
    struct rbe_rules_span rest = path, part;
    size_t at = ROOT, slot;

    while (next_part(&rest, &part)) {
        if (t->nodes[at].kind != RBE_KIND_DIR)
            return refuse(e, path, "below", t->nodes[at].kind == RBE_KIND_LINK ? "it lies below a path that is a link"
                                                                              : "it lies below a path that is a file");
        struct rbe_rules_span key = key_of(t, part, &t->fold);
        uint64_t hash = hash_of(t, at, key);
        size_t child = lookup(t, at, key, hash, &slot);
        if (child == NONE) {
            if (t->n > t->max)
                return rbe_invalid(e, "file", "limit_entries", "the archive holds more than the limit of %llu entries",
                                   (unsigned long long)t->max);
            RBE_TRY(count_names(t, (size_t)(part.s + part.len - path.s), e));
            child = add_node(t, at, part, key, hash);
        } else if (!is(part, t->nodes[child].name)) {
            return refuse_case(e, path, part, &t->nodes[child]);
        }
        at = child;
    }
    *ret = at;
    return RBE_OK;
}

enum rbe_code rbe_rules_put(struct rbe_rules_tree *t, struct rbe_rules_span path, enum rbe_kind kind,
                            struct rbe_rules_span target, size_t id, struct rbe_err *e)
{
    size_t at = ROOT;

    RBE_TRY(rbe_rules_name(path, t->rules, e));
    if (kind == RBE_KIND_LINK)
        RBE_TRY(judge_target(path, target, t->rules, e));
    RBE_TRY(walk(t, path, &at, e));
    struct node *n = &t->nodes[at];
    if (n->is_entry)
        return refuse(e, path, "duplicate", "the archive holds it twice");
    if (n->has_children && kind != RBE_KIND_DIR)
        return refuse(e, path, "below", kind == RBE_KIND_LINK ? "it is a link, and other entries lie below it"
                                                              : "it is a file, and other entries lie below it");
    n->is_entry = true;
    n->kind = kind;
    n->id = id;
    if (kind == RBE_KIND_LINK) {
        RBE_TRY(count_names(t, target.len, e));
        n->target = rbe_arena_strndup(&t->arena, target.s, target.len);
        n->target_len = target.len;
    }
    return RBE_OK;
}

bool rbe_rules_find(const struct rbe_rules_tree *t, struct rbe_rules_span path, size_t *ret_id)
{
    struct rbe_rules_span rest = path, part;
    rbe_auto(str) struct rbe_str fold = {0};
    size_t at = ROOT, slot;

    if (!rbe_utf8_valid(path.s, path.len))
        return false;
    while (next_part(&rest, &part)) {
        struct rbe_rules_span key = key_of(t, part, &fold);

        at = lookup(t, at, key, hash_of(t, at, key), &slot);
        if (at == NONE || !is(part, t->nodes[at].name))
            return false;
    }
    *ret_id = t->nodes[at].id;
    return t->nodes[at].is_entry;
}

/* Where a link leads in the end: a node, and how many names below it that the tree does not know. It is found once for each
 * link, so that links which lead through many others cost no more than those others do. */
struct lead {
    size_t at, unknown;
    unsigned met;                    /* links on the way */
    bool known;
};

/* Links being followed. */
struct trail {
    const struct rbe_rules_tree *t;
    struct lead *leads;              /* of each node */
    const struct node *first;        /* the one that the tree's turn came to */
    struct rbe_str fold;
};

static void rbe_trail_release(struct trail *trail)
{
    free(trail->leads);
    rbe_str_release(&trail->fold);
}

/* "a/b" of a node, for messages. */
static void put_path(const struct rbe_rules_tree *t, size_t at, struct rbe_str *out)
{
    if (t->nodes[at].parent != ROOT) {
        put_path(t, t->nodes[at].parent, out);
        rbe_str_putc(out, '/');
    }
    rbe_str_put(out, t->nodes[at].name, t->nodes[at].name_len);
}

static enum rbe_code refuse_link_at(struct rbe_err *e, int line, const struct trail *trail, const char *rule, const char *what)
{
    enum { WIDE = 90, NARROW = 70 };
    rbe_auto(str) struct rbe_str path = {0};
    const struct node *link = trail->first;

    put_path(trail->t, (size_t)(link - trail->t->nodes), &path);
    return rbe_invalid_at(e, __FILE__, line, "file", rule, "entry %s: a link to %s %s",
                          rbe_quote_within(path.s, path.len, WIDE).text,
                          rbe_quote_within(link->target, link->target_len, NARROW).text, what);
}
#define refuse_link(e, trail, rule, what) refuse_link_at((e), __LINE__, (trail), (rule), (what))

static enum rbe_code follow(struct trail *trail, size_t link, unsigned depth, struct rbe_err *e);

/* Goes on through a link that stands on the way. */
static enum rbe_code pass(struct trail *trail, struct lead *lead, size_t link, unsigned depth, struct rbe_err *e)
{
    const struct lead *next = &trail->leads[link];

    if (!next->known && depth < LINKS_MAX)
        RBE_TRY(follow(trail, link, depth + 1, e));
    if (!next->known || lead->met + next->met >= LINKS_MAX)
        return refuse_link(e, trail, "link_loop", "goes in a loop or through too many links");
    lead->met += next->met + 1;
    lead->at = next->at;
    lead->unknown = next->unknown;
    return RBE_OK;
}

/* One step along the way. */
static enum rbe_code step(struct trail *trail, struct lead *lead, struct rbe_rules_span part, unsigned depth, struct rbe_err *e)
{
    const struct rbe_rules_tree *t = trail->t;
    size_t slot;

    if (part.len == 0 || is(part, "."))
        return RBE_OK;
    if (is(part, "..")) {
        if (lead->unknown > 0)
            lead->unknown--;
        else if (lead->at == ROOT)
            return refuse_link(e, trail, "link_escape", "leads out of the tree");
        else
            lead->at = t->nodes[lead->at].parent;
        return RBE_OK;
    }
    if (lead->unknown == 0 && lead->at == ROOT && is_reserved(part, t->rules))
        return refuse_link(e, trail, "link_reserved", "leads to what belongs to the updater");
    struct rbe_rules_span key = key_of(t, part, &trail->fold);
    size_t child = lead->unknown > 0 ? NONE : lookup(t, lead->at, key, hash_of(t, lead->at, key), &slot);
    if (child == NONE)
        lead->unknown++;
    else if (t->nodes[child].kind == RBE_KIND_LINK)
        return pass(trail, lead, child, depth, e);
    else
        lead->at = child;
    return RBE_OK;
}

static enum rbe_code follow(struct trail *trail, size_t link, unsigned depth, struct rbe_err *e)
{
    const struct node *n = &trail->t->nodes[link];
    struct rbe_rules_span rest = {n->target, n->target_len}, part;
    struct lead lead = {.at = n->parent};

    while (next_part(&rest, &part))
        RBE_TRY(step(trail, &lead, part, depth, e));
    lead.known = true;
    trail->leads[link] = lead;
    return RBE_OK;
}

enum rbe_code rbe_rules_end(const struct rbe_rules_tree *t, struct rbe_err *e)
{
    rbe_auto(trail) struct trail trail = {.t = t, .leads = rbe_alloc_array(t->n, sizeof(*trail.leads))};

    for (size_t i = 1; i < t->n; i++) {
        if (t->nodes[i].kind != RBE_KIND_LINK || trail.leads[i].known)
            continue;
        trail.first = &t->nodes[i];
        RBE_TRY(follow(&trail, i, 0, e));
    }
    return RBE_OK;
}
