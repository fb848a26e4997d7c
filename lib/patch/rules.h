/* What a tree may hold: rules on single names, on links, and on all names of a tree together.
 *
 * They guard the disks of clients, whatever archive a tree comes from: nothing may lead out of the tree, name it in two ways,
 * touch what the updater keeps in it (.rbe, changes.json), or be impossible on the systems it is for. A breach is RBE_INVALID,
 * field "file", its message names the entry and the rule, its rule is one word ("traversal", "duplicate", "case").
 */
#ifndef RBE_PATCH_RULES_H
#define RBE_PATCH_RULES_H

#include "lib/patch/inspect.h"

enum { RBE_RULES_PATH_MAX = 4096, RBE_RULES_COMPONENT_MAX = 255 };

struct rbe_rules_span {
    const char *s;
    size_t len;
};
/* The path an archive's name stands for: without a leading "./" and, of a directory, one trailing '/'. Empty for the root. */
struct rbe_rules_span rbe_rules_path(const char *name, size_t len, bool dir);
/* Judges a path by itself; rules as enum rbe_rules. */
enum rbe_code rbe_rules_name(struct rbe_rules_span path, unsigned rules, struct rbe_err *e) RBE_MUST_USE;

struct rbe_rules_tree;           /* the names of a tree, being gathered */
/* max_entries bounds what is kept: entries and the directories they imply, and all their names together. */
struct rbe_rules_tree *rbe_rules_tree_new(unsigned rules, uint64_t max_entries);
void rbe_rules_tree_free(struct rbe_rules_tree *t);
RBE_DEFINE_CLEANUP(rules_tree, struct rbe_rules_tree, rbe_rules_tree_free)
/* Judges an entry's name (and target) and its place among the others so far. Paths are copied. `id` is the caller's. */
enum rbe_code rbe_rules_put(struct rbe_rules_tree *t, struct rbe_rules_span path, enum rbe_kind kind,
                            struct rbe_rules_span target, size_t id, struct rbe_err *e) RBE_MUST_USE;
/* The id of the entry at exactly this path; false when none was put. */
bool rbe_rules_find(const struct rbe_rules_tree *t, struct rbe_rules_span path, size_t *ret_id);
/* All entries are put: judges where the links lead, through other links as well. A target that does not exist is allowed
 * inside the tree. */
enum rbe_code rbe_rules_end(const struct rbe_rules_tree *t, struct rbe_err *e) RBE_MUST_USE;

#endif
