#include "lib/core/location.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/wrap/file.h"

enum {
    EXPIRES_BYTES = 5,
    BYTES_BYTES = 8,
    RECORD = 1 + RBE_LOCATION_ID + EXPIRES_BYTES + BYTES_BYTES,
    SIGNED = RECORD + RBE_SHA256_SIZE,
    SIGNED_TEXT = RBE_BASE64URL_LEN(SIGNED),
    SUM_MAX = RBE_SHA256_TEXT + 24,
    MARK = 'L',
};

static const char access_key[] = "rbe";

/* A key taken apart; name points into its text. */
struct key {
    unsigned char record[SIGNED];    /* with its signature */
    const char *name;
};

static unsigned char *put_number(unsigned char *to, uint64_t v, int bytes)
{
    for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8)
        *to++ = (unsigned char)(v >> shift);
    return to;
}

static uint64_t get_number(const unsigned char *from, int bytes)
{
    uint64_t v = 0;

    for (; bytes; bytes--)
        v = v << 8 | *from++;
    return v;
}

static const unsigned char *id_of(const struct key *k)
{
    return k->record + 1;
}

static int64_t expires_of(const struct key *k)
{
    return (int64_t)get_number(k->record + 1 + RBE_LOCATION_ID, EXPIRES_BYTES);
}

static uint64_t bytes_of(const struct key *k)
{
    return get_number(k->record + RECORD - BYTES_BYTES, BYTES_BYTES);
}

static bool read_key(const char *text, struct key *ret)
{
    size_t len = text ? strcspn(text, "/") : 0;

    if (len != SIGNED_TEXT || text[len] != '/' ||
        rbe_base64url_decode(text, len, ret->record, sizeof(ret->record)) != SIGNED || ret->record[0] != MARK)
        return false;
    ret->name = text + len + 1;
    return true;
}

/* ---- signatures ---- */

static void put_field(struct rbe_str *to, const char *text)
{
    rbe_str_put(to, text, strlen(text) + 1);
}

/* The text that binds a record to what it is for, or fails as the names in p do. */
static enum rbe_code bind(const unsigned char *record, const struct rbe_publish *p, const char *name,
                          struct rbe_str *to, struct rbe_err *e)
{
    enum rbe_channel channel;
    enum rbe_system system;
    enum rbe_arch arch;

    RBE_TRY(rbe_version_name_check("version_name", p->version_name, e));
    RBE_TRY(rbe_channel_parse(p->channel, &channel, e));
    RBE_TRY(rbe_system_parse(p->system, &system, e));
    RBE_TRY(rbe_arch_parse(p->arch, &arch, e));
    rbe_str_put(to, record, RECORD);
    put_field(to, p->rid);
    put_field(to, p->version_name);
    put_field(to, rbe_channel_name(channel));
    put_field(to, rbe_system_name(system));
    put_field(to, rbe_arch_name(arch));
    put_field(to, name);
    return RBE_OK;
}

static bool signed_by_one(const struct rbe_app *app, const void *text, size_t n, const unsigned char *sum)
{
    unsigned char own[RBE_SHA256_SIZE];

    for (size_t i = 0; i < app->signers; i++) {
        rbe_hmac_of(app->signer[i], text, n, own);
        if (rbe_hash_equal(own, sum, sizeof(own)))
            return true;
    }
    return false;
}

/* The only policy there is for a key. */
static void put_policy(const char *key, const struct key *k, struct rbe_str *to)
{
    char expires[RBE_CLOCK_TEXT];
    rbe_auto(str) struct rbe_str json = {0};

    rbe_clock_format(expires_of(k), expires);
    rbe_str_putf(&json, "{\"expiration\":\"%s\",\"conditions\":[{\"key\":\"%s\"},", expires, key);
    rbe_str_putf(&json, "[\"content-length-range\",1,%" PRIu64 "]]}", bytes_of(k));
    to->len += rbe_base64url_encode(json.s, json.len, rbe_str_reserve(to, RBE_BASE64URL_LEN(json.len)));
}

/* ---- making one ---- */

/* The last component of what the asker calls the file, in plain ASCII. */
static const char *plain_name(const char *said, struct rbe_arena *arena)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const char *base = said ? said : "";

    for (const char *c = base; *c; c++)
        if (*c == '/' || *c == '\\')
            base = c + 1;
    size_t len = strlen(base);
    /* what a name ends in says what the file is */
    char *name = rbe_arena_strdup(arena, len > RBE_LOCATION_NAME_MAX ? base + len - RBE_LOCATION_NAME_MAX : base);
    for (char *c = name; *c; c++)
        if (!strchr(plain, *c))
            *c = '_';
    return *name ? name : "package";
}

enum rbe_code rbe_location_make(struct rbe_app *app, const struct rbe_publish *p, const char *file_name, int64_t now,
                                struct rbe_arena *arena, struct rbe_location *ret, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str bound = {0}, policy = {0};
    unsigned char sum[RBE_SHA256_SIZE];
    char text[SIGNED_TEXT + 1];
    struct key k = {.record = {MARK}, .name = plain_name(file_name, arena)};

    RBE_TRY(rbe_release_expect(app, p, arena, e));
    rbe_random(k.record + 1, RBE_LOCATION_ID);
    unsigned char *end = k.record + 1 + RBE_LOCATION_ID;
    end = put_number(end, (uint64_t)(now + RBE_LOCATION_SECONDS), EXPIRES_BYTES);
    end = put_number(end, (uint64_t)app->settings->limits.upload_bytes, BYTES_BYTES);
    RBE_TRY(bind(k.record, p, k.name, &bound, e));
    rbe_hmac_of(app->signer[0], bound.s, bound.len, end);
    (void)rbe_base64url_encode(k.record, SIGNED, text);

    ret->key = rbe_arena_strfmt(arena, "%s/%s", text, k.name);
    ret->name = k.name;
    put_policy(ret->key, &k, &policy);
    ret->policy = rbe_arena_strdup(arena, policy.s);
    ret->access_key = access_key;
    rbe_hmac_of(app->signer[0], policy.s, policy.len, sum);
    char *signature = rbe_arena_alloc(arena, RBE_BASE64URL_LEN(sizeof(sum)) + 1);
    (void)rbe_base64url_encode(sum, sizeof(sum), signature);
    ret->signature = signature;
    return RBE_OK;
}

/* ---- the file ---- */

static char *place_of(const struct rbe_app *app, const unsigned char *id)
{
    char hex[2 * RBE_LOCATION_ID + 1];

    rbe_hex_encode(id, RBE_LOCATION_ID, hex);
    return rbe_strfmt("%s/tmp/location-%s", app->settings->instance.data_dir, hex);
}

static enum rbe_code refuse_second(struct rbe_err *e)
{
    return rbe_fail(e, RBE_FORBIDDEN, "this location has its file already; ask for another one");
}

enum rbe_code rbe_location_check(struct rbe_app *app, const struct rbe_location *said, int64_t now,
                                 struct rbe_location_right *ret, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str policy = {0};
    const char *text = said->policy ? said->policy : "", *signature = said->signature ? said->signature : "";
    unsigned char sum[RBE_SHA256_SIZE];
    struct key k;

    bool good = read_key(said->key, &k) && said->access_key && strcmp(said->access_key, access_key) == 0 &&
                rbe_base64url_decode(signature, strlen(signature), sum, sizeof(sum)) == (ptrdiff_t)sizeof(sum) &&
                signed_by_one(app, text, strlen(text), sum);
    if (good)
        put_policy(said->key, &k, &policy);
    if (!good || strcmp(policy.s, text) != 0)
        return rbe_fail(e, RBE_FORBIDDEN, "key, policy, OSSAccessKeyId and signature are not those of a location");
    if (now >= expires_of(&k) + app->settings->auth.key_skew)
        return rbe_fail(e, RBE_GONE, "the location has expired; ask for another one");
    rbe_autofree char *place = place_of(app, id_of(&k));
    if (access(place, F_OK) == 0)
        return refuse_second(e);
    *ret = (struct rbe_location_right){.name = k.name, .bytes = bytes_of(&k)};
    memcpy(ret->id, id_of(&k), sizeof(ret->id));
    return RBE_OK;
}

static enum rbe_code put_sum(const char *dir, const struct rbe_staging *s, struct rbe_err *e)
{
    rbe_autofree char *path = rbe_strfmt("%s/sum", dir);
    char hex[RBE_SHA256_TEXT];

    rbe_hex_encode(s->sha256, sizeof(s->sha256), hex);
    rbe_autofree char *text = rbe_strfmt("%s %" PRIu64 "\n", hex, s->size);
    return rbe_file_put(path, text, strlen(text), 0600, e);
}

/* Puts both files into dir, on the disk; the file is back with its owner when that fails. */
static enum rbe_code gather(const char *dir, struct rbe_staging *s, struct rbe_err *e)
{
    rbe_autofree char *file = rbe_strfmt("%s/file", dir);

    if (mkdir(dir, 0700) < 0)
        return rbe_fail_errno(e, "cannot make %s", dir);
    if (fsync(s->fd) < 0)
        return rbe_fail_errno(e, "cannot sync %s", s->path);
    RBE_TRY(put_sum(dir, s, e));
    if (rename(s->path, file) < 0)
        return rbe_fail_errno(e, "cannot move %s", s->path);
    free(s->path);
    s->path = rbe_steal(file);
    return rbe_dir_sync(dir, e);
}

enum rbe_code rbe_location_put(struct rbe_app *app, const struct rbe_location_right *right, struct rbe_staging *staged,
                               struct rbe_err *e)
{
    rbe_autofree char *place = place_of(app, right->id), *dir = rbe_strfmt("%s.d", staged->path);
    rbe_autofree char *tmp = rbe_strfmt("%s/tmp", app->settings->instance.data_dir);
    enum rbe_code code = gather(dir, staged, e);

    if (code == RBE_OK && rename(dir, place) < 0)
        code = errno == EEXIST || errno == ENOTEMPTY ? refuse_second(e) : rbe_fail_errno(e, "cannot move %s", dir);
    if (code != RBE_OK) {
        /* what is left of it is swept later */
        if (rbe_dir_remove(dir, NULL) != RBE_OK)
            return code;
        return code;
    }
    free(staged->path);
    staged->path = NULL;
    return rbe_dir_sync(tmp, e);
}

/* ---- publishing it ---- */

/* The key is one of ours and made for just this. */
static enum rbe_code prove(struct rbe_app *app, const struct rbe_publish *p, const char *text, struct key *ret,
                           struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str bound = {0};
    bool good = read_key(text, ret);

    if (good) {
        RBE_TRY(bind(ret->record, p, ret->name, &bound, e));
        good = signed_by_one(app, bound.s, bound.len, ret->record + RECORD);
    }
    return good ? RBE_OK : rbe_fail(e, RBE_FORBIDDEN, "the key is not that of a location for this version");
}

/* The hash and the size that were written down. */
static enum rbe_code read_sum(int fd, const char *place, struct rbe_staging *ret, struct rbe_err *e)
{
    char text[SUM_MAX + 1] = "";
    int64_t size = 0;
    size_t n;

    if (rbe_file_read_at(fd, text, SUM_MAX, 0, &n, e) != RBE_OK)
        return rbe_err_prefix(e, "%s/sum", place);
    if (n <= RBE_SHA256_TEXT || text[n - 1] != '\n' || text[RBE_SHA256_TEXT - 1] != ' ')
        return rbe_fail(e, RBE_FAULT, "%s/sum is damaged", place);
    text[n - 1] = '\0';
    if (!rbe_hex_decode(text, RBE_SHA256_TEXT - 1, ret->sha256, sizeof(ret->sha256)) ||
        !rbe_int_parse(text + RBE_SHA256_TEXT, 1, INT64_MAX, &size))
        return rbe_fail(e, RBE_FAULT, "%s/sum is damaged", place);
    ret->size = (uint64_t)size;
    return RBE_OK;
}

/* Nobody else may be at it while the descriptor is open. */
static enum rbe_code open_sum(const char *place, bool late, int *ret_fd, struct rbe_err *e)
{
    rbe_autofree char *path = rbe_strfmt("%s/sum", place);
    rbe_autoclose int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);

    if (fd < 0 && errno == ENOENT)
        return late ? rbe_fail(e, RBE_GONE, "the location has expired; ask for another one")
                    : rbe_fail(e, RBE_NOTFOUND, "no file was brought to this location");
    if (fd < 0)
        return rbe_fail_errno(e, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? rbe_fail(e, RBE_PROCESSING, "the file of this location is being published")
                                    : rbe_fail_errno(e, "cannot lock %s", path);
    *ret_fd = rbe_steal_fd(fd);
    return RBE_OK;
}

enum rbe_code rbe_location_publish(struct rbe_app *app, const struct rbe_publish *p, const char *key, int64_t now,
                                   struct rbe_arena *arena, struct rbe_published *ret, struct rbe_err *e)
{
    struct rbe_staging staged = {.fd = -1};
    struct rbe_publish whole = *p;
    rbe_autoclose int lock = -1;
    struct key k;

    RBE_TRY(prove(app, p, key, &k, e));
    rbe_autofree char *place = place_of(app, id_of(&k)), *file = rbe_strfmt("%s/file", place);
    RBE_TRY(open_sum(place, now >= expires_of(&k) + app->settings->auth.key_skew, &lock, e));
    RBE_TRY(read_sum(lock, place, &staged, e));
    staged.name = (char *)(uintptr_t)k.name;
    staged.path = access(file, F_OK) == 0 ? rbe_strdup(file) : NULL;
    whole.staged = &staged;
    enum rbe_code code = rbe_release_publish(app, &whole, arena, ret, e);
    /* What was refused is not kept; what failed through no fault of its own may be tried again. */
    if (staged.path && (code == RBE_OK || rbe_code_info(code)->http < 500))
        (void)unlink(file);
    free(staged.path);
    return code;
}
