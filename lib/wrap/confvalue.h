/* The types of settings: from the text of a value to a field of the struct that is filled, and back to text. Knows
 * nothing of YAML; a part of lib/wrap/conf.
 */
#ifndef RBE_WRAP_CONFVALUE_H
#define RBE_WRAP_CONFVALUE_H

#include "lib/base/str.h"
#include "lib/wrap/conf.h"

enum rbe_confvalue_kind { RBE_CONFVALUE_ONE, RBE_CONFVALUE_LIST, RBE_CONFVALUE_MAP };

/* A value as it was written, before anybody knows what it should be. */
struct rbe_confvalue {
    enum rbe_confvalue_kind kind;
    const char *text;            /* of ONE */
    bool preset;                 /* a ONE that is null or empty: the row's preset is meant */
    size_t line;                 /* where it begins, from 1 */
    struct rbe_confvalue *items; /* of LIST and MAP */
    const char **keys;           /* of MAP, one for each item; none stands twice */
    size_t n;                    /* items */
};

/* Puts the value into its field; returns NULL, or the rule that it breaks (in the arena or static), with the line of
 * the offending part in *ret_line; inside records the rule begins with the way to that part. The texts must live as
 * long as the struct. A value whose `preset` is set is the empty one of any type. */
const char *rbe_confvalue_put(const struct rbe_conf_key *key, const struct rbe_confvalue *v, void *into,
                              struct rbe_arena *arena, size_t *ret_line);
/* The present value as the file would take it; an empty TEXT shows as nothing. */
void rbe_confvalue_show(const struct rbe_conf_key *key, const void *from, struct rbe_str *out);
/* False for an empty TEXT, LIST, RECORDS or GROUPS. */
bool rbe_confvalue_is_set(const struct rbe_conf_key *key, const void *from);

#endif
