#include "lib/core/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/base/jsonw.h"
#include "lib/core/app.h"
#include "lib/core/secrets.h"
#include "lib/core/setup-places.h"
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

/* ---- looking at one ---- */

static const char *const verdicts[RBE_VERDICT_MAX] = {
    [RBE_VERDICT_OK] = "ok",
    [RBE_VERDICT_WARN] = "warning",
    [RBE_VERDICT_BAD] = "bad",
};

const char *rbe_verdict_name(enum rbe_verdict verdict)
{
    return verdicts[verdict];
}

struct look {
    const struct rbe_settings *settings;
    rbe_setup_found *found;
    void *arg;
};

__attribute__((format(printf, 4, 5))) static void say(const struct look *l, enum rbe_verdict verdict, const char *what,
                                                     const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    l->found(l->arg, verdict, what, text);
}

static void look_secrets(const struct look *l)
{
    size_t n = l->settings->auth.sign_secret.n;

    if (n == 0)
        say(l, RBE_VERDICT_BAD, "auth.sign_secret", "not set");
    else if (n > RBE_SECRETS_MAX)
        say(l, RBE_VERDICT_BAD, "auth.sign_secret", "%zu secrets, more than %d", n, RBE_SECRETS_MAX);
    else
        say(l, RBE_VERDICT_OK, "auth.sign_secret", "%zu set", n);
}

/* A secret that others can read is none. */
static void look_file(const struct look *l)
{
    const char *file = l->settings->file;
    struct stat st;

    if (!file)
        return;
    if (stat(file, &st) != 0)
        say(l, RBE_VERDICT_BAD, "configuration", "%s: %s", file, strerror(errno));
    else if (st.st_mode & (S_IROTH | S_IWOTH))
        say(l, RBE_VERDICT_WARN, "configuration", "%s holds secrets and is open to everybody", file);
    else
        say(l, RBE_VERDICT_OK, "configuration", "%s", file);
}

static void look_zone(const struct look *l)
{
    struct rbe_zone *zone = NULL;
    struct rbe_err e = {0};

    if (rbe_app_zone(l->settings, &zone, &e) != RBE_OK)
        say(l, RBE_VERDICT_BAD, "extra.quota_time_zone", "%s", e.text);
    rbe_zone_free(zone);
}

/* cdks and tokens are sent to these; only the machine itself need not be reached by https. */
static void look_validation(const struct look *l)
{
    const struct {
        const char *key, *url;
    } urls[] = {
        {"auth.cdk_validation_url", l->settings->auth.cdk_validation_url},
        {"auth.uploader_validation_url", l->settings->auth.uploader_validation_url},
        {"auth.download_validation_url", l->settings->auth.download_validation_url},
    };
    static const char *const near[] = {"http://127.", "http://localhost", "http://[::1]"};

    for (size_t i = 0; i < RBE_COUNT(urls); i++) {
        bool open = strncmp(urls[i].url, "http://", 7) == 0;

        for (size_t k = 0; k < RBE_COUNT(near); k++)
            open = open && strncmp(urls[i].url, near[k], strlen(near[k])) != 0;
        if (open)
            say(l, RBE_VERDICT_WARN, urls[i].key, "what is asked there can be read on the way: it is no https");
    }
}

static bool on_network(const char *dir)
{
    enum { NFS = 0x6969, SMB = 0x517B, SMB2 = 0xFE534D42, CIFS = 0xFF534D42 };
    struct statfs fs;

    if (statfs(dir, &fs) != 0)
        return false;
    uint32_t type = (uint32_t)fs.f_type;
    return type == NFS || type == SMB || type == (uint32_t)SMB2 || type == (uint32_t)CIFS;
}

static bool look_data(const struct look *l)
{
    const char *dir = l->settings->instance.data_dir;
    struct rbe_err e = {0};
    struct stat st;

    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        say(l, RBE_VERDICT_BAD, "instance.data_dir", "%s is not there; rbe-admin init makes it", dir);
        return false;
    }
    if (rbe_become_owner(dir, &e) != RBE_OK) {
        say(l, RBE_VERDICT_BAD, "instance.data_dir", "%s", e.text);
        return false;
    }
    say(l, RBE_VERDICT_OK, "instance.data_dir", "%s", dir);
    return true;
}

static void look_storage(const struct look *l)
{
    enum { PACKAGES, TMP, DB, RUN, DIRS };
    static const char *const dirs[DIRS] = {[PACKAGES] = "packages/p", [TMP] = "tmp", [DB] = "db", [RUN] = "run"};
    struct stat st[DIRS] = {0};
    size_t bad = 0;

    for (size_t i = 0; i < DIRS; i++) {
        rbe_autofree char *dir = rbe_strfmt("%s/%s", l->settings->instance.data_dir, dirs[i]);

        if (access(dir, R_OK | W_OK | X_OK) == 0 && stat(dir, &st[i]) == 0)
            continue;
        bad++;
        say(l, RBE_VERDICT_BAD, "storage", "%s: %s", dir, strerror(errno));
    }
    if (!bad && st[PACKAGES].st_dev != st[TMP].st_dev) {
        bad++;
        say(l, RBE_VERDICT_BAD, "storage", "%s and %s are on two file systems: no package can be moved into place",
            dirs[PACKAGES], dirs[TMP]);
    }
    if (!bad)
        say(l, RBE_VERDICT_OK, "storage", "its directories can be written to");
}

static void look_journal(const struct look *l)
{
    const char *dir = l->settings->instance.data_dir;

    if (!on_network(dir))
        say(l, RBE_VERDICT_OK, "database.journal", "%s is on a local file system", dir);
    else if (l->settings->database.journal == RBE_JOURNAL_WAL)
        say(l, RBE_VERDICT_WARN, "database.journal", "%s is on a network file system: set it to delete", dir);
    else
        say(l, RBE_VERDICT_OK, "database.journal", "delete, as a network file system needs it");
}

static void look_database(const struct look *l)
{
    rbe_autofree char *db = rbe_strfmt("%s/db", l->settings->instance.data_dir);
    const struct rbe_store_options o = {.dir = db, .journal = (enum rbe_journal)l->settings->database.journal,
                                        .read_only = true};
    rbe_autoptr(store) struct rbe_store *store = NULL;
    struct rbe_err e = {0};

    bool good = rbe_store_open(&o, &store, &e) == RBE_OK && rbe_store_check(store, &e) == RBE_OK;
    if (good)
        say(l, RBE_VERDICT_OK, "database", "sound and of this program's schema");
    else
        say(l, RBE_VERDICT_BAD, "database", "%s", e.text);
    rbe_setup_places_check(l->settings, good ? store : NULL, l->found, l->arg);
}

void rbe_setup_check(const struct rbe_settings *settings, rbe_setup_found *found, void *arg)
{
    const struct look l = {.settings = settings, .found = found, .arg = arg};

    look_file(&l);
    look_secrets(&l);
    look_zone(&l);
    look_validation(&l);
    if (look_data(&l)) {
        look_storage(&l);
        look_journal(&l);
        look_database(&l);
    }
}
