/* lib/wrap/regzip: what is packed anew unpacks to the same bytes, blocks are taken over where that does no harm, and a source
 * that is not what was said changes nothing. */
#include "tests/unit/filler.h"

#include "lib/wrap/deflate.h"
#include "lib/wrap/flate.h"
#include "lib/wrap/regzip.h"

enum { PLAIN = 3 << 20, HEAD = 1000, FROM = 12345, N = PLAIN - 2 * FROM, ALL = HEAD + N + 2048 };

struct bench {
    char *dir;
    unsigned char *plain, *all;      /* the source's bytes; what is packed: a head, a run of these, zeros */
    struct rbe_err err;
};

static void bench_make(struct bench *b, void (*filler)(unsigned char *, size_t))
{
    b->dir = scratch_new();
    b->plain = rbe_alloc(PLAIN);
    b->all = rbe_alloc(ALL);
    filler(b->plain, PLAIN);
    fill(b->all, HEAD, 20);
    memcpy(b->all + HEAD, b->plain + FROM, N);
    scratch_write(b->dir, "plain", b->plain, PLAIN, 0600);
    scratch_write(b->dir, "all", b->all, ALL, 0600);
}

static void bench_free(struct bench *b)
{
    free(b->plain);
    free(b->all);
    scratch_free(b->dir);
}

/* Whether regzip gave the bytes of rbe_flate_gzip. */
static bool anew(const struct bench *b)
{
    rbe_auto(str) struct rbe_str said = {0};

    assert_int_equal(scratch_sh("cd \"$1\"; cmp -s out.gz flate.gz && echo anew || echo taken", b->dir, NULL, &said), 0);
    return strcmp(rbe_str_text(&said), "anew\n") == 0;
}

/* Packs by regzip into out.gz, by rbe_flate_gzip into flate.gz, and checks what has to hold always. */
static void pack(struct bench *b, const struct rbe_regzip_run *runs, size_t n_runs)
{
    rbe_autoclose int in = scratch_open(b->dir, "source.gz", O_RDONLY);
    rbe_autoclose int out = scratch_open(b->dir, "out.gz", O_RDWR | O_CREAT | O_TRUNC);
    rbe_autoclose int flate = scratch_open(b->dir, "flate.gz", O_RDWR | O_CREAT | O_TRUNC);
    const struct rbe_regzip_source source = {.fd = in, .plain = b->plain, .plain_n = PLAIN};

    assert_int_equal(rbe_regzip(out, b->all, ALL, &source, runs, n_runs, &b->err), RBE_OK);
    assert_int_equal(rbe_flate_gzip(flate, b->all, ALL, &b->err), RBE_OK);
    assert_int_equal(scratch_sh("cd \"$1\"; gzip -dc out.gz | cmp - all", b->dir, NULL, NULL), 0);
}

static void fill_noise(unsigned char *p, size_t n)
{
    fill(p, n, 256);
}

static void test_taken_over(void **state)
{
    static const struct {
        const char *how;
        void (*filler)(unsigned char *, size_t);
        enum { EITHER, TAKEN, ANEW } way;    /* of code, which each compiler makes in its own manner, it is not known */
    } rows[] = {
        {"gzip -9", fill_text, TAKEN},
        {"gzip -9", fill_noise, TAKEN},
        {"gzip -1", fill_text, ANEW},
        {"gzip -1", fill_code, ANEW},
        {"gzip -6", fill_code, EITHER},
        {"gzip -9", fill_code, EITHER},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_autofree char *script = rbe_strfmt("cd \"$1\"; %s -c plain > source.gz; gzip -6 -n -c all > six", rows[i].how);
        const struct rbe_regzip_run run = {.from = FROM, .to = HEAD, .n = N};
        struct bench b = {0};

        bench_make(&b, rows[i].filler);
        assert_int_equal(scratch_sh(script, b.dir, NULL, NULL), 0);
        pack(&b, &run, 1);
        if (rows[i].way != EITHER)
            assert_int_equal(anew(&b), rows[i].way == ANEW);
        assert_int_equal(scratch_sh("cd \"$1\"; test $(stat -c %s out.gz) -le $(stat -c %s six)", b.dir, NULL, NULL), 0);
        bench_free(&b);
    }
}

/* Two runs with other data between, where a run begins that is too short. */
static void test_runs(void **state)
{
    enum { FIRST = 3 << 19, NEXT = FIRST + 6000 };
    static const struct rbe_regzip_run runs[] = {
        {.from = FROM, .to = HEAD, .n = FIRST},
        {.from = FROM + FIRST + 2000, .to = HEAD + FIRST + 2000, .n = 1000},
        {.from = FROM + NEXT, .to = HEAD + NEXT, .n = N - NEXT},
    };
    struct bench b = {0};

    (void)state;
    bench_make(&b, fill_text);
    assert_int_equal(scratch_sh("cd \"$1\"; gzip -9 -c plain > source.gz", b.dir, NULL, NULL), 0);
    pack(&b, runs, RBE_COUNT(runs));
    assert_false(anew(&b));
    bench_free(&b);
}

static void test_untrue(void **state)
{
    static const struct rbe_regzip_run runs[] = {
        {.from = FROM + 1, .to = HEAD, .n = N - 1},
        {.from = FROM, .to = HEAD + 1, .n = N},
        {.from = FROM, .to = HEAD, .n = PLAIN},
        {.from = PLAIN + 1, .to = HEAD, .n = N},
        {.from = FROM, .to = ALL + 1, .n = N},
        {.from = FROM, .to = HEAD, .n = UINT64_MAX},
    };
    struct bench b = {0};

    (void)state;
    bench_make(&b, fill_text);
    assert_int_equal(scratch_sh("cd \"$1\"; gzip -9 -c plain > source.gz", b.dir, NULL, NULL), 0);
    for (size_t i = 0; i < RBE_COUNT(runs); i++) {
        pack(&b, &runs[i], 1);
        assert_true(anew(&b));
    }
    bench_free(&b);
}

/* A source that is broken, of two members, or of other bytes than were said. */
static void test_other_source(void **state)
{
    static const char *const sources[] = {
        "gzip -6 -c plain | head -c 100000 > source.gz",
        "(head -c 1000000 plain | gzip -6; tail -c +1000001 plain | gzip -6) > source.gz",
        "cp plain source.gz",
        ": > source.gz",
    };
    const struct rbe_regzip_run run = {.from = FROM, .to = HEAD, .n = N};
    struct bench b = {0};

    (void)state;
    bench_make(&b, fill_text);
    for (size_t i = 0; i < RBE_COUNT(sources); i++) {
        rbe_autofree char *script = rbe_strfmt("cd \"$1\"; %s", sources[i]);

        assert_int_equal(scratch_sh(script, b.dir, NULL, NULL), 0);
        pack(&b, &run, 1);
        assert_true(anew(&b));
    }
    bench_free(&b);
}

static void test_full_disk(void **state)
{
    const struct rbe_regzip_run run = {.from = FROM, .to = HEAD, .n = N};
    rbe_autoclose int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct bench b = {0};

    (void)state;
    bench_make(&b, fill_text);
    assert_int_equal(scratch_sh("cd \"$1\"; gzip -9 -c plain > source.gz", b.dir, NULL, NULL), 0);
    rbe_autoclose int in = scratch_open(b.dir, "source.gz", O_RDONLY);
    const struct rbe_regzip_source source = {.fd = in, .plain = b.plain, .plain_n = PLAIN};

    assert_int_equal(rbe_regzip(full, b.all, ALL, &source, &run, 1, &b.err), RBE_NOSPACE);
    bench_free(&b);
}

/* Stored blocks of no bytes, one as good as another: a few are blocks, a great many are of no use. */
static void test_blocks(void **state)
{
    static const unsigned char empty[] = {0, 0, 0, 0xff, 0xff}, last[] = {1, 0, 0, 0xff, 0xff};
    rbe_auto(str) struct rbe_str s = {0};

    (void)state;
    for (size_t n = 0; n < 1000; n = n ? 10 * n : 1) {
        rbe_auto(blocks) struct rbe_blocks blocks = {0};

        rbe_str_reset(&s);
        for (size_t i = 0; i < n; i++)
            rbe_str_put(&s, empty, sizeof(empty));
        rbe_str_put(&s, last, sizeof(last));
        assert_int_equal(rbe_deflate_blocks(NULL, 0, s.s, s.len, &blocks), n < 50);
        if (n >= 50)
            continue;
        assert_int_equal(blocks.n, n + 1);
        for (size_t i = 0; i <= blocks.n; i++)
            assert_int_equal(blocks.v[i].bit, 8 * sizeof(empty) * i);
        rbe_blocks_release(&blocks);
        assert_false(rbe_deflate_blocks(NULL, 0, s.s, s.len - 1, &blocks));
        rbe_str_putc(&s, 'x');
        assert_false(rbe_deflate_blocks(NULL, 0, s.s, s.len, &blocks));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_taken_over), cmocka_unit_test(test_runs),      cmocka_unit_test(test_untrue),
        cmocka_unit_test(test_other_source), cmocka_unit_test(test_full_disk), cmocka_unit_test(test_blocks),
    };

    return cmocka_run_group_tests_name("regzip", tests, NULL, NULL);
}
