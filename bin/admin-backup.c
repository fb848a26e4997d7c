/* rbe-admin backup and restore */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bin/admin.h"
#include "bin/progress.h"
#include "bin/table.h"
#include "lib/core/backup.h"

struct watching {
    struct rbe_cli *cli;
    struct rbe_progress bar;
};

static void left_out(void *arg, const char *path, const char *why)
{
    struct watching *v = arg;

    rbe_progress_end(&v->bar);
    (void)fprintf(stderr, "%s: %s: %s\n", v->cli->program->name, path, why);
}

static void progress(void *arg, uint64_t done, uint64_t total)
{
    struct watching *v = arg;

    rbe_progress_show(&v->bar, done, total);
}

static void put_sum(struct rbe_cli *cli, const char *what, const struct rbe_backed_up *sum)
{
    struct rbe_jsonw w = {.out = &cli->out};

    if (!cli->json) {
        rbe_str_putf(&cli->out, "%s: %llu packages, %s\n", what, (unsigned long long)sum->packages,
                     rbe_table_size_text(&cli->arena, (int64_t)sum->bytes));
        return;
    }
    rbe_jsonw_obj(&w, NULL);
    rbe_jsonw_int(&w, "packages", (int64_t)sum->packages);
    rbe_jsonw_int(&w, "bytes", (int64_t)sum->bytes);
    rbe_jsonw_int(&w, "left_out", (int64_t)sum->left_out);
    rbe_jsonw_obj_end(&w);
}

static enum rbe_code write_to(struct rbe_cli *cli, int fd, struct rbe_backed_up *sum, struct rbe_err *e)
{
    struct watching v = {.cli = cli};
    const struct rbe_backup b = {.config = rbe_cli_value(cli, "--with-config") != NULL, .left_out = left_out,
                                 .progress = progress, .arg = &v};

    RBE_TRY(rbe_cli_open(cli, RBE_APP_WRITE, e));
    rbe_progress_init(&v.bar, "backing up");
    enum rbe_code code = rbe_backup_write(cli->app, fd, &b, sum, e);
    rbe_progress_end(&v.bar);
    return code;
}

/* The file is made by the user who called, before this program becomes the owner of the data. */
enum rbe_code rbe_admin_backup(struct rbe_cli *cli, struct rbe_err *e)
{
    const char *path = cli->args[0];
    bool piped = strcmp(path, "-") == 0;
    rbe_autoclose int fd = piped ? dup(STDOUT_FILENO) : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    struct rbe_backed_up sum;

    if (fd < 0)
        return rbe_fail_errno(e, "cannot make %s", path);
    enum rbe_code code = write_to(cli, fd, &sum, e);
    if (code != RBE_OK) {
        /* where its directory is another user's, an empty file is left, which is no backup either */
        if (!piped && ftruncate(fd, 0) == 0)
            (void)unlink(path);
        return rbe_err_prefix(e, "%s", path);
    }
    if (!piped)
        put_sum(cli, path, &sum);
    if (sum.left_out)
        return rbe_fail(e, RBE_FAULT, "%llu packages are missing or damaged and were left out: see rbe-admin verify",
                        (unsigned long long)sum.left_out);
    return RBE_OK;
}

enum rbe_code rbe_admin_restore(struct rbe_cli *cli, struct rbe_err *e)
{
    const char *path = cli->args[0];
    rbe_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct watching v = {.cli = cli};
    const struct rbe_backup b = {.left_out = left_out, .progress = progress, .arg = &v};
    struct rbe_backed_up sum;
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        return rbe_fail_errno(e, "cannot open %s", path);
    if (!S_ISREG(st.st_mode))
        return rbe_fail(e, RBE_REFUSED, "%s is no file", path);
    rbe_progress_init(&v.bar, "restoring");
    enum rbe_code code = rbe_backup_restore(&cli->settings, fd, &b, &sum, e);
    rbe_progress_end(&v.bar);
    RBE_TRY(code);
    put_sum(cli, "restored", &sum);
    return RBE_OK;
}
