#include "cgi-bin/upload.h"

#include "cgi-bin/form.h"

/* What a form fills. */
struct said {
    struct rbe_publish publish;
    struct rbe_form_names olds;
};

enum rbe_code rbe_upload_read(struct rbe_app *app, struct rbe_req *r, struct rbe_upload *ret, struct rbe_err *e)
{
    static const struct rbe_form_field fields[] = {
        {"version_name", RBE_FORM_TEXT, offsetof(struct said, publish.version_name)},
        {"channel", RBE_FORM_TEXT, offsetof(struct said, publish.channel)},
        {"system", RBE_FORM_TEXT, offsetof(struct said, publish.system)},
        {"arch", RBE_FORM_TEXT, offsetof(struct said, publish.arch)},
        {"old_version", RBE_FORM_NAMES, offsetof(struct said, olds)},
        {"release_note", RBE_FORM_NOTE, offsetof(struct said, publish.release_note)},
        {"custom_data", RBE_FORM_TEXT, offsetof(struct said, publish.custom_data)},
        {"sha256", RBE_FORM_TEXT, offsetof(struct said, publish.sha256)},
        {"file", RBE_FORM_FILE, 0},
    };
    struct said said = {0};
    const struct rbe_form form = {.fields = fields, .n = RBE_COUNT(fields), .into = &said};

    *ret = (struct rbe_upload){0};
    RBE_TRY(rbe_form_read(&form, app, r, &ret->staged, e));
    ret->publish = said.publish;
    ret->publish.old_versions = said.olds.v;
    ret->publish.olds = said.olds.n;
    ret->publish.staged = ret->staged;
    return RBE_OK;
}

void rbe_upload_release(struct rbe_upload *u)
{
    rbe_staging_free(u->staged);
    u->staged = NULL;
}
