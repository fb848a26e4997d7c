/* Backup and restore: an installation as one tar.gz.
 *
 *     rbe-backup.json              what this is, made when and of how much
 *     db/usage.db db/rbe.db        the databases as they were at one moment each
 *     packages/p/<key>/…           the packages that rbe.db names, with their manifests
 *     config/<name>                the configuration, where it was asked for
 *     SHA256SUMS                   the hash of each of these, as sha256sum(1) checks them; "#left out <path>" for a
 *                                  package that was missing or damaged when the backup was made
 *
 * It is not compressed (gzip of level 0): packages are. Publishing goes on while it is made: the databases are copied by
 * SQLite, and packages never change; those that are purged meanwhile keep their files until it is done. Purged packages
 * are not in it.
 */
#ifndef RBE_CORE_BACKUP_H
#define RBE_CORE_BACKUP_H

#include "lib/core/app.h"

struct rbe_backup {
    bool config;                 /* with the configuration, which holds secrets */
    /* Told of a package that is missing or damaged: path below packages/, and why. May be NULL. */
    void (*left_out)(void *arg, const char *path, const char *why);
    /* Told of progress in bytes; may be NULL. */
    void (*progress)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};
struct rbe_backed_up {
    uint64_t packages, bytes, left_out;
};
/* Streams it to fd, which need not be a file; syncs where it is one. */
enum rbe_code rbe_backup_write(struct rbe_app *app, int fd, const struct rbe_backup *b, struct rbe_backed_up *ret,
                               struct rbe_err *e) RBE_MUST_USE;

#define RBE_BACKUP_ABOUT "rbe-backup.json"
#define RBE_BACKUP_SUMS "SHA256SUMS"
#define RBE_BACKUP_LEFT_OUT "#left out "
enum { RBE_BACKUP_FORMAT = 1 };

/* Makes the installation that fd (a file) holds in the data directory, where there must be none, or an empty one that nobody
 * uses: RBE_REFUSED otherwise. All of it is unpacked beside and verified as an installation first; what is in place is
 * moved there at once, rbe.db last. On a failure before that nothing is changed. */
enum rbe_code rbe_backup_restore(const struct rbe_settings *settings, int fd, const struct rbe_backup *b,
                                 struct rbe_backed_up *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
