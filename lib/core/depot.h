/* The packages on disk: where they lie and how they get there whole.
 *
 * A package is put together in tmp/<key>/ (the file and, for an archive, `manifest`), synced, and renamed to
 * packages/p/<key> as one directory, so it is there completely or not at all. <key> is 32 random hex digits and never
 * used again.
 */
#ifndef RBE_CORE_DEPOT_H
#define RBE_CORE_DEPOT_H

#include "lib/core/app.h"
#include "lib/core/target.h"
#include "lib/patch/manifest.h"
#include "lib/store/package.h"

/* "RID-VERSION-SYSTEM-ARCH[-from-OLD].EXT", bytes outside [A-Za-z0-9._-] as '_'; at most 255 bytes, the version names
 * cut first. Also what Content-Disposition says. old NULL for a full package. */
const char *rbe_depot_file_name(struct rbe_arena *arena, const char *rid, const char *version, enum rbe_system system,
                                enum rbe_arch arch, const char *old, const char *file_type);

/* Moves the file at tmp_path (below tmp/, content complete) into the depot under file_name, with its manifest (NULL
 * for none); syncs both before. ret_path is "p/<key>/<file_name>". On failure tmp_path is left to its owner. */
enum rbe_code rbe_depot_put(struct rbe_app *app, const char *tmp_path, const char *file_name,
                            const struct rbe_manifest *manifest, struct rbe_arena *arena, const char **ret_path,
                            struct rbe_err *e) RBE_MUST_USE;
/* Takes a package away again that no row names. */
void rbe_depot_drop(struct rbe_app *app, const char *path);
/* The same, saying why it could not be. What is gone already is no failure. */
enum rbe_code rbe_depot_remove(struct rbe_app *app, const char *path, struct rbe_err *e) RBE_MUST_USE;
/* Opens a package's file. Missing, or of another size: RBE_FAULT, because a row names it. */
enum rbe_code rbe_depot_open(struct rbe_app *app, const struct rbe_package *package, int *ret_fd,
                             struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_depot_manifest(struct rbe_app *app, const char *path, struct rbe_manifest *ret,
                                 struct rbe_err *e) RBE_MUST_USE;
/* The absolute path of a package's file. */
const char *rbe_depot_path(const struct rbe_app *app, struct rbe_arena *arena, const char *path);

#endif
