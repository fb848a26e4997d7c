/* The journal of a change of a tree: every step, written down and synced before the first is taken.
 *
 * Text, one line a step, fields parted by tabs:
 *     rbe-journal 1
 *     forward <TAB> 0123456789abcdef <TAB> undo      the way, the set, what becomes of the journal when it is done
 *     del <TAB> 0 <TAB> old.txt                      the tree's old.txt becomes old/0 of the set
 *     rmdir <TAB> 0755 <TAB> doc
 *     mkdir <TAB> 0755 <TAB> share/doc
 *     put <TAB> 1 <TAB> share/doc/new.txt            what stands there becomes old/1, then new/1 of the set comes there
 *     end <TAB> <sha256 of all before this line>
 * A set is a directory of the updater's own with new/ and old/ in it (home.h). Whether a step was taken can be seen from
 * what stands in new/ and old/ alone, so from any moment on both the way forward and the way back can be gone to its end.
 */
#ifndef RBE_PATCH_JOURNAL_H
#define RBE_PATCH_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/base/err.h"
#include "lib/base/mem.h"
#include "lib/base/str.h"

enum rbe_step { RBE_STEP_DEL, RBE_STEP_RMDIR, RBE_STEP_MKDIR, RBE_STEP_PUT, RBE_STEP_MAX };
enum { RBE_SET_NAME = 17 };

struct rbe_journal_step {
    enum rbe_step step;
    uint32_t number;             /* of the file in new/ and old/; of directories the mode */
    const char *path;
};

struct rbe_journal {
    bool back;                   /* the steps are taken back, last one first */
    bool undo;                   /* kept when done, as the way back to the version before */
    char set[RBE_SET_NAME];      /* 16 hex digits */
    struct rbe_journal_step *steps;
    size_t n, cap;
    struct rbe_arena arena;      /* owns the paths */
};

/* A zeroed struct is an empty journal. */
void rbe_journal_release(struct rbe_journal *j);
void rbe_journal_add(struct rbe_journal *j, enum rbe_step step, uint32_t number, const char *path);
void rbe_journal_format(const struct rbe_journal *j, struct rbe_str *out);
/* RBE_INVALID, field "journal", for anything that format would not have written, and for paths that a tree may not hold. */
enum rbe_code rbe_journal_parse(const char *text, size_t len, struct rbe_journal *ret, struct rbe_err *e) RBE_MUST_USE;

#endif
