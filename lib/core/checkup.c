#include "lib/core/checkup.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "lib/core/app.h"
#include "lib/core/checkup-places.h"
#include "lib/wrap/sys.h"

static const char *const verdicts[RBE_VERDICT_MAX] = {
    [RBE_VERDICT_OK] = "ok",
    [RBE_VERDICT_WARN] = "warning",
    [RBE_VERDICT_BAD] = "bad",
};

const char *rbe_verdict_name(enum rbe_verdict verdict)
{
    return verdicts[verdict];
}

void rbe_checkup_say(struct rbe_checkup *c, enum rbe_verdict verdict, const char *what, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    c->troubles += verdict != RBE_VERDICT_OK;
    c->found(c->arg, verdict, what, text);
}

static void look_secrets(struct rbe_checkup *c)
{
    size_t n = c->settings->auth.sign_secret.n;

    if (n == 0)
        rbe_checkup_say(c, RBE_VERDICT_BAD, "auth.sign_secret", "not set");
    else if (n > RBE_SECRETS_MAX)
        rbe_checkup_say(c, RBE_VERDICT_BAD, "auth.sign_secret", "%zu secrets, more than %d", n, RBE_SECRETS_MAX);
    else
        rbe_checkup_say(c, RBE_VERDICT_OK, "auth.sign_secret", "%zu set", n);
}

/* A secret that others can read is none. */
static void look_file(struct rbe_checkup *c)
{
    const char *file = c->settings->file;
    struct stat st;

    if (!file)
        return;
    if (stat(file, &st) != 0)
        rbe_checkup_say(c, RBE_VERDICT_BAD, "configuration", "%s: %s", file, strerror(errno));
    else if (st.st_mode & (S_IROTH | S_IWOTH))
        rbe_checkup_say(c, RBE_VERDICT_WARN, "configuration", "%s holds secrets and is open to everybody", file);
    else
        rbe_checkup_say(c, RBE_VERDICT_OK, "configuration", "%s", file);
}

static void look_zone(struct rbe_checkup *c)
{
    struct rbe_zone *zone = NULL;
    struct rbe_err e = {0};

    if (rbe_app_zone(c->settings, &zone, &e) != RBE_OK)
        rbe_checkup_say(c, RBE_VERDICT_BAD, "extra.quota_time_zone", "%s", e.text);
    rbe_zone_free(zone);
}

/* cdks and tokens are sent to these; only the machine itself need not be reached by https. */
static void look_validation(struct rbe_checkup *c)
{
    const struct {
        const char *key, *url;
    } urls[] = {
        {"auth.cdk_validation_url", c->settings->auth.cdk_validation_url},
        {"auth.uploader_validation_url", c->settings->auth.uploader_validation_url},
        {"auth.download_validation_url", c->settings->auth.download_validation_url},
    };
    static const char *const near[] = {"http://127.", "http://localhost", "http://[::1]"};

    for (size_t i = 0; i < RBE_COUNT(urls); i++) {
        bool open = strncmp(urls[i].url, "http://", 7) == 0;

        for (size_t k = 0; k < RBE_COUNT(near); k++)
            open = open && strncmp(urls[i].url, near[k], strlen(near[k])) != 0;
        if (open)
            rbe_checkup_say(c, RBE_VERDICT_WARN, urls[i].key,
                            "what is asked there can be read on the way: it is no https");
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

static bool look_data(struct rbe_checkup *c)
{
    const char *dir = c->settings->instance.data_dir;
    struct rbe_err e = {0};
    struct stat st;

    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        rbe_checkup_say(c, RBE_VERDICT_BAD, "instance.data_dir", "%s is not there; rbe-admin init makes it", dir);
        return false;
    }
    if (rbe_become_owner(dir, &e) != RBE_OK) {
        rbe_checkup_say(c, RBE_VERDICT_BAD, "instance.data_dir", "%s", e.text);
        return false;
    }
    rbe_checkup_say(c, RBE_VERDICT_OK, "instance.data_dir", "%s", dir);
    return true;
}

static void look_storage(struct rbe_checkup *c)
{
    enum { PACKAGES, TMP, DB, RUN, DIRS };
    static const char *const dirs[DIRS] = {[PACKAGES] = "packages/p", [TMP] = "tmp", [DB] = "db", [RUN] = "run"};
    struct stat st[DIRS] = {0};
    size_t bad = 0;

    for (size_t i = 0; i < DIRS; i++) {
        rbe_autofree char *dir = rbe_strfmt("%s/%s", c->settings->instance.data_dir, dirs[i]);

        if (access(dir, R_OK | W_OK | X_OK) == 0 && stat(dir, &st[i]) == 0)
            continue;
        bad++;
        rbe_checkup_say(c, RBE_VERDICT_BAD, "storage", "%s: %s", dir, strerror(errno));
    }
    if (!bad && st[PACKAGES].st_dev != st[TMP].st_dev) {
        bad++;
        rbe_checkup_say(c, RBE_VERDICT_BAD, "storage",
                        "%s and %s are on two file systems: no package can be moved into place",
                        dirs[PACKAGES], dirs[TMP]);
    }
    if (!bad)
        rbe_checkup_say(c, RBE_VERDICT_OK, "storage", "its directories can be written to");
}

static void look_journal(struct rbe_checkup *c)
{
    const char *dir = c->settings->instance.data_dir;

    if (!on_network(dir))
        rbe_checkup_say(c, RBE_VERDICT_OK, "database.journal", "%s is on a local file system", dir);
    else if (c->settings->database.journal == RBE_JOURNAL_WAL)
        rbe_checkup_say(c, RBE_VERDICT_WARN, "database.journal",
                        "%s is on a network file system: set it to delete", dir);
    else
        rbe_checkup_say(c, RBE_VERDICT_OK, "database.journal", "delete, as a network file system needs it");
}

static void look_database(struct rbe_checkup *c)
{
    rbe_autofree char *db = rbe_strfmt("%s/db", c->settings->instance.data_dir);
    const struct rbe_store_options o = {.dir = db, .journal = (enum rbe_journal)c->settings->database.journal,
                                        .read_only = true};
    rbe_autoptr(store) struct rbe_store *store = NULL;
    struct rbe_err e = {0};

    bool good = rbe_store_open(&o, &store, &e) == RBE_OK && rbe_store_check(store, &e) == RBE_OK;
    if (good)
        rbe_checkup_say(c, RBE_VERDICT_OK, "database", "sound and of this program's schema");
    else
        rbe_checkup_say(c, RBE_VERDICT_BAD, "database", "%s", e.text);
    rbe_checkup_places(c, good ? store : NULL);
}

void rbe_checkup(struct rbe_checkup *c)
{
    look_file(c);
    look_secrets(c);
    look_zone(c);
    look_validation(c);
    if (look_data(c)) {
        look_storage(c);
        look_journal(c);
        look_database(c);
    }
}
