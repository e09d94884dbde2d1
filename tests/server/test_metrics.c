/*
 * Metrics as Prometheus reads them: grouped by name, histograms cumulative, series found again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/metrics.h"

static void gauge(void *ctx) { metric_set(ctx, 7); }

static void test_rendering(void **state)
{
    (void)state;
    struct metrics *metrics;
    assert_int_equal(metrics_new(os_real(), &metrics), 0);
    struct metric *b = metrics_get(metrics, METRIC_COUNTER, "calls", "Calls.", "f=\"b\"");
    struct metric *h = metrics_get(metrics, METRIC_HISTOGRAM, "ms", "Times.", "");
    struct metric *a = metrics_get(metrics, METRIC_COUNTER, "calls", "Calls.", "f=\"a\"");
    struct metric *g = metrics_get(metrics, METRIC_GAUGE, "rows", "Rows.", "");
    assert_ptr_equal(a, metrics_get(metrics, METRIC_COUNTER, "calls", "", "f=\"a\""));
    metrics_on_render(metrics, gauge, g);
    metric_add(a, 1);
    metric_add(a, 1.5);
    metric_add(b, 1);
    metric_observe(h, 1);
    metric_observe(h, 3);
    metric_observe(h, 1e9);
    struct buffer out;
    buffer_init(&out);
    metrics_render(metrics, &out);
    buffer_put_u8(&out, 0);
    const char *text = (const char *)out.data;
    const char *calls = strstr(text, "# HELP calls Calls.\n# TYPE calls counter\n"
                                     "calls{f=\"a\"} 2.5\ncalls{f=\"b\"} 1\n# HELP ms");
    assert_ptr_equal(calls, text);
    assert_non_null(strstr(text, "ms_bucket{le=\"1\"} 1\nms_bucket{le=\"2\"} 1\n"
                                 "ms_bucket{le=\"4\"} 2\n"));
    assert_non_null(strstr(text, "ms_bucket{le=\"131072\"} 2\nms_bucket{le=\"+Inf\"} 3\n"
                                 "ms_sum{} 1000000004\nms_count{} 3\n"));
    assert_non_null(strstr(text, "# TYPE rows gauge\nrows 7\n"));
    buffer_release(&out);
    metrics_free(metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_rendering) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
