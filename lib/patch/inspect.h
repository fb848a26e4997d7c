/* From an archive to its manifest, refusing what must not reach a client's disk.
 *
 * rbe_inspect reads the archive in this process; rbe_inspector_run (inspector.h) does the same in a child with lowered
 * rights and is what servers use on uploads. The rules on names are in rules.h.
 */
#ifndef RBE_PATCH_INSPECT_H
#define RBE_PATCH_INSPECT_H

#include "lib/patch/manifest.h"
#include "lib/wrap/arc.h"

/* Rules on top of those that always hold. */
enum rbe_rules {
    RBE_RULES_WINDOWS = 1,       /* reserved names, trailing dots and spaces (packages for windows and any) */
    RBE_RULES_FOLD = 2,          /* no two names equal but for case or normal form (windows, darwin, any) */
};

struct rbe_inspect_limits {
    uint64_t entries;
    uint64_t bytes;              /* expanded */
};

struct rbe_inspect {
    int fd;                      /* regular file, read from its start */
    enum rbe_arc_type type;
    unsigned rules;              /* enum rbe_rules */
    struct rbe_inspect_limits limits;
    struct rbe_str *changes;     /* gets the changes.json at the root, which is refused where this is NULL */
    bool (*stop)(void *arg);     /* asked at each entry and while data are unpacked; true ends it all. May be NULL */
    void *arg;
};
/* ret is sealed. Refused: RBE_INVALID, field "file", message naming the entry and the rule. Stopped: RBE_UNAVAILABLE. */
enum rbe_code rbe_inspect(const struct rbe_inspect *what, struct rbe_manifest *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
