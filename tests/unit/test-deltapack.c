/* lib/patch/deltapack: real trees, packed by zip(1) and tar(1); a delta is built and proved, and a client that is nothing
 * but stock tools (share/examples/apply.pl) takes the old tree to the new one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>

#include "lib/base/sanitize.h"
#include "lib/patch/deltapack.h"
#include "lib/wrap/zipw.h"
#include "tests/unit/trees.h"

enum { ROUNDS = 3, MEMORY = 1 << 30 };

/* A build with all that it needs. */
struct work {
    struct rbe_manifest from, to;
    struct rbe_arena arena;
    struct rbe_plan plan;
    const char *glob;
    struct rbe_plan_globs globs;
    char *work, *program;
    struct rbe_deltapack pack;
    struct rbe_deltapack_end end;
};

static void rbe_work_release(struct work *w)
{
    rbe_manifest_release(&w->from);
    rbe_manifest_release(&w->to);
    rbe_arena_release(&w->arena);
    free(w->work);
    free(w->program);
    (void)close(w->pack.source_fd);
    (void)close(w->pack.target_fd);
    (void)close(w->pack.out_fd);
}

/* Trees old and new below dir, packed as full.old and full.new. */
static void work_make(struct work *w, const char *dir, const struct kind *kind, const char *engine, const char *glob,
                      const char *out)
{
    const char *build = getenv("RBE_BUILD");

    *w = (struct work){.glob = glob};
    w->globs = (struct rbe_plan_globs){&w->glob, glob != NULL};
    w->work = scratch_path(dir, "work");
    w->program = rbe_strfmt("%s/libexec/rbe/rbe-encode", build && *build ? build : "build");
    assert_int_equal(scratch_sh("cd \"$1\"; rm -rf work; mkdir work", dir, NULL, NULL), 0);
    manifest_of(&w->from, dir, "old");
    manifest_of(&w->to, dir, "new");
    rbe_plan_make(&w->from, &w->to, &w->globs, &w->arena, &w->plan);
    w->pack = (struct rbe_deltapack){
        .from = &w->from,
        .to = &w->to,
        .plan = &w->plan,
        .globs = &w->globs,
        .source_fd = scratch_open(dir, "full.old", O_RDONLY),
        .target_fd = scratch_open(dir, "full.new", O_RDONLY),
        .source_type = kind->type,
        .target_type = kind->type,
        .out_fd = scratch_open(dir, out, O_RDWR | O_CREAT | O_TRUNC),
        .dir = w->work,
        .engine = rbe_engine_find(engine),
        .encoder = {.program = w->program, .cpu_seconds = 60, .memory_bytes = MEMORY},
        .baseline = UINT64_C(1) << 40,
    };
}

static void build(struct work *w)
{
    struct rbe_err e = {0};

    assert_ok(rbe_deltapack_build(&w->pack, &w->arena, &w->end, &e), &e);
}

static void refuse(struct work *w, const char *why)
{
    struct rbe_err e = {0};

    assert_int_equal(rbe_deltapack_build(&w->pack, &w->arena, &w->end, &e), RBE_REFUSED);
    assert_string_equal(e.text, why);
}

static void prove(const struct work *w)
{
    struct rbe_err e = {0};

    assert_ok(rbe_deltapack_prove(&w->pack, &e), &e);
}

static void pack_both(const char *dir, const struct kind *kind)
{
    assert_int_equal(scratch_sh("cd \"$1\"; rm -f full.*", dir, NULL, NULL), 0);
    pack(dir, "old", kind, "full.old");
    pack(dir, "new", kind, "full.new");
}

static void apply(const char *dir, const char *package)
{
    rbe_autofree char *script = rbe_strfmt("cd \"$1\"; rm -rf client x.zip; cp -a old client; cp %s x.zip;"
                                           "\"$OLDPWD\"/share/examples/apply.pl x.zip client", package);

    assert_int_equal(scratch_sh(script, dir, NULL, NULL), 0);
    assert_same_tree(dir, "client", "new");
}

static void round_trip(const char *dir, const struct kind *kind, const char *engine, const char *glob)
{
    rbe_auto(work) struct work one, two;

    pack_both(dir, kind);
    work_make(&one, dir, kind, engine, glob, "patch");
    build(&one);
    assert_null(one.end.useless);
    prove(&one);
    work_make(&two, dir, kind, engine, glob, "again");
    build(&two);
    assert_int_equal(scratch_sh("cd \"$1\"; cmp patch again", dir, NULL, NULL), 0);
    apply(dir, "patch");
}

static const char *const engines[] = {"vcdiff", "zstd"};

static void test_random_changes(void **state)
{
    rbe_autofree char *tree = scratch_path(*state, "new");
    uint32_t seed = 20260205;

    assert_int_equal(mkdir(tree, 0755), 0);
    for (int i = 0; i < 60; i++)
        disturb(tree, &seed);
    for (int round = 0; round < ROUNDS; round++) {
        assert_int_equal(scratch_sh("cd \"$1\"; rm -rf old; cp -a new old", *state, NULL, NULL), 0);
        for (int i = 0; i < 5 + 12 * round; i++)
            disturb(tree, &seed);
        for (size_t k = 0; k < RBE_COUNT(kinds); k++)
            round_trip(*state, &kinds[k], engines[(k + (size_t)round) % RBE_COUNT(engines)], round ? "a" : NULL);
    }
}

/* Everything a delta can hold at once: renames, duplicates, patches, whole files, modes, links, kinds that turn. */
static const char RICH[] =
    "cd \"$1\"; mkdir -p old/sub old/delta old/turn old/gone new/sub new/delta new/come new/moved;"
    "seq 1 20000 > old/app; (seq 1 9000; echo new; seq 9001 20000) > new/app; cp old/app old/gone/app2;"
    "seq 5 5000 > old/sub/lib; cp old/sub/lib new/moved/lib; chmod 755 new/moved/lib;"
    "seq 7 7000 > new/come/one; cp new/come/one new/sub/two; chmod 600 new/sub/two; cp new/come/one new/sub/three;"
    "head -c 100000 /dev/zero | openssl enc -aes-128-ctr -K 0 -iv 0 2>/dev/null > new/noise;"
    "echo same > old/delta/0; echo same > new/delta/0; echo run > old/run; echo run > new/run; chmod 755 new/run;"
    ": > old/void; : > new/empty; ln -s app old/link; ln -s run new/link; echo f > old/turn/f; echo turned > new/turn;"
    "echo '{}' > old/interface.json; echo '{\"v\":2}' > new/interface.json; echo k > old/keep.json; echo k > new/keep.json";

static void test_rich(void **state)
{
    rbe_auto(str) struct rbe_str list = {0}, json = {0};

    assert_int_equal(scratch_sh(RICH, *state, NULL, NULL), 0);
    for (size_t k = 0; k < RBE_COUNT(kinds); k++)
        round_trip(*state, &kinds[k], engines[k % RBE_COUNT(engines)], "*.json");
    round_trip(*state, &kinds[0], "vcdiff", "*.json");
    assert_int_equal(scratch_sh("unzip -Z1 \"$1\"/patch; unzip -p \"$1\"/patch changes.json > \"$1\"/json", *state, NULL,
                                &list), 0);
    assert_string_equal(list.s, "changes.json\ncome/\nempty\ninterface.json\nkeep.json\nlink\nmoved/\nnoise\n"
                                "delta-1/0.vcdiff.xz\n");
    assert_int_equal(scratch_sh("cd \"$1\"; grep -c '\"path\":\"moved/lib\",\"from\":\"sub/lib\",\"of\":\"old\"' json;"
                                "grep -c '\"path\":\"run\",\"from\":\"run\",\"of\":\"old\"' json;"
                                "grep -c '\"path\":\"sub/two\",\"from\":\"come/one\",\"of\":\"new\"' json;"
                                "grep -c '\"source\":\\[{\"path\":\"app\"' json", *state, NULL, &json), 0);
    assert_string_equal(json.s, "1\n1\n1\n1\n");
}

/* Hard links in a tar are files like others. */
static void test_hard_links(void **state)
{
    rbe_auto(work) struct work w;

    assert_int_equal(scratch_sh("cd \"$1\"; mkdir old new; seq 1 9000 > old/a; ln old/a old/b; (seq 1 9000; echo 1) > new/a;"
                                "ln new/a new/b; (seq 1 9000; echo 2) > new/c; cd old; tar -czf ../full.old b a; cd ../new;"
                                "tar -czf ../full.new b c a", *state, NULL, NULL), 0);
    work_make(&w, *state, &kinds[1], "zstd", NULL, "patch");
    build(&w);
    prove(&w);
    apply(*state, "patch");
}

static void test_nothing_changed(void **state)
{
    assert_int_equal(scratch_sh("cd \"$1\"; mkdir old; echo 1 > old/f; cp -a old new", *state, NULL, NULL), 0);
    for (size_t i = 0; i < RBE_COUNT(engines); i++)
        round_trip(*state, &kinds[0], engines[i], NULL);
}

/* What a trial finds to be hopeless is not built, and neither is what goes beyond the budget. */
static void test_useless(void **state)
{
    rbe_auto(work) struct work w, poor, slow;

    assert_int_equal(scratch_sh("cd \"$1\"; mkdir old new; head -c 300000 /dev/urandom > old/f;"
                                "head -c 300000 /dev/urandom > new/f", *state, NULL, NULL), 0);
    pack_both(*state, &kinds[0]);
    work_make(&w, *state, &kinds[0], "zstd", NULL, "patch");
    w.pack.baseline = 300000;
    build(&w);
    assert_non_null(strstr(w.end.useless, "a trial saved too little"));
    assert_true(w.end.trial_bytes > 290000);
    work_make(&poor, *state, &kinds[0], "zstd", NULL, "patch");
    poor.pack.encoder.memory_bytes = 1 << 20;
    refuse(&poor, "zstd: not built: a trial takes 82 MiB, and batch.memory_bytes is 1 MiB");
    assert_int_equal(scratch_sh("cd \"$1\"; seq 1 2000000 > old/f; seq 2 2000000 > new/f", *state, NULL, NULL), 0);
    pack_both(*state, &kinds[0]);
    work_make(&slow, *state, &kinds[0], "vcdiff", NULL, "patch");
    slow.pack.encoder.cpu_seconds = 1;
    refuse(&slow, "vcdiff: not built: the least effort takes up to 4 s, and batch.cpu_seconds is 1 s");
}

/* Less budget, less effort; the package is right all the same, and the encoder stays within its memory. */
static void test_effort_by_budget(void **state)
{
    static const struct {
        uint64_t memory_bytes, cpu_seconds;
    } budgets[] = {{UINT64_C(115) << 20, 60}, {UINT64_C(1) << 30, 1}, {UINT64_C(1) << 30, 60}};
    int before = -1;

    /* Instrumented code takes more time and memory than the table of costs has. */
    if (RBE_SANITIZED)
        skip();
    assert_int_equal(scratch_sh("cd \"$1\"; mkdir old new; seq 1 200000 > old/f; seq 1 200000 | sed s/9/x/ > new/f", *state,
                                NULL, NULL), 0);
    pack_both(*state, &kinds[0]);
    for (size_t i = 0; i < RBE_COUNT(budgets); i++) {
        rbe_auto(work) struct work w;

        work_make(&w, *state, &kinds[0], "zstd", NULL, "patch");
        w.pack.encoder.memory_bytes = budgets[i].memory_bytes;
        w.pack.encoder.cpu_seconds = budgets[i].cpu_seconds;
        build(&w);
        assert_null(w.end.useless);
        assert_true(w.end.effort > before);
        assert_true(w.end.rss_bytes < budgets[i].memory_bytes);
        before = w.end.effort;
        prove(&w);
        apply(*state, "patch");
    }
}

/* What defeats every engine is found and named, whether a package comes of it or not. */
static void test_advice(void **state)
{
    rbe_auto(work) struct work w, plain;

    assert_int_equal(scratch_sh("cd \"$1\"; mkdir old new; head -c 600000 /dev/zero |"
                                "openssl enc -aes-128-ctr -K 0 -iv 0 2>/dev/null | base64 > x; (echo first; cat x) > y;"
                                " zstd -q -9 x; zstd -q -9 y;"
                                "(seq 1 9000; cat x.zst) > old/app.node; (seq 1 9000; echo; cat y.zst) > new/app.node", *state,
                                NULL, NULL), 0);
    pack_both(*state, &kinds[0]);
    work_make(&w, *state, &kinds[0], "zstd", NULL, "patch");
    build(&w);
    assert_non_null(w.end.advice);
    assert_non_null(strstr(w.end.advice, "app.node holds a 0."));
    assert_non_null(strstr(w.end.advice, " MB zstd frame; published unpacked, the update would be about 0.0 MB instead of 0."));
    assert_int_equal(scratch_sh("cd \"$1\"; cp x old/app.node; cp y new/app.node", *state, NULL, NULL), 0);
    pack_both(*state, &kinds[0]);
    work_make(&plain, *state, &kinds[0], "zstd", NULL, "patch");
    build(&plain);
    assert_null(plain.end.advice);
}

/* Small bounds make many groups. */
static void test_many_groups(void **state)
{
    rbe_auto(work) struct work w;
    rbe_auto(arena) struct rbe_arena arena = {0};
    struct rbe_solid solid;
    size_t sources = 0, targets = 0;

    assert_int_equal(scratch_sh("cd \"$1\"; mkdir old new; for i in 1 2 3 4 5 6 7 8 9; do seq $i 2000 > old/$i;"
                                "seq $i 2 2000 > new/$i; done; seq 9 9000 > new/big; seq 2 9000 > old/last", *state, NULL,
                                NULL), 0);
    pack_both(*state, &kinds[0]);
    work_make(&w, *state, &kinds[0], "zstd", NULL, "patch");
    const struct rbe_solid_input in = {.from = &w.from, .to = &w.to, .plan = &w.plan, .globs = &w.globs, .bound = 20000};

    rbe_solid_make(&in, &arena, &solid);
    assert_true(solid.n_groups > 3);
    for (size_t i = 0; i < solid.n_groups; i++) {
        const struct rbe_solid_group *g = &solid.groups[i];

        assert_true(g->target.n > 0);
        assert_true(g->target.bytes <= 20000 || g->target.n == 1);
        assert_true(g->source.bytes <= 20000 || g->source.n == 1);
        sources += g->source.n;
        targets += g->target.n;
    }
    assert_int_equal(targets, 10);
    assert_true(sources >= 9);
}

/* Any bit of a package that changes makes the proof fail, or changes nothing that anybody sees. */
static void test_tampered_bytes(void **state)
{
    assert_int_equal(scratch_sh(RICH, *state, NULL, NULL), 0);
    assert_int_equal(scratch_sh("cd \"$1\"; rm new/noise", *state, NULL, NULL), 0);
    pack_both(*state, &kinds[0]);
    for (size_t i = 0; i < RBE_COUNT(engines); i++) {
        rbe_auto(work) struct work w;
        unsigned failed = 0, tried = 0;
        struct stat st;

        work_make(&w, *state, &kinds[0], engines[i], NULL, "patch");
        build(&w);
        assert_int_equal(fstat(w.pack.out_fd, &st), 0);
        for (off_t at = 0; at < st.st_size; at += 13) {
            struct rbe_err e = {0};
            unsigned char byte;

            assert_int_equal(pread(w.pack.out_fd, &byte, 1, at), 1);
            byte ^= 0x10;
            assert_int_equal(pwrite(w.pack.out_fd, &byte, 1, at), 1);
            enum rbe_code code = rbe_deltapack_prove(&w.pack, &e);

            assert_true(code == RBE_OK || code == RBE_FAULT);
            failed += code == RBE_FAULT;
            tried++;
            byte ^= 0x10;
            assert_int_equal(pwrite(w.pack.out_fd, &byte, 1, at), 1);
        }
        assert_true(failed > tried * 3 / 4);
        prove(&w);
    }
}

/* A package that is well formed and says the wrong thing: changes.json edited by a script, packed again. */
static void test_wrong_packages(void **state)
{
    static const struct {
        const char *script, *reason;
    } rows[] = {
        {"s/\"from\":\"sub\\/lib\"/\"from\":\"sub\\/nil\"/", "which is not there"},
        {"s/\"from\":\"sub\\/lib\"/\"from\":\"app\"/", "should be sha256:"},
        {"s/\"mode\":\"0755\"/\"mode\":\"0644\"/", "should be a file 0755"},
        {"s/\"deleted\":\\[\"gone\\/app2\",/\"deleted\":[/", "changes.json should be sha256:"},
        {"s/\"size\":\\([0-9]*\\),/\"size\":1\\1,/", "no such file"},
        {"s/\"format\":\"zstd\"/\"format\":\"vcdiff\"/", "is not of format zstd"},
        {"s/\"patch\":\"delta-1\\/0/\"patch\":\"delta-1\\/1/", "does not belong in it"},
    };
    rbe_auto(work) struct work w;

    assert_int_equal(scratch_sh(RICH, *state, NULL, NULL), 0);
    pack_both(*state, &kinds[0]);
    work_make(&w, *state, &kinds[0], "zstd", NULL, "patch");
    build(&w);
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_autofree char *script = rbe_strfmt("cd \"$1\"; rm -rf x wrong.zip; mkdir x; cd x; unzip -q ../patch;"
                                               "sed -i '%s' changes.json; chmod 644 changes.json;"
                                               "unzip -Z1 ../patch | zip -q -X -y -@ ../wrong.zip", rows[i].script);
        struct rbe_deltapack wrong = w.pack;
        struct rbe_err e = {0};

        assert_int_equal(scratch_sh(script, *state, NULL, NULL), 0);
        wrong.out_fd = scratch_open(*state, "wrong.zip", O_RDWR);
        assert_int_equal(rbe_deltapack_prove(&wrong, &e), RBE_FAULT);
        assert_int_equal(e.no, 0);
        assert_int_equal(close(wrong.out_fd), 0);
        if (!strstr(e.text, rows[i].reason))
            fail_msg("row %zu: %s", i, e.text);
    }
}

/* Where the proof itself cannot be made, it is told from one that fails. */
static void test_proof_fails(void **state)
{
    rbe_auto(work) struct work w;
    struct rlimit before, none;
    struct rbe_err e = {0};

    assert_int_equal(scratch_sh(RICH, *state, NULL, NULL), 0);
    pack_both(*state, &kinds[0]);
    work_make(&w, *state, &kinds[0], "zstd", NULL, "patch");
    build(&w);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    enum rbe_code code = rbe_deltapack_prove(&w.pack, &e);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    assert_int_equal(code, RBE_FAULT);
    assert_int_equal(e.no, EFBIG);
    prove(&w);
}

/* A full package that is not what its manifest says, an encoder that is not there, one that runs out of time. */
static void test_fails(void **state)
{
    rbe_auto(work) struct work w, lost, slow;
    struct rbe_err e = {0};

    assert_int_equal(scratch_sh("cd \"$1\"; mkdir old new; seq 1 90000 > old/f; seq 1 90000 | sed s/7/x/ > new/f", *state,
                                NULL, NULL), 0);
    pack_both(*state, &kinds[1]);
    assert_int_equal(scratch_sh("cd \"$1\"; sed -i s/3/4/ old/f", *state, NULL, NULL), 0);
    work_make(&w, *state, &kinds[1], "zstd", NULL, "patch");
    assert_int_equal(rbe_deltapack_build(&w.pack, &w.arena, &w.end, &e), RBE_FAULT);
    assert_non_null(strstr(e.text, "source package: f should be sha256:"));
    assert_non_null(strstr(e.text, ", is sha256:"));
    pack_both(*state, &kinds[1]);
    work_make(&lost, *state, &kinds[1], "zstd", NULL, "patch");
    lost.pack.encoder.program = "/nonexistent";
    assert_int_equal(rbe_deltapack_build(&lost.pack, &lost.arena, &lost.end, &e), RBE_UNAVAILABLE);
    scratch_write(*state, "slow", "#!/bin/sh\nwhile :; do :; done\n", 30, 0755);
    work_make(&slow, *state, &kinds[1], "zstd", NULL, "patch");
    rbe_autofree char *program = scratch_path(*state, "slow");

    slow.pack.encoder = (struct rbe_encoder){.program = program, .cpu_seconds = 1, .memory_bytes = MEMORY};
    assert_int_equal(rbe_deltapack_build(&slow.pack, &slow.arena, &slow.end, &e), RBE_REFUSED);
    assert_non_null(strstr(e.text, "stopped after 1 seconds of CPU time"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random_changes, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_rich, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_hard_links, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_nothing_changed, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_useless, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_effort_by_budget, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_advice, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_many_groups, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_tampered_bytes, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_wrong_packages, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_proof_fails, trees_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_fails, trees_setup, scratch_teardown),
    };

    return cmocka_run_group_tests_name("deltapack", tests, NULL, NULL);
}
