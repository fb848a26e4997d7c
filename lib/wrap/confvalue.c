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

    if (!rule)
        *to = text;
    return rule;
}

static const char *put_list(const struct rbe_conf_key *key, const struct rbe_confvalue *v, struct rbe_conf_list *to,
                            struct rbe_arena *arena, size_t *ret_line)
{
    for (size_t i = 0; i < v->n; i++) {
        const char *rule = check_text(key, v->v[i], arena);

        *ret_line = v->lines ? v->lines[i] : v->line;
        if (rule)
            return rule;
    }
    *to = (struct rbe_conf_list){v->v, v->n};
    return NULL;
}

const char *rbe_confvalue_put(const struct rbe_conf_key *key, const struct rbe_confvalue *v, void *into,
                              struct rbe_arena *arena, size_t *ret_line)
{
    void *to = (char *)into + key->offset;
    const char *text = v->n ? v->v[0] : "";

    *ret_line = v->line;
    if (v->list && key->type != RBE_CONF_LIST)
        return "must be a single value, not a list";
    switch (key->type) {
    case RBE_CONF_TEXT:
        return put_text(key, text, to, arena);
    case RBE_CONF_BOOL:
        return put_bool(text, to);
    case RBE_CONF_WORD:
        return put_word(key, text, to, arena);
    case RBE_CONF_LIST:
        return put_list(key, v, to, arena, ret_line);
    case RBE_CONF_INT:
    case RBE_CONF_DURATION:
    case RBE_CONF_SIZE:
    case RBE_CONF_TYPE_MAX:
        break;
    }
    return put_number(key, text, to, arena);
}

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
    return key->type != RBE_CONF_TEXT || (*(const char *const *)field)[0];
}

void rbe_confvalue_show(const struct rbe_conf_key *key, const void *from, struct rbe_str *out)
{
    const void *field = (const char *)from + key->offset;

    switch (key->type) {
    case RBE_CONF_TEXT:
        if (rbe_confvalue_is_set(key, from))
            show_text(out, *(const char *const *)field, false);
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
    case RBE_CONF_INT:
    case RBE_CONF_DURATION:
    case RBE_CONF_SIZE:
    case RBE_CONF_TYPE_MAX:
        break;
    }
    show_number(out, key->type, *(const int64_t *)field);
}
