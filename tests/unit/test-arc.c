/* lib/wrap/arc: what is written is read back, by us and by tar; what tar writes is read by us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <locale.h>

#include "lib/wrap/arc.h"
#include "lib/wrap/tarw.h"
#include "tests/unit/scratch.h"

static void test_types(void **state)
{
    static const struct {
        const char *bytes;
        size_t n;
        enum rbe_arc_type type;
    } rows[] = {
        {"PK\3\4....", 8, RBE_ARC_ZIP},         {"PK\5\6....", 8, RBE_ARC_ZIP},
        {"PK\3", 3, RBE_ARC_NONE},              {"\x1f\x8b\x08\0", 4, RBE_ARC_TAR_GZ},
        {"\xfd" "7zXZ\0\0\4", 8, RBE_ARC_TAR_XZ}, {"\x28\xb5\x2f\xfd", 4, RBE_ARC_TAR_ZST},
        {"plain text", 8, RBE_ARC_NONE},        {"", 0, RBE_ARC_NONE},
    };

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++)
        assert_int_equal(rbe_arc_detect(rows[i].bytes, rows[i].n), rows[i].type);
    for (enum rbe_arc_type t = RBE_ARC_ZIP; t < RBE_ARC_TYPE_MAX; t++)
        assert_int_equal(rbe_arc_type_of(rbe_arc_name(t)), t);
    assert_int_equal(rbe_arc_type_of("rar"), RBE_ARC_NONE);
    assert_int_equal(rbe_arc_type_of(""), RBE_ARC_NONE);
    assert_string_equal(rbe_arc_name(RBE_ARC_NONE), "");
}

enum { DATA = 200000 };

static char data_at(size_t i)
{
    return (char)(i * 2654435761u >> 13);
}

/* One line an entry: kind, mode, size, mtime, name, target; data is compared with data_at. */
static enum rbe_code list(int fd, enum rbe_arc_type type, bool skip_data, struct rbe_str *out, struct rbe_err *e)
{
    rbe_autoptr(arc) struct rbe_arc *a = NULL;
    struct rbe_arc_entry entry;
    bool end;

    RBE_TRY(rbe_arc_open(fd, type, &a, e));
    for (;;) {
        char bytes[1000];
        size_t n, at = 0;

        RBE_TRY(rbe_arc_next(a, &entry, &end, e));
        if (end)
            return RBE_OK;
        rbe_str_putf(out, "%d %o %llu %lld %s %s\n", (int)entry.kind, entry.mode, (unsigned long long)entry.size,
                     (long long)entry.mtime, entry.name, entry.target ? entry.target : "-");
        while (!skip_data) {
            RBE_TRY(rbe_arc_read(a, bytes, sizeof(bytes), &n, e));
            if (n == 0)
                break;
            for (size_t i = 0; i < n; i++, at++)
                assert_int_equal(bytes[i], data_at(at));
        }
        if (!skip_data)
            assert_int_equal(at, entry.kind == RBE_ARC_FILE ? entry.size : 0);
    }
}

static void put(struct rbe_tarw *w, const struct rbe_arc_entry *entry)
{
    struct rbe_err e = {0};

    if (rbe_tarw_add(w, entry, &e) != RBE_OK)
        fail_msg("%s", e.text);
    for (uint64_t at = 0; entry->kind == RBE_ARC_FILE && at < entry->size;) {
        char bytes[777];
        size_t n = entry->size - at < sizeof(bytes) ? (size_t)(entry->size - at) : sizeof(bytes);

        for (size_t i = 0; i < n; i++)
            bytes[i] = data_at((size_t)at + i);
        assert_int_equal(rbe_tarw_write(w, bytes, n, &e), RBE_OK);
        at += n;
    }
}

static char long_ascii[151], long_part[181], long_utf8[301];

static void long_names(void)
{
    for (size_t i = 0; i < 150; i++)
        long_ascii[i] = i % 30 == 20 ? '/' : 'a';
    memset(long_part, 'b', 180);
    for (size_t i = 0; i < 300; i++)
        long_utf8[i] = i % 2 ? '\xa4' : '\xc3';
    memcpy(long_utf8 + 100, "/x", 2);
    memcpy(long_utf8 + 200, "/y", 2);
}

static void write_sample(const char *dir, const char *name)
{
    const struct rbe_arc_entry entries[] = {
        {.kind = RBE_ARC_DIR, .name = "d", .mode = 0755, .mtime = 1700000000},
        {.kind = RBE_ARC_DIR, .name = "d/e/", .mode = 0700, .mtime = 1},
        {.kind = RBE_ARC_FILE, .name = "d/empty", .mode = 0644},
        {.kind = RBE_ARC_FILE, .name = "d/run me", .mode = 0755, .size = 512, .mtime = 1700000001},
        {.kind = RBE_ARC_FILE, .name = "d/n\u00e4me", .mode = 0600, .size = 1, .mtime = -1},
        {.kind = RBE_ARC_FILE, .name = "big", .mode = 0644, .size = DATA, .mtime = INT64_C(1) << 34},
        {.kind = RBE_ARC_FILE, .name = long_ascii, .mode = 0644, .size = 3},
        {.kind = RBE_ARC_FILE, .name = long_part, .mode = 0644, .size = 3},
        {.kind = RBE_ARC_FILE, .name = long_utf8, .mode = 0644, .size = 3},
        {.kind = RBE_ARC_LINK, .name = "l", .mode = 0777, .target = "d/run me"},
        {.kind = RBE_ARC_LINK, .name = "l2", .mode = 0777, .target = long_utf8},
    };
    rbe_autoclose int fd = scratch_open(dir, name, O_RDWR | O_CREAT | O_TRUNC);
    rbe_autoptr(tarw) struct rbe_tarw *w = rbe_tarw_new(fd);
    struct rbe_err e = {0};

    for (size_t i = 0; i < RBE_COUNT(entries); i++)
        put(w, &entries[i]);
    assert_int_equal(rbe_tarw_finish(w, &e), RBE_OK);
}

static char *expected(void)
{
    return rbe_strfmt("1 755 0 1700000000 d/ -\n1 700 0 1 d/e/ -\n0 644 0 0 d/empty -\n0 755 512 1700000001 d/run me -\n"
                      "0 600 1 -1 d/n\u00e4me -\n0 644 %d %lld big -\n0 644 3 0 %s -\n0 644 3 0 %s -\n0 644 3 0 %s -\n"
                      "2 777 0 0 l d/run me\n2 777 0 0 l2 %s\n", DATA, 1LL << 34, long_ascii, long_part, long_utf8, long_utf8);
}

static void test_round_trip(void **state)
{
    rbe_auto(str) struct rbe_str out = {0}, skipped = {0};
    rbe_autofree char *want = expected();
    struct rbe_err e = {0};

    write_sample(*state, "sample.tar.gz");
    rbe_autoclose int fd = scratch_open(*state, "sample.tar.gz", O_RDONLY);
    assert_int_equal(list(fd, RBE_ARC_TAR_GZ, false, &out, &e), RBE_OK);
    assert_string_equal(out.s, want);
    assert_int_equal(list(fd, RBE_ARC_TAR_GZ, true, &skipped, &e), RBE_OK);
    assert_string_equal(skipped.s, want);
}

/* Names are the archive's bytes in any locale. */
static void test_locales(void **state)
{
    static const char *const locales[] = {"C", "C.UTF-8", "POSIX"};
    rbe_autofree char *want = expected();

    write_sample(*state, "locale.tar.gz");
    for (size_t i = 0; i < RBE_COUNT(locales); i++) {
        rbe_autoclose int fd = scratch_open(*state, "locale.tar.gz", O_RDONLY);
        rbe_auto(str) struct rbe_str out = {0};
        struct rbe_err e = {0};

        if (!setlocale(LC_ALL, locales[i]))
            continue;
        assert_int_equal(list(fd, RBE_ARC_TAR_GZ, false, &out, &e), RBE_OK);
        assert_string_equal(out.s, want);
    }
    (void)setlocale(LC_ALL, "C");
}

static void test_same_bytes(void **state)
{
    rbe_auto(str) struct rbe_str out = {0};

    write_sample(*state, "one.tar.gz");
    write_sample(*state, "two.tar.gz");
    assert_int_equal(scratch_sh("cmp \"$1/one.tar.gz\" \"$1/two.tar.gz\"", *state, NULL, NULL), 0);
    /* pax headers for the times out of range (one of them with a name), three names and a link's target only */
    assert_int_equal(scratch_sh("gzip -dc \"$1/one.tar.gz\" | grep -ao PaxHeader | wc -l", *state, NULL, &out), 0);
    assert_int_equal(strtol(rbe_str_text(&out), NULL, 10), 5);
}

static void test_tar_reads_it(void **state)
{
    write_sample(*state, "for-tar.tar.gz");
    assert_int_equal(scratch_sh("mkdir \"$1/x\" && tar -C \"$1/x\" -xpzf \"$1/for-tar.tar.gz\" 2>\"$1/said\"; cat \"$1/said\" >&2\n"
                                "cd \"$1/x\"; test -x 'd/run me'; test -f 'd/n\u00e4me'; test -L l; test \"$(wc -c <big)\" = 200000\n"
                                "test \"$(find . -type f | wc -l)\" = 7; test \"$(stat -c %Y d/e)\" = 1",
                                *state, NULL, NULL), 0);
}

static void test_reads_tar(void **state)
{
    static const char *const formats[] = {"gnu", "pax", "ustar"};

    assert_int_equal(scratch_sh("mkdir -p \"$1/src/s\u00fcb\"; cd \"$1/src\"; : >s\u00fcb/empty; ln -s empty s\u00fcb/l;"
                                "ln s\u00fcb/empty zhard; chmod 640 s\u00fcb/empty; touch -d @5 s\u00fcb/empty", *state, NULL, NULL), 0);
    for (size_t i = 0; i < RBE_COUNT(formats); i++) {
        rbe_auto(str) struct rbe_str out = {0};
        struct rbe_err e = {0};

        assert_int_equal(scratch_sh("tar -C \"$1/src\" --format=$2 --sort=name -czf \"$1/by.tar.gz\" s\u00fcb/empty s\u00fcb/l zhard",
                                    *state, formats[i], NULL), 0);
        rbe_autoclose int fd = scratch_open(*state, "by.tar.gz", O_RDONLY);
        assert_int_equal(list(fd, RBE_ARC_TAR_GZ, false, &out, &e), RBE_OK);
        const char *first = "0 640 0 5 s\u00fcb/empty -\n2 777 0 ";
        assert_memory_equal(out.s, first, strlen(first));
        assert_non_null(strstr(out.s, " s\u00fcb/l empty\n3 640 0 5 zhard s\u00fcb/empty\n"));
    }
}

static void test_other_filters(void **state)
{
    static const struct {
        enum rbe_arc_type type;
        const char *make;
    } rows[] = {
        {RBE_ARC_TAR_XZ, "gzip -dc \"$1/f.tar.gz\" | xz >\"$1/f\""},
        {RBE_ARC_TAR_XZ, "gzip -dc \"$1/f.tar.gz\" | xz --check=sha256 -0 >\"$1/f\""},
        {RBE_ARC_TAR_ZST, "gzip -dc \"$1/f.tar.gz\" | zstd -q >\"$1/f\""},
    };
    rbe_autofree char *want = expected();

    write_sample(*state, "f.tar.gz");
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        rbe_auto(str) struct rbe_str out = {0};
        struct rbe_err e = {0};

        assert_int_equal(scratch_sh(rows[i].make, *state, NULL, NULL), 0);
        rbe_autoclose int fd = scratch_open(*state, "f", O_RDONLY);
        assert_int_equal(list(fd, rows[i].type, false, &out, &e), RBE_OK);
        assert_string_equal(out.s, want);
        /* nothing of another kind is taken */
        for (enum rbe_arc_type t = RBE_ARC_NONE; t < RBE_ARC_TYPE_MAX; t++)
            if (t != rows[i].type)
                assert_int_not_equal(list(fd, t, true, &out, &(struct rbe_err){0}), RBE_OK);
    }
}

/* Cut at any of its last bytes, an archive is refused even when every entry was read. */
static void test_cut(void **state)
{
    static const char *const packers[] = {"cat", "gzip -dc | xz", "gzip -dc | zstd -q"};
    static const enum rbe_arc_type types[] = {RBE_ARC_TAR_GZ, RBE_ARC_TAR_XZ, RBE_ARC_TAR_ZST};

    write_sample(*state, "cut.tar.gz");
    for (size_t i = 0; i < RBE_COUNT(packers); i++) {
        rbe_autofree char *script = rbe_strfmt("<\"$1/cut.tar.gz\" %s >\"$1/cut\"", packers[i]);

        assert_int_equal(scratch_sh(script, *state, NULL, NULL), 0);
        rbe_autoclose int fd = scratch_open(*state, "cut", O_RDWR);
        off_t size = lseek(fd, 0, SEEK_END);
        for (off_t n = size - 1; n > size - 30; n--) {
            rbe_auto(str) struct rbe_str out = {0};
            struct rbe_err e = {0};

            assert_int_equal(ftruncate(fd, n), 0);
            assert_int_equal(list(fd, types[i], true, &out, &e), RBE_INVALID);
            assert_string_equal(e.violation[0].field, "file");
        }
    }
}

static void test_writer_refuses(void **state)
{
    rbe_autoclose int fd = scratch_open(*state, "wrong.tar.gz", O_RDWR | O_CREAT | O_TRUNC);
    const struct rbe_arc_entry file = {.kind = RBE_ARC_FILE, .name = "f", .size = 3}, hard = {.kind = RBE_ARC_HARDLINK, .name = "h",
        .target = "f"}, special = {.kind = RBE_ARC_SPECIAL, .name = "s"}, link = {.kind = RBE_ARC_LINK, .name = "l"};
    rbe_autoptr(tarw) struct rbe_tarw *w = rbe_tarw_new(fd);
    struct rbe_err e = {0};

    assert_int_equal(rbe_tarw_add(w, &hard, &e), RBE_FAULT);
    assert_int_equal(rbe_tarw_add(w, &special, &e), RBE_FAULT);
    assert_int_equal(rbe_tarw_add(w, &link, &e), RBE_FAULT);
    assert_int_equal(rbe_tarw_add(w, &file, &e), RBE_OK);
    assert_int_equal(rbe_tarw_write(w, "abcd", 4, &e), RBE_FAULT);
    assert_int_equal(rbe_tarw_write(w, "ab", 2, &e), RBE_OK);
    assert_int_equal(rbe_tarw_add(w, &file, &e), RBE_FAULT);
    assert_int_equal(rbe_tarw_finish(w, &e), RBE_FAULT);
}

/* Sizes from 8 GiB are said by pax. The file is cut off, because only its header is of interest. */
static void test_large_size(void **state)
{
    rbe_autoclose int fd = scratch_open(*state, "large.tar.gz", O_RDWR | O_CREAT | O_TRUNC);
    const struct rbe_arc_entry file = {.kind = RBE_ARC_FILE, .name = "f", .mode = 0644, .size = UINT64_C(1) << 33};
    rbe_autoptr(tarw) struct rbe_tarw *w = rbe_tarw_new(fd);
    rbe_autoptr(arc) struct rbe_arc *a = NULL;
    struct rbe_arc_entry got;
    struct rbe_err e = {0};
    bool end;

    assert_int_equal(rbe_tarw_add(w, &file, &e), RBE_OK);
    /* what the compressor holds back comes out once enough was put in */
    for (uint32_t x = 1; lseek(fd, 0, SEEK_END) == 0;) {
        unsigned char noise[4096];

        for (size_t i = 0; i < sizeof(noise); i++) {
            x = x * 1664525u + 1013904223u;
            noise[i] = (unsigned char)(x >> 24);
        }
        assert_int_equal(rbe_tarw_write(w, noise, sizeof(noise), &e), RBE_OK);
    }
    assert_int_equal(rbe_tarw_finish(w, &e), RBE_FAULT);
    assert_int_equal(rbe_arc_open(fd, RBE_ARC_TAR_GZ, &a, &e), RBE_OK);
    assert_int_equal(rbe_arc_next(a, &got, &end, &e), RBE_OK);
    assert_true(got.size == file.size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),          cmocka_unit_test(test_round_trip), cmocka_unit_test(test_locales),
        cmocka_unit_test(test_same_bytes),     cmocka_unit_test(test_tar_reads_it), cmocka_unit_test(test_reads_tar),
        cmocka_unit_test(test_other_filters),  cmocka_unit_test(test_cut),        cmocka_unit_test(test_writer_refuses),
        cmocka_unit_test(test_large_size),
    };
    long_names();
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
