/* Questions and answers. */
#include "lib/patch/ask.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/codec.h"
#include "lib/base/quote.h"
#include "lib/wrap/json.h"

enum { ANSWER_MAX = 1 << 20, TIMEOUT_MS = 60000, CONNECT_MS = 20000, REDIRECTS = 5 };

/* How the two dialects spell things. */
static const struct tongue {
    const char *prefix, *system, *current, *url, *hash, *size, *hash_prefix;
    bool delta;
} tongues[RBE_TONGUE_MAX] = {
    [RBE_TONGUE_NATIVE] = {"/resources/", "system", "current", "download_url", "file_hash", "file_size", "sha256:", true},
    [RBE_TONGUE_COMPAT] = {"/api/resources/", "os", "current_version", "url", "sha256", "filesize", "", false},
};

void rbe_offer_release(struct rbe_offer *o)
{
    free(o->version);
    free(o->format);
    free(o->url);
    free(o->note);
    free(o->custom);
    free(o->message);
    *o = (struct rbe_offer){0};
}

bool rbe_ask_in_clear(const char *url)
{
    static const char *const here[] = {"localhost", "[::1]"};
    const char *host = url + 7;
    size_t len;

    if (strncasecmp(url, "http://", 7) != 0)
        return false;
    len = strcspn(host, "/?#");
    if (memchr(host, '@', len))
        return true;
    len = strcspn(host, *host == '[' ? "]/?#" : ":/?#");
    len += host[len] == ']';
    if (strncmp(host, "127.", 4) == 0 && strspn(host, "0123456789.") == len)
        return false;
    for (size_t i = 0; i < RBE_COUNT(here); i++)
        if (strlen(here[i]) == len && strncasecmp(host, here[i], len) == 0)
            return false;
    return true;
}

/* ---- the question ---- */

static void put_parameter(struct rbe_str *url, const char *name, const char *value)
{
    if (!*value)
        return;
    rbe_str_putf(url, "%s%s=", strchr(url->s, '?') ? "&" : "?", name);
    rbe_percent_encode(value, url);
}

static void put_question(const struct rbe_ask *a, struct rbe_str *url)
{
    const struct tongue *t = &tongues[a->tongue];
    size_t len = strlen(a->server);

    while (len > 0 && a->server[len - 1] == '/')
        len--;
    rbe_str_put(url, a->server, len);
    rbe_str_puts(url, t->prefix);
    rbe_percent_encode(a->resource, url);
    rbe_str_puts(url, "/latest");
    put_parameter(url, "channel", a->channel);
    put_parameter(url, t->system, a->system);
    put_parameter(url, "arch", a->arch);
    put_parameter(url, t->current, a->current);
    put_parameter(url, "cdk", a->cdk);
    put_parameter(url, "user_agent", "rbe-update/" RBE_VERSION);
    if (t->delta)
        put_parameter(url, "delta", a->delta);
}

/* ---- the answer ---- */

/* Codes of answers; what is not here is refused in the server's words. */
static enum rbe_code code_of(int64_t api)
{
    static const struct {
        int api;
        enum rbe_code code;
    } known[] = {
        {-1, RBE_UNAVAILABLE},    {7001, RBE_CDK_EXPIRED}, {7002, RBE_CDK_INVALID}, {7003, RBE_CDK_QUOTA},
        {7004, RBE_CDK_FOREIGN},  {7005, RBE_CDK_BLOCKED}, {8001, RBE_NOTFOUND},
    };

    for (size_t i = 0; i < RBE_COUNT(known); i++)
        if (known[i].api == api)
            return known[i].code;
    return RBE_REFUSED;
}

static char *text_of(const struct rbe_json *data, const char *key)
{
    const char *text = rbe_json_text(rbe_json_find(data, key), NULL);

    return rbe_strdup(text ? text : "");
}

/* Why there is something to install, or not. The compatible dialect leaves that to its clients. */
static bool is_newer(enum rbe_tongue tongue, const char *update_type, const struct rbe_installed *installed,
                     const struct rbe_offer *o)
{
    if (strcmp(update_type, "none") == 0 || (installed->known && strcmp(installed->version, o->version) == 0))
        return false;
    if (tongue == RBE_TONGUE_NATIVE || !installed->known)
        return true;
    return !(installed->number > 0 && o->number > 0 && o->number <= installed->number);
}

static enum rbe_code bad_answer(const char *what, struct rbe_err *e)
{
    return rbe_fail(e, RBE_UNAVAILABLE, "the server's answer is not understood: %s", what);
}

static enum rbe_code read_package(const struct tongue *t, const struct rbe_json *data, struct rbe_offer *ret, struct rbe_err *e)
{
    size_t prefix = strlen(t->hash_prefix);
    rbe_autofree char *hash = text_of(data, t->hash);

    ret->url = text_of(data, t->url);
    if (!rbe_json_int(rbe_json_find(data, t->size), &ret->size) || ret->size < 0)
        ret->size = -1;
    if (!*ret->url)
        return RBE_OK;
    if (strncmp(hash, t->hash_prefix, prefix) != 0 ||
        !rbe_hex_decode(hash + prefix, strlen(hash + prefix), ret->sha256, sizeof(ret->sha256)))
        return bad_answer("the package has no SHA-256", e);
    return RBE_OK;
}

static enum rbe_code read_data(enum rbe_tongue tongue, const struct rbe_json *data, const struct rbe_installed *installed,
                               struct rbe_offer *ret, struct rbe_err *e)
{
    rbe_autofree char *type = text_of(data, "update_type");

    ret->version = text_of(data, "version_name");
    ret->format = text_of(data, "patch_format");
    ret->note = text_of(data, "release_note");
    ret->custom = text_of(data, "custom_data");
    if (!*ret->version || strlen(ret->version) > 128)
        return bad_answer("it names no version", e);
    if (!rbe_json_int(rbe_json_find(data, "version_number"), &ret->number) || ret->number < 0)
        ret->number = 0;
    ret->incremental = strcmp(type, "incremental") == 0;
    ret->newer = is_newer(tongue, type, installed, ret);
    return read_package(&tongues[tongue], data, ret, e);
}

enum rbe_code rbe_offer_parse(enum rbe_tongue tongue, const char *text, size_t len, const struct rbe_installed *installed,
                              struct rbe_offer *ret, struct rbe_err *e)
{
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    const struct rbe_json *data;
    struct rbe_offer o = {.size = -1};
    enum rbe_code code;
    int64_t api;

    if (rbe_json_parse(text, len, &doc, NULL) != RBE_OK || !rbe_json_int(rbe_json_find(doc, "code"), &api))
        return bad_answer("it is no answer of an update server", e);
    o.message = text_of(doc, "msg");
    data = rbe_json_find(doc, "data");
    if (api != 0)
        code = rbe_fail(e, code_of(api), "the server says: %s", rbe_quote(o.message, strlen(o.message)).text);
    else
        code = read_data(tongue, data, installed, &o, e);
    if (code == RBE_OK)
        *ret = o;
    else
        rbe_offer_release(&o);
    return code;
}

/* A server that wants to be left alone for a while, be it ours or one in front of it that speaks no JSON. */
static enum rbe_code judge_busy(const struct rbe_net_answer *a, struct rbe_err *e)
{
    e->code = a->status == 429 ? RBE_LIMITED : RBE_UNAVAILABLE;
    e->retry_after = rbe_net_retry_after(a);
    return rbe_err_prefix(e, "status %d", a->status);
}

enum rbe_code rbe_ask(const struct rbe_ask *a, const struct rbe_installed *installed, struct rbe_offer *ret, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str url = {0};
    struct rbe_net_answer answer = {0};
    struct rbe_net_request q = {.method = RBE_NET_GET, .timeout_ms = TIMEOUT_MS, .connect_ms = CONNECT_MS, .max = ANSWER_MAX,
                                .redirects = REDIRECTS, .stop = a->stop, .arg = a->arg};
    enum rbe_code code;

    put_question(a, &url);
    q.url = url.s;
    code = rbe_net_do(a->net, &q, &answer, e);
    if (code == RBE_OK)
        code = rbe_offer_parse(a->tongue, rbe_str_text(&answer.body), answer.body.len, installed, ret, e);
    if (code != RBE_OK && (answer.status == 429 || answer.status == 503))
        code = judge_busy(&answer, e);
    rbe_net_answer_release(&answer);
    return code;
}
