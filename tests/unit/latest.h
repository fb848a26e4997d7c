/* The words that tests of lib/core/latest speak: resources, versions and packages as rows alone, and questions about them. */
#ifndef RBE_TESTS_LATEST_H
#define RBE_TESTS_LATEST_H

#include "lib/core/latest.h"
#include "lib/core/vercmp.h"
#include "lib/store/resource.h"
#include "lib/store/version.h"
#include "tests/unit/site.h"

enum { NOW = 1700000000 };

#define ANY RBE_SYSTEM_ANY, RBE_ARCH_ANY
#define WIN64 RBE_SYSTEM_WINDOWS, RBE_ARCH_AMD64
#define LINUX64 RBE_SYSTEM_LINUX, RBE_ARCH_AMD64

static inline int64_t resource_new(struct site *s, const struct rbe_resource *like)
{
    struct rbe_resource r = *like;

    r.rid = r.rid ? r.rid : "my-app";
    r.name = r.description = "";
    r.always_include = "[]";
    r.created_at = NOW;
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_resource_put(s->app->store, &r, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    return r.id;
}

static inline int64_t put_package(struct site *s, struct rbe_package *p)
{
    static unsigned serial;

    p->file_type = "zip";
    p->path = rbe_arena_strfmt(&s->arena, "p/%u/x.zip", ++serial);
    p->created_at = NOW;
    memset(p->sha256, (int)serial, sizeof(p->sha256));
    must(s, rbe_package_put(s->app->store, p, &s->err));
    return p->id;
}

/* Publishes a platform of a version, which is made when its name is new; returns the full package. */
static inline int64_t publish(struct site *s, int64_t resource, const char *name, enum rbe_channel channel,
                              enum rbe_system system, enum rbe_arch arch)
{
    struct rbe_store *store = s->app->store;
    struct rbe_package p = {.system = (int)system, .arch = (int)arch, .size = 1000, .files = 3};
    struct rbe_version v;
    struct rbe_verkey key;
    bool found;

    memset(p.tree, 7, sizeof(p.tree));
    must(s, rbe_store_begin(store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_version_find(store, resource, name, &s->arena, &v, &found, &s->err));
    if (!found) {
        rbe_verkey_of(name, &key);
        v = (struct rbe_version){.resource = resource, .name = name, .channel = (int)channel, .order_by = key.parser,
                                 .order_key = key.bytes, .order_len = key.len, .release_note = "note",
                                 .custom_data = "data", .created_at = NOW - 5};
        must(s, rbe_version_put(store, &v, &s->err));
    }
    p.version = v.id;
    (void)put_package(s, &p);
    must(s, rbe_offer_refresh(store, resource, &s->err));
    must(s, rbe_store_commit(store, RBE_BASE_RELEASES, &s->err));
    return p.id;
}

static inline int64_t stable(struct site *s, int64_t resource, const char *name)
{
    return publish(s, resource, name, RBE_CHANNEL_STABLE, ANY);
}

/* Changes rows as later verbs do, and refreshes the offers. */
static inline void change(struct site *s, int64_t resource, const char *sql)
{
    site_sql(s, "rbe.db", sql);
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_offer_refresh(s->app->store, resource, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
}

static inline struct rbe_question question(void)
{
    return (struct rbe_question){.rid = "my-app", .current = "", .cdk = "", .region = "", .now = NOW};
}

static inline struct rbe_latest ask(struct site *s, const struct rbe_question *q)
{
    struct rbe_latest a = {0};

    must(s, rbe_latest_find(s->app, q, &s->arena, &a, &s->err));
    return a;
}

static inline struct rbe_latest ask_from(struct site *s, const char *current)
{
    struct rbe_question q = question();

    q.current = current;
    return ask(s, &q);
}

static inline enum rbe_update update_from(struct site *s, const char *current)
{
    return ask_from(s, current).update;
}

#endif
