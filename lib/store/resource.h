/* Rows of resource: what is published under one rid. */
#ifndef RBE_STORE_RESOURCE_H
#define RBE_STORE_RESOURCE_H

#include "lib/store/store.h"

enum rbe_resource_update { RBE_RESOURCE_INCREMENTAL, RBE_RESOURCE_FULL, RBE_RESOURCE_UPDATE_MAX };
enum rbe_resource_access { RBE_ACCESS_PUBLIC, RBE_ACCESS_CDK, RBE_ACCESS_MAX };
enum rbe_resource_order { RBE_ORDER_VERSION, RBE_ORDER_PUBLISHED, RBE_ORDER_MAX };

struct rbe_resource {
    int64_t id;
    const char *rid, *name, *description;
    enum rbe_resource_update update;
    enum rbe_resource_access access;
    enum rbe_resource_order order;
    const char *always_include;  /* JSON array of globs; "[]" */
    int64_t last_number;         /* the highest version_number given out */
    int64_t versions;            /* count, withdrawn ones included */
    int64_t created_at;
};

/* rid taken: RBE_RESOURCE_EXISTS. Sets r->id. */
enum rbe_code rbe_resource_put(struct rbe_store *s, struct rbe_resource *r, struct rbe_err *e) RBE_MUST_USE;
/* Unknown: RBE_NOTFOUND "resource not found". */
enum rbe_code rbe_resource_get(struct rbe_store *s, const char *rid, struct rbe_arena *arena, struct rbe_resource *ret,
                               struct rbe_err *e) RBE_MUST_USE;

struct rbe_resource_filter {
    const char *rid, *name;      /* substring, NULL or "" for any */
    int64_t offset, limit;
};
/* By rid. *ret_total counts all that match. */
enum rbe_code rbe_resource_list(struct rbe_store *s, const struct rbe_resource_filter *f, struct rbe_arena *arena,
                                struct rbe_resource **ret, size_t *ret_n, int64_t *ret_total, struct rbe_err *e)
    RBE_MUST_USE;
/* Goes through all, a page at a time. A visit may change the row it is given; r is good for the visit alone. */
typedef enum rbe_code (*rbe_resource_visit)(void *arg, const struct rbe_resource *r, struct rbe_err *e);
enum rbe_code rbe_resource_each(struct rbe_store *s, rbe_resource_visit visit, void *arg, struct rbe_err *e) RBE_MUST_USE;
/* Whether last_number is what the versions say; setting it to that. */
enum rbe_code rbe_resource_number_is_right(struct rbe_store *s, int64_t id, bool *ret, struct rbe_err *e) RBE_MUST_USE;
enum rbe_code rbe_resource_renumber(struct rbe_store *s, int64_t id, struct rbe_err *e) RBE_MUST_USE;
/* The first by rid that wants a cdk. */
enum rbe_code rbe_resource_find_guarded(struct rbe_store *s, struct rbe_arena *arena, struct rbe_resource *ret,
                                        bool *ret_found, struct rbe_err *e) RBE_MUST_USE;

#endif
