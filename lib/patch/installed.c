/* The state of a tree. */
#include "lib/patch/installed.h"

#include <string.h>

#include "lib/base/codec.h"
#include "lib/base/jsonw.h"
#include "lib/wrap/json.h"

enum { FORMAT = 1 };

void rbe_installed_release(struct rbe_installed *i)
{
    free(i->resource);
    free(i->version);
    free(i->channel);
    free(i->system);
    free(i->arch);
    rbe_manifest_release(&i->manifest);
    *i = (struct rbe_installed){0};
}

char *rbe_installed_manifest(const unsigned char sum[static RBE_SHA256_SIZE])
{
    char text[RBE_SHA256_TEXT];

    rbe_hex_encode(sum, RBE_SHA256_SIZE, text);
    return rbe_strfmt("manifest-%s", text);
}

void rbe_installed_format(const struct rbe_installed *i, struct rbe_str *out)
{
    struct rbe_jsonw w = {.out = out};
    char sum[RBE_SHA256_TEXT];

    rbe_str_reset(out);
    rbe_hex_encode(i->sum, sizeof(i->sum), sum);
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_int(&w, "format", FORMAT);
    rbe_jsonw_str(&w, "resource_id", i->resource);
    rbe_jsonw_str(&w, "version_name", i->version);
    rbe_jsonw_int(&w, "version_number", i->number);
    rbe_jsonw_str(&w, "channel", i->channel);
    rbe_jsonw_str(&w, "system", i->system);
    rbe_jsonw_str(&w, "arch", i->arch);
    rbe_jsonw_str(&w, "manifest", sum);
    rbe_jsonw_obj_end(&w);
    rbe_str_putc(out, '\n');
}

/* A member as text on the heap; NULL where it is missing. */
static char *member(const struct rbe_json *doc, const char *key)
{
    const char *text = rbe_json_text(rbe_json_find(doc, key), NULL);

    return text ? rbe_strdup(text) : NULL;
}

static bool parse(const struct rbe_str *text, struct rbe_installed *ret)
{
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    const char *sum;
    int64_t format;

    if (rbe_json_parse(rbe_str_text(text), text->len, &doc, NULL) != RBE_OK)
        return false;
    sum = rbe_json_text(rbe_json_find(doc, "manifest"), NULL);
    if (!rbe_json_int(rbe_json_find(doc, "format"), &format) || format != FORMAT || !sum ||
        !rbe_hex_decode(sum, strlen(sum), ret->sum, sizeof(ret->sum)))
        return false;
    ret->resource = member(doc, "resource_id");
    ret->version = member(doc, "version_name");
    ret->channel = member(doc, "channel");
    ret->system = member(doc, "system");
    ret->arch = member(doc, "arch");
    if (!rbe_json_int(rbe_json_find(doc, "version_number"), &ret->number))
        ret->number = 0;
    return ret->resource && ret->version && *ret->version;
}

char *rbe_installed_manifest_of(const struct rbe_str *state)
{
    struct rbe_installed i = {0};
    char *name = parse(state, &i) ? rbe_installed_manifest(i.sum) : NULL;

    rbe_installed_release(&i);
    return name;
}

/* The manifest that a state names; false when it is not that one. */
static bool load_manifest(const struct rbe_home *h, struct rbe_installed *i)
{
    rbe_autofree char *name = rbe_installed_manifest(i->sum);
    rbe_auto(str) struct rbe_str text = {0};
    unsigned char sum[RBE_SHA256_SIZE];

    if (rbe_home_get(h, name, RBE_INSTALLED_MANIFEST_MAX, &text, NULL) != RBE_OK)
        return false;
    rbe_sha256_of(rbe_str_text(&text), text.len, sum);
    return memcmp(sum, i->sum, sizeof(sum)) == 0 &&
           rbe_manifest_parse(rbe_str_text(&text), text.len, &i->manifest, NULL) == RBE_OK;
}

enum rbe_code rbe_installed_load(const struct rbe_home *h, struct rbe_installed *ret, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_err why = {0};
    enum rbe_code code;

    rbe_installed_release(ret);
    code = rbe_home_get(h, RBE_HOME_STATE, RBE_INSTALLED_STATE_MAX, &text, &why);
    if (code == RBE_NOTFOUND)
        return RBE_OK;
    if (code != RBE_OK && code != RBE_TOOLARGE) {
        if (e)
            *e = why;
        return code;
    }
    if (code == RBE_OK && parse(&text, ret) && load_manifest(h, ret)) {
        ret->known = true;
        return RBE_OK;
    }
    rbe_installed_release(ret);
    ret->broken = true;
    return RBE_OK;
}
