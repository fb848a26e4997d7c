#include "lib/core/settings-places.h"

#include <stddef.h>
#include <string.h>

enum { S3_LIFETIME_MAX = 7 * 86400, WEIGHT_MAX = 1000000 };

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

static bool made_of(const char *text, const char *more)
{
    const char *rest = text + strspn(text, letters);

    while (*rest && strchr(more, *rest))
        rest += 1 + strspn(rest + 1, letters);
    return *rest == '\0';
}

/* ---- signatures ---- */

static const char *const signature_words[] = {
    [RBE_SIGNATURE_NONE] = "none",
    [RBE_SIGNATURE_MD5_A] = "md5-a",
    [RBE_SIGNATURE_SECURE_LINK] = "secure-link",
    [RBE_SIGNATURE_SECDOWNLOAD] = "secdownload",
    [RBE_SIGNATURE_S3_V4] = "s3-v4",
    [RBE_SIGNATURE_CLOUDFRONT] = "cloudfront",
    [RBE_SIGNATURE_MAX] = NULL,
};

const char *rbe_signature_name(enum rbe_signature type)
{
    return signature_words[type];
}

static const char *check_id(const char *text)
{
    return made_of(text, "_.-") ? NULL : "must be of A-Z a-z 0-9 _ . -";
}

static const char *check_parameter(const char *text)
{
    return made_of(text, "_") ? NULL : "must be of A-Z a-z 0-9 _";
}

static const char *check_form(const char *text)
{
    static const char *const must[] = {"{expires}", "{path}", "{secret}"};

    for (size_t i = 0; i < RBE_COUNT(must); i++)
        if (!strstr(text, must[i]))
            return "must hold {expires}, {path} and {secret}";
    return NULL;
}

/* Which fields a type needs and which it knows; a key in a place where nobody reads it is a mistake. */
static const char *check_auth(const void *record)
{
    static const struct {
        bool secret, key_id, expires;
    } needs[RBE_SIGNATURE_MAX] = {
        [RBE_SIGNATURE_MD5_A] = {.secret = true},
        [RBE_SIGNATURE_SECURE_LINK] = {.secret = true, .expires = true},
        [RBE_SIGNATURE_SECDOWNLOAD] = {.secret = true},
        [RBE_SIGNATURE_S3_V4] = {.secret = true, .key_id = true, .expires = true},
        [RBE_SIGNATURE_CLOUDFRONT] = {.key_id = true, .expires = true},
    };
    const struct rbe_place_auth *a = record;

    if (needs[a->type].secret && !a->secret[0])
        return "secret: is missing";
    if (needs[a->type].key_id && !a->key_id[0])
        return "key_id: is missing";
    if (a->key_id[0] && !needs[a->type].key_id)
        return "key_id: is only for s3-v4 and cloudfront";
    if (a->key_file[0] && a->type != RBE_SIGNATURE_CLOUDFRONT)
        return "key_file: is only for cloudfront";
    if (a->type == RBE_SIGNATURE_CLOUDFRONT && !a->secret[0] == !a->key_file[0])
        return "must have the private key either as secret or as key_file";
    if (a->type == RBE_SIGNATURE_NONE && a->secret[0])
        return "type: must say which signature the secret is for";
    if (a->type != RBE_SIGNATURE_CLOUDFRONT && strchr(a->secret, '\n'))
        return "secret: must hold no control character";
    if (a->lifetime && !needs[a->type].expires)
        return "lifetime: is only for secure-link, s3-v4 and cloudfront; elsewhere the web server or CDN sets it";
    if (a->type == RBE_SIGNATURE_S3_V4 && a->lifetime > S3_LIFETIME_MAX)
        return "lifetime: must be at most 7d for s3-v4";
    return NULL;
}

#define AUTH(key) .name = #key, .offset = offsetof(struct rbe_place_auth, key)
static const struct rbe_conf_key auth_fields[] = {
    {AUTH(type), .type = RBE_CONF_WORD, .words = signature_words, .preset = "none", .required = true,
     .help = "How URLs are signed."},
    {AUTH(secret), .type = RBE_CONF_TEXT, .min = 1, .max = 16384, .secret = true, .lines = true,
     .help = "What both sides know. Of s3-v4 the secret access key, of cloudfront the private key (RSA, PEM)."},
    {AUTH(key_id), .type = RBE_CONF_TEXT, .min = 1, .max = 128, .check = check_id,
     .help = "Of s3-v4 the access key id, of cloudfront the id of the public key."},
    {AUTH(key_file), .type = RBE_CONF_TEXT, .min = 1, .max = 4000,
     .help = "Of cloudfront: the file that holds the private key, in place of secret."},
    {AUTH(region), .type = RBE_CONF_TEXT, .min = 1, .max = 64, .check = check_id, .preset = "us-east-1",
     .help = "Of s3-v4: the region of the bucket."},
    {AUTH(form), .type = RBE_CONF_TEXT, .min = 1, .max = 256, .check = check_form,
     .preset = "{expires}{path} {secret}",
     .help = "Of secure-link: what nginx has as secure_link_md5, where it is not \"$secure_link_expires$uri SECRET\"."},
    {AUTH(parameter), .type = RBE_CONF_TEXT, .min = 1, .max = 64, .check = check_parameter, .preset = "auth_key",
     .help = "Of md5-a: the name of the parameter; some CDNs want sign."},
    {AUTH(lifetime), .type = RBE_CONF_DURATION, .max = 30 * 86400, .preset = "0",
     .help = "Of secure-link, s3-v4 and cloudfront: how long a URL is good. 0 is extra.download_effective_time."},
};
const struct rbe_conf_record rbe_settings_auth = {
    .fields = auth_fields, .n = RBE_COUNT(auth_fields), .size = sizeof(struct rbe_place_auth), .check = check_auth,
};

/* ---- places ---- */

/* Clients take such parts out of a URL, and the signature is of another then. */
static bool has_dots(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/')) {
        size_t n = strcspn(++part, "/");

        if ((n == 1 || n == 2) && strspn(part, ".") >= n)
            return true;
    }
    return false;
}

const char *rbe_settings_check_place(const char *text)
{
    const char *rule = rbe_settings_check_url(text);
    const char *path = rule ? NULL : strchr(strstr(text, "://") + 3, '/');

    if (rule || !path)
        return rule;
    if (!made_of(path, "/._~-") || strstr(path, "//") || has_dots(path))
        return "must have a plain path: A-Z a-z 0-9 . _ ~ - and single slashes";
    return NULL;
}

#define PLACE(key) .name = #key, .offset = offsetof(struct rbe_place, key)
static const struct rbe_conf_key place_fields[] = {
    {PLACE(url), .type = RBE_CONF_TEXT, .min = 1, .max = 1000, .check = rbe_settings_check_place, .required = true,
     .help = "What URLs there begin with; p/… is put behind it."},
    {PLACE(weight), .type = RBE_CONF_INT, .preset = "1", .max = WEIGHT_MAX,
     .help = "Its share among the places of its region. 0 takes it out."},
    {PLACE(auth), .type = RBE_CONF_RECORD, .record = &rbe_settings_auth, .help = "How its URLs are signed."},
};
const struct rbe_conf_record rbe_settings_place = {
    .fields = place_fields, .n = RBE_COUNT(place_fields), .size = sizeof(struct rbe_place),
};

/* ---- mirror targets ---- */

static const char *check_name(const char *text)
{
    return made_of(text, "_-") ? NULL : "must be of A-Z a-z 0-9 _ -";
}

static const char *check_path(const char *text)
{
    return text[0] == '/' ? NULL : "must be an absolute path";
}

static const char *check_rsync(const char *text)
{
    if (text[0] == '-')
        return "must not begin with a dash";
    return strchr(text, ':') || text[0] == '/' ? NULL : "must be a destination of rsync, such as user@host:/directory";
}

static const char *check_target(const void *record)
{
    const struct rbe_mirror_target *t = record;

    return !t->path[0] == !t->rsync[0] ? "must have either a path or an rsync destination" : NULL;
}

#define TARGET(key) .name = #key, .offset = offsetof(struct rbe_mirror_target, key)
static const struct rbe_conf_key target_fields[] = {
    {TARGET(name), .type = RBE_CONF_TEXT, .min = 1, .max = 64, .check = check_name, .required = true,
     .help = "What it is called; copies are remembered under it."},
    {TARGET(path), .type = RBE_CONF_TEXT, .min = 1, .max = 4000, .check = check_path,
     .help = "A directory on this machine that is there, such as a mounted volume."},
    {TARGET(rsync), .type = RBE_CONF_TEXT, .min = 1, .max = 1000, .check = check_rsync,
     .help = "In place of path: where rsync copies to, user@host:/directory."},
    {TARGET(ssh), .type = RBE_CONF_TEXT, .min = 1, .max = 1000, .preset = "ssh -o BatchMode=yes -o ConnectTimeout=20",
     .help = "What rsync connects by."},
    {TARGET(urls), .type = RBE_CONF_LIST, .min = 1, .max = 1000, .check = rbe_settings_check_place, .required = true,
     .help = "The places (url of download_prefix_info, cdn_prefix) that serve what lies there."},
};
const struct rbe_conf_record rbe_settings_target = {
    .fields = target_fields, .n = RBE_COUNT(target_fields), .size = sizeof(struct rbe_mirror_target),
    .check = check_target,
};
