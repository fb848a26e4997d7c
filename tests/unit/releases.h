/* Releases put into an installation without the inspector: resources, versions, zips with their manifests. */
#ifndef RBE_TESTS_RELEASES_H
#define RBE_TESTS_RELEASES_H

#include "lib/base/clock.h"
#include "lib/core/depot.h"
#include "lib/core/vercmp.h"
#include "lib/patch/digest.h"
#include "lib/store/resource.h"
#include "lib/store/version.h"
#include "lib/wrap/zipw.h"
#include "tests/unit/site.h"

static inline int64_t site_resource(struct site *s, const char *rid, const char *always_include)
{
    struct rbe_resource r = {.rid = rid, .name = rid, .description = "", .always_include = always_include,
                             .created_at = rbe_clock_now()};

    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_resource_put(s->app->store, &r, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    return r.id;
}

/* A file of a tree; the list ends with a row without path. */
struct site_file {
    const char *path, *text;
};

/* Zips the files into a temporary file of the installation and describes them in m. */
static inline void site_zip(struct site *s, const struct site_file *files, const char *tmp, struct rbe_manifest *m,
                            struct rbe_package *k)
{
    rbe_autoclose int fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    rbe_autoptr(zipw) struct rbe_zipw *w = NULL;
    uint64_t size;

    assert_true(fd >= 0);
    w = rbe_zipw_new(fd);
    for (; files->path; files++) {
        size_t n = strlen(files->text);
        struct rbe_entry entry = {.path = files->path, .size = n, .kind = RBE_KIND_FILE, .mode = 0644};

        rbe_sha256_of(files->text, n, entry.sha256);
        rbe_manifest_add(m, &entry);
        must(s, rbe_zipw_add(w, files->path, S_IFREG | 0644, 0x21u << 16, files->text, n, &s->err));
    }
    must(s, rbe_zipw_finish(w, &s->err));
    must(s, rbe_manifest_seal(m, &s->err));
    must(s, rbe_digest_of(fd, k->sha256, &size, &s->err));
    k->size = (int64_t)size;
}

/* Puts a version with a zip for linux/amd64; its package. */
static inline struct rbe_package site_publish(struct site *s, int64_t resource, const char *rid, const char *name,
                                              const struct site_file *files)
{
    struct rbe_package k = {.system = RBE_SYSTEM_LINUX, .arch = RBE_ARCH_AMD64, .file_type = "zip",
                            .created_at = rbe_clock_now()};
    struct rbe_manifest m = {0};
    struct rbe_verkey key;
    const char *tmp = rbe_app_path(s->app, &s->arena, "tmp/test-upload");

    site_zip(s, files, tmp, &m, &k);
    rbe_manifest_hash(&m, k.tree);
    k.files = (int64_t)m.files;
    must(s, rbe_depot_put(s->app, tmp, rbe_depot_file_name(&s->arena, rid, name, RBE_SYSTEM_LINUX, RBE_ARCH_AMD64, NULL,
                                                           "zip"), &m, &s->arena, &k.path, &s->err));
    rbe_manifest_release(&m);
    rbe_verkey_of(name, &key);
    struct rbe_version v = {.resource = resource, .name = name, .order_by = key.parser, .order_key = key.bytes,
                            .order_len = key.len, .release_note = "", .custom_data = "",
                            .created_at = rbe_clock_now()};
    must(s, rbe_store_begin(s->app->store, RBE_BASE_RELEASES, &s->err));
    must(s, rbe_version_put(s->app->store, &v, &s->err));
    k.version = v.id;
    must(s, rbe_package_put(s->app->store, &k, &s->err));
    must(s, rbe_offer_refresh(s->app->store, resource, &s->err));
    must(s, rbe_store_commit(s->app->store, RBE_BASE_RELEASES, &s->err));
    return k;
}

/* Text that does not compress to nothing: n lines that hang on seed. The caller frees it. */
static inline char *site_text(unsigned seed, size_t n)
{
    struct rbe_str s = {0};
    uint32_t x = seed * 2654435761u + 1;

    for (size_t i = 0; i < n; i++) {
        x = x * 1664525u + 1013904223u;
        rbe_str_putf(&s, "%zu %08x\n", i, x);
    }
    return rbe_str_detach(&s);
}

#endif
