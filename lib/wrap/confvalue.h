/* The types of settings: from the text of a value to a field of the struct that is filled, and back to text. Knows
 * nothing of YAML; a part of lib/wrap/conf.
 */
#ifndef RBE_WRAP_CONFVALUE_H
#define RBE_WRAP_CONFVALUE_H

#include "lib/base/str.h"
#include "lib/wrap/conf.h"

struct rbe_confvalue {
    const char **v;              /* one text, or the items of a list */
    size_t n;
    bool list;
    bool preset;                 /* null or empty: the row's preset is meant */
    size_t line;                 /* where it begins, from 1 */
    size_t *lines;               /* of each item of a list */
};

/* Puts the value into its field; returns NULL, or the rule that it breaks (in the arena or static), with the line of
 * the offending part in *ret_line. The texts must live as long as the struct. */
const char *rbe_confvalue_put(const struct rbe_conf_key *key, const struct rbe_confvalue *v, void *into,
                              struct rbe_arena *arena, size_t *ret_line);
/* The present value as the file would take it; an empty TEXT shows as nothing. */
void rbe_confvalue_show(const struct rbe_conf_key *key, const void *from, struct rbe_str *out);
/* False for an empty TEXT or LIST. */
bool rbe_confvalue_is_set(const struct rbe_conf_key *key, const void *from);

#endif
