#include "lib/core/urlsign.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/str.h"
#include "lib/wrap/file.h"
#include "lib/wrap/hash.h"
#include "lib/wrap/rsa.h"

enum { KEY_FILE_MAX = 64 * 1024, DAY = 86400, S3_LIFETIME_MAX = 7 * DAY };

struct rbe_urlsign {
    const struct rbe_place_auth *auth;
    const char *url;
    const char *base;            /* the path of url: "" or "/rbe" */
    int64_t lifetime;
    struct rbe_hmac *hmac;       /* of secdownload: the secret; of s3-v4: the key of a day */
    int64_t day;                 /* which hmac is for */
    char *host;                  /* of s3-v4, as clients say it */
    struct rbe_rsa *rsa;
};

/* ---- one function a type ---- */

static enum rbe_code sign_none(struct rbe_urlsign *s, const struct rbe_urlsign_request *q, struct rbe_arena *arena,
                               const char **ret, struct rbe_err *e)
{
    (void)e;
    *ret = rbe_arena_strfmt(arena, "%s/%s", s->url, q->path);
    return RBE_OK;
}

static enum rbe_code sign_md5_a(struct rbe_urlsign *s, const struct rbe_urlsign_request *q, struct rbe_arena *arena,
                                const char **ret, struct rbe_err *e)
{
    const char *signed_text = rbe_arena_strfmt(arena, "%s/%s-%lld-%s-0-%s", s->base, q->path, (long long)q->now,
                                               q->rand, s->auth->secret);
    unsigned char sum[RBE_MD5_SIZE];
    char hex[RBE_MD5_TEXT];

    if (!rbe_md5_of(signed_text, strlen(signed_text), sum))
        return rbe_fail(e, RBE_REFUSED, "there is no MD5 here");
    rbe_hex_encode(sum, sizeof(sum), hex);
    *ret = rbe_arena_strfmt(arena, "%s/%s?%s=%lld-%s-0-%s", s->url, q->path, s->auth->parameter, (long long)q->now,
                            q->rand, hex);
    return RBE_OK;
}

/* Writes form with its three words replaced. */
static void put_form(struct rbe_str *out, const struct rbe_urlsign *s, const char *path, const char *expires)
{
    const char *form = s->auth->form;

    while (*form) {
        size_t plain = strcspn(form, "{");

        rbe_str_put(out, form, plain);
        form += plain;
        if (strncmp(form, "{expires}", 9) == 0) {
            rbe_str_puts(out, expires);
            form += 9;
        } else if (strncmp(form, "{path}", 6) == 0) {
            rbe_str_putf(out, "%s/%s", s->base, path);
            form += 6;
        } else if (strncmp(form, "{secret}", 8) == 0) {
            rbe_str_puts(out, s->auth->secret);
            form += 8;
        } else if (*form) {
            rbe_str_putc(out, *form++);
        }
    }
}

static enum rbe_code sign_secure_link(struct rbe_urlsign *s, const struct rbe_urlsign_request *q,
                                      struct rbe_arena *arena, const char **ret, struct rbe_err *e)
{
    const char *expires = rbe_arena_strfmt(arena, "%lld", (long long)(q->now + s->lifetime));
    rbe_auto(str) struct rbe_str text = {0};
    unsigned char sum[RBE_MD5_SIZE];
    char b64[RBE_BASE64URL_LEN(RBE_MD5_SIZE) + 1];

    put_form(&text, s, q->path, expires);
    if (!rbe_md5_of(text.s, text.len, sum))
        return rbe_fail(e, RBE_REFUSED, "there is no MD5 here");
    (void)rbe_base64url_encode(sum, sizeof(sum), b64);
    *ret = rbe_arena_strfmt(arena, "%s/%s?md5=%s&expires=%s", s->url, q->path, b64, expires);
    return RBE_OK;
}

static enum rbe_code sign_secdownload(struct rbe_urlsign *s, const struct rbe_urlsign_request *q,
                                      struct rbe_arena *arena, const char **ret, struct rbe_err *e)
{
    const char *below = rbe_arena_strfmt(arena, "/%08llx/%s", (unsigned long long)q->now, q->path);
    unsigned char sum[RBE_SHA256_SIZE];
    char b64[RBE_BASE64URL_LEN(RBE_SHA256_SIZE) + 1];

    (void)e;
    rbe_hmac_of(s->hmac, below, strlen(below), sum);
    (void)rbe_base64url_encode(sum, sizeof(sum), b64);
    *ret = rbe_arena_strfmt(arena, "%s/%s%s", s->url, b64, below);
    return RBE_OK;
}

/* The key of a day is four HMACs deep, so it is kept for as long as the day lasts. */
static void use_day(struct rbe_urlsign *s, const char *date, int64_t day)
{
    const char *const steps[] = {date, s->auth->region, "s3", "aws4_request"};
    unsigned char sum[RBE_SHA256_SIZE];

    if (s->hmac && s->day == day)
        return;
    rbe_autofree char *first = rbe_strfmt("AWS4%s", s->auth->secret);
    rbe_hmac_free(s->hmac);
    s->hmac = rbe_hmac_new(first, strlen(first));
    for (size_t i = 0; i < RBE_COUNT(steps); i++) {
        rbe_hmac_of(s->hmac, steps[i], strlen(steps[i]), sum);
        rbe_hmac_free(s->hmac);
        s->hmac = rbe_hmac_new(sum, sizeof(sum));
    }
    s->day = day;
}

static enum rbe_code sign_s3_v4(struct rbe_urlsign *s, const struct rbe_urlsign_request *q, struct rbe_arena *arena,
                                const char **ret, struct rbe_err *e)
{
    struct rbe_civil c = rbe_civil_of(q->now);
    const char *date = rbe_arena_strfmt(arena, "%04lld%02d%02d", (long long)c.year, c.month, c.day);
    const char *time = rbe_arena_strfmt(arena, "%sT%02d%02d%02dZ", date, c.hour, c.minute, c.second);
    unsigned char sum[RBE_SHA256_SIZE];
    char hex[RBE_SHA256_TEXT];

    (void)e;
    const char *query = rbe_arena_strfmt(arena,
                                         "X-Amz-Algorithm=AWS4-HMAC-SHA256"
                                         "&X-Amz-Credential=%s%%2F%s%%2F%s%%2Fs3%%2Faws4_request"
                                         "&X-Amz-Date=%s&X-Amz-Expires=%lld&X-Amz-SignedHeaders=host",
                                         s->auth->key_id, date, s->auth->region, time, (long long)s->lifetime);
    const char *request = rbe_arena_strfmt(arena, "%s\n%s/%s\n%s\nhost:%s\n\nhost\nUNSIGNED-PAYLOAD", q->method, s->base,
                                           q->path, query, s->host);
    rbe_sha256_of(request, strlen(request), sum);
    rbe_hex_encode(sum, sizeof(sum), hex);
    const char *text = rbe_arena_strfmt(arena, "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s", time, date,
                                        s->auth->region, hex);
    use_day(s, date, q->now / DAY);
    rbe_hmac_of(s->hmac, text, strlen(text), sum);
    rbe_hex_encode(sum, sizeof(sum), hex);
    *ret = rbe_arena_strfmt(arena, "%s/%s?%s&X-Amz-Signature=%s", s->url, q->path, query, hex);
    return RBE_OK;
}

static enum rbe_code sign_cloudfront(struct rbe_urlsign *s, const struct rbe_urlsign_request *q,
                                     struct rbe_arena *arena, const char **ret, struct rbe_err *e)
{
    static const char padding[] = "__";
    long long expires = (long long)(q->now + s->lifetime);
    const char *policy = rbe_arena_strfmt(arena,
                                          "{\"Statement\":[{\"Resource\":\"%s/%s\",\"Condition\":{\"DateLessThan\":"
                                          "{\"AWS:EpochTime\":%lld}}}]}",
                                          s->url, q->path, expires);
    unsigned char sum[RBE_RSA_SIGNATURE_MAX];
    char b64[RBE_BASE64URL_LEN(RBE_RSA_SIGNATURE_MAX) + 1];
    size_t len;

    RBE_TRY(rbe_rsa_sign(s->rsa, policy, strlen(policy), sum, &len, e));
    size_t letters = rbe_base64url_encode(sum, len, b64);
    /* base64 with - for +, ~ for / and _ for its padding */
    for (char *c = b64; *c; c++)
        if (*c == '_')
            *c = '~';
    *ret = rbe_arena_strfmt(arena, "%s/%s?Expires=%lld&Signature=%s%.*s&Key-Pair-Id=%s", s->url, q->path, expires, b64,
                            (int)(-letters & 3), padding, s->auth->key_id);
    return RBE_OK;
}

/* ---- making ready ---- */

static enum rbe_code ready_md5(struct rbe_urlsign *s, struct rbe_err *e)
{
    unsigned char sum[RBE_MD5_SIZE];

    (void)s;
    return rbe_md5_of("", 0, sum) ? RBE_OK : rbe_fail(e, RBE_REFUSED, "there is no MD5 here");
}

static enum rbe_code ready_secdownload(struct rbe_urlsign *s, struct rbe_err *e)
{
    (void)e;
    s->hmac = rbe_hmac_new(s->auth->secret, strlen(s->auth->secret));
    return RBE_OK;
}

/* Clients leave out the port that the scheme implies. */
static enum rbe_code ready_s3_v4(struct rbe_urlsign *s, struct rbe_err *e)
{
    bool tls = strncmp(s->url, "https:", 6) == 0;
    const char *from = strstr(s->url, "://") + 3, *implied = tls ? ":443" : ":80";
    size_t len = strcspn(from, "/"), n = strlen(implied);

    (void)e;
    if (s->lifetime > S3_LIFETIME_MAX)
        s->lifetime = S3_LIFETIME_MAX;
    if (len > n && strncmp(from + len - n, implied, n) == 0)
        len -= n;
    s->host = rbe_strndup(from, len);
    for (char *c = s->host; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return RBE_OK;
}

static enum rbe_code ready_cloudfront(struct rbe_urlsign *s, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str pem = {0};
    const char *file = s->auth->key_file;

    if (!file[0])
        return rbe_rsa_new(s->auth->secret, strlen(s->auth->secret), &s->rsa, e);
    if (rbe_file_get(file, KEY_FILE_MAX, &pem, e) != RBE_OK) {
        e->code = RBE_REFUSED;
        return RBE_REFUSED;
    }
    return rbe_rsa_new(rbe_str_text(&pem), pem.len, &s->rsa, e) == RBE_OK ? RBE_OK : rbe_err_prefix(e, "%s", file);
}

static const struct {
    enum rbe_code (*ready)(struct rbe_urlsign *s, struct rbe_err *e);
    enum rbe_code (*sign)(struct rbe_urlsign *s, const struct rbe_urlsign_request *q, struct rbe_arena *arena,
                          const char **ret, struct rbe_err *e);
} types[RBE_SIGNATURE_MAX] = {
    [RBE_SIGNATURE_NONE] = {NULL, sign_none},
    [RBE_SIGNATURE_MD5_A] = {ready_md5, sign_md5_a},
    [RBE_SIGNATURE_SECURE_LINK] = {ready_md5, sign_secure_link},
    [RBE_SIGNATURE_SECDOWNLOAD] = {ready_secdownload, sign_secdownload},
    [RBE_SIGNATURE_S3_V4] = {ready_s3_v4, sign_s3_v4},
    [RBE_SIGNATURE_CLOUDFRONT] = {ready_cloudfront, sign_cloudfront},
};

enum rbe_code rbe_urlsign_new(const struct rbe_place_auth *auth, const char *url, int64_t lifetime,
                              struct rbe_urlsign **ret, struct rbe_err *e)
{
    rbe_autoptr(urlsign) struct rbe_urlsign *s = rbe_alloc(sizeof(*s));
    const char *host = strstr(url, "://");

    s->auth = auth;
    s->url = url;
    s->base = host ? host + 3 + strcspn(host + 3, "/") : "";
    s->lifetime = auth->lifetime ? auth->lifetime : lifetime;
    if (types[auth->type].ready && types[auth->type].ready(s, e) != RBE_OK)
        return rbe_err_prefix(e, "%s of %s", rbe_signature_name((enum rbe_signature)auth->type), url);
    *ret = rbe_steal(s);
    return RBE_OK;
}

void rbe_urlsign_free(struct rbe_urlsign *s)
{
    if (!s)
        return;
    rbe_hmac_free(s->hmac);
    rbe_rsa_free(s->rsa);
    free(s->host);
    free(s);
}

enum rbe_code rbe_urlsign_make(struct rbe_urlsign *s, const struct rbe_urlsign_request *q, struct rbe_arena *arena,
                               const char **ret, struct rbe_err *e)
{
    return types[s->auth->type].sign(s, q, arena, ret, e);
}
