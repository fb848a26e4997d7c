/* Trees on disk for tests of packages: packed by zip(1) and tar(1), described from what is on disk, disturbed at random. */
#ifndef RBE_TESTS_TREES_H
#define RBE_TESTS_TREES_H

#include "tests/unit/scratch.h"

#include <dirent.h>

#include "lib/patch/manifest.h"
#include "lib/wrap/arc.h"

enum { ENTRY_MAX = 64 << 20 };

struct kind {
    enum rbe_arc_type type;
    const char *pack, *unpack;   /* $1 the tree, $2 the archive */
};

static const struct kind kinds[] = {
    {RBE_ARC_ZIP, "cd \"$1\"; LC_ALL=C.UTF-8 zip -q -r -X -y \"$2\" .", "cd \"$1\"; LC_ALL=C.UTF-8 unzip -q -o \"$2\""},
    {RBE_ARC_TAR_GZ, "tar -C \"$1\" -czf \"$2\" .", "tar -C \"$1\" -xpzf \"$2\""},
    {RBE_ARC_TAR_XZ, "tar -C \"$1\" -cf - . | xz -0 > \"$2\"", "tar -C \"$1\" -xpzf \"$2\""},
    {RBE_ARC_TAR_ZST, "tar -C \"$1\" -cf - . | zstd -q -1 > \"$2\"", "tar -C \"$1\" -xpzf \"$2\""},
};

static inline int trees_setup(void **state)
{
    (void)umask(022);
    *state = scratch_new();
    return 0;
}

/* xorshift32: the same trees on every machine. */
static inline uint32_t next(uint32_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    return *seed ^= *seed << 5;
}

static inline void walk(struct rbe_manifest *m, const char *root, const char *below)
{
    rbe_autofree char *dir = scratch_path(root, below);
    DIR *d = opendir(dir);

    assert_non_null(d);
    for (const struct dirent *item = readdir(d); item; item = readdir(d)) {
        rbe_autofree char *path = *below ? scratch_path(below, item->d_name) : rbe_strdup(item->d_name);
        rbe_autofree char *full = scratch_path(root, path);
        rbe_auto(str) struct rbe_str text = {0};
        struct rbe_entry entry = {.path = path, .kind = RBE_KIND_FILE};
        char target[256] = "";
        struct stat st;
        struct rbe_err e = {0};

        if (strcmp(item->d_name, ".") == 0 || strcmp(item->d_name, "..") == 0)
            continue;
        assert_int_equal(lstat(full, &st), 0);
        entry.mode = st.st_mode & 0777;
        if (S_ISDIR(st.st_mode)) {
            entry.kind = RBE_KIND_DIR;
        } else if (S_ISLNK(st.st_mode)) {
            entry.kind = RBE_KIND_LINK;
            assert_true(readlink(full, target, sizeof(target) - 1) > 0);
            entry.target = target;
        } else {
            assert_int_equal(rbe_file_get(full, ENTRY_MAX, &text, &e), RBE_OK);
            entry.size = text.len;
            rbe_sha256_of(text.s, text.len, entry.sha256);
        }
        rbe_manifest_add(m, &entry);
        if (entry.kind == RBE_KIND_DIR)
            walk(m, root, path);
    }
    assert_int_equal(closedir(d), 0);
}

static inline void manifest_of(struct rbe_manifest *m, const char *dir, const char *name)
{
    rbe_autofree char *root = scratch_path(dir, name);
    struct rbe_err e = {0};

    walk(m, root, "");
    assert_int_equal(rbe_manifest_seal(m, &e), RBE_OK);
}

static inline void assert_same_tree(const char *dir, const char *one, const char *two)
{
    rbe_auto(manifest) struct rbe_manifest a = {0}, b = {0};
    rbe_auto(str) struct rbe_str text_a = {0}, text_b = {0};

    manifest_of(&a, dir, one);
    manifest_of(&b, dir, two);
    rbe_manifest_format(&a, &text_a);
    rbe_manifest_format(&b, &text_b);
    assert_string_equal(text_a.s, text_b.s);
}

static inline void assert_ok(enum rbe_code code, const struct rbe_err *e)
{
    if (code != RBE_OK)
        fail_msg("%s", e->text);
}

static inline void pack(const char *dir, const char *tree, const struct kind *kind, const char *name)
{
    rbe_autofree char *from = scratch_path(dir, tree), *to = scratch_path(dir, name);

    assert_int_equal(scratch_sh(kind->pack, from, to, NULL), 0);
}

static const char *const tree_names[] = {"a", "b c", "\xc3\xa9t\xc3\xa9", "\xe6\x97\xa5\xe6\x9c\xac",
                                    "x.txt", ".hidden", "Z-1", "q'\"$"};

/* Puts something random at a random place of the tree, whatever was there. */
static inline void disturb(const char *tree, uint32_t *seed)
{
    rbe_auto(str) struct rbe_str path = {0};
    uint32_t depth = next(seed) % 3, what = next(seed) % 8;
    struct rbe_err e = {0};
    struct stat st;
    char data[3000];

    rbe_str_puts(&path, tree);
    for (uint32_t i = 0; i <= depth; i++) {
        rbe_str_putf(&path, "/%s", tree_names[next(seed) % RBE_COUNT(tree_names)]);
        if (i < depth && lstat(path.s, &st) == 0 && !S_ISDIR(st.st_mode))
            assert_int_equal(unlink(path.s), 0);
        if (i < depth && mkdir(path.s, 0755) < 0)
            assert_int_equal(access(path.s, F_OK), 0);
    }
    if (what == 0 && lstat(path.s, &st) == 0 && S_ISREG(st.st_mode)) {
        assert_int_equal(chmod(path.s, st.st_mode & 0100 ? 0644 : 0755), 0);
        return;
    }
    assert_ok(rbe_dir_remove(path.s, &e), &e);
    if (what == 1)
        return;
    if (what == 2) {
        assert_int_equal(mkdir(path.s, 0755), 0);
    } else if (what == 3) {
        /* to nowhere: links that lead in a circle are refused at publishing */
        (void)snprintf(data, sizeof(data), "to %u \xc3\xa9", (unsigned)(next(seed) % 4));
        assert_int_equal(symlink(data, path.s), 0);
    } else {
        size_t n = what == 4 ? 0 : next(seed) % sizeof(data);

        for (size_t i = 0; i < n; i++)
            data[i] = (char)(next(seed) % (what == 5 ? 256 : 4));
        scratch_write("/", path.s, data, n, what == 6 ? 0755 : 0644);
    }
}

#endif
