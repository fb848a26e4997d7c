/* Rows of mirror_copy in rbe.db (which packages lie verified at which mirror target) and of mirror in usage.db
 * (whether the places that downloads are sent to answer).
 */
#ifndef RBE_STORE_MIRROR_H
#define RBE_STORE_MIRROR_H

#include "lib/store/store.h"

/* The targets that hold a verified copy of the package. */
enum rbe_code rbe_mirror_copies(struct rbe_store *s, int64_t package, struct rbe_arena *arena, const char ***ret,
                                size_t *ret_n, struct rbe_err *e) RBE_MUST_USE;
/* Twice is once, with the later time. */
enum rbe_code rbe_mirror_copy_put(struct rbe_store *s, int64_t package, const char *target, int64_t now,
                                  struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_mirror_copy_del(struct rbe_store *s, int64_t package, const char *target, struct rbe_err *e)
    RBE_MUST_USE;
/* Forgets all copies at all targets, so that each is looked at again before it is used. */
enum rbe_code rbe_mirror_copy_clear(struct rbe_store *s, struct rbe_err *e) RBE_MUST_USE;
/* Copies at the target of packages that are not purged. */
enum rbe_code rbe_mirror_copy_count(struct rbe_store *s, const char *target, int64_t *ret, struct rbe_err *e)
    RBE_MUST_USE;

struct rbe_mirror {
    const char *url;             /* of the place, as in the settings made ready */
    bool up;
    int64_t failures;            /* in a row */
    int64_t checked_at;          /* when somebody last set out to look */
    int64_t changed_at;          /* of up; 0: nobody has seen it yet */
    const char *reason;          /* of the last failure; "" */
};
/* By url. */
enum rbe_code rbe_mirror_list(struct rbe_store *s, struct rbe_arena *arena, struct rbe_mirror **ret, size_t *ret_n,
                              struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_mirror_find(struct rbe_store *s, const char *url, struct rbe_arena *arena, struct rbe_mirror *ret,
                              bool *ret_found, struct rbe_err *e) RBE_MUST_USE;
/* *ret_mine: nobody has set out to look since `before`, so the caller does; of several askers one is told so. */
enum rbe_code rbe_mirror_claim(struct rbe_store *s, const char *url, int64_t now, int64_t before, bool *ret_mine,
                               struct rbe_err *e) RBE_MUST_USE;
/* Puts or replaces. */
enum rbe_code rbe_mirror_put(struct rbe_store *s, const struct rbe_mirror *m, struct rbe_err *e) RBE_MUST_USE;

#endif
