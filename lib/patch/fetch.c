/* Downloads. */
#include "lib/patch/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/jsonw.h"
#include "lib/base/mem.h"
#include "lib/patch/digest.h"
#include "lib/wrap/file.h"
#include "lib/wrap/json.h"

enum { CONNECT_MS = 20000, STALL_S = 30, REDIRECTS = 5, STATE_MAX = 4096 };

struct state {
    const struct rbe_fetch *what;
    int fd;
    uint64_t have;               /* bytes in the file */
    bool begun;                  /* the present answer's first byte was judged */
    bool resumed;                /* the file holds parts of several answers */
    struct rbe_str etag;
};

enum rbe_code rbe_fetch_drop(const struct rbe_home *h, struct rbe_err *e)
{
    RBE_TRY(rbe_home_drop(h, RBE_HOME_PACKAGE_STATE, e));
    return rbe_home_drop(h, RBE_HOME_PACKAGE, e);
}

/* ---- what an earlier try left ---- */

static void hex_of(const struct state *s, char ret[static RBE_SHA256_TEXT])
{
    rbe_hex_encode(s->what->sha256, RBE_SHA256_SIZE, ret);
}

/* Whether what is there is the beginning of this package. */
static bool remembered(struct state *s)
{
    rbe_auto(str) struct rbe_str text = {0};
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    char sum[RBE_SHA256_TEXT];
    const char *of, *etag;

    hex_of(s, sum);
    if (rbe_home_get(s->what->home, RBE_HOME_PACKAGE_STATE, STATE_MAX, &text, NULL) != RBE_OK ||
        rbe_json_parse(rbe_str_text(&text), text.len, &doc, NULL) != RBE_OK)
        return false;
    of = rbe_json_text(rbe_json_find(doc, "sha256"), NULL);
    etag = rbe_json_text(rbe_json_find(doc, "etag"), NULL);
    rbe_str_reset(&s->etag);
    rbe_str_puts(&s->etag, etag ? etag : "");
    return of && strcmp(of, sum) == 0;
}

static enum rbe_code remember(const struct state *s, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_jsonw w = {.out = &text};
    char sum[RBE_SHA256_TEXT];

    hex_of(s, sum);
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_str(&w, "sha256", sum);
    rbe_jsonw_str(&w, "etag", rbe_str_text(&s->etag));
    rbe_jsonw_obj_end(&w);
    return rbe_home_put(s->what->home, RBE_HOME_PACKAGE_STATE, &text, e);
}

static enum rbe_code restart(struct state *s, struct rbe_err *e)
{
    s->have = 0;
    s->resumed = false;
    return ftruncate(s->fd, 0) == 0 ? RBE_OK : rbe_fail_errno(e, "cannot empty the download");
}

static enum rbe_code open_file(struct state *s, struct rbe_err *e)
{
    struct stat st;
    bool mine = remembered(s);

    s->fd = openat(s->what->home->fd, RBE_HOME_PACKAGE, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (s->fd < 0)
        return rbe_fail_errno(e, "cannot open the download");
    if (fstat(s->fd, &st) != 0)
        return rbe_fail_errno(e, "cannot look at the download");
    s->have = (uint64_t)st.st_size;
    s->resumed = true;
    if (mine && S_ISREG(st.st_mode) && (s->what->size < 0 || st.st_size <= s->what->size))
        return RBE_OK;
    rbe_str_reset(&s->etag);
    RBE_TRY(restart(s, e));
    return remember(s, e);
}

static enum rbe_code judge_space(const struct state *s, struct rbe_err *e)
{
    uint64_t free, total, need = s->what->size > 0 ? (uint64_t)s->what->size - s->have : 0;

    RBE_TRY(rbe_home_space(s->what->home, &free, &total, e));
    return need <= free ? RBE_OK
                        : rbe_fail(e, RBE_NOSPACE, "the download takes %" PRIu64 " bytes, %" PRIu64 " are free", need, free);
}

/* ---- one try ---- */

/* 206 goes on from where was asked; anything else good begins anew. */
static enum rbe_code begin(struct state *s, const struct rbe_net_answer *a, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str value = {0};
    uint64_t from;

    s->begun = true;
    if (a->status == 206) {
        if (!rbe_net_header(a, "Content-Range", &value) || sscanf(value.s, "bytes %" SCNu64 "-", &from) != 1 || from != s->have)
            return rbe_fail(e, RBE_RANGE, "the server sends another part than was asked for");
        s->resumed = true;
        return RBE_OK;
    }
    RBE_TRY(restart(s, e));
    if (!rbe_net_header(a, "ETag", &value))
        rbe_str_reset(&value);
    rbe_str_reset(&s->etag);
    rbe_str_put(&s->etag, rbe_str_text(&value), value.len);
    return remember(s, e);
}

static enum rbe_code put(void *arg, const struct rbe_net_answer *a, const void *p, size_t n, struct rbe_err *e)
{
    struct state *s = arg;
    const struct rbe_fetch *f = s->what;

    if (a->status != 200 && a->status != 206)
        return RBE_OK;
    if (!s->begun)
        RBE_TRY(begin(s, a, e));
    if (f->size >= 0 && n > (uint64_t)f->size - s->have)
        return rbe_fail(e, RBE_INVALID, "the download is larger than the %" PRId64 " bytes that were promised", f->size);
    if (lseek(s->fd, (off_t)s->have, SEEK_SET) < 0)
        return rbe_fail_errno(e, "cannot write the download");
    RBE_TRY(rbe_file_write(s->fd, p, n, e));
    s->have += n;
    if (f->progress)
        f->progress(f->arg, s->have, f->size >= 0 ? (uint64_t)f->size : 0);
    return RBE_OK;
}

static bool stop(void *arg)
{
    const struct state *s = arg;

    const struct rbe_retry *r = &s->what->retry;

    return r->stop && r->stop(r->arg);
}

static enum rbe_code judge_status(const struct rbe_net_answer *a, struct rbe_err *e)
{
    int status = a->status;

    if (status == 200 || status == 206)
        return RBE_OK;
    if (status == 404 || status == 410 || status == 403)
        return rbe_fail(e, RBE_GONE, "the package is gone from where the server said it is (status %d)", status);
    if (status == 416)
        return rbe_fail(e, RBE_RANGE, "the server has no such part of the package");
    (void)rbe_fail(e, status == 429 ? RBE_LIMITED : RBE_UNAVAILABLE, "the package cannot be had now (status %d)", status);
    e->retry_after = rbe_net_retry_after(a);
    return e->code;
}

static enum rbe_code try(struct state *s, struct rbe_err *e)
{
    const struct rbe_fetch *f = s->what;
    rbe_autofree char *range = rbe_strfmt("Range: bytes=%" PRIu64 "-", s->have);
    rbe_autofree char *if_range = rbe_strfmt("If-Range: %s", rbe_str_text(&s->etag));
    const char *headers[] = {range, s->etag.len && s->etag.s[0] == '"' ? if_range : NULL, NULL};
    struct rbe_net_request q = {.method = RBE_NET_GET, .url = f->url, .headers = s->have ? headers : NULL, .max = SIZE_MAX,
                                .connect_ms = CONNECT_MS, .stall_s = STALL_S, .redirects = REDIRECTS, .sink = put,
                                .stop = stop, .arg = s};
    struct rbe_net_answer answer = {0};
    enum rbe_code code;

    s->begun = false;
    code = rbe_net_do(f->net, &q, &answer, e);
    if (code == RBE_OK)
        code = judge_status(&answer, e);
    if (code == RBE_OK && f->size >= 0 && s->have < (uint64_t)f->size)
        code = rbe_fail(e, RBE_UNAVAILABLE, "the download ended after %" PRIu64 " of %" PRId64 " bytes", s->have, f->size);
    rbe_net_answer_release(&answer);
    return code;
}

/* ---- all of them ---- */

static enum rbe_code judge_hash(struct state *s, struct rbe_err *e)
{
    unsigned char sum[RBE_SHA256_SIZE];
    uint64_t size;

    RBE_TRY(rbe_digest_of(s->fd, sum, &size, e));
    return memcmp(sum, s->what->sha256, sizeof(sum)) == 0
               ? RBE_OK
               : rbe_fail(e, RBE_INVALID, "the package that came is not the one that was promised");
}

/* Tries until all bytes are there. */
static enum rbe_code complete(struct state *s, struct rbe_err *e)
{
    struct rbe_retry retry = s->what->retry;

    for (;;) {
        uint64_t before = s->have;
        enum rbe_code code = try(s, e);

        if (code == RBE_OK)
            return RBE_OK;
        /* Another part than was asked for: all of it then. */
        if (code == RBE_RANGE && before > 0)
            RBE_TRY(restart(s, e));
        else
            RBE_TRY(rbe_retry(&retry, s->have > before, e));
    }
}

static enum rbe_code fetch(struct state *s, struct rbe_err *e)
{
    enum rbe_code code;

    RBE_TRY(open_file(s, e));
    for (int round = 0;; round++) {
        bool whole = s->have > 0 && s->what->size >= 0 && s->have == (uint64_t)s->what->size;

        RBE_TRY(judge_space(s, e));
        code = whole ? RBE_OK : complete(s, e);
        if (code == RBE_OK)
            code = judge_hash(s, e);
        if (code != RBE_INVALID)
            return code;
        /* Put together of parts, it may be wrong though each part was right. */
        bool again = s->resumed && round == 0;

        RBE_TRY(restart(s, e));
        if (!again)
            return RBE_INVALID;
    }
}

enum rbe_code rbe_fetch(const struct rbe_fetch *f, int *ret_fd, struct rbe_err *e)
{
    struct state s = {.what = f, .fd = -1};
    enum rbe_code code = fetch(&s, e);

    if (code == RBE_OK)
        *ret_fd = rbe_steal_fd(s.fd);
    rbe_cleanup_close(&s.fd);
    rbe_str_release(&s.etag);
    return code;
}
