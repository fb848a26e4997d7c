#include "lib/wrap/confvalue.h"

#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"

static bool size_parse(const char *text, int64_t *ret)
{
    static const char units[] = "KMGT";
    size_t len = strlen(text);
    char number[24];
    unsigned shift = 0;
    int64_t n;

    if (len == 0 || len >= sizeof(number))
        return false;
    memcpy(number, text, len + 1);
    const char *unit = strchr(units, number[len - 1]);
    if (unit) {
        shift = 10 * (unsigned)(unit - units + 1);
        number[len - 1] = '\0';
    }
    if (!rbe_int_parse(number, 0, INT64_MAX >> shift, &n))
        return false;
    *ret = n << shift;
    return true;
}

static bool int_parse(const char *text, int64_t *ret)
{
    return rbe_int_parse(text, INT64_MIN, INT64_MAX, ret);
}

/* How the three kinds of numbers are written: the units run from the largest down. */
static const struct number {
    bool (*parse)(const char *text, int64_t *ret);
    const char *form;
    const char *units;
    int64_t scale[4];
} numbers[RBE_CONF_TYPE_MAX] = {
    [RBE_CONF_INT] = {int_parse, "must be a whole number", "", {0}},
    [RBE_CONF_DURATION] =
        {rbe_duration_parse, "must be a time such as 45s, 10m, 2h or 90d", "dhms", {86400, 3600, 60, 1}},
    [RBE_CONF_SIZE] =
        {size_parse, "must be a size such as 512, 64K, 10M or 4G", "TGMK", {1LL << 40, 1 << 30, 1 << 20, 1 << 10}},
};

static void show_number(struct rbe_str *out, enum rbe_conf_type type, int64_t v)
{
    const struct number *number = &numbers[type];
    const char *unit = number->units;

    while (*unit && v % number->scale[unit - number->units])
        unit++;
    if (*unit && v) {
        rbe_str_puti(out, v / number->scale[unit - number->units]);
        rbe_str_putc(out, *unit);
    } else
        rbe_str_puti(out, v);
}

static const char *put_number(const struct rbe_conf_key *key, const char *text, int64_t *to, struct rbe_arena *arena)
{
    rbe_auto(str) struct rbe_str rule = {0};
    int64_t v;

    if (!numbers[key->type].parse(text, &v))
        return numbers[key->type].form;
    if (v < key->min || v > key->max) {
        rbe_str_puts(&rule, "must be from ");
        show_number(&rule, key->type, key->min);
        rbe_str_puts(&rule, " to ");
        show_number(&rule, key->type, key->max);
        return rbe_arena_strdup(arena, rbe_str_text(&rule));
    }
    *to = v;
    return NULL;
}

static const char *put_bool(const char *text, bool *to)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return "must be true or false";
    *to = text[0] == 't';
    return NULL;
}

static const char *put_word(const struct rbe_conf_key *key, const char *text, int *to, struct rbe_arena *arena)
{
    rbe_auto(str) struct rbe_str all = {0};

    for (int i = 0; key->words[i]; i++) {
        if (strcmp(text, key->words[i]) == 0) {
            *to = i;
            return NULL;
        }
        rbe_str_putf(&all, "%s%s", i ? ", " : "must be one of ", key->words[i]);
    }
    return rbe_arena_strdup(arena, rbe_str_text(&all));
}

static const char *check_text(const struct rbe_conf_key *key, const char *text, struct rbe_arena *arena)
{
    size_t len = strlen(text);

    if (key->max > 0 && (len < (size_t)key->min || len > (size_t)key->max))
        return rbe_arena_strfmt(arena, "%smust be %lld to %lld bytes long",
                                key->type == RBE_CONF_LIST ? "each item " : "", (long long)key->min,
                                (long long)key->max);
    return key->check ? key->check(text) : NULL;
}

static const char *put_text(const struct rbe_conf_key *key, const char *text, const char **to, struct rbe_arena *arena)
{
    const char *rule = text[0] ? check_text(key, text, arena) : NULL;

    if (!key->lines && strchr(text, '\n'))
        rule = "must hold no control character";
    if (!rule)
        *to = text;
    return rule;
}

static const char *put_list(const struct rbe_conf_key *key, const struct rbe_confvalue *v, struct rbe_conf_list *to,
                            struct rbe_arena *arena, size_t *ret_line)
{
    const struct rbe_confvalue *items = v->kind == RBE_CONFVALUE_LIST ? v->items : v;
    size_t n = v->preset ? 0 : v->kind == RBE_CONFVALUE_LIST ? v->n : 1;
    const char **texts = rbe_arena_alloc_array(arena, n, sizeof(*texts));

    for (size_t i = 0; i < n; i++) {
        const char *rule = NULL;

        *ret_line = items[i].line;
        if (items[i].kind != RBE_CONFVALUE_ONE)
            return "items must be single values";
        if (items[i].preset)
            return "an item is empty";
        rule = check_text(key, items[i].text, arena);
        if (strchr(items[i].text, '\n'))
            rule = "must hold no control character";
        if (rule)
            return rule;
        texts[i] = items[i].text;
    }
    *to = (struct rbe_conf_list){texts, n};
    return NULL;
}

/* ---- records ---- */

static const char *put_field(const struct rbe_conf_key *field, const struct rbe_confvalue *v, void *into,
                             struct rbe_arena *arena, size_t *ret_line)
{
    const struct rbe_confvalue preset = {.preset = !field->preset, .text = field->preset, .line = v->line};

    return rbe_confvalue_put(field, v->preset ? &preset : v, into, arena, ret_line);
}

static const struct rbe_confvalue *find_item(const struct rbe_confvalue *map, const char *key)
{
    for (size_t i = 0; i < map->n; i++)
        if (strcmp(map->keys[i], key) == 0)
            return &map->items[i];
    return NULL;
}

static const char *refuse_unknown(const struct rbe_conf_record *record, const struct rbe_confvalue *v,
                                  struct rbe_arena *arena, size_t *ret_line)
{
    for (size_t i = 0; i < v->n; i++) {
        size_t k = 0;

        while (k < record->n && strcmp(record->fields[k].name, v->keys[i]) != 0)
            k++;
        *ret_line = v->items[i].line;
        if (k == record->n)
            return rbe_arena_strfmt(arena, "%s: no such key here", v->keys[i]);
    }
    return NULL;
}

static bool is_empty(const struct rbe_confvalue *item)
{
    return !item || item->preset || (item->kind != RBE_CONFVALUE_ONE && item->n == 0);
}

/* into is the record's struct. v is a map, or the empty value. */
static const char *put_record(const struct rbe_conf_record *record, const struct rbe_confvalue *v, void *into,
                              struct rbe_arena *arena, size_t *ret_line)
{
    const struct rbe_confvalue none = {.preset = true, .line = v->line};
    const char *rule = refuse_unknown(record, v, arena, ret_line);

    for (size_t i = 0; i < record->n && !rule; i++) {
        const struct rbe_conf_key *field = &record->fields[i];
        const struct rbe_confvalue *item = find_item(v, field->name);

        *ret_line = v->line;
        if (!v->preset && field->required && is_empty(item))
            rule = "is missing";
        else
            rule = put_field(field, item ? item : &none, into, arena, ret_line);
        if (rule)
            return rbe_arena_strfmt(arena, "%s: %s", field->name, rule);
    }
    if (rule || v->preset || !record->check)
        return rule;
    *ret_line = v->line;
    return record->check(into);
}

static const char *put_records(const struct rbe_conf_key *key, const struct rbe_confvalue *v,
                               struct rbe_conf_records *to, struct rbe_arena *arena, size_t *ret_line)
{
    const struct rbe_conf_record *record = key->record;
    const struct rbe_confvalue *items = v->kind == RBE_CONFVALUE_LIST ? v->items : v;
    size_t n = v->preset ? 0 : v->kind == RBE_CONFVALUE_LIST ? v->n : 1;
    char *array = rbe_arena_alloc_array(arena, n, record->size);

    for (size_t i = 0; i < n; i++) {
        const char *rule = "must be a map";

        *ret_line = items[i].line;
        if (items[i].kind == RBE_CONFVALUE_MAP)
            rule = put_record(record, &items[i], array + i * record->size, arena, ret_line);
        if (rule)
            return n == 1 ? rule : rbe_arena_strfmt(arena, "item %zu: %s", i + 1, rule);
    }
    *to = (struct rbe_conf_records){array, n};
    return NULL;
}

static const char *put_groups(const struct rbe_conf_key *key, const struct rbe_confvalue *v,
                              struct rbe_conf_groups *to, struct rbe_arena *arena, size_t *ret_line)
{
    struct rbe_conf_group *groups = rbe_arena_alloc_array(arena, v->n, sizeof(*groups));

    for (size_t i = 0; i < v->n; i++) {
        const struct rbe_confvalue *item = &v->items[i];
        const char *rule = key->check ? key->check(v->keys[i]) : NULL;

        *ret_line = item->line;
        groups[i].name = v->keys[i];
        if (!rule && item->kind == RBE_CONFVALUE_ONE && !item->preset)
            rule = "must be a list of maps";
        if (!rule)
            rule = put_records(key, item, &groups[i].records, arena, ret_line);
        if (rule)
            return rbe_arena_strfmt(arena, "%s: %s", v->keys[i], rule);
    }
    *to = (struct rbe_conf_groups){groups, v->n};
    return NULL;
}

/* Which kinds of values a type takes, beside the empty one; NULL when this is one of them. */
static const char *refuse_kind(const struct rbe_conf_key *key, const struct rbe_confvalue *v)
{
    if (v->preset)
        return NULL;
    switch (key->type) {
    case RBE_CONF_RECORD:
        return v->kind == RBE_CONFVALUE_MAP ? NULL : "must be a map";
    case RBE_CONF_RECORDS:
        return v->kind != RBE_CONFVALUE_ONE ? NULL : "must be a list of maps";
    case RBE_CONF_GROUPS:
        return v->kind == RBE_CONFVALUE_MAP ? NULL : "must be a map of lists";
    case RBE_CONF_LIST:
        return v->kind != RBE_CONFVALUE_MAP ? NULL : "must not be a map";
    case RBE_CONF_TEXT:
    case RBE_CONF_BOOL:
    case RBE_CONF_WORD:
    case RBE_CONF_INT:
    case RBE_CONF_DURATION:
    case RBE_CONF_SIZE:
    case RBE_CONF_TYPE_MAX:
        break;
    }
    return v->kind == RBE_CONFVALUE_ONE   ? NULL
           : v->kind == RBE_CONFVALUE_MAP ? "must not be a map"
                                          : "must be a single value, not a list";
}

const char *rbe_confvalue_put(const struct rbe_conf_key *key, const struct rbe_confvalue *v, void *into,
                              struct rbe_arena *arena, size_t *ret_line)
{
    void *to = (char *)into + key->offset;
    const char *text = v->text ? v->text : "", *rule = refuse_kind(key, v);

    *ret_line = v->line;
    if (rule)
        return rule;
    switch (key->type) {
    case RBE_CONF_TEXT:
        return put_text(key, text, to, arena);
    case RBE_CONF_BOOL:
        return put_bool(text, to);
    case RBE_CONF_WORD:
        return put_word(key, text, to, arena);
    case RBE_CONF_LIST:
        return put_list(key, v, to, arena, ret_line);
    case RBE_CONF_RECORD:
        /* {} is the empty value, too */
        return put_record(key->record, v->n ? v : &(struct rbe_confvalue){.preset = true}, to, arena, ret_line);
    case RBE_CONF_RECORDS:
        return put_records(key, v, to, arena, ret_line);
    case RBE_CONF_GROUPS:
        return put_groups(key, v, to, arena, ret_line);
    case RBE_CONF_INT:
    case RBE_CONF_DURATION:
    case RBE_CONF_SIZE:
    case RBE_CONF_TYPE_MAX:
        break;
    }
    return put_number(key, text, to, arena);
}

/* ---- and back ---- */

/* Plain where no reader of YAML could take it for something else, in double quotes otherwise. */
static void show_text(struct rbe_str *out, const char *text, bool in_list)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./";
    static const char *const words[] = {"", "null", "Null", "NULL"};
    const char *rest = text + strspn(text, plain);

    /* a dash or a colon (outside lists) is plain amid a word, as in a URL */
    while (*rest && rest > text && strchr(in_list ? "-" : ":-", *rest) && rest[1])
        rest += 1 + strspn(rest + 1, plain);
    bool quote = *rest != '\0';
    for (size_t i = 0; i < RBE_COUNT(words); i++)
        quote = quote || strcmp(text, words[i]) == 0;
    if (!quote) {
        rbe_str_puts(out, text);
        return;
    }
    rbe_str_putc(out, '"');
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\')
            rbe_str_putc(out, '\\');
        rbe_str_putc(out, *c);
    }
    rbe_str_putc(out, '"');
}

static void show_list(struct rbe_str *out, const struct rbe_conf_list *list)
{
    rbe_str_putc(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            rbe_str_puts(out, ", ");
        show_text(out, list->v[i], true);
    }
    rbe_str_putc(out, ']');
}

bool rbe_confvalue_is_set(const struct rbe_conf_key *key, const void *from)
{
    const void *field = (const char *)from + key->offset;

    if (key->type == RBE_CONF_LIST)
        return ((const struct rbe_conf_list *)field)->n > 0;
    if (key->type == RBE_CONF_RECORDS)
        return ((const struct rbe_conf_records *)field)->n > 0;
    if (key->type == RBE_CONF_GROUPS)
        return ((const struct rbe_conf_groups *)field)->n > 0;
    return key->type != RBE_CONF_TEXT || (*(const char *const *)field)[0];
}

static void show_value(const struct rbe_conf_key *key, const void *from, bool flow, struct rbe_str *out);

/* Whether a field of a record is at its default; text is what it shows as. */
static bool is_preset(const struct rbe_conf_key *field, const char *text)
{
    rbe_auto(str) struct rbe_str preset = {0};

    if (field->type == RBE_CONF_TEXT && field->preset)
        show_text(&preset, field->preset, true);
    else
        rbe_str_puts(&preset, field->preset ? field->preset : "{}");
    return !text[0] || strcmp(text, rbe_str_text(&preset)) == 0;
}

/* What is not the default, secrets hidden. */
static void show_record(const struct rbe_conf_record *record, const void *from, struct rbe_str *out)
{
    bool comma = false;

    rbe_str_putc(out, '{');
    for (size_t i = 0; i < record->n; i++) {
        const struct rbe_conf_key *field = &record->fields[i];
        rbe_auto(str) struct rbe_str value = {0};

        if (rbe_confvalue_is_set(field, from))
            show_value(field, from, true, &value);
        const char *text = rbe_str_text(&value);
        if (is_preset(field, text))
            continue;
        rbe_str_putf(out, "%s%s: %s", comma ? ", " : "", field->name, field->secret ? "\"(set)\"" : text);
        comma = true;
    }
    rbe_str_putc(out, '}');
}

static void show_records(const struct rbe_conf_record *record, const struct rbe_conf_records *list, struct rbe_str *out)
{
    rbe_str_putc(out, '[');
    for (size_t i = 0; i < list->n; i++) {
        if (i)
            rbe_str_puts(out, ", ");
        show_record(record, (const char *)list->v + i * record->size, out);
    }
    rbe_str_putc(out, ']');
}

static void show_groups(const struct rbe_conf_record *record, const struct rbe_conf_groups *groups, struct rbe_str *out)
{
    rbe_str_putc(out, '{');
    for (size_t i = 0; i < groups->n; i++) {
        if (i)
            rbe_str_puts(out, ", ");
        show_text(out, groups->v[i].name, true);
        rbe_str_puts(out, ": ");
        show_records(record, &groups->v[i].records, out);
    }
    rbe_str_putc(out, '}');
}

/* flow: inside brackets or braces, where more must be quoted. */
static void show_value(const struct rbe_conf_key *key, const void *from, bool flow, struct rbe_str *out)
{
    const void *field = (const char *)from + key->offset;

    switch (key->type) {
    case RBE_CONF_TEXT:
        if (rbe_confvalue_is_set(key, from))
            show_text(out, *(const char *const *)field, flow);
        return;
    case RBE_CONF_BOOL:
        rbe_str_puts(out, *(const bool *)field ? "true" : "false");
        return;
    case RBE_CONF_WORD:
        rbe_str_puts(out, key->words[*(const int *)field]);
        return;
    case RBE_CONF_LIST:
        show_list(out, field);
        return;
    case RBE_CONF_RECORD:
        show_record(key->record, field, out);
        return;
    case RBE_CONF_RECORDS:
        show_records(key->record, field, out);
        return;
    case RBE_CONF_GROUPS:
        show_groups(key->record, field, out);
        return;
    case RBE_CONF_INT:
    case RBE_CONF_DURATION:
    case RBE_CONF_SIZE:
    case RBE_CONF_TYPE_MAX:
        break;
    }
    show_number(out, key->type, *(const int64_t *)field);
}

void rbe_confvalue_show(const struct rbe_conf_key *key, const void *from, struct rbe_str *out)
{
    show_value(key, from, false, out);
}
