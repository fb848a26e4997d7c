#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "lib/base/metrics.h"

/* The share of one test: shared with its children, zero when new. */
static struct rbe_share *new_share(void)
{
    void *p = mmap(NULL, sizeof(struct rbe_share), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(p, MAP_FAILED);
    return p;
}

static void expect_line(struct rbe_share *share, const char *line)
{
    rbe_auto(str) struct rbe_str out = {0};
    char want[256];

    (void)snprintf(want, sizeof(want), "\n%s\n", line);
    rbe_str_putc(&out, '\n');
    rbe_metrics_format(share, &out);
    if (!strstr(out.s, want))
        fail_msg("no line \"%s\" in:%s", line, out.s);
}

static void counts(void **state)
{
    struct rbe_share *share = new_share();

    (void)state;
    rbe_metric_add(share, RBE_METRIC_REQUESTS, "program=\"latest\",route=\"none\",code=\"404\"", 1);
    rbe_metric_add(share, RBE_METRIC_REQUESTS, "program=\"latest\",route=\"none\",code=\"404\"", 2);
    rbe_metric_add(share, RBE_METRIC_REQUESTS, "program=\"admin\",route=\"none\",code=\"404\"", 5);
    rbe_metric_add(share, RBE_METRIC_PATCH_SAVED_BYTES, "", 6000000000u);
    expect_line(share, "rbe_http_requests_total{program=\"latest\",route=\"none\",code=\"404\"} 3");
    expect_line(share, "rbe_http_requests_total{program=\"admin\",route=\"none\",code=\"404\"} 5");
    expect_line(share, "rbe_patch_saved_bytes_total 6000000000");
    expect_line(share, "rbe_published_packages_total 0");
    expect_line(share, "# TYPE rbe_http_requests_total counter");
    rbe_share_close(share);
}

static void without_a_share_nothing_happens(void **state)
{
    rbe_auto(str) struct rbe_str out = {0};

    (void)state;
    rbe_metric_add(NULL, RBE_METRIC_PUBLISHED, "", 1);
    rbe_metric_observe(NULL, RBE_METRIC_REQUEST_SECONDS, "", 1);
    assert_null(rbe_metric_find(NULL, RBE_METRIC_PUBLISHED, ""));
    rbe_metrics_format(NULL, &out);
    assert_non_null(strstr(out.s, "rbe_metrics_dropped_total 0\n"));
}

static void histograms_are_cumulative_and_agree(void **state)
{
    struct rbe_share *share = new_share();
    const uint64_t ns[] = {0, 50000, 50001, 700000000, 10000000000, 60000000000};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(ns); i++)
        rbe_metric_observe(share, RBE_METRIC_REQUEST_SECONDS, "program=\"p\"", ns[i]);
    expect_line(share, "rbe_http_request_duration_seconds_bucket{program=\"p\",le=\"5e-05\"} 2");
    expect_line(share, "rbe_http_request_duration_seconds_bucket{program=\"p\",le=\"0.0001\"} 3");
    expect_line(share, "rbe_http_request_duration_seconds_bucket{program=\"p\",le=\"0.5\"} 3");
    expect_line(share, "rbe_http_request_duration_seconds_bucket{program=\"p\",le=\"1\"} 4");
    expect_line(share, "rbe_http_request_duration_seconds_bucket{program=\"p\",le=\"10\"} 5");
    expect_line(share, "rbe_http_request_duration_seconds_bucket{program=\"p\",le=\"+Inf\"} 6");
    expect_line(share, "rbe_http_request_duration_seconds_sum{program=\"p\"} 70.700100001");
    expect_line(share, "rbe_http_request_duration_seconds_count{program=\"p\"} 6");
    rbe_share_close(share);
}

static void a_histogram_without_labels(void **state)
{
    struct rbe_share *share = new_share();

    (void)state;
    rbe_metric_observe(share, RBE_METRIC_REQUEST_SECONDS, "", 1000000);
    expect_line(share, "rbe_http_request_duration_seconds_bucket{le=\"0.001\"} 1");
    expect_line(share, "rbe_http_request_duration_seconds_count 1");
    rbe_share_close(share);
}

static void families_stand_together_and_series_are_sorted(void **state)
{
    struct rbe_share *share = new_share();
    rbe_auto(str) struct rbe_str out = {0};

    (void)state;
    rbe_metric_add(share, RBE_METRIC_PATCHES, "result=\"useless\"", 1);
    rbe_metric_add(share, RBE_METRIC_PATCHES, "result=\"built\"", 1);
    rbe_metric_add(share, RBE_METRIC_PATCHES, "result=\"failed\"", 1);
    rbe_metrics_format(share, &out);
    assert_non_null(strstr(out.s, "# TYPE rbe_patches_total counter\n"
                                  "rbe_patches_total{result=\"built\"} 1\n"
                                  "rbe_patches_total{result=\"failed\"} 1\n"
                                  "rbe_patches_total{result=\"useless\"} 1\n"));
    rbe_share_close(share);
}

static void a_full_table_drops_and_says_so(void **state)
{
    struct rbe_share *share = new_share();
    char labels[32];

    (void)state;
    for (int i = 0; i < 2 * RBE_SHARE_SERIES; i++) {
        (void)snprintf(labels, sizeof(labels), "result=\"%d\"", i);
        rbe_metric_add(share, RBE_METRIC_PATCHES, labels, 1);
    }
    assert_null(rbe_metric_find(share, RBE_METRIC_PATCHES, "result=\"one more\""));
    uint64_t before = atomic_load(&rbe_metric_find(share, RBE_METRIC_DROPPED, "")->value[0]);
    assert_true(before >= RBE_SHARE_SERIES);
    rbe_metric_add(share, RBE_METRIC_PATCHES, "result=\"one more\"", 17);
    assert_int_equal(atomic_load(&rbe_metric_find(share, RBE_METRIC_DROPPED, "")->value[0]), before + 1);
    /* What was there before goes on counting. */
    rbe_metric_add(share, RBE_METRIC_PATCHES, "result=\"0\"", 1);
    expect_line(share, "rbe_patches_total{result=\"0\"} 2");
    rbe_share_close(share);
}

static void a_name_that_is_too_long_is_dropped(void **state)
{
    struct rbe_share *share = new_share();
    char labels[200];

    (void)state;
    memset(labels, 'x', sizeof(labels) - 1);
    labels[sizeof(labels) - 1] = '\0';
    rbe_metric_add(share, RBE_METRIC_PATCHES, labels, 1);
    expect_line(share, "rbe_metrics_dropped_total 1");
    rbe_share_close(share);
}

static void a_half_named_slot_is_passed_by(void **state)
{
    struct rbe_share *share = new_share();

    (void)state;
    struct rbe_share_series *s = rbe_metric_find(share, RBE_METRIC_PATCHES, "result=\"built\"");
    assert_non_null(s);
    /* As a process leaves it that died while naming. */
    memset(s, 0, sizeof(*s));
    atomic_store(&s->state, 1);
    struct rbe_share_series *other = rbe_metric_find(share, RBE_METRIC_PATCHES, "result=\"built\"");
    assert_non_null(other);
    assert_ptr_not_equal(other, s);
    rbe_metric_add(share, RBE_METRIC_PATCHES, "result=\"built\"", 4);
    expect_line(share, "rbe_patches_total{result=\"built\"} 4");
    rbe_share_close(share);
}

static void equal_names_are_added_up(void **state)
{
    struct rbe_share *share = new_share();
    struct rbe_share_series *s = rbe_metric_find(share, RBE_METRIC_PATCHES, "result=\"built\"");

    (void)state;
    memcpy(&share->series[3], s, sizeof(*s));
    atomic_store(&s->value[0], 2);
    atomic_store(&share->series[3].value[0], 5);
    expect_line(share, "rbe_patches_total{result=\"built\"} 7");
    rbe_share_close(share);
}

static void processes_count_together(void **state)
{
    enum { CHILDREN = 4, ROUNDS = 2000 };
    struct rbe_share *share = new_share();
    char labels[32];
    int status;

    (void)state;
    for (int c = 0; c < CHILDREN; c++) {
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid > 0)
            continue;
        for (int i = 0; i < ROUNDS; i++) {
            (void)snprintf(labels, sizeof(labels), "result=\"%d\"", i % 50);
            rbe_metric_add(share, RBE_METRIC_PATCHES, labels, 1);
        }
        _exit(0);
    }
    for (int c = 0; c < CHILDREN; c++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < 50; i++) {
        char line[64];

        (void)snprintf(line, sizeof(line), "rbe_patches_total{result=\"%d\"} %d", i, CHILDREN * ROUNDS / 50);
        expect_line(share, line);
    }
    rbe_share_close(share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(without_a_share_nothing_happens),
        cmocka_unit_test(histograms_are_cumulative_and_agree),
        cmocka_unit_test(a_histogram_without_labels),
        cmocka_unit_test(families_stand_together_and_series_are_sorted),
        cmocka_unit_test(a_full_table_drops_and_says_so),
        cmocka_unit_test(a_name_that_is_too_long_is_dropped),
        cmocka_unit_test(a_half_named_slot_is_passed_by),
        cmocka_unit_test(equal_names_are_added_up),
        cmocka_unit_test(processes_count_together),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
