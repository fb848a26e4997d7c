/* rbe-admin version … */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bin/admin.h"
#include "bin/listing.h"
#include "bin/progress.h"
#include "lib/base/codec.h"
#include "lib/core/catalog.h"
#include "lib/core/describe.h"
#include "lib/core/latest.h"
#include "lib/core/release-change.h"
#include "lib/core/release.h"

enum { PAGE = 1000, PIECE = 256 * 1024, NOTE_BYTES = 256 * 1024 };

/* ---- publish ---- */

/* Opened before the databases: as the user who called, who may read what the owner of the data may not. */
static enum rbe_code open_file(const char *path, int *ret_fd, int64_t *ret_size, struct rbe_err *e)
{
    rbe_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) != 0)
        return rbe_fail_errno(e, "cannot open %s", path);
    if (S_ISDIR(st.st_mode))
        return rbe_fail(e, RBE_REFUSED, "%s is a directory; an archive of it is wanted", path);
    *ret_size = S_ISREG(st.st_mode) ? (int64_t)st.st_size : 0;
    *ret_fd = rbe_steal_fd(fd);
    return RBE_OK;
}

/* *ret_n of 0 at the end. */
static enum rbe_code read_piece(int fd, const char *path, char *piece, size_t n, size_t *ret_n, struct rbe_err *e)
{
    ssize_t got;

    do
        got = read(fd, piece, n);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return rbe_fail_errno(e, "cannot read %s", path);
    *ret_n = (size_t)got;
    return RBE_OK;
}

static enum rbe_code read_note(const char *path, struct rbe_str *ret, struct rbe_err *e)
{
    rbe_autoclose int fd = -1;
    int64_t size;
    size_t n;

    RBE_TRY(open_file(path, &fd, &size, e));
    do {
        char *to = rbe_str_reserve(ret, PIECE);

        RBE_TRY(read_piece(fd, path, to, PIECE, &n, e));
        ret->len += n;
        ret->s[ret->len] = '\0';
        if (ret->len > NOTE_BYTES)
            return rbe_fail(e, RBE_TOOLARGE, "%s is larger than a release note can be", path);
    } while (n);
    return strlen(ret->s) == ret->len ? RBE_OK : rbe_fail(e, RBE_REFUSED, "%s is no text", path);
}

static enum rbe_code stage(struct rbe_staging *s, int fd, const char *path, int64_t size, struct rbe_err *e)
{
    rbe_autofree char *piece = rbe_alloc(PIECE);
    struct rbe_progress bar;
    enum rbe_code code;
    uint64_t done = 0;
    size_t n;

    rbe_progress_init(&bar, "reading");
    while ((code = read_piece(fd, path, piece, PIECE, &n, e)) == RBE_OK && n) {
        code = rbe_staging_put(s, piece, n, e);
        if (code != RBE_OK)
            break;
        done += n;
        rbe_progress_show(&bar, done, (uint64_t)size);
    }
    rbe_progress_end(&bar);
    return code == RBE_OK ? rbe_staging_finish(s, e) : code;
}

/* The names of all --old-version, split at commas. */
static const char *const *split_olds(struct rbe_cli *cli, size_t *ret_n)
{
    size_t given, room = 0, n = 0;
    const char *const *values = rbe_cli_values(cli, "--old-version", &given);

    for (size_t i = 0; i < given; i++) {
        room++;
        for (const char *c = values[i]; *c; c++)
            room += *c == ',';
    }
    const char **olds = rbe_arena_alloc_array(&cli->arena, room, sizeof(*olds));
    for (size_t i = 0; i < given; i++)
        for (const char *at = values[i], *name; (name = rbe_publish_next_name(&at, &cli->arena));)
            olds[n++] = name;
    *ret_n = n;
    return olds;
}

static void put_published(struct rbe_cli *cli, const struct rbe_published *p)
{
    struct rbe_jsonw w = {.out = &cli->out};

    rbe_jsonw_obj(&w, NULL);
    rbe_describe_published(&w, p);
    rbe_jsonw_bool(&w, "existed", p->existed);
    rbe_jsonw_obj_end(&w);
}

static void tell_published(struct rbe_cli *cli, const struct rbe_published *p)
{
    const struct rbe_package *k = &p->package;
    char hash[2 * sizeof(k->sha256) + 1];

    rbe_hex_encode(k->sha256, sizeof(k->sha256), hash);
    rbe_str_putf(&cli->out, "%s %s %s: number %lld, %s, %s/%s\n", p->existed ? "already there:" : "published",
                 p->resource.rid, p->version.name, (long long)p->version.number,
                 rbe_channel_name((enum rbe_channel)p->version.channel), rbe_system_name((enum rbe_system)k->system),
                 rbe_arch_name((enum rbe_arch)k->arch));
    rbe_str_putf(&cli->out, "%s, %s, %lld files, sha256 %s\n", k->file_type,
                 rbe_table_size_text(&cli->arena, k->size), (long long)k->files, hash);
    for (size_t i = 0; i < p->ignored; i++)
        rbe_str_putf(&cli->out, "unknown old version ignored: %s\n", p->ignored_olds[i]);
}

/* What it is for, judged before a file of any size is read. */
static enum rbe_code read_target(const struct rbe_cli *cli, struct rbe_publish *p, struct rbe_err *e)
{
    const char *channel = rbe_cli_value(cli, "--channel"), *system = rbe_cli_value(cli, "--system");
    const char *arch = rbe_cli_value(cli, "--arch");
    enum rbe_channel c;
    enum rbe_system s;
    enum rbe_arch a;

    p->channel = channel ? channel : "";
    p->system = system ? system : "";
    p->arch = arch ? arch : "";
    RBE_TRY(rbe_channel_parse(p->channel, &c, e));
    RBE_TRY(rbe_system_parse(p->system, &s, e));
    return rbe_arch_parse(p->arch, &a, e);
}

enum rbe_code rbe_admin_version_publish(struct rbe_cli *cli, struct rbe_err *e)
{
    const char *file = cli->args[2], *note_file = rbe_cli_value(cli, "--release-note-file");
    const char *data = rbe_cli_value(cli, "--custom-data"), *slash = strrchr(file, '/');
    struct rbe_publish p = {.rid = cli->args[0], .version_name = cli->args[1], .custom_data = data ? data : "", .sha256 = ""};
    rbe_autoptr(staging) struct rbe_staging *staged = NULL;
    rbe_auto(str) struct rbe_str note = {0};
    rbe_autoclose int fd = -1;
    struct rbe_published done;
    int64_t size;

    RBE_TRY(read_target(cli, &p, e));
    RBE_TRY(open_file(file, &fd, &size, e));
    if (note_file)
        RBE_TRY(read_note(note_file, &note, e));
    RBE_TRY(rbe_cli_open(cli, RBE_APP_WRITE, e));
    RBE_TRY(rbe_catalog_resource(cli->app, cli->args[0], &cli->arena, &done.resource, e));
    RBE_TRY(rbe_staging_new(cli->app, slash ? slash + 1 : file, &staged, e));
    RBE_TRY(stage(staged, fd, file, size, e));
    p.release_note = rbe_str_text(&note);
    p.staged = staged;
    p.old_versions = split_olds(cli, &p.olds);
    RBE_TRY(rbe_release_publish(cli->app, &p, &cli->arena, &done, e));
    if (done.queue_error.code != RBE_OK)
        (void)fprintf(stderr, "rbe-admin: published, but its incrementals are not queued: %s\n",
                      done.queue_error.text);
    if (cli->json)
        put_published(cli, &done);
    else
        tell_published(cli, &done);
    return RBE_OK;
}

/* ---- list, show ---- */

static void put_version_json(struct rbe_jsonw *w, const struct rbe_version *v)
{
    rbe_jsonw_obj(w, NULL);
    rbe_describe_version(w, v);
    rbe_jsonw_int(w, "packages", v->packages);
    rbe_jsonw_obj_end(w);
}

static void put_version_row(struct rbe_table *t, const struct rbe_version *v)
{
    rbe_table_int(t, v->number);
    rbe_table_text(t, v->name);
    rbe_table_text(t, rbe_channel_name((enum rbe_channel)v->channel));
    rbe_table_int(t, v->packages);
    rbe_table_time(t, v->created_at, "");
    rbe_table_text(t, v->withdrawn_at ? "withdrawn" : "");
}

enum rbe_code rbe_admin_version_list(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[] = {{"NUMBER", true},   {"NAME", false},    {"CHANNEL", false},
                                                      {"PACKAGES", true}, {"CREATED", false}, {"STATE", false}};
    struct rbe_version_filter f = {.channel = -1, .limit = PAGE};
    struct rbe_catalog_versions page;
    rbe_auto(listing) struct rbe_listing l = {0};

    rbe_listing_init(&l, cli, columns, RBE_COUNT(columns));
    do {
        RBE_TRY(rbe_catalog_versions(cli->app, cli->args[0], &f, &cli->arena, &page, e));
        for (size_t i = 0; i < page.n; i++)
            if (cli->json)
                put_version_json(&l.json, &page.v[i]);
            else
                put_version_row(&l.table, &page.v[i]);
        f.offset += (int64_t)page.n;
    } while (page.n && f.offset < page.total);
    rbe_listing_put(&l);
    return RBE_OK;
}

static void put_package_json(struct rbe_jsonw *w, const struct rbe_catalog_package *p)
{
    const struct rbe_package *k = &p->package;

    rbe_jsonw_obj(w, NULL);
    rbe_jsonw_int(w, "id", k->id);
    rbe_jsonw_str(w, "system", rbe_system_name((enum rbe_system)k->system));
    rbe_jsonw_str(w, "arch", rbe_arch_name((enum rbe_arch)k->arch));
    rbe_jsonw_str(w, "update_type", p->from ? "incremental" : "full");
    rbe_jsonw_str(w, "patch_format", rbe_format_name(k->format));
    rbe_jsonw_str(w, "from", p->from);
    rbe_jsonw_str(w, "file_type", k->file_type);
    rbe_jsonw_int(w, "file_size", k->size);
    rbe_jsonw_sha256(w, "file_hash", k->sha256);
    rbe_jsonw_int(w, "files", k->files);
    rbe_jsonw_str(w, "path", k->path);
    rbe_jsonw_time(w, "created_at", k->created_at);
    rbe_jsonw_time(w, "purged_at", k->purged_at);
    rbe_jsonw_obj_end(w);
}

static void show_json(struct rbe_cli *cli, const struct rbe_catalog_version *v)
{
    struct rbe_jsonw w = {.out = &cli->out};

    rbe_jsonw_obj(&w, NULL);
    rbe_describe_version(&w, &v->version);
    rbe_jsonw_str(&w, "release_note", v->version.release_note);
    rbe_jsonw_str(&w, "custom_data", v->version.custom_data);
    rbe_jsonw_arr(&w, "packages");
    for (size_t i = 0; i < v->n; i++)
        put_package_json(&w, &v->packages[i]);
    rbe_jsonw_arr_end(&w);
    rbe_jsonw_arr(&w, "advice");
    for (size_t i = 0; i < v->n_advice; i++) {
        rbe_jsonw_obj(&w, NULL);
        rbe_jsonw_str(&w, "from", v->advice[i].from);
        rbe_jsonw_str(&w, "text", v->advice[i].text);
        rbe_jsonw_obj_end(&w);
    }
    rbe_jsonw_arr_end(&w);
    rbe_jsonw_arr(&w, "failed");
    for (size_t i = 0; i < v->n_failures; i++) {
        rbe_jsonw_obj(&w, NULL);
        rbe_jsonw_int(&w, "job", v->failures[i].job);
        rbe_jsonw_str(&w, "from", v->failures[i].from);
        rbe_jsonw_str(&w, "patch_format", rbe_format_name(v->failures[i].format));
        rbe_jsonw_str(&w, "reason", v->failures[i].reason);
        rbe_jsonw_obj_end(&w);
    }
    rbe_jsonw_arr_end(&w);
    rbe_jsonw_obj_end(&w);
}

/* "93 %" of the full package that need not be downloaded. */
static const char *saves(struct rbe_cli *cli, const struct rbe_package *full, const struct rbe_package *k)
{
    if (!full || full == k || full->size <= 0)
        return "";
    return rbe_arena_strfmt(&cli->arena, "%.0f %%", 100.0 - 100.0 * (double)k->size / (double)full->size);
}

static void put_packages(struct rbe_cli *cli, const struct rbe_catalog_version *v)
{
    static const struct rbe_table_column columns[] = {{"SYSTEM", false}, {"ARCH", false}, {"FROM", false},
                                                      {"FORMAT", false}, {"TYPE", false}, {"SIZE", true},
                                                      {"SAVES", true},   {"FILES", true}, {"STATE", false},
                                                      {"PATH", false}};
    const struct rbe_package *full = NULL;
    struct rbe_table t;

    rbe_table_init(&t, &cli->arena, columns, RBE_COUNT(columns));
    for (size_t i = 0; i < v->n; i++) {
        const struct rbe_package *k = &v->packages[i].package;

        /* The full package of a platform comes before what leads to it. */
        full = v->packages[i].from ? full : k;
        rbe_table_text(&t, rbe_system_name((enum rbe_system)k->system));
        rbe_table_text(&t, rbe_arch_name((enum rbe_arch)k->arch));
        rbe_table_text(&t, v->packages[i].from ? v->packages[i].from : "(full)");
        rbe_table_text(&t, v->packages[i].from ? rbe_format_name(k->format) : "");
        rbe_table_text(&t, k->file_type);
        rbe_table_size(&t, k->size);
        rbe_table_text(&t, saves(cli, full, k));
        rbe_table_int(&t, k->files);
        rbe_table_text(&t, k->purged_at ? "purged" : "ready");
        rbe_table_text(&t, k->path);
    }
    rbe_table_put(&t, &cli->out);
}

/* A text of several lines, in as many rows. */
static void put_lines(struct rbe_cli *cli, struct rbe_table *t, const char *label, const char *text)
{
    do {
        size_t len = strcspn(text, "\n"), shown = len && text[len - 1] == '\r' ? len - 1 : len;

        rbe_table_text(t, label);
        rbe_table_text(t, rbe_arena_strndup(&cli->arena, text, shown));
        label = "";
        text += len + (text[len] == '\n');
    } while (*text);
}

enum rbe_code rbe_admin_version_show(struct rbe_cli *cli, struct rbe_err *e)
{
    static const struct rbe_table_column columns[2];
    struct rbe_catalog_version v;
    struct rbe_table t;

    RBE_TRY(rbe_catalog_version(cli->app, cli->args[0], cli->args[1], &cli->arena, &v, e));
    if (cli->json) {
        show_json(cli, &v);
        return RBE_OK;
    }
    rbe_table_init(&t, &cli->arena, columns, RBE_COUNT(columns));
    rbe_table_text(&t, "resource");
    rbe_table_text(&t, v.resource.rid);
    rbe_table_text(&t, "name");
    rbe_table_text(&t, v.version.name);
    rbe_table_text(&t, "number");
    rbe_table_int(&t, v.version.number);
    rbe_table_text(&t, "channel");
    rbe_table_text(&t, rbe_channel_name((enum rbe_channel)v.version.channel));
    rbe_table_text(&t, "created");
    rbe_table_time(&t, v.version.created_at, "");
    rbe_table_text(&t, "withdrawn");
    rbe_table_time(&t, v.version.withdrawn_at, "no");
    put_lines(cli, &t, "release note", v.version.release_note);
    put_lines(cli, &t, "custom data", v.version.custom_data);
    for (size_t i = 0; i < v.n_advice; i++)
        put_lines(cli, &t, i ? "" : "advice", rbe_arena_strfmt(&cli->arena, "from %s: %s", v.advice[i].from, v.advice[i].text));
    for (size_t i = 0; i < v.n_failures; i++)
        put_lines(cli, &t, i ? "" : "failed", rbe_arena_strfmt(&cli->arena, "from %s, %s, job %lld: %s", v.failures[i].from,
                                                               rbe_format_name(v.failures[i].format),
                                                               (long long)v.failures[i].job, v.failures[i].reason));
    rbe_table_put(&t, &cli->out);
    rbe_str_putc(&cli->out, '\n');
    put_packages(cli, &v);
    return RBE_OK;
}

/* ---- yank, promote ---- */

static void put_changed(struct rbe_cli *cli, const struct rbe_version *v)
{
    struct rbe_jsonw w = {.out = &cli->out};

    rbe_jsonw_obj(&w, NULL);
    rbe_describe_version(&w, v);
    rbe_jsonw_obj_end(&w);
}

enum rbe_code rbe_admin_version_yank(struct rbe_cli *cli, struct rbe_err *e)
{
    struct rbe_resource r;
    struct rbe_version v;

    RBE_TRY(rbe_catalog_resource(cli->app, cli->args[0], &cli->arena, &r, e));
    RBE_TRY(rbe_release_withdraw(cli->app, &r, cli->args[1], &cli->arena, &v, e));
    if (cli->json)
        put_changed(cli, &v);
    else
        rbe_str_putf(&cli->out, "withdrawn: %s %s\n", r.rid, v.name);
    return RBE_OK;
}

enum rbe_code rbe_admin_version_promote(struct rbe_cli *cli, struct rbe_err *e)
{
    struct rbe_resource r;
    struct rbe_version v;

    RBE_TRY(rbe_catalog_resource(cli->app, cli->args[0], &cli->arena, &r, e));
    RBE_TRY(rbe_release_promote(cli->app, &r, cli->args[1], cli->args[2], &cli->arena, &v, e));
    if (cli->json)
        put_changed(cli, &v);
    else
        rbe_str_putf(&cli->out, "%s %s is on channel %s\n", r.rid, v.name,
                     rbe_channel_name((enum rbe_channel)v.channel));
    return RBE_OK;
}
