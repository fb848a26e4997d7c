/* The manifest of a tree: what stands in it, sorted by path (bytes), each path once, all ancestors included.
 *
 * On disk it is text beside the package, one entry a line, fields parted by a tab, the path last but for a link's
 * target:
 *     rbe-manifest 1
 *     d <TAB> 0755 <TAB> 0 <TAB> - <TAB> doc
 *     f <TAB> 0644 <TAB> 5120 <TAB> <sha256 in hex> <TAB> doc/a b.txt
 *     l <TAB> 0777 <TAB> 0 <TAB> - <TAB> latest.txt <TAB> doc/a b.txt
 * Paths have forward slashes, no leading or trailing one, and hold no control character, so tab and newline are safe.
 * A directory's mode is always 0755 and a link's 0777: only files' permission bits (& 0777) are part of a tree. The
 * SHA-256 of that text names the tree: equal trees have equal hashes.
 */
#ifndef RBE_PATCH_MANIFEST_H
#define RBE_PATCH_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"
#include "lib/wrap/hash.h"

enum rbe_kind { RBE_KIND_FILE, RBE_KIND_DIR, RBE_KIND_LINK, RBE_KIND_MAX };

struct rbe_entry {
    const char *path;
    const char *target;          /* of a link, else NULL */
    uint64_t size;               /* of a file, else 0 */
    enum rbe_kind kind;
    uint16_t mode;
    unsigned char sha256[RBE_SHA256_SIZE];   /* of a file, else zeros */
};

struct rbe_manifest {
    struct rbe_entry *entries;
    size_t n, cap;
    size_t files;                /* of kind FILE and LINK */
    uint64_t bytes;              /* sum of file sizes */
    struct rbe_arena arena;      /* owns paths and targets */
};

/* A zeroed struct is an empty manifest. */
void rbe_manifest_release(struct rbe_manifest *m);
/* Appends a copy of entry; order does not matter until rbe_manifest_seal. */
void rbe_manifest_add(struct rbe_manifest *m, const struct rbe_entry *entry);
/* Adds missing ancestors as directories, sorts, counts. A path that stands twice, or lies below a file or a link:
 * RBE_INVALID, field "file", naming it. */
enum rbe_code rbe_manifest_seal(struct rbe_manifest *m, struct rbe_err *e) RBE_MUST_USE;
/* Of a sealed manifest; NULL when it is not there. */
const struct rbe_entry *rbe_manifest_find(const struct rbe_manifest *m, const char *path);
/* Relative, in parts that are neither empty nor "." or "..", UTF-8 without control characters. */
bool rbe_manifest_path_valid(const char *path, size_t len);
bool rbe_entry_equal(const struct rbe_entry *a, const struct rbe_entry *b);

/* The text form, and back (RBE_FAULT when the text is not what format wrote). */
void rbe_manifest_format(const struct rbe_manifest *m, struct rbe_str *out);
enum rbe_code rbe_manifest_parse(const char *text, size_t len, struct rbe_manifest *ret, struct rbe_err *e)
    RBE_MUST_USE;
/* SHA-256 of the text form. */
void rbe_manifest_hash(const struct rbe_manifest *m, unsigned char ret_sum[static RBE_SHA256_SIZE]);

#endif
