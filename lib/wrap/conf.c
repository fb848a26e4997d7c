/* Reads configuration by libyaml's events, which show anchors, aliases and tags: all of these are refused, so that what
 * a file means can be seen by looking at it. Every layer is checked in full as it is read, also values that a later
 * layer replaces, and goes straight into the struct, the later over the earlier.
 *
 * A null or empty value stands for the row's preset. `[]` is a list without items, not the preset.
 */
#include "lib/wrap/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "lib/wrap/confvalue.h"

enum { FILE_MAX = 1024 * 1024, ITEMS_MAX = RBE_CONF_ITEMS_MAX, DEPTH_MAX = 8 };

/* One text that is being read: a file, the value of an environment variable, or a preset. */
struct source {
    const struct rbe_conf_key *table;
    size_t n;
    void *into;
    struct rbe_arena *arena;
    struct rbe_err *e;
    const char *where;           /* the file's or the variable's name */
    bool lines;                  /* line numbers mean something */
    yaml_parser_t yaml;
};

static void release_event(yaml_event_t *ev)
{
    yaml_event_delete(ev);
}
#define auto_event __attribute__((cleanup(release_event)))

static void release_source(struct source *src)
{
    yaml_parser_delete(&src->yaml);
}
#define auto_source __attribute__((cleanup(release_source)))

/* "FILE:LINE: subject: what is wrong", or "VARIABLE: subject: …". */
__attribute__((format(printf, 4, 5))) static enum rbe_code wrong(const struct source *src, size_t line,
                                                                const char *subject, const char *fmt, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (src->lines)
        return rbe_fail(src->e, RBE_REFUSED, "%s:%zu: %s%s%s", src->where, line, subject, subject[0] ? ": " : "", text);
    return rbe_fail(src->e, RBE_REFUSED, "%s: %s%s%s", src->where, subject, subject[0] ? ": " : "", text);
}

/* ---- YAML ---- */

static enum rbe_code next(struct source *src, yaml_event_t *ev)
{
    if (!yaml_parser_parse(&src->yaml, ev)) {
        memset(ev, 0, sizeof(*ev));
        return wrong(src, src->yaml.problem_mark.line + 1, "", "not valid YAML: %s",
                     src->yaml.problem ? src->yaml.problem : "unreadable");
    }
    return RBE_OK;
}

static enum rbe_code next_of(struct source *src, yaml_event_type_t want, const char *must)
{
    auto_event yaml_event_t ev = {0};

    RBE_TRY(next(src, &ev));
    return ev.type == want ? RBE_OK : wrong(src, ev.start_mark.line + 1, "", "%s", must);
}

/* Anchors, aliases and tags have no place here. */
static enum rbe_code refuse_marks(const struct source *src, const yaml_event_t *ev, const char *subject)
{
    const void *anchor = NULL, *tag = NULL;
    size_t line = ev->start_mark.line + 1;

    if (ev->type == YAML_ALIAS_EVENT)
        return wrong(src, line, subject, "YAML aliases are not taken");
    if (ev->type == YAML_SCALAR_EVENT) {
        anchor = ev->data.scalar.anchor;
        tag = ev->data.scalar.tag;
    } else if (ev->type == YAML_SEQUENCE_START_EVENT) {
        anchor = ev->data.sequence_start.anchor;
        tag = ev->data.sequence_start.tag;
    } else if (ev->type == YAML_MAPPING_START_EVENT) {
        anchor = ev->data.mapping_start.anchor;
        tag = ev->data.mapping_start.tag;
    }
    if (anchor || tag)
        return wrong(src, line, subject, "YAML %s are not taken", anchor ? "anchors" : "tags");
    return RBE_OK;
}

static enum rbe_code scalar_text(const struct source *src, const yaml_event_t *ev, const char *subject,
                                 const char **ret)
{
    const char *text = (const char *)ev->data.scalar.value;
    size_t len = ev->data.scalar.length;
    bool good = strlen(text) == len;

    /* Line by line: where a value must not have lines, its type says so. */
    for (size_t at = 0, n; good && at < len; at += n + 1) {
        n = strcspn(text + at, "\n");
        good = !rbe_utf8_has_control(text + at, n);
    }
    if (!good)
        return wrong(src, ev->start_mark.line + 1, subject, "must hold no control character");
    *ret = rbe_arena_strndup(src->arena, text, len);
    return RBE_OK;
}

static bool is_null(const yaml_event_t *ev)
{
    static const char *const words[] = {"~", "null", "Null", "NULL"};
    const char *text = (const char *)ev->data.scalar.value;

    if (ev->data.scalar.length == 0)
        return true;
    for (size_t i = 0; ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && i < RBE_COUNT(words); i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return false;
}

/* The next key of a map; *ret NULL at the map's end. */
static enum rbe_code read_key(struct source *src, const char *subject, const char **ret, size_t *ret_line)
{
    auto_event yaml_event_t ev = {0};

    *ret = NULL;
    RBE_TRY(next(src, &ev));
    if (ev.type == YAML_MAPPING_END_EVENT)
        return RBE_OK;
    *ret_line = ev.start_mark.line + 1;
    RBE_TRY(refuse_marks(src, &ev, subject));
    if (ev.type != YAML_SCALAR_EVENT)
        return wrong(src, *ret_line, subject, "a key must be a word");
    return scalar_text(src, &ev, subject, ret);
}

static bool has_key(const struct rbe_confvalue *map, const char *key)
{
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->keys[i], key) == 0)
            return true;
    return false;
}

/* Room for one more item: arrays double when they are full. */
static void make_room(const struct source *src, struct rbe_confvalue *v)
{
    size_t n = v->n ? 2 * v->n : 1;

    if (v->n & (v->n - 1))
        return;
    struct rbe_confvalue *items = rbe_arena_alloc_array(src->arena, n, sizeof(*items));
    const char **keys = rbe_arena_alloc_array(src->arena, n, sizeof(*keys));
    if (v->n) {
        memcpy(items, v->items, v->n * sizeof(*items));
        memcpy(keys, v->keys, v->n * sizeof(*keys));
    }
    v->items = items;
    v->keys = keys;
}

static enum rbe_code read_value(struct source *src, const yaml_event_t *ev, const char *subject, unsigned depth,
                                struct rbe_confvalue *ret);

/* The items of a list or map up to its end. */
static enum rbe_code read_items(struct source *src, const char *subject, unsigned depth, struct rbe_confvalue *ret)
{
    for (;;) {
        auto_event yaml_event_t ev = {0};
        const char *key = "";
        size_t line = 0;

        if (ret->kind == RBE_CONFVALUE_MAP) {
            RBE_TRY(read_key(src, subject, &key, &line));
            if (!key)
                return RBE_OK;
            if (has_key(ret, key))
                return wrong(src, line, subject, "%s: stands twice", key);
        }
        RBE_TRY(next(src, &ev));
        if (ev.type == YAML_SEQUENCE_END_EVENT)
            return RBE_OK;
        if (ret->n == ITEMS_MAX)
            return wrong(src, ev.start_mark.line + 1, subject, "must hold at most %d items", (int)ITEMS_MAX);
        make_room(src, ret);
        ret->keys[ret->n] = key;
        RBE_TRY(read_value(src, &ev, subject, depth + 1, &ret->items[ret->n]));
        ret->n++;
    }
}

/* The value that begins with ev. */
static enum rbe_code read_value(struct source *src, const yaml_event_t *ev, const char *subject, unsigned depth,
                                struct rbe_confvalue *ret)
{
    *ret = (struct rbe_confvalue){.line = ev->start_mark.line + 1};
    RBE_TRY(refuse_marks(src, ev, subject));
    if (ev->type == YAML_SCALAR_EVENT) {
        ret->preset = is_null(ev);
        return scalar_text(src, ev, subject, &ret->text);
    }
    ret->kind = ev->type == YAML_SEQUENCE_START_EVENT ? RBE_CONFVALUE_LIST : RBE_CONFVALUE_MAP;
    if (depth == DEPTH_MAX)
        return wrong(src, ret->line, subject, "is nested too deep");
    return read_items(src, subject, depth, ret);
}

static void open_source(struct source *src, const char *text, size_t len)
{
    if (!yaml_parser_initialize(&src->yaml))
        abort();
    yaml_parser_set_encoding(&src->yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&src->yaml, (const unsigned char *)text, len);
}

/* Reads up to the root of the only document. *ret_empty: there is none. */
static enum rbe_code read_root(struct source *src, yaml_event_t *ret_root, bool *ret_empty)
{
    auto_event yaml_event_t ev = {0};

    RBE_TRY(next_of(src, YAML_STREAM_START_EVENT, "not valid YAML"));
    RBE_TRY(next(src, &ev));
    *ret_empty = ev.type == YAML_STREAM_END_EVENT;
    return *ret_empty ? RBE_OK : next(src, ret_root);
}

static enum rbe_code read_end(struct source *src)
{
    RBE_TRY(next_of(src, YAML_DOCUMENT_END_EVENT, "not valid YAML"));
    return next_of(src, YAML_STREAM_END_EVENT, "must be a single YAML document");
}

static enum rbe_code put_value(const struct source *src, const struct rbe_conf_key *key, const struct rbe_confvalue *v)
{
    size_t line;
    const char *rule = rbe_confvalue_put(key, v, src->into, src->arena, &line);

    return rule ? wrong(src, line, key->name, "%s", rule) : RBE_OK;
}

/* ---- presets and the environment ---- */

static enum rbe_code read_single(struct source *src, const struct rbe_conf_key *key, const char *text,
                                 struct rbe_confvalue *ret)
{
    auto_event yaml_event_t root = {0};
    bool empty;

    *ret = (struct rbe_confvalue){.preset = true};
    open_source(src, text, strlen(text));
    RBE_TRY(read_root(src, &root, &empty));
    if (empty)
        return RBE_OK;
    RBE_TRY(read_value(src, &root, key->name, 0, ret));
    return read_end(src);
}

static enum rbe_code put_preset(const struct source *base, const struct rbe_conf_key *key)
{
    auto_source struct source src = *base;
    struct rbe_confvalue v = {.preset = true};

    memset(&src.yaml, 0, sizeof(src.yaml));
    src.where = "default";
    src.lines = false;
    if (key->preset && key->type == RBE_CONF_LIST)
        RBE_TRY(read_single(&src, key, key->preset, &v));
    else if (key->preset)
        v = (struct rbe_confvalue){.text = key->preset};
    return put_value(&src, key, &v);
}

static enum rbe_code put_or_preset(const struct source *src, const struct rbe_conf_key *key,
                                   const struct rbe_confvalue *v)
{
    return v->preset ? put_preset(src, key) : put_value(src, key, v);
}

static size_t section_len(const struct rbe_conf_key *key)
{
    return (size_t)(strchr(key->name, '.') - key->name);
}

/* Whether the variable's name, behind RBE_, begins with n characters of a row's name in upper case, '.' as '_'. */
static bool variable_is(const char *name, size_t len, const char *row, size_t n)
{
    if (len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = row[i];

        c = c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c == '.' ? '_' : c;
        if (name[i] != c)
            return false;
    }
    return true;
}

static enum rbe_code read_variable(const struct source *base, const char *assignment)
{
    const char *equals = strchr(assignment, '='), *name = assignment + 4;
    bool ours = false;

    if (!equals || strncmp(assignment, "RBE_", 4) != 0)
        return RBE_OK;
    size_t len = (size_t)(equals - name);
    auto_source struct source src = *base;
    memset(&src.yaml, 0, sizeof(src.yaml));
    src.where = rbe_arena_strndup(src.arena, assignment, (size_t)(equals - assignment));
    src.lines = false;
    for (size_t i = 0; i < src.n; i++) {
        const struct rbe_conf_key *key = &src.table[i];
        struct rbe_confvalue v;

        if (strlen(key->name) == len && variable_is(name, len, key->name, len)) {
            RBE_TRY(read_single(&src, key, equals + 1, &v));
            return put_or_preset(&src, key, &v);
        }
        ours = ours || variable_is(name, len, key->name, section_len(key) + 1);
    }
    return ours ? rbe_fail(src.e, RBE_REFUSED, "%s: no such setting", src.where) : RBE_OK;
}

/* ---- files ---- */

static const struct rbe_conf_key *find_row(const struct source *src, const char *section, const char *name)
{
    size_t len = strlen(section);

    for (size_t i = 0; i < src->n; i++)
        if (section_len(&src->table[i]) == len && strncmp(src->table[i].name, section, len) == 0 &&
            (!name || strcmp(src->table[i].name + len + 1, name) == 0))
            return &src->table[i];
    return NULL;
}

/* The keys below "section:". seen: one flag a row of the table. */
static enum rbe_code read_section(struct source *src, const char *section, bool *seen)
{
    const char *name;
    size_t line = 0;

    for (;;) {
        auto_event yaml_event_t ev = {0};
        struct rbe_confvalue v;

        RBE_TRY(read_key(src, "", &name, &line));
        if (!name)
            return RBE_OK;
        const char *full = rbe_arena_strfmt(src->arena, "%s.%s", section, name);
        const struct rbe_conf_key *key = find_row(src, section, name);
        if (!key)
            return wrong(src, line, full, "no such setting");
        if (seen[key - src->table])
            return wrong(src, line, full, "stands twice");
        seen[key - src->table] = true;
        RBE_TRY(next(src, &ev));
        RBE_TRY(read_value(src, &ev, full, 0, &v));
        RBE_TRY(put_or_preset(src, key, &v));
    }
}

static enum rbe_code read_sections(struct source *src)
{
    bool *seen = rbe_arena_alloc_array(src->arena, src->n, sizeof(*seen));
    bool *seen_section = rbe_arena_alloc_array(src->arena, src->n, sizeof(*seen_section));
    const char *section;
    size_t line = 0;

    for (;;) {
        auto_event yaml_event_t ev = {0};

        RBE_TRY(read_key(src, "", &section, &line));
        if (!section)
            return RBE_OK;
        const struct rbe_conf_key *first = find_row(src, section, NULL);
        if (!first)
            return wrong(src, line, section, "no such section");
        if (seen_section[first - src->table])
            return wrong(src, line, section, "stands twice");
        seen_section[first - src->table] = true;
        RBE_TRY(next(src, &ev));
        RBE_TRY(refuse_marks(src, &ev, section));
        if (ev.type == YAML_MAPPING_START_EVENT)
            RBE_TRY(read_section(src, section, seen));
        else if (ev.type != YAML_SCALAR_EVENT || !is_null(&ev))
            return wrong(src, ev.start_mark.line + 1, section, "must be a section with keys below it");
    }
}

static enum rbe_code read_document(struct source *src)
{
    auto_event yaml_event_t root = {0};
    bool empty;

    RBE_TRY(read_root(src, &root, &empty));
    if (empty)
        return RBE_OK;
    RBE_TRY(refuse_marks(src, &root, ""));
    if (root.type == YAML_MAPPING_START_EVENT)
        RBE_TRY(read_sections(src));
    else if (root.type != YAML_SCALAR_EVENT || !is_null(&root))
        return wrong(src, root.start_mark.line + 1, "", "must be sections with keys below them");
    return read_end(src);
}

/* Not by lib/wrap/sys: a configuration may be a link or a pipe. */
static enum rbe_code file_text(const char *path, bool may_miss, struct rbe_str *ret, bool *ret_there, struct rbe_err *e)
{
    rbe_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got;

    *ret_there = fd >= 0;
    if (fd < 0)
        return may_miss && errno == ENOENT ? RBE_OK : rbe_fail(e, RBE_REFUSED, "%s: %s", path, strerror(errno));
    do {
        char *to = rbe_str_reserve(ret, 8192);

        got = read(fd, to, 8192);
        if (got < 0 && errno != EINTR)
            return rbe_fail(e, RBE_REFUSED, "%s: %s", path, strerror(errno));
        ret->len += got > 0 ? (size_t)got : 0;
        if (ret->len > FILE_MAX)
            return rbe_fail(e, RBE_REFUSED, "%s: larger than %d bytes", path, (int)FILE_MAX);
    } while (got != 0);
    return RBE_OK;
}

static enum rbe_code read_file(const struct source *base, const char *path, bool may_miss)
{
    rbe_auto(str) struct rbe_str text = {0};
    auto_source struct source src = *base;
    bool there;

    memset(&src.yaml, 0, sizeof(src.yaml));
    src.where = path;
    src.lines = true;
    RBE_TRY(file_text(path, may_miss, &text, &there, src.e));
    if (!there)
        return RBE_OK;
    open_source(&src, rbe_str_text(&text), text.len);
    return read_document(&src);
}

enum rbe_code rbe_conf_load(const struct rbe_conf_key *table, size_t n, const char *file, char *const *env,
                            struct rbe_arena *arena, void *into, struct rbe_err *e)
{
    static const char ending[] = ".yaml";
    const struct source base = {.table = table, .n = n, .into = into, .arena = arena, .e = e};
    size_t len = file ? strlen(file) : 0, cut = sizeof(ending) - 1;

    for (size_t i = 0; i < n; i++)
        RBE_TRY(put_preset(&base, &table[i]));
    if (file)
        RBE_TRY(read_file(&base, file, false));
    if (len > cut && strcmp(file + len - cut, ending) == 0)
        RBE_TRY(read_file(&base, rbe_arena_strfmt(arena, "%.*s.local.yaml", (int)(len - cut), file), true));
    for (char *const *v = env; v && *v; v++)
        if (strncmp(*v, "RBE_CONFIG=", 11) != 0)
            RBE_TRY(read_variable(&base, *v));
    return RBE_OK;
}

/* ---- where things stand ---- */

/* libyaml counts characters. */
static size_t place_of(const char *text, size_t n, const yaml_mark_t *mark)
{
    size_t left = mark->index, at = 0;

    for (; at < n && left; left--)
        for (at++; at < n && ((unsigned char)text[at] & 0xc0) == 0x80;)
            at++;
    return at;
}

static int nesting(const yaml_event_t *ev)
{
    if (ev->type == YAML_MAPPING_START_EVENT || ev->type == YAML_SEQUENCE_START_EVENT)
        return 1;
    return ev->type == YAML_MAPPING_END_EVENT || ev->type == YAML_SEQUENCE_END_EVENT ? -1 : 0;
}

/* Reads on in a map to the value of a key; *ret_found false at the map's end. ret_first (may be NULL): where the map's
 * first key stands. */
static enum rbe_code find_key(struct source *src, const char *name, yaml_mark_t *ret_first, yaml_event_t *ret_value,
                              bool *ret_found)
{
    for (bool first = true;; first = false) {
        auto_event yaml_event_t key = {0};

        *ret_found = false;
        RBE_TRY(next(src, &key));
        if (key.type != YAML_SCALAR_EVENT)
            return RBE_OK;
        if (first && ret_first)
            *ret_first = key.start_mark;
        RBE_TRY(next(src, ret_value));
        *ret_found = strcmp((const char *)key.data.scalar.value, name) == 0;
        if (*ret_found)
            return RBE_OK;
        for (int depth = nesting(ret_value); depth;) {
            yaml_event_delete(ret_value);
            RBE_TRY(next(src, ret_value));
            depth += nesting(ret_value);
        }
        yaml_event_delete(ret_value);
    }
}

static enum rbe_code locate_value(struct source *src, const char *text, size_t n, const yaml_event_t *value,
                                  struct rbe_conf_place *ret)
{
    bool list = value->type == YAML_SEQUENCE_START_EVENT;

    ret->at = place_of(text, n, list && value->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE
                                    ? &value->end_mark : &value->start_mark);
    ret->end = place_of(text, n, &value->end_mark);
    ret->column = value->start_mark.column;
    if (!list) {
        ret->shape = is_null(value) ? RBE_CONF_EMPTY : RBE_CONF_SCALAR;
        ret->item[0].at = ret->at;
        ret->item[0].end = ret->end;
        ret->items = !is_null(value);
        return RBE_OK;
    }
    ret->shape = value->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE ? RBE_CONF_FLOW : RBE_CONF_BLOCK;
    for (; ret->items < ITEMS_MAX; ret->items++) {
        auto_event yaml_event_t item = {0};

        RBE_TRY(next(src, &item));
        if (item.type != YAML_SCALAR_EVENT)
            break;
        ret->item[ret->items].at = place_of(text, n, &item.start_mark);
        ret->item[ret->items].end = place_of(text, n, &item.end_mark);
    }
    return RBE_OK;
}

enum rbe_code rbe_conf_locate(const char *text, size_t n, const char *section, const char *key,
                              struct rbe_conf_place *ret, struct rbe_err *e)
{
    auto_source struct source src = {.e = e, .where = "configuration", .lines = true};
    auto_event yaml_event_t root = {0}, keys = {0}, value = {0};
    yaml_mark_t first = {0};
    bool found = false, empty;

    *ret = (struct rbe_conf_place){.shape = RBE_CONF_NO_SECTION, .at = n};
    open_source(&src, text, n);
    RBE_TRY(read_root(&src, &root, &empty));
    if (!empty && root.type == YAML_MAPPING_START_EVENT)
        RBE_TRY(find_key(&src, section, NULL, &keys, &found));
    if (!found)
        return RBE_OK;
    ret->shape = RBE_CONF_NO_KEY;
    if (keys.type != YAML_MAPPING_START_EVENT) {
        ret->at = place_of(text, n, &keys.start_mark);
        return RBE_OK;
    }
    if (keys.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE || root.data.mapping_start.style == YAML_FLOW_MAPPING_STYLE)
        return wrong(&src, keys.start_mark.line + 1, section, "stands within braces: write its keys on lines of their own");
    RBE_TRY(find_key(&src, key, &first, &value, &found));
    if (found)
        return locate_value(&src, text, n, &value, ret);
    ret->at = place_of(text, n, &first);
    ret->column = first.column;
    return RBE_OK;
}

const char *rbe_conf_show(const struct rbe_conf_key *key, const void *from, struct rbe_arena *arena)
{
    rbe_auto(str) struct rbe_str out = {0};

    if (key->secret)
        return rbe_confvalue_is_set(key, from) ? "(set)" : "";
    rbe_confvalue_show(key, from, &out);
    return rbe_arena_strdup(arena, rbe_str_text(&out));
}
