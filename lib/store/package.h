/* Rows of package: a stored file that is a full package of a version for one platform, or leads to it from another one.
 *
 * A package is immutable and complete on disk before its row is put; its path is never reused.
 */
#ifndef RBE_STORE_PACKAGE_H
#define RBE_STORE_PACKAGE_H

#include "lib/store/store.h"

/* As kept in the database: never renumber. */
enum rbe_format {
    RBE_FORMAT_FULL = 0,
    RBE_FORMAT_FILES = 1,
    RBE_FORMAT_VCDIFF = 2,
    RBE_FORMAT_ZSTD = 3,
    RBE_FORMAT_MAX
};

struct rbe_package {
    int64_t id, version;         /* row ids */
    int system, arch;            /* of core/target */
    enum rbe_format format;
    int64_t target, source;      /* row ids of the full packages it leads to and from; 0 and 0 for a full one */
    const char *file_type;       /* "zip", "tar.gz", … or the extension of a full resource's file */
    const char *path;            /* below the storage root: "p/<32 hex>/<file name>", also the public path */
    int64_t size;
    unsigned char sha256[32];
    unsigned char tree[32];      /* hash of the manifest; zeros where there is none */
    int64_t files;               /* files and links in it; 0 where it is no archive */
    int64_t created_at;
    int64_t purged_at;           /* no longer offered */
    int64_t removed_at;          /* of a purged one: when its files were taken away */
};

/* Another package for the same place: RBE_VERSION_EXISTS. Sets id. */
enum rbe_code rbe_package_put(struct rbe_store *s, struct rbe_package *p, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_package_get(struct rbe_store *s, int64_t id, struct rbe_arena *arena, struct rbe_package *ret,
                              struct rbe_err *e) RBE_MUST_USE;
/* The full package of a version for exactly this platform, purged or not. */
enum rbe_code rbe_package_find(struct rbe_store *s, int64_t version, int system, int arch, struct rbe_arena *arena,
                               struct rbe_package *ret, bool *ret_found, struct rbe_err *e) RBE_MUST_USE;
/* The package that leads from source to target in this format. */
enum rbe_code rbe_package_find_patch(struct rbe_store *s, int64_t target, int64_t source, enum rbe_format format,
                                     struct rbe_arena *arena, struct rbe_package *ret, bool *ret_found,
                                     struct rbe_err *e) RBE_MUST_USE;
/* The packages that lead from source to target and are not purged, the smallest first. */
enum rbe_code rbe_package_patches(struct rbe_store *s, int64_t target, int64_t source, struct rbe_arena *arena,
                                  struct rbe_package **ret, size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* Stops offering the packages that lead from source to target, whatever their format. */
enum rbe_code rbe_package_purge_pair(struct rbe_store *s, int64_t target, int64_t source, int64_t now, struct rbe_err *e)
    RBE_MUST_USE;
/* Full packages of a resource for exactly this platform that are not purged, newest version first, at most limit. */
enum rbe_code rbe_package_sources(struct rbe_store *s, int64_t resource, int system, int arch, int64_t limit,
                                  struct rbe_arena *arena, struct rbe_package **ret, size_t *ret_n, struct rbe_err *e)
    RBE_MUST_USE;
/* Whether any client is sent to this full package as the latest. */
enum rbe_code rbe_package_offered(struct rbe_store *s, int64_t resource, int64_t id, bool *ret, struct rbe_err *e)
    RBE_MUST_USE;
/* Packages of a version (full first, then by id); version 0 for all packages after id `after`, by id. At most limit, 0 for any
 * number. */
enum rbe_code rbe_package_list(struct rbe_store *s, int64_t version, int64_t after, int64_t limit,
                               struct rbe_arena *arena, struct rbe_package **ret, size_t *ret_n, struct rbe_err *e)
    RBE_MUST_USE;
/* Goes through all after id `after`, a page at a time, also those that come meanwhile. p is good for the visit alone. */
typedef enum rbe_code (*rbe_package_visit)(void *arg, const struct rbe_package *p, struct rbe_err *e);
enum rbe_code rbe_package_each(struct rbe_store *s, int64_t after, rbe_package_visit visit, void *arg,
                               struct rbe_err *e) RBE_MUST_USE;

/* Purged packages whose files are still there, purged no later than `before`, after row `after` by id, at most limit. */
enum rbe_code rbe_package_purged(struct rbe_store *s, int64_t before, int64_t after, int64_t limit,
                                 struct rbe_arena *arena, struct rbe_package **ret, size_t *ret_n,
                                 struct rbe_err *e) RBE_MUST_USE;

/* Packages that are not purged and have no copy at the mirror target, after id `after`, by id, at most limit. */
enum rbe_code rbe_package_uncopied(struct rbe_store *s, const char *target, int64_t after, int64_t limit,
                                   struct rbe_arena *arena, struct rbe_package **ret, size_t *ret_n,
                                   struct rbe_err *e) RBE_MUST_USE;
/* The same for packages whose files are removed here and that have a copy there still. */
enum rbe_code rbe_package_stale_copy(struct rbe_store *s, const char *target, int64_t after, int64_t limit,
                                     struct rbe_arena *arena, struct rbe_package **ret, size_t *ret_n,
                                     struct rbe_err *e) RBE_MUST_USE;
/* The newest package that is not purged; where a target is named, of those with a copy there. */
enum rbe_code rbe_package_newest(struct rbe_store *s, const char *target, struct rbe_arena *arena,
                                 struct rbe_package *ret, bool *ret_found, struct rbe_err *e) RBE_MUST_USE;

/* Forgets a patch, and that it was copied anywhere, in the caller's transaction, so that it can be built again. */
enum rbe_code rbe_package_forget(struct rbe_store *s, int64_t patch, struct rbe_err *e) RBE_MUST_USE;

/* What a download needs to know of a package, in one statement. */
struct rbe_package_origin {
    struct rbe_package package;
    const char *rid, *version_name;
    const char *source_name;     /* version name of the source, NULL for a full one */
    int64_t withdrawn_at;        /* of the version */
};
enum rbe_code rbe_package_find_origin(struct rbe_store *s, int64_t id, struct rbe_arena *arena,
                                      struct rbe_package_origin *ret, bool *ret_found, struct rbe_err *e) RBE_MUST_USE;
/* The same by path, for who knows no id. */
enum rbe_code rbe_package_find_origin_path(struct rbe_store *s, const char *path, struct rbe_arena *arena,
                                           struct rbe_package_origin *ret, bool *ret_found, struct rbe_err *e)
    RBE_MUST_USE;

/* How many packages have files on disk, and their size. */
enum rbe_code rbe_package_sum(struct rbe_store *s, int64_t *ret_count, int64_t *ret_bytes, struct rbe_err *e)
    RBE_MUST_USE;

#endif
