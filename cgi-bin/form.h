/* A multipart form read into a struct by a table of its fields, its file streamed to a staging area while it arrives.
 */
#ifndef RBE_CGI_FORM_H
#define RBE_CGI_FORM_H

#include "lib/core/staging.h"
#include "lib/web/req.h"

enum rbe_form_kind {
    RBE_FORM_TEXT,               /* const char * */
    RBE_FORM_NOTE,               /* the same, and what is over RBE_RELEASE_NOTE_MAX characters is cut off */
    RBE_FORM_NAMES,              /* struct rbe_form_names: names parted by commas, the field repeated or not */
    RBE_FORM_FILE,               /* into the staging area */
};
struct rbe_form_names {
    const char **v;
    size_t n;
};
struct rbe_form_field {
    const char *name;            /* its aliases (rbe_req_canonical) are taken too */
    enum rbe_form_kind kind;
    size_t offset;               /* in the struct that is filled */
};

struct rbe_form {
    const struct rbe_form_field *fields;
    size_t n;
    void *into;
    bool others;                 /* other fields are passed over, else refused */
    /* Asked when the file begins, with what stood before it filled in; may refuse it. *max is the most bytes it may have,
     * limits.upload_bytes to begin with. May be NULL. */
    enum rbe_code (*allow)(void *arg, uint64_t *max, struct rbe_err *e);
    void *arg;
};

/* Reads the whole body. Over limits.upload_bytes: RBE_TOOLARGE, before anything is read when its length was declared.
 * A field that is unknown, repeated, too long or no text: RBE_INVALID naming it. *ret_staged is owned by the caller,
 * whatever comes of it, and NULL while no file came; texts live in the request's arena. */
enum rbe_code rbe_form_read(const struct rbe_form *form, struct rbe_app *app, struct rbe_req *r,
                            struct rbe_staging **ret_staged, struct rbe_err *e) RBE_MUST_USE;

#endif
