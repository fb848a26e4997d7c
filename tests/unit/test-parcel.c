#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "lib/core/parcel.h"

static const struct rbe_fresh mark = {.epoch = 300, .value = UINT64_MAX, .word = 17};

static struct rbe_latest record(void)
{
    struct rbe_latest l = {
        .rid = "my-app",
        .version_name = "1.2.0",
        .version_number = INT64_C(1) << 40,
        .channel = RBE_CHANNEL_BETA,
        .system = RBE_SYSTEM_LINUX,
        .arch = RBE_ARCH_ARM64,
        .named = true,
        .update = RBE_UPDATE_INCREMENTAL,
        .format = RBE_FORMAT_ZSTD,
        .file_size = 127,
        .grant = {.kind = RBE_GRANT_DOWNLOAD, .package = 128},
        .release_note = "",
        .custom_data = "{\"a\":\"\xc3\xa4\"}",
        .published_at = INT64_MAX,
        .resource = 1,
        .stands_at = 0,
        .goes_to = 16384,
        .access = RBE_ACCESS_CDK,
    };

    memset(l.sha256, 0xab, sizeof(l.sha256));
    l.sha256[0] = 0;
    return l;
}

static void test_comes_back_as_it_was(void **state)
{
    rbe_auto(str) struct rbe_str parcel = {0};
    struct rbe_latest l = record(), got;

    (void)state;
    rbe_parcel_pack(&parcel, &mark, &l);
    assert_int_equal(rbe_parcel_unpack(parcel.s, parcel.len, &mark, l.rid, &got), RBE_ANSWER_RECORD);
    assert_string_equal(got.version_name, l.version_name);
    assert_string_equal(got.release_note, l.release_note);
    assert_string_equal(got.custom_data, l.custom_data);
    assert_true(got.rid == l.rid && got.named == l.named && got.channel == l.channel && got.system == l.system);
    assert_true(got.arch == l.arch && got.update == l.update && got.format == l.format && got.access == l.access);
    assert_true(got.version_number == l.version_number && got.file_size == l.file_size && got.resource == l.resource);
    assert_true(got.published_at == l.published_at && got.stands_at == l.stands_at && got.goes_to == l.goes_to);
    assert_true(got.grant.kind == l.grant.kind && got.grant.package == l.grant.package && got.grant.expires == 0);
    assert_true(got.cdk_expires == 0 && got.verdict == RBE_OK && got.grant.cdk == 0 && !got.grant.region[0]);
    assert_memory_equal(got.sha256, l.sha256, sizeof(l.sha256));
    assert_null(got.kept);
}

static void test_absence(void **state)
{
    rbe_auto(str) struct rbe_str parcel = {0};
    struct rbe_latest got;

    (void)state;
    rbe_parcel_pack(&parcel, &mark, NULL);
    assert_int_equal(rbe_parcel_unpack(parcel.s, parcel.len, &mark, "my-app", &got), RBE_ANSWER_ABSENT);
}

/* What was read before a change is no answer any more. */
static void test_another_mark(void **state)
{
    rbe_auto(str) struct rbe_str parcel = {0};
    struct rbe_latest l = record(), got;
    struct rbe_fresh now = mark;

    (void)state;
    rbe_parcel_pack(&parcel, &mark, &l);
    now.epoch++;
    assert_int_equal(rbe_parcel_unpack(parcel.s, parcel.len, &now, l.rid, &got), RBE_ANSWER_UNKNOWN);
    now = mark;
    now.value--;
    assert_int_equal(rbe_parcel_unpack(parcel.s, parcel.len, &now, l.rid, &got), RBE_ANSWER_UNKNOWN);
}

/* Cut off anywhere, or with a byte too many, it is none. */
static void test_what_is_no_parcel(void **state)
{
    rbe_auto(str) struct rbe_str parcel = {0};
    struct rbe_latest l = record(), got;

    (void)state;
    rbe_parcel_pack(&parcel, &mark, &l);
    for (size_t n = 0; n < parcel.len; n++) {
        rbe_autofree char *part = rbe_realloc(NULL, n + 1);

        memcpy(part, parcel.s, n);
        assert_int_equal(rbe_parcel_unpack(part, n, &mark, l.rid, &got), RBE_ANSWER_UNKNOWN);
    }
    rbe_str_putc(&parcel, 0);
    assert_int_equal(rbe_parcel_unpack(parcel.s, parcel.len, &mark, l.rid, &got), RBE_ANSWER_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_comes_back_as_it_was),
        cmocka_unit_test(test_absence),
        cmocka_unit_test(test_another_mark),
        cmocka_unit_test(test_what_is_no_parcel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
