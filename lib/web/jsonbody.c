#include "lib/web/jsonbody.h"

#include <string.h>
#include <strings.h>

#include "lib/wrap/json.h"

enum { BODY_MAX = 1024 * 1024 };

/* Command line clients and browsers name types of their own (curl -d says it is a form), so the body itself is what
 * counts; only a form is told what is wanted instead. */
static enum rbe_code check_type(const struct rbe_req *r, struct rbe_err *e)
{
    static const char form[] = "multipart/";
    const char *type = rbe_req_header(r, "Content-Type");

    if (!type || strncasecmp(type, form, sizeof(form) - 1) != 0)
        return RBE_OK;
    return rbe_invalid(e, "Content-Type", "type", "must be application/json");
}

static const struct rbe_jsonbody_field *field_of(const struct rbe_jsonbody_field *fields, size_t n, const char *key)
{
    const char *canonical = rbe_req_canonical(key);

    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, key) == 0)
            return &fields[i];
    for (size_t i = 0; i < n; i++)
        if (strcmp(fields[i].name, canonical) == 0)
            return &fields[i];
    return NULL;
}

static void put_texts(const struct rbe_json *v, const char *key, struct rbe_arena *arena, struct rbe_jsonbody_texts *to,
                      struct rbe_err *e)
{
    size_t n = rbe_json_count(v);

    if (n == (size_t)-1) {
        rbe_invalid(e, key, "type", "must be an array of texts");
        return;
    }
    const char **texts = rbe_arena_alloc_array(arena, n ? n : 1, sizeof(*texts));
    for (size_t i = 0; i < n; i++) {
        const char *text = rbe_json_text(rbe_json_at(v, i), NULL);

        if (!text) {
            rbe_invalid(e, key, "type", "must be an array of texts: item %zu is none", i + 1);
            return;
        }
        texts[i] = rbe_arena_strdup(arena, text);
    }
    *to = (struct rbe_jsonbody_texts){texts, n};
}

static void put_value(const struct rbe_json *v, const char *key, const struct rbe_jsonbody_field *f,
                      struct rbe_arena *arena, void *into, struct rbe_err *e)
{
    void *to = (char *)into + f->offset;

    if (f->type == RBE_JSONBODY_TEXTS) {
        put_texts(v, key, arena, to, e);
        return;
    }
    size_t len;
    const char *text = rbe_json_text(v, &len);
    if (!text || strlen(text) != len) {
        rbe_invalid(e, key, text ? "format" : "type", text ? "must hold no NUL" : "must be a text");
        return;
    }
    text = rbe_arena_strdup(arena, text);
    memcpy(to, &text, sizeof(text));
}

enum rbe_code rbe_jsonbody_read(struct rbe_req *r, const struct rbe_jsonbody_field *fields, size_t n, void *into,
                                struct rbe_err *e)
{
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    struct rbe_err own = {0};    /* gathers violations, also for a caller who wants none */
    const struct rbe_json *v = NULL;
    const char *text, *key;
    size_t len;

    RBE_TRY(check_type(r, e));
    RBE_TRY(rbe_req_body(r, BODY_MAX, &text, &len, e));
    RBE_TRY(rbe_json_parse(text, len, &doc, e));
    if (!rbe_json_is_object(doc))
        return rbe_invalid(e, "body", "type", "must be a JSON object");
    bool *seen = rbe_arena_alloc_array(rbe_req_arena(r), n ? n : 1, sizeof(*seen));
    for (size_t i = 0; own.violations < RBE_VIOLATIONS_MAX && (key = rbe_json_member(doc, i, &v)); i++) {
        const struct rbe_jsonbody_field *f = field_of(fields, n, key);

        if (!f) {
            rbe_invalid(&own, key, "unknown", "is no field of this call");
            continue;
        }
        if (seen[f - fields])
            rbe_invalid(&own, key, "repeated", "is another name of %s, which is there already", f->name);
        seen[f - fields] = true;
        if (v)
            put_value(v, key, f, rbe_req_arena(r), into, &own);
    }
    if (own.code != RBE_OK && e)
        *e = own;
    return own.code;
}
