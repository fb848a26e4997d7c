#include "cgi-bin/upload.h"

#include <string.h>

#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "lib/web/multipart.h"

enum {
    PIECE = 64 * 1024,
    OTHERS_MAX = 64 * 1024,      /* bytes a body may have beside the file's limit */
    TEXT_MAX = 64 * 1024,
    NOTE_MAX = 4 * RBE_RELEASE_NOTE_MAX,     /* no character takes more than four bytes */
};

enum part_kind { PART_TEXT, PART_NOTE, PART_OLDS, PART_FILE };

struct part {
    const char *name;
    enum part_kind kind;
    size_t offset;               /* of a text in struct rbe_publish */
};

static const struct part parts[] = {
    {"version_name", PART_TEXT, offsetof(struct rbe_publish, version_name)},
    {"channel", PART_TEXT, offsetof(struct rbe_publish, channel)},
    {"system", PART_TEXT, offsetof(struct rbe_publish, system)},
    {"arch", PART_TEXT, offsetof(struct rbe_publish, arch)},
    {"old_version", PART_OLDS, 0},
    {"release_note", PART_NOTE, offsetof(struct rbe_publish, release_note)},
    {"custom_data", PART_TEXT, offsetof(struct rbe_publish, custom_data)},
    {"sha256", PART_TEXT, offsetof(struct rbe_publish, sha256)},
    {"file", PART_FILE, 0},
};

/* A form on its way. */
struct form {
    struct rbe_app *app;
    struct rbe_arena *arena;
    struct rbe_upload *upload;
    const struct part *part;     /* the present one */
    bool seen[RBE_COUNT(parts)];
    bool cut;                    /* of the present text only the beginning is kept */
    struct rbe_str text;
    const char **olds;           /* RBE_PUBLISH_OLDS_MAX of them */
};

static void rbe_form_release(struct form *f)
{
    rbe_str_release(&f->text);
}

static enum rbe_code too_large(const struct rbe_app *app, struct rbe_err *e)
{
    return rbe_fail(e, RBE_TOOLARGE, "the upload is over %lld bytes", (long long)app->settings->limits.upload_bytes);
}

/* ---- one part ---- */

static enum rbe_code begin_part(void *arg, const struct rbe_multipart_part *part, struct rbe_err *e)
{
    struct form *f = arg;
    const char *name = rbe_req_canonical(part->name);

    f->part = NULL;
    for (size_t i = 0; i < RBE_COUNT(parts); i++)
        if (strcmp(parts[i].name, name) == 0)
            f->part = &parts[i];
    if (!f->part)
        return rbe_invalid(e, part->name, "unknown", "is no field of this call");
    bool *seen = &f->seen[f->part - parts];
    if (*seen && f->part->kind != PART_OLDS)
        return rbe_invalid(e, f->part->name, "repeated", "stands there twice");
    *seen = true;
    f->cut = false;
    rbe_str_reset(&f->text);
    if (f->part->kind != PART_FILE)
        return RBE_OK;
    return rbe_staging_new(f->app, part->file_name, &f->upload->staged, e);
}

static enum rbe_code part_data(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    struct form *f = arg;
    size_t max = f->part->kind == PART_NOTE ? NOTE_MAX : TEXT_MAX;
    struct rbe_staging *staged = f->upload->staged;

    if (f->part->kind == PART_FILE) {
        if (staged->size + n > (uint64_t)f->app->settings->limits.upload_bytes)
            return too_large(f->app, e);
        return rbe_staging_put(staged, p, n, e);
    }
    if (n > max - f->text.len) {
        if (f->part->kind != PART_NOTE)
            return rbe_invalid(e, f->part->name, "max_length", "must be at most %zu bytes", max);
        n = max - f->text.len;
        f->cut = true;
    }
    rbe_str_put(&f->text, p, n);
    return RBE_OK;
}

/* Names parted by commas, with or without space around them. */
static enum rbe_code add_olds(struct form *f, const char *text, struct rbe_err *e)
{
    static const char space[] = " \t\r\n";
    struct rbe_publish *p = &f->upload->publish;

    for (const char *at = text; *at; at += *at == ',') {
        size_t len = strcspn(at, ",");
        const char *name = at + strspn(at, space);
        size_t name_len = name < at + len ? (size_t)(at + len - name) : 0;

        at += len;
        while (name_len && strchr(space, name[name_len - 1]))
            name_len--;
        if (name_len == 0)
            continue;
        if (p->olds == RBE_PUBLISH_OLDS_MAX)
            return rbe_invalid(e, "old_version", "max_items", "must be at most %d names", (int)RBE_PUBLISH_OLDS_MAX);
        f->olds[p->olds++] = rbe_arena_strndup(f->arena, name, name_len);
    }
    return RBE_OK;
}

static enum rbe_code end_part(void *arg, struct rbe_err *e)
{
    struct form *f = arg;
    size_t len = f->text.len;

    if (f->part->kind == PART_FILE)
        return RBE_OK;
    /* a character that the cut went through is behind the last one that is kept anyway */
    if (f->cut)
        len = rbe_utf8_cut(f->text.s, len, RBE_RELEASE_NOTE_MAX);
    if (len && (!rbe_utf8_valid(f->text.s, len) || memchr(f->text.s, 0, len)))
        return rbe_invalid(e, f->part->name, "utf8", "must be UTF-8 text without NUL");
    const char *text = rbe_arena_strndup(f->arena, rbe_str_text(&f->text), len);
    if (f->part->kind == PART_OLDS)
        return add_olds(f, text, e);
    memcpy((char *)&f->upload->publish + f->part->offset, &text, sizeof(text));
    return RBE_OK;
}

/* ---- the whole ---- */

static enum rbe_code read_body(struct form *f, struct rbe_req *r, struct rbe_multipart *m, struct rbe_err *e)
{
    uint64_t max = (uint64_t)f->app->settings->limits.upload_bytes + OTHERS_MAX, total = 0;
    rbe_autofree char *piece = rbe_alloc(PIECE);
    size_t n;

    if (rbe_req_length(r) > 0 && (uint64_t)rbe_req_length(r) > max)
        return too_large(f->app, e);
    do {
        RBE_TRY(rbe_req_read(r, piece, PIECE, &n, e));
        total += n;
        if (total > max)
            return too_large(f->app, e);
        RBE_TRY(rbe_multipart_put(m, piece, n, e));
    } while (n > 0);
    return rbe_multipart_end(m, e);
}

enum rbe_code rbe_upload_read(struct rbe_app *app, struct rbe_req *r, struct rbe_upload *ret, struct rbe_err *e)
{
    rbe_auto(form) struct form f = {.app = app, .arena = rbe_req_arena(r), .upload = ret};
    const struct rbe_multipart_events events = {begin_part, part_data, end_part, &f};
    const char *type = rbe_req_header(r, "Content-Type");
    rbe_autoptr(multipart) struct rbe_multipart *m = NULL;

    *ret = (struct rbe_upload){0};
    f.olds = rbe_arena_alloc_array(f.arena, RBE_PUBLISH_OLDS_MAX, sizeof(*f.olds));
    RBE_TRY(rbe_multipart_new(type ? type : "", &events, &m, e));
    RBE_TRY(read_body(&f, r, m, e));
    if (ret->staged)
        RBE_TRY(rbe_staging_finish(ret->staged, e));
    ret->publish.old_versions = f.olds;
    ret->publish.staged = ret->staged;
    return RBE_OK;
}

void rbe_upload_release(struct rbe_upload *u)
{
    rbe_staging_free(u->staged);
    u->staged = NULL;
}
