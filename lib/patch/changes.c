#include "lib/patch/changes.h"

#include <stdio.h>
#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/jsonw.h"
#include "lib/base/quote.h"
#include "lib/wrap/json.h"

/* ---- reading ---- */

struct reading {
    struct rbe_arena *arena;
    struct rbe_err *e;
};

static enum rbe_code bad(const struct reading *r, const char *key, const char *rule)
{
    return rbe_invalid(r->e, "changes.json", "format", "%s: \"%s\" %s", "changes.json", key, rule);
}

static enum rbe_code read_path(const struct reading *r, const struct rbe_json *v, const char *key, const char **ret)
{
    size_t len;
    const char *text = rbe_json_text(v, &len);

    if (!text)
        return bad(r, key, "must be text");
    if (!rbe_manifest_path_valid(text, len))
        return rbe_invalid(r->e, "changes.json", "path", "changes.json: \"%s\" holds %s, which is no path in a tree", key,
                           rbe_quote(text, len).text);
    *ret = rbe_arena_strdup(r->arena, text);
    return RBE_OK;
}

static enum rbe_code read_member_path(const struct reading *r, const struct rbe_json *v, const char *key,
                                      const char **ret)
{
    return read_path(r, rbe_json_find(v, key), key, ret);
}

static enum rbe_code read_hash(const struct reading *r, const struct rbe_json *v,
                               unsigned char ret[static RBE_SHA256_SIZE])
{
    size_t len;
    const char *text = rbe_json_text(rbe_json_find(v, "sha256"), &len);

    return text && rbe_hex_decode(text, len, ret, RBE_SHA256_SIZE) ? RBE_OK
                                                                    : bad(r, "sha256", "must be 64 hex digits");
}

static enum rbe_code read_mode(const struct reading *r, const struct rbe_json *v, uint16_t *ret)
{
    size_t len;
    const char *text = rbe_json_text(rbe_json_find(v, "mode"), &len);

    *ret = 0;
    if (!text || len == 0 || len > 4 || strspn(text, "01234567") != len)
        return bad(r, "mode", "must be an octal number as text");
    for (size_t i = 0; i < len; i++)
        *ret = (uint16_t)(*ret * 8 + (text[i] - '0'));
    return *ret <= 0777 ? RBE_OK : bad(r, "mode", "must be permission bits");
}

/* An array of objects or texts; one that is not there is empty. *ret_n elements are to be read. */
static enum rbe_code read_count(const struct reading *r, const struct rbe_json *v, const char *key, size_t *ret_n)
{
    *ret_n = v ? rbe_json_count(v) : 0;
    return *ret_n == (size_t)-1 ? bad(r, key, "must be an array") : RBE_OK;
}

static enum rbe_code read_list(const struct reading *r, const struct rbe_json *doc, enum rbe_change change,
                               struct rbe_changes *ret)
{
    const char *key = rbe_change_name(change);
    const struct rbe_json *list = rbe_json_find(doc, key);
    size_t n;

    RBE_TRY(read_count(r, list, key, &n));
    ret->list[change].v = rbe_arena_alloc_array(r->arena, n, sizeof(*ret->list[change].v));
    ret->list[change].n = n;
    for (size_t i = 0; i < n; i++)
        RBE_TRY(read_path(r, rbe_json_at(list, i), key, &ret->list[change].v[i]));
    return RBE_OK;
}

static enum rbe_code read_copy(const struct reading *r, const struct rbe_json *v, struct rbe_copy *ret)
{
    const char *of = rbe_json_find(v, "of") ? rbe_json_text(rbe_json_find(v, "of"), NULL) : "old";

    if (!of || (strcmp(of, "old") != 0 && strcmp(of, "new") != 0))
        return bad(r, "of", "must be \"old\" or \"new\"");
    ret->of_new = strcmp(of, "new") == 0;
    RBE_TRY(read_member_path(r, v, "path", &ret->path));
    RBE_TRY(read_member_path(r, v, "from", &ret->from));
    RBE_TRY(read_hash(r, v, ret->sha256));
    return read_mode(r, v, &ret->mode);
}

static enum rbe_code read_piece(const struct reading *r, const struct rbe_json *v, bool target, struct rbe_piece *ret)
{
    int64_t size;

    RBE_TRY(read_member_path(r, v, "path", &ret->path));
    if (!rbe_json_int(rbe_json_find(v, "size"), &size) || size < 0)
        return bad(r, "size", "must be a whole number from 0");
    ret->size = (uint64_t)size;
    RBE_TRY(read_hash(r, v, ret->sha256));
    return target ? read_mode(r, v, &ret->mode) : RBE_OK;
}

static enum rbe_code read_pieces(const struct reading *r, const struct rbe_json *group, bool target,
                                 struct rbe_piece **ret, size_t *ret_n)
{
    const char *key = target ? "target" : "source";
    const struct rbe_json *list = rbe_json_find(group, key);
    uint64_t sum = 0;

    RBE_TRY(read_count(r, list, key, ret_n));
    *ret = rbe_arena_alloc_array(r->arena, *ret_n, sizeof(**ret));
    for (size_t i = 0; i < *ret_n; i++) {
        RBE_TRY(read_piece(r, rbe_json_at(list, i), target, &(*ret)[i]));
        if (__builtin_add_overflow(sum, (*ret)[i].size, &sum) || sum > INT64_MAX)
            return bad(r, "size", "adds up to too much");
    }
    return RBE_OK;
}

static enum rbe_code read_group(const struct reading *r, const struct rbe_json *v, struct rbe_group *ret)
{
    RBE_TRY(read_member_path(r, v, "patch", &ret->patch));
    RBE_TRY(read_pieces(r, v, false, &ret->source, &ret->n_source));
    return read_pieces(r, v, true, &ret->target, &ret->n_target);
}

static enum rbe_code read_delta(const struct reading *r, const struct rbe_json *v, struct rbe_delta *ret)
{
    const struct rbe_json *copies = rbe_json_find(v, "copies"), *groups = rbe_json_find(v, "groups");
    const char *format = rbe_json_text(rbe_json_find(v, "format"), NULL);

    if (!format)
        return bad(r, "format", "must be text");
    ret->format = rbe_arena_strdup(r->arena, format);
    RBE_TRY(read_count(r, copies, "copies", &ret->n_copies));
    RBE_TRY(read_count(r, groups, "groups", &ret->n_groups));
    ret->copies = rbe_arena_alloc_array(r->arena, ret->n_copies, sizeof(*ret->copies));
    ret->groups = rbe_arena_alloc_array(r->arena, ret->n_groups, sizeof(*ret->groups));
    for (size_t i = 0; i < ret->n_copies; i++)
        RBE_TRY(read_copy(r, rbe_json_at(copies, i), &ret->copies[i]));
    for (size_t i = 0; i < ret->n_groups; i++)
        RBE_TRY(read_group(r, rbe_json_at(groups, i), &ret->groups[i]));
    return RBE_OK;
}

enum rbe_code rbe_changes_parse(const char *text, size_t len, struct rbe_arena *arena, struct rbe_changes *ret,
                                struct rbe_err *e)
{
    const struct reading r = {arena, e};
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    struct rbe_err inner = {0};

    *ret = (struct rbe_changes){0};
    if (rbe_json_parse(text, len, &doc, &inner) != RBE_OK)
        return rbe_invalid(e, "changes.json", "format", "changes.json: %.200s", inner.text);
    if (!rbe_json_is_object(doc))
        return rbe_invalid(e, "changes.json", "format", "changes.json: must be an object");
    for (enum rbe_change change = 0; change < RBE_CHANGE_MAX; change++)
        RBE_TRY(read_list(&r, doc, change, ret));
    const struct rbe_json *delta = rbe_json_find(doc, "delta");

    if (delta && !rbe_json_is_object(delta))
        return bad(&r, "delta", "must be an object");
    return delta ? read_delta(&r, delta, &ret->delta) : RBE_OK;
}

/* ---- writing ---- */

static void put_hash(struct rbe_jsonw *w, const unsigned char sha256[static RBE_SHA256_SIZE])
{
    char text[RBE_SHA256_TEXT];

    rbe_hex_encode(sha256, RBE_SHA256_SIZE, text);
    rbe_jsonw_str(w, "sha256", text);
}

static void put_mode(struct rbe_jsonw *w, uint16_t mode)
{
    char text[8];

    (void)snprintf(text, sizeof(text), "%04o", (unsigned)mode);
    rbe_jsonw_str(w, "mode", text);
}

static void put_pieces(struct rbe_jsonw *w, const char *key, const struct rbe_piece *v, size_t n, bool target)
{
    rbe_jsonw_arr(w, key);
    for (size_t i = 0; i < n; i++) {
        rbe_jsonw_obj(w, NULL);
        rbe_jsonw_str(w, "path", v[i].path);
        rbe_jsonw_int(w, "size", (int64_t)v[i].size);
        put_hash(w, v[i].sha256);
        if (target)
            put_mode(w, v[i].mode);
        rbe_jsonw_obj_end(w);
    }
    rbe_jsonw_arr_end(w);
}

static void put_delta(struct rbe_jsonw *w, const struct rbe_delta *delta)
{
    rbe_jsonw_obj(w, "delta");
    rbe_jsonw_str(w, "format", delta->format);
    rbe_jsonw_arr(w, "copies");
    for (size_t i = 0; i < delta->n_copies; i++) {
        const struct rbe_copy *copy = &delta->copies[i];

        rbe_jsonw_obj(w, NULL);
        rbe_jsonw_str(w, "path", copy->path);
        rbe_jsonw_str(w, "from", copy->from);
        rbe_jsonw_str(w, "of", copy->of_new ? "new" : "old");
        put_hash(w, copy->sha256);
        put_mode(w, copy->mode);
        rbe_jsonw_obj_end(w);
    }
    rbe_jsonw_arr_end(w);
    rbe_jsonw_arr(w, "groups");
    for (size_t i = 0; i < delta->n_groups; i++) {
        const struct rbe_group *group = &delta->groups[i];

        rbe_jsonw_obj(w, NULL);
        rbe_jsonw_str(w, "patch", group->patch);
        put_pieces(w, "source", group->source, group->n_source, false);
        put_pieces(w, "target", group->target, group->n_target, true);
        rbe_jsonw_obj_end(w);
    }
    rbe_jsonw_arr_end(w);
    rbe_jsonw_obj_end(w);
}

void rbe_changes_format(const struct rbe_plan *plan, const struct rbe_delta *delta, struct rbe_str *out)
{
    struct rbe_jsonw w = {.out = out};

    rbe_jsonw_obj(&w, NULL);
    for (enum rbe_change change = 0; change < RBE_CHANGE_MAX; change++) {
        const struct rbe_plan_list *list = &plan->change[change];

        if (list->n == 0)
            continue;
        rbe_jsonw_arr(&w, rbe_change_name(change));
        for (size_t i = 0; i < list->n; i++)
            rbe_jsonw_str(&w, NULL, list->v[i]->path);
        rbe_jsonw_arr_end(&w);
    }
    if (delta && delta->format)
        put_delta(&w, delta);
    rbe_jsonw_obj_end(&w);
}
