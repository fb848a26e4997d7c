#include "cgi-bin/form.h"

#include <string.h>

#include "lib/base/str.h"
#include "lib/base/utf8.h"
#include "lib/core/release.h"
#include "lib/web/multipart.h"

enum {
    PIECE = 64 * 1024,
    FIELDS_MAX = 16,
    OTHERS_MAX = 64 * 1024,      /* bytes a body may have beside the file's limit */
    TEXT_MAX = 64 * 1024,
    NOTE_MAX = 4 * RBE_RELEASE_NOTE_MAX,     /* no character takes more than four bytes */
};

/* A form on its way. */
struct reading {
    const struct rbe_form *form;
    struct rbe_app *app;
    struct rbe_arena *arena;
    struct rbe_staging **staged;
    uint64_t file_max;
    const struct rbe_form_field *field;  /* the present one; NULL to pass it over */
    bool seen[FIELDS_MAX];
    bool cut;                    /* of the present text only the beginning is kept */
    struct rbe_str text;
};

static void rbe_reading_release(struct reading *f)
{
    rbe_str_release(&f->text);
}

static enum rbe_code too_large(uint64_t max, struct rbe_err *e)
{
    return rbe_fail(e, RBE_TOOLARGE, "the upload is over %llu bytes", (unsigned long long)max);
}

/* ---- one part ---- */

static const struct rbe_form_field *field_of(const struct rbe_form *form, const char *name)
{
    const char *canonical = rbe_req_canonical(name);

    for (size_t i = 0; i < form->n; i++)
        if (strcmp(form->fields[i].name, canonical) == 0)
            return &form->fields[i];
    return NULL;
}

static enum rbe_code begin_part(void *arg, const struct rbe_multipart_part *part, struct rbe_err *e)
{
    struct reading *f = arg;

    f->field = field_of(f->form, part->name);
    if (!f->field)
        return f->form->others ? RBE_OK : rbe_invalid(e, part->name, "unknown", "is no field of this call");
    bool *seen = &f->seen[f->field - f->form->fields];
    if (*seen && f->field->kind != RBE_FORM_NAMES)
        return rbe_invalid(e, f->field->name, "repeated", "stands there twice");
    *seen = true;
    f->cut = false;
    rbe_str_reset(&f->text);
    if (f->field->kind != RBE_FORM_FILE)
        return RBE_OK;
    if (f->form->allow)
        RBE_TRY(f->form->allow(f->form->arg, &f->file_max, e));
    return rbe_staging_new(f->app, part->file_name, f->staged, e);
}

static enum rbe_code part_data(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    struct reading *f = arg;

    if (!f->field)
        return RBE_OK;
    if (f->field->kind == RBE_FORM_FILE)
        return (*f->staged)->size + n > f->file_max ? too_large(f->file_max, e) : rbe_staging_put(*f->staged, p, n, e);
    size_t max = f->field->kind == RBE_FORM_NOTE ? NOTE_MAX : TEXT_MAX;
    if (n > max - f->text.len) {
        if (f->field->kind != RBE_FORM_NOTE)
            return rbe_invalid(e, f->field->name, "max_length", "must be at most %zu bytes", max);
        n = max - f->text.len;
        f->cut = true;
    }
    rbe_str_put(&f->text, p, n);
    return RBE_OK;
}

static enum rbe_code add_names(struct reading *f, struct rbe_form_names *to, const char *text, struct rbe_err *e)
{
    if (!to->v)
        to->v = rbe_arena_alloc_array(f->arena, RBE_PUBLISH_OLDS_MAX, sizeof(*to->v));
    for (const char *name; (name = rbe_publish_next_name(&text, f->arena)); to->v[to->n++] = name)
        if (to->n == RBE_PUBLISH_OLDS_MAX)
            return rbe_invalid(e, f->field->name, "max_items", "must be at most %d names", (int)RBE_PUBLISH_OLDS_MAX);
    return RBE_OK;
}

static enum rbe_code end_part(void *arg, struct rbe_err *e)
{
    struct reading *f = arg;
    size_t len = f->text.len;

    if (!f->field || f->field->kind == RBE_FORM_FILE)
        return RBE_OK;
    /* a character that the cut went through is behind the last one that is kept anyway */
    if (f->cut)
        len = rbe_utf8_cut(f->text.s, len, RBE_RELEASE_NOTE_MAX);
    if (len && (!rbe_utf8_valid(f->text.s, len) || memchr(f->text.s, 0, len)))
        return rbe_invalid(e, f->field->name, "utf8", "must be UTF-8 text without NUL");
    const char *text = rbe_arena_strndup(f->arena, rbe_str_text(&f->text), len);
    void *to = (char *)f->form->into + f->field->offset;
    if (f->field->kind == RBE_FORM_NAMES)
        return add_names(f, to, text, e);
    memcpy(to, &text, sizeof(text));
    return RBE_OK;
}

/* ---- the whole ---- */

static enum rbe_code read_body(const struct reading *f, struct rbe_req *r, struct rbe_multipart *m, struct rbe_err *e)
{
    uint64_t max = f->file_max + OTHERS_MAX, total = 0;
    rbe_autofree char *piece = rbe_alloc(PIECE);
    size_t n;

    if (rbe_req_length(r) > 0 && (uint64_t)rbe_req_length(r) > max)
        return too_large(f->file_max, e);
    do {
        RBE_TRY(rbe_req_read(r, piece, PIECE, &n, e));
        total += n;
        if (total > max)
            return too_large(f->file_max, e);
        RBE_TRY(rbe_multipart_put(m, piece, n, e));
    } while (n > 0);
    return rbe_multipart_end(m, e);
}

enum rbe_code rbe_form_read(const struct rbe_form *form, struct rbe_app *app, struct rbe_req *r,
                            struct rbe_staging **ret_staged, struct rbe_err *e)
{
    rbe_auto(reading) struct reading f = {.form = form, .app = app, .arena = rbe_req_arena(r), .staged = ret_staged,
                                          .file_max = (uint64_t)app->settings->limits.upload_bytes};
    const struct rbe_multipart_events events = {begin_part, part_data, end_part, &f};
    const char *type = rbe_req_header(r, "Content-Type");
    rbe_autoptr(multipart) struct rbe_multipart *m = NULL;

    if (form->n > FIELDS_MAX)
        abort();
    *ret_staged = NULL;
    RBE_TRY(rbe_multipart_new(type ? type : "", &events, &m, e));
    RBE_TRY(read_body(&f, r, m, e));
    return *ret_staged ? rbe_staging_finish(*ret_staged, e) : RBE_OK;
}
