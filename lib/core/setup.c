#include "lib/core/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/jsonw.h"
#include "lib/core/app.h"
#include "lib/core/secrets.h"
#include "lib/store/store.h"
#include "lib/wrap/file.h"
#include "lib/wrap/sys.h"

#define SYSTEM_FILE RBE_SYSCONFDIR "/rbe/rbe.yaml"
#define SYSTEM_DATA RBE_LOCALSTATEDIR "/lib/rbe"
enum { DIR_MODE = 0755, FILE_MODE = 0600 };

const char *rbe_setup_config_file(const char *named)
{
    const char *from_environment = getenv("RBE_CONFIG");

    if (named)
        return named;
    return from_environment && *from_environment ? from_environment : SYSTEM_FILE;
}

/* A double-quoted YAML scalar takes what JSON takes. */
static void compose(struct rbe_str *out, const char *data_dir)
{
    char text[RBE_SECRET_TEXT];
    struct rbe_jsonw quoted = {.out = out};

    rbe_secrets_make(text);
    rbe_str_puts(out, "# Configuration of rbe. rbe.yaml(5) explains every key; what is not set here has its\n"
                      "# default. A file of the same name that ends in .local.yaml overrides single keys.\n");
    if (data_dir) {
        rbe_str_puts(out, "instance:\n  data_dir: ");
        rbe_jsonw_str(&quoted, NULL, data_dir);
        rbe_str_putc(out, '\n');
    }
    rbe_str_putf(out, "auth:\n  sign_secret:\n    - \"%s\"\n", text);
}

/* Complete under a name of its own first, then linked: whoever sees the file sees all of it, and one that is there
 * wins. */
static enum rbe_code write_new(const char *file, const struct rbe_str *text, const struct stat *owner, bool *ret_made,
                               struct rbe_err *e)
{
    rbe_autofree char *tmp = rbe_strfmt("%s.%ld.tmp", file, (long)getpid());
    rbe_autoclose int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    enum rbe_code code;

    if (fd < 0)
        return rbe_fail_errno(e, "cannot make %s", tmp);
    code = rbe_file_write(fd, text->s, text->len, e);
    if (code != RBE_OK)
        code = rbe_err_prefix(e, "%s", tmp);
    if (code == RBE_OK && owner && fchown(fd, owner->st_uid, owner->st_gid) != 0)
        code = rbe_fail_errno(e, "cannot give %s to the owner of the data directory", tmp);
    if (code == RBE_OK && fsync(fd) != 0)
        code = rbe_fail_errno(e, "cannot write %s", tmp);
    if (code == RBE_OK) {
        *ret_made = link(tmp, file) == 0;
        if (!*ret_made && errno != EEXIST)
            code = rbe_fail_errno(e, "cannot make %s", file);
    }
    (void)unlink(tmp);
    return code;
}

enum rbe_code rbe_setup_config(const char *file, const char *data_dir, bool *ret_made, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str text = {0};
    rbe_autofree char *dir = rbe_strdup(file);
    char *slash = strrchr(dir, '/');

    *ret_made = false;
    if (access(file, F_OK) == 0)
        return RBE_OK;
    if (slash == dir)
        slash++;
    if (slash)
        *slash = '\0';
    if (slash)
        RBE_TRY(rbe_dir_make(dir, DIR_MODE, e));
    bool system = !data_dir && strcmp(file, SYSTEM_FILE) == 0;
    compose(&text, data_dir ? data_dir : system ? NULL : ".");
    /* Started as root, the programs become the owner of the data directory, and have to read this as such. */
    struct stat st;
    const char *beside = slash ? dir : ".", *data = system ? SYSTEM_DATA : data_dir && data_dir[0] == '/' ? data_dir : beside;
    bool others = geteuid() == 0 && stat(data, &st) == 0 && st.st_uid != 0;
    RBE_TRY(write_new(file, &text, others ? &st : NULL, ret_made, e));
    return rbe_dir_sync(beside, e);
}
