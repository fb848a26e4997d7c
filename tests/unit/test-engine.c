/* lib/patch/engine: each engine there and back, by its own decoder and by the stock program, and what is no patch. */
#include "tests/unit/scratch.h"

#include "lib/patch/engine.h"

enum { BIG = 3 << 20 };

/* Noise that hangs on seed, and does not come round again in any file of these tests. */
static void noise(unsigned char *p, size_t n, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        p[i] = (unsigned char)(seed >> 56);
    }
}

/* A source and a target that share most: moved, changed here and there, with something new and something repeated. */
static void make_pair(const char *dir, size_t n)
{
    rbe_autofree unsigned char *a = rbe_alloc(n + 1), *b = rbe_alloc(2 * n + 1);

    noise(a, n, 1);
    noise(b, n, 2);
    scratch_write(dir, "a", a, n, 0600);
    memcpy(b + n / 10, a + n / 3, n / 3);
    memcpy(b + n / 2, a, n / 4);
    memset(b + n / 2 + n / 4, 'x', n / 8);
    for (size_t i = n / 2; i < n / 2 + n / 4; i += 1000)
        b[i] ^= 1;
    memcpy(b + n, b, n / 2);
    scratch_write(dir, "b", b, n + n / 2, 0600);
}

static char *path_of(const char *dir, const char *name)
{
    return scratch_path(dir, name);
}

static enum rbe_code encode(const struct rbe_engine *engine, const char *dir, int effort, struct rbe_err *e)
{
    rbe_autofree char *a = path_of(dir, "a"), *b = path_of(dir, "b"), *p = path_of(dir, "p"), *w = path_of(dir, "w");
    const struct rbe_engine_encode t = {.source = a, .target = b, .patch = p, .work = w, .effort = effort};

    (void)unlink(p);
    return engine->encode(&t, e);
}

static enum rbe_code decode(const struct rbe_engine *engine, const char *dir, uint64_t size, struct rbe_err *e)
{
    rbe_autoclose int a = scratch_open(dir, "a", O_RDONLY), p = scratch_open(dir, "p", O_RDONLY);
    rbe_autoclose int out = scratch_open(dir, "out", O_RDWR | O_CREAT | O_TRUNC);
    const struct rbe_engine_decode t = {.source_fd = a, .patch_fd = p, .out_fd = out, .target_size = size};

    return engine->decode(&t, e);
}

static uint64_t size_of(const char *dir, const char *name)
{
    rbe_autofree char *path = scratch_path(dir, name);
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return (uint64_t)st.st_size;
}

static const struct {
    const char *name, *ending, *apply;
} stock[] = {
    {"vcdiff", "vcdiff.xz", "cd \"$1\"; xz -dc p > p.raw; xdelta3 -d -f -s a p.raw out2; cmp b out2; test ! -e w"},
    {"zstd", "zst", "cd \"$1\"; zstd -q -d -f --long=31 --patch-from=a p -o out2; cmp b out2; test ! -e w"},
};

static void there_and_back(const struct rbe_engine *engine, const char *apply, size_t n)
{
    char *dir = scratch_new();
    struct rbe_err e = {0};

    make_pair(dir, n);
    for (int effort = 0; effort < engine->efforts; effort++) {
        if (encode(engine, dir, effort, &e) != RBE_OK)
            fail_msg("%s", e.text);
        if (n > 1000)
            assert_true(size_of(dir, "p") < n);
        if (decode(engine, dir, n + n / 2, &e) != RBE_OK)
            fail_msg("%s", e.text);
        assert_int_equal(scratch_sh("cd \"$1\"; cmp b out", dir, NULL, NULL), 0);
        assert_int_equal(scratch_sh(apply, dir, NULL, NULL), 0);
    }
    scratch_free(dir);
}

static void test_there_and_back(void **state)
{
    static const size_t sizes[] = {0, 1, 7, 5000, BIG};

    (void)state;
    assert_int_equal(rbe_engines_count, RBE_COUNT(stock));
    for (size_t i = 0; i < RBE_COUNT(stock); i++) {
        const struct rbe_engine *engine = rbe_engine_find(stock[i].name);

        assert_non_null(engine);
        assert_string_equal(engine->ending, stock[i].ending);
        for (size_t k = 0; k < RBE_COUNT(sizes); k++)
            there_and_back(engine, stock[i].apply, sizes[k]);
    }
}

static void test_same_bytes(void **state)
{
    char *dir = scratch_new();
    struct rbe_err e = {0};

    (void)state;
    make_pair(dir, 100000);
    for (size_t i = 0; i < rbe_engines_count; i++) {
        int effort = rbe_engines[i].efforts - 1;

        assert_int_equal(encode(&rbe_engines[i], dir, effort, &e), RBE_OK);
        assert_int_equal(scratch_sh("cd \"$1\"; mv p first", dir, NULL, NULL), 0);
        assert_int_equal(encode(&rbe_engines[i], dir, effort, &e), RBE_OK);
        assert_int_equal(scratch_sh("cd \"$1\"; cmp p first", dir, NULL, NULL), 0);
    }
    scratch_free(dir);
}

static void refused(const struct rbe_engine *engine, const char *dir, uint64_t size)
{
    struct rbe_err e = {0};

    assert_int_equal(decode(engine, dir, size, &e), RBE_INVALID);
    assert_string_equal(e.violation[0].field, "patch");
}

static void test_refused(void **state)
{
    static const char *const damages[] = {
        "truncate -s -3 p", ": > p", "printf x >> p", "printf 'xxxxxxxxxxxxxxxxx' | dd of=p bs=1 seek=200 conv=notrunc",
        "printf x | dd of=p bs=1 conv=notrunc",
    };
    const size_t n = 50000;
    char *dir = scratch_new();

    (void)state;
    make_pair(dir, n);
    for (size_t i = 0; i < rbe_engines_count; i++) {
        const struct rbe_engine *engine = &rbe_engines[i];
        struct rbe_err e = {0};

        assert_int_equal(encode(engine, dir, 0, &e), RBE_OK);
        refused(engine, dir, n + n / 2 - 1);
        refused(engine, dir, n + n / 2 + 1);
        for (size_t k = 0; k < RBE_COUNT(damages); k++) {
            rbe_autofree char *script = rbe_strfmt("cd \"$1\"; cp p good; %s 2>/dev/null", damages[k]);

            assert_int_equal(scratch_sh(script, dir, NULL, NULL), 0);
            /* What zstd has no check for may give other bytes of the right size: hashes find that. */
            if (decode(engine, dir, n + n / 2, &e) == RBE_OK)
                assert_int_equal(scratch_sh("cd \"$1\"; ! cmp -s b out", dir, NULL, NULL), 0);
            assert_int_equal(scratch_sh("cd \"$1\"; mv good p", dir, NULL, NULL), 0);
        }
    }
    scratch_free(dir);
}

/* Windows that give nothing, a few and many. */
static void test_endless(void **state)
{
    static const char windows[] = "cd \"$1\"; : >a; perl -e 'print \"\\xd6\\xc3\\xc4\\0\\0\", \"\\0\\5\\0\\0\\0\\0\\0\" x %d' | xz -1 >p";
    char *dir = scratch_new();

    (void)state;
    for (int n = 1000; n <= 200000; n *= 200) {
        rbe_autofree char *script = rbe_strfmt(windows, n);
        struct rbe_err e = {0};

        assert_int_equal(scratch_sh(script, dir, NULL, NULL), 0);
        assert_int_equal(decode(rbe_engine_find("vcdiff"), dir, 0, &e), n == 1000 ? RBE_OK : RBE_INVALID);
        if (n > 1000)
            assert_string_equal(e.text, "patch: the patch is damaged: it is far larger than what it gives");
    }
    scratch_free(dir);
}

static void test_encode_fails(void **state)
{
    char *dir = scratch_new();

    (void)state;
    scratch_text(dir, "b", "b");
    for (size_t i = 0; i < rbe_engines_count; i++) {
        struct rbe_err e = {0};

        assert_int_not_equal(encode(&rbe_engines[i], dir, 0, &e), RBE_OK);
        assert_true(e.text[0] != '\0');
    }
    assert_null(rbe_engine_find("files"));
    scratch_free(dir);
}

/* What is the same is found in files that are large and pack badly, however far it has moved: the trial goes by it. */
static void test_large(void **state)
{
    enum { LARGE = 64 << 20, MOVED = 1000 };
    rbe_autofree unsigned char *a = rbe_alloc(LARGE + MOVED);
    char *dir = scratch_new();
    struct rbe_err e = {0};

    (void)state;
    noise(a, MOVED, 5);
    noise(a + MOVED, LARGE, 6);
    scratch_write(dir, "a", a + MOVED, LARGE, 0600);
    scratch_write(dir, "b", a, LARGE + MOVED, 0600);
    for (size_t i = 0; i < rbe_engines_count; i++) {
        if (encode(&rbe_engines[i], dir, 0, &e) != RBE_OK)
            fail_msg("%s", e.text);
        /* libzstd of Debian 13 lets most of a block (128 KiB) go. */
        assert_true(size_of(dir, "p") < 256 * 1024);
    }
    scratch_free(dir);
}

/* More effort never costs less, more bytes neither. */
static void test_cost(void **state)
{
    const uint64_t most = UINT64_C(2) << 30;
    const struct rbe_engine *zstd = rbe_engine_find("zstd");

    (void)state;
    assert_true(zstd->cost(most, 1, 0).memory_bytes < 4 * most);
    assert_true(zstd->cost(most + 1, 1, 0).memory_bytes == UINT64_MAX);
    for (size_t i = 0; i < rbe_engines_count; i++)
        for (int effort = 0; effort < rbe_engines[i].efforts; effort++) {
            struct rbe_engine_cost one = rbe_engines[i].cost(10 << 20, 10 << 20, effort);
            struct rbe_engine_cost ten = rbe_engines[i].cost(100 << 20, 100 << 20, effort);

            assert_true(one.cpu_ms > 0 && one.cpu_ms < ten.cpu_ms);
            assert_true(one.memory_bytes > 10 << 20 && one.memory_bytes < ten.memory_bytes);
            if (effort > 0)
                assert_true(rbe_engines[i].cost(10 << 20, 10 << 20, effort - 1).cpu_ms < one.cpu_ms);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_same_bytes), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_endless),        cmocka_unit_test(test_encode_fails), cmocka_unit_test(test_cost),
        cmocka_unit_test(test_large),
    };

    return cmocka_run_group_tests_name("engine", tests, NULL, NULL);
}
