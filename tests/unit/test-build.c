/* lib/patch/build: real trees are packed by zip(1) and tar(1), an incremental is built and proved, and a simple client
 * that knows only changes.json applies it to the old tree. Manifests are made here from the trees themselves, so the
 * inspector and the builder are not only compared with each other but both with what is on disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/patch/build.h"
#include "lib/wrap/json.h"
#include "lib/wrap/zipw.h"
#include "tests/unit/trees.h"

enum { ROUNDS = 5, MEMORY = 1 << 30 };

/* A build with all that it needs. */
struct job {
    struct rbe_manifest from, to;
    struct rbe_arena arena;
    struct rbe_plan plan;
    struct rbe_build build;
};

static void rbe_job_release(struct job *j)
{
    rbe_manifest_release(&j->from);
    rbe_manifest_release(&j->to);
    rbe_arena_release(&j->arena);
    (void)close(j->build.target_fd);
    (void)close(j->build.out_fd);
    (void)close(j->build.tmp_dir_fd);
}

static void job_plan(struct job *j, const char *glob)
{
    rbe_plan_make(&j->from, &j->to, &(struct rbe_plan_globs){&glob, glob != NULL}, &j->arena, &j->plan);
}

/* Trees old and new below dir, the new one packed as `target`; the package goes to `out`. */
static void job_make(struct job *j, const char *dir, const char *target, enum rbe_arc_type type, const char *out,
                     const char *glob)
{
    *j = (struct job){0};
    manifest_of(&j->from, dir, "old");
    manifest_of(&j->to, dir, "new");
    job_plan(j, glob);
    j->build = (struct rbe_build){
        .from = &j->from,
        .to = &j->to,
        .plan = &j->plan,
        .target_fd = scratch_open(dir, target, O_RDONLY),
        .target_type = type,
        .out_fd = scratch_open(dir, out, O_RDWR | O_CREAT | O_TRUNC),
        .tmp_dir_fd = scratch_open(dir, ".", O_RDONLY | O_DIRECTORY),
    };
}

/* Builder and inspector must see the same tree in the target. */
static void assert_inspector_agrees(const struct rbe_build *b)
{
    const struct rbe_inspect what = {.fd = b->target_fd, .type = b->target_type, .limits = {1000, 64 << 20}};
    rbe_auto(manifest) struct rbe_manifest seen = {0};
    rbe_auto(str) struct rbe_str a = {0}, c = {0};
    struct rbe_err e = {0};

    assert_ok(rbe_inspect(&what, &seen, &e), &e);
    rbe_manifest_format(b->to, &a);
    rbe_manifest_format(&seen, &c);
    assert_string_equal(a.s, c.s);
}

static void build_and_prove(const struct rbe_build *b)
{
    struct rbe_err e = {0};

    assert_inspector_agrees(b);
    assert_ok(rbe_build_files(b, &e), &e);
    assert_ok(rbe_build_prove(b, &e), &e);
}

/* Removes what a list of changes.json names; directories from the last to the first, so children go before parents. */
static void client_remove(const char *tree, const struct rbe_json *doc, const char *list, bool dirs)
{
    const struct rbe_json *names = rbe_json_find(doc, list);

    for (size_t i = names ? rbe_json_count(names) : 0; i-- > 0;) {
        rbe_autofree char *path = scratch_path(tree, rbe_json_text(rbe_json_at(names, i), NULL));

        assert_int_equal(dirs ? rmdir(path) : unlink(path), 0);
    }
}

/* The simplest client there is: deletes as it is told, also what is modified, and unpacks over the rest. */
static void client_apply(const char *dir, const char *package, const struct kind *kind, const char *member)
{
    rbe_autofree char *tree = scratch_path(dir, "client"), *archive = scratch_path(dir, package);
    rbe_autofree char *changes = scratch_path(dir, "client/changes.json");
    rbe_auto(str) struct rbe_str text = {0};
    rbe_autoptr(json) struct rbe_json *doc = NULL;
    struct rbe_err e = {0};

    assert_int_equal(scratch_sh("cd \"$1\"; rm -rf client; cp -a old client", dir, NULL, NULL), 0);
    assert_int_equal(scratch_sh(member, archive, NULL, &text), 0);
    assert_ok(rbe_json_parse(text.s, text.len, &doc, &e), &e);
    client_remove(tree, doc, "deleted", false);
    client_remove(tree, doc, "modified", false);
    client_remove(tree, doc, "deleted_dir", true);
    assert_int_equal(scratch_sh(kind->unpack, tree, archive, NULL), 0);
    assert_int_equal(unlink(changes), 0);
    assert_same_tree(dir, "client", "new");
}

static void round_trip(const char *dir, const struct kind *kind)
{
    rbe_auto(job) struct job j, again;
    const char *member = kind->type == RBE_ARC_ZIP ? "unzip -p \"$1\" changes.json" : "tar -xzOf \"$1\" changes.json";

    assert_int_equal(scratch_sh("cd \"$1\"; rm -f full.*", dir, NULL, NULL), 0);
    pack(dir, "new", kind, "full.pkg");
    job_make(&j, dir, "full.pkg", kind->type, "patch", "a");
    job_make(&again, dir, "full.pkg", kind->type, "again", "a");
    build_and_prove(&j.build);
    build_and_prove(&again.build);
    assert_int_equal(scratch_sh("cd \"$1\"; cmp patch again", dir, NULL, NULL), 0);
    client_apply(dir, "patch", kind, member);
}

static void test_random_changes(void **state)
{
    rbe_autofree char *tree = scratch_path(*state, "new");
    uint32_t seed = 20260115;

    assert_int_equal(mkdir(tree, 0755), 0);
    for (int i = 0; i < 60; i++)
        disturb(tree, &seed);
    for (int round = 0; round < ROUNDS; round++) {
        assert_int_equal(scratch_sh("cd \"$1\"; rm -rf old; cp -a new old", *state, NULL, NULL), 0);
        for (int i = 0; i < 3 + 8 * round; i++)
            disturb(tree, &seed);
        for (size_t i = 0; i < RBE_COUNT(kinds); i++)
            round_trip(*state, &kinds[i]);
    }
}

/* Trees that differ in everything at once. */
static const char TURNED[] =
    "cd \"$1\"; mkdir -p old/dir/deep old/gone/empty old/same new/file new/come/empty new/same;"
    "echo 1 > old/dir/deep/f; echo 1 > old/file; echo 1 > old/gone/f; ln -s same old/link; echo 1 > old/same/keep;"
    "echo 1 > old/same/mod; echo run > old/same/run;"
    "echo 2 > new/dir; echo 2 > new/file/f; echo 2 > new/come/f; echo 2 > new/link; echo 1 > new/same/keep;"
    "echo 2 > new/same/mod; echo run > new/same/run; chmod 755 new/same/run";

static void test_turned_kinds(void **state)
{
    assert_int_equal(scratch_sh(TURNED, *state, NULL, NULL), 0);
    for (size_t i = 0; i < RBE_COUNT(kinds); i++)
        round_trip(*state, &kinds[i]);
}

/* With memory a tar.gz is unpacked and packed at once; the tar inside is the same. */
static void test_whole(void **state)
{
    static const uint64_t memories[] = {0, 3000, 1 << 20, MEMORY};

    assert_int_equal(scratch_sh(TURNED, *state, NULL, NULL), 0);
    pack(*state, "new", &kinds[1], "full.pkg");
    for (size_t i = 0; i < RBE_COUNT(memories); i++) {
        rbe_auto(job) struct job j;

        job_make(&j, *state, "full.pkg", RBE_ARC_TAR_GZ, "patch", NULL);
        j.build.memory_bytes = memories[i];
        build_and_prove(&j.build);
        client_apply(*state, "patch", &kinds[1], "tar -xzOf \"$1\" changes.json");
        assert_int_equal(scratch_sh("cd \"$1\"; gzip -dc patch > tar; test ! -e tar.0 || cmp tar tar.0; mv tar tar.0", *state,
                                    NULL, NULL), 0);
    }
}

static void test_type(void **state)
{
    (void)state;
    assert_int_equal(rbe_build_type(RBE_ARC_ZIP), RBE_ARC_ZIP);
    assert_int_equal(rbe_build_type(RBE_ARC_TAR_GZ), RBE_ARC_TAR_GZ);
    assert_int_equal(rbe_build_type(RBE_ARC_TAR_XZ), RBE_ARC_TAR_GZ);
    assert_int_equal(rbe_build_type(RBE_ARC_TAR_ZST), RBE_ARC_TAR_GZ);
}

/* Packs with a script of its own, builds, proves, applies; ret_list gets the names in the package. With memory it is the same. */
static void special_pack(const char *dir, const char *script, const struct kind *kind, const char *glob,
                         struct rbe_str *ret_list)
{
    rbe_auto(job) struct job j, whole;
    bool zip = kind->type == RBE_ARC_ZIP;

    assert_int_equal(scratch_sh(script, dir, NULL, NULL), 0);
    job_make(&j, dir, "full.pkg", kind->type, "patch", glob);
    job_make(&whole, dir, "full.pkg", kind->type, "whole", glob);
    whole.build.memory_bytes = MEMORY;
    build_and_prove(&j.build);
    build_and_prove(&whole.build);
    assert_int_equal(scratch_sh(zip ? "cd \"$1\"; cmp patch whole" : "cd \"$1\"; gzip -dc patch > tar; gzip -dc whole | cmp - tar", dir,
                                NULL, NULL), 0);
    client_apply(dir, "patch", kind, zip ? "unzip -p \"$1\" changes.json" : "tar -xzOf \"$1\" changes.json");
    assert_int_equal(scratch_sh(zip ? "unzip -Z1 \"$1/patch\"" : "tar -tzf \"$1/patch\"", dir, NULL, ret_list), 0);
}

static const char TURNED_LIST[] =
    "changes.json\ncome/\ncome/empty/\ncome/f\ndir\nfile/\nfile/f\nlink\nsame/mod\nsame/run\n";

static void test_zip_is_sorted(void **state)
{
    rbe_auto(str) struct rbe_str list = {0};

    assert_int_equal(scratch_sh(TURNED, *state, NULL, NULL), 0);
    special_pack(*state,
                 "cd \"$1/new\"; find . -mindepth 1 | sort -r | zip -q -X -y -@ ../full.zip;"
                 "mv ../full.zip ../full.pkg",
                 &kinds[0], NULL, &list);
    assert_string_equal(list.s, TURNED_LIST);
}

static void test_zip_implied_directories(void **state)
{
    rbe_auto(str) struct rbe_str list = {0};

    assert_int_equal(scratch_sh(TURNED, *state, NULL, NULL), 0);
    special_pack(*state,
                 "cd \"$1/new\"; rmdir come/empty; zip -q -r -D -X -y ../full.zip .; mv ../full.zip ../full.pkg",
                 &kinds[0], NULL, &list);
    assert_null(strstr(list.s, "come/empty"));
    assert_non_null(strstr(list.s, "\ncome/\ncome/f\n"));
    assert_non_null(strstr(list.s, "\nfile/\nfile/f\n"));
}

static void test_tar_order_and_implied_directories(void **state)
{
    rbe_auto(str) struct rbe_str list = {0};

    assert_int_equal(scratch_sh(TURNED, *state, NULL, NULL), 0);
    special_pack(*state,
                 "cd \"$1/new\"; rmdir come/empty;"
                 "tar -czf ../full.pkg same/run link file/f dir same/mod same/keep come/f",
                 &kinds[1], NULL, &list);
    assert_string_equal(list.s, "changes.json\ncome/\nfile/\nsame/run\nlink\nfile/f\ndir\nsame/mod\ncome/f\n");
}

static void test_carried(void **state)
{
    rbe_auto(str) struct rbe_str list = {0}, gz = {0};

    assert_int_equal(scratch_sh(TURNED, *state, NULL, NULL), 0);
    special_pack(*state, "cd \"$1/new\"; zip -q -r -X -y ../full.zip .; mv ../full.zip ../full.pkg", &kinds[0],
                 "keep", &list);
    assert_non_null(strstr(list.s, "\nsame/keep\n"));
    special_pack(*state, "cd \"$1/new\"; tar -czf ../full.pkg *", &kinds[1], "same/k*", &gz);
    assert_non_null(strstr(gz.s, "\nsame/keep\n"));
    assert_null(strstr(gz.s, "\nsame/\n"));
}

static void test_nothing_changed(void **state)
{
    rbe_auto(str) struct rbe_str list = {0}, gz = {0};

    assert_int_equal(scratch_sh("cd \"$1\"; mkdir old; echo 1 > old/f; cp -a old new", *state, NULL, NULL), 0);
    special_pack(*state, "cd \"$1/new\"; zip -q -X ../full.zip f; mv ../full.zip ../full.pkg", &kinds[0], NULL, &list);
    assert_string_equal(list.s, "changes.json\n");
    special_pack(*state, "cd \"$1/new\"; tar -czf ../full.pkg f", &kinds[1], NULL, &gz);
    assert_string_equal(gz.s, "changes.json\n");
}

/* Hard links of the target: to a file that is not wanted, to one that is, twice to the same, to an empty one, to a symbolic link. */
static void test_hard_links(void **state)
{
    rbe_auto(str) struct rbe_str list = {0};
    rbe_auto(job) struct job again;

    assert_int_equal(scratch_sh("cd \"$1\"; mkdir -p old/sub new/sub; head -c 700000 /dev/urandom > old/a;"
                                "cp old/a new/a; ln new/a new/b; ln new/a new/sub/c; echo new > new/n; ln new/n new/o;"
                                ": > new/z; ln new/z new/zz; ln -s n new/l; ln -P new/l new/m",
                                *state, NULL, NULL), 0);
    special_pack(*state, "cd \"$1/new\"; tar -czf ../full.pkg a b n o sub z zz l m; tar -tvf ../full.pkg | grep -q '^h.* m'", &kinds[1], NULL, &list);
    assert_string_equal(list.s + strlen("changes.json\n"), strstr(list.s, "n\nz\n"));
    assert_non_null(strstr(list.s, "sub/c\n"));
    assert_null(strstr(list.s, "\na\n"));
    job_make(&again, *state, "full.pkg", RBE_ARC_TAR_GZ, "again", NULL);
    build_and_prove(&again.build);
    assert_int_equal(scratch_sh("cd \"$1\"; cmp patch again; ! tar -tvzf patch | grep ^h", *state, NULL, NULL), 0);
}

/* All data that are wanted come from the second look at the target, and none from the first. */
static void test_hard_link_alone(void **state)
{
    rbe_auto(str) struct rbe_str list = {0};

    assert_int_equal(scratch_sh("cd \"$1\"; mkdir old new; echo same > old/a; cp -p old/a new/a; ln new/a new/b",
                                *state, NULL, NULL), 0);
    special_pack(*state, "cd \"$1/new\"; tar -czf ../full.pkg a b", &kinds[1], NULL, &list);
    assert_string_equal(list.s, "changes.json\nb\n");
}

/* Names in the target that are not in normal form come out as the manifest has them. */
static void test_zip_names_are_normal(void **state)
{
    rbe_auto(str) struct rbe_str list = {0};
    struct rbe_err e = {0};

    assert_int_equal(scratch_sh("cd \"$1\"; mkdir -p old new/d; printf 1 > old/a; printf 22 > new/a;"
                                "printf 333 > new/d/b",
                                *state, NULL, NULL), 0);
    {
        rbe_autoclose int fd = scratch_open(*state, "full.pkg", O_RDWR | O_CREAT | O_TRUNC);
        rbe_autoptr(zipw) struct rbe_zipw *w = rbe_zipw_new(fd);

        assert_ok(rbe_zipw_add(w, "./", S_IFDIR | 0755, 0x00210000, "", 0, &e), &e);
        assert_ok(rbe_zipw_add(w, "./a", S_IFREG | 0644, 0x00210000, "22", 2, &e), &e);
        assert_ok(rbe_zipw_add(w, "./d/", S_IFDIR | 0700, 0x00210000, "", 0, &e), &e);
        /* no mode at all, as Windows packers write it */
        assert_ok(rbe_zipw_add(w, "./d/b", 0, 0x00210000, "333", 3, &e), &e);
        assert_ok(rbe_zipw_finish(w, &e), &e);
    }
    special_pack(*state, ":", &kinds[0], NULL, &list);
    assert_string_equal(list.s, "changes.json\na\nd/\nd/b\n");
}

/* A target that is not what its manifest says makes no package, and that is the server's fault. */
static void test_wrong_target(void **state)
{
    static const char *const scripts[] = {
        "cd \"$1/other\"; rm come/f",
        "cd \"$1/other\"; rm link; ln -s x link",
        "cd \"$1/other\"; rm link; mkdir link; echo > link/x",
    };

    assert_int_equal(scratch_sh(TURNED, *state, NULL, NULL), 0);
    for (size_t i = 0; i < RBE_COUNT(scripts); i++)
        for (size_t k = 0; k < RBE_COUNT(kinds); k++) {
            rbe_auto(job) struct job j;
            struct rbe_err e = {0};

            assert_int_equal(scratch_sh("cd \"$1\"; rm -rf other full.*; cp -a new other", *state, NULL, NULL), 0);
            assert_int_equal(scratch_sh(scripts[i], *state, NULL, NULL), 0);
            pack(*state, "other", &kinds[k], "full.pkg");
            job_make(&j, *state, "full.pkg", kinds[k].type, "patch", NULL);
            enum rbe_code code = rbe_build_files(&j.build, &e);

            /* a zip entry's data are copied unseen: there the proof finds it */
            if (code == RBE_OK && kinds[k].type == RBE_ARC_ZIP)
                code = rbe_build_prove(&j.build, &e);
            assert_int_equal(code, RBE_FAULT);
            assert_true(strlen(e.text) > 0);
        }
}

static void test_broken_target(void **state)
{
    assert_int_equal(scratch_sh(TURNED, *state, NULL, NULL), 0);
    for (size_t k = 0; k < RBE_COUNT(kinds); k++) {
        rbe_auto(job) struct job j;
        struct rbe_err e = {0};

        assert_int_equal(scratch_sh("cd \"$1\"; rm -f full.*", *state, NULL, NULL), 0);
        pack(*state, "new", &kinds[k], "full.pkg");
        assert_int_equal(scratch_sh("cd \"$1\"; truncate -s -30 full.pkg", *state, NULL, NULL), 0);
        job_make(&j, *state, "full.pkg", kinds[k].type, "patch", NULL);
        assert_int_equal(rbe_build_files(&j.build, &e), RBE_FAULT);
        assert_non_null(strstr(e.text, "target package: "));
        assert_int_equal(e.violations, 0);
    }
}

/* Any bit of a package that changes makes the proof fail, or changes nothing that anybody sees. */
static void test_tampered_bytes(void **state)
{
    assert_int_equal(scratch_sh(TURNED, *state, NULL, NULL), 0);
    for (size_t k = 0; k < 2; k++) {
        rbe_auto(job) struct job j;
        unsigned failed = 0, tried = 0;
        struct stat st;

        assert_int_equal(scratch_sh("cd \"$1\"; rm -f full.*", *state, NULL, NULL), 0);
        pack(*state, "new", &kinds[k], "full.pkg");
        job_make(&j, *state, "full.pkg", kinds[k].type, "patch", NULL);
        build_and_prove(&j.build);
        assert_int_equal(fstat(j.build.out_fd, &st), 0);
        for (off_t at = 0; at < st.st_size; at += 3) {
            struct rbe_err e = {0};
            unsigned char byte;

            assert_int_equal(pread(j.build.out_fd, &byte, 1, at), 1);
            byte ^= 0x10;
            assert_int_equal(pwrite(j.build.out_fd, &byte, 1, at), 1);
            enum rbe_code code = rbe_build_prove(&j.build, &e);

            assert_true(code == RBE_OK || code == RBE_FAULT);
            failed += code == RBE_FAULT;
            tried++;
            byte ^= 0x10;
            assert_int_equal(pwrite(j.build.out_fd, &byte, 1, at), 1);
        }
        /* what is left are times and the like in headers */
        assert_true(failed > tried * 3 / 4);
        struct rbe_err e = {0};

        assert_ok(rbe_build_prove(&j.build, &e), &e);
    }
}

/* Packages that are good archives and yet not the right ones. */
static void test_wrong_packages(void **state)
{
    static const struct {
        const char *script, *reason;
    } rows[] = {
        {"echo extra > x/extra", "extra does not belong"},
        {"rm x/same/mod", "same/mod is missing"},
        {"rmdir x/come/empty", "come/empty is missing"},
        {"chmod 644 x/same/run", "same/run should be a file 0755 of 4 bytes sha256:"},
        {"echo 3 > x/same/mod", "same/mod should be a file 0644 of 2 bytes sha256:"},
        {"echo longer > x/dir", "is a file 0644 of 7 bytes sha256:"},
        {"rm x/link; ln -s dir x/link", "link should be a file"},
        {"rm -r x/come/empty; echo > x/come/empty", "come/empty should be a directory"},
        {"echo '{}' > x/changes.json", "changes.json should be sha256:"},
        {"chmod 600 x/changes.json", "begins with changes.json, not with"},
        {"rm x/changes.json", "not with changes.json"},
    };
    rbe_auto(job) struct job j;

    assert_int_equal(scratch_sh(TURNED, *state, NULL, NULL), 0);
    pack(*state, "new", &kinds[1], "full.pkg");
    job_make(&j, *state, "full.pkg", RBE_ARC_TAR_GZ, "patch", NULL);
    build_and_prove(&j.build);
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_autofree char *script = rbe_strfmt("cd \"$1\"; rm -rf x; mkdir x; tar -C x -xpzf patch; %s;"
                                               "cd x; { ls changes.json || :;"
                                               "find * ! -name changes.json ! -path same; } 2> /dev/null |"
                                               "tar --no-recursion -czf ../wrong -T -", rows[i].script);
        struct rbe_build wrong = j.build;
        struct rbe_err e = {0};

        assert_int_equal(scratch_sh(script, *state, NULL, NULL), 0);
        wrong.out_fd = scratch_open(*state, "wrong", O_RDWR);
        assert_int_equal(rbe_build_prove(&wrong, &e), RBE_FAULT);
        assert_int_equal(close(wrong.out_fd), 0);
        if (!strstr(e.text, rows[i].reason))
            fail_msg("row %zu: %s", i, e.text);
    }
}

/* A plan that forgets something is found even when package and plan agree. */
static void test_wrong_plan(void **state)
{
    static const struct {
        enum rbe_change change;
        const char *reason;
    } rows[] = {
        {RBE_DELETED, "tree: "},
        {RBE_DELETED_DIR, "tree: "},
        {RBE_MODIFIED, "tree: same/"},
        {RBE_ADDED_DIR, "tree: "},
        {RBE_ADDED, "tree: "},
    };

    assert_int_equal(scratch_sh(TURNED, *state, NULL, NULL), 0);
    for (size_t k = 0; k < 2; k++) {
        pack(*state, "new", &kinds[k], k ? "full.gz" : "full.zip");
        for (size_t i = 0; i < RBE_COUNT(rows); i++) {
            rbe_auto(job) struct job j;
            struct rbe_err e = {0};

            job_make(&j, *state, k ? "full.gz" : "full.zip", kinds[k].type, "patch", NULL);
            assert_true(j.plan.change[rows[i].change].n > 0);
            j.plan.change[rows[i].change].n--;
            assert_ok(rbe_build_files(&j.build, &e), &e);
            assert_int_equal(rbe_build_prove(&j.build, &e), RBE_FAULT);
            if (!strstr(e.text, rows[i].reason))
                fail_msg("row %zu: %s", i, e.text);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_type),
        cmocka_unit_test_setup_teardown(test_random_changes, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_turned_kinds, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_whole, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_zip_is_sorted, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_zip_implied_directories, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_tar_order_and_implied_directories, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_carried, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_nothing_changed, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_hard_links, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_hard_link_alone, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_zip_names_are_normal, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_target, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_broken_target, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_tampered_bytes, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_packages, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_plan, trees_setup, scratch_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
