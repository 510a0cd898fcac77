#include "report.h"

#include <errno.h>
#include <stdio.h>

enum { JSON_MAX = 1024 * 1024 };

static void add_buckets(struct fr_buf *json, const struct histogram *times)
{
    const char *separator = "";
    fr_buf_append_text(json, ",\"buckets\":[");
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        if (times->counts[i] == 0)
            continue;
        fr_buf_printf(json, "%s[%.6f,%llu]", separator, (double)histogram_bucket_end(i) / 1e6,
                      (unsigned long long)times->counts[i]);
        separator = ",";
    }
    fr_buf_append_char(json, ']');
}

static void label(const char *name)
{
    char text[40];
    snprintf(text, sizeof text, "%s", name);
    for (char *at = text; *at != '\0'; at++) {
        if (*at == '_')
            *at = ' ';
    }
    printf("%-26s ", text);
}

void report_begin(struct report *report, const char *mode)
{
    fr_buf_init(&report->json, JSON_MAX);
    fr_buf_printf(&report->json, "{\"mode\":\"%s\"", mode);
}

void report_count(struct report *report, const char *name, uint64_t value)
{
    label(name);
    printf("%llu\n", (unsigned long long)value);
    fr_buf_printf(&report->json, ",\n \"%s\":%llu", name, (unsigned long long)value);
}

void report_number(struct report *report, const char *name, double value, const char *unit)
{
    label(name);
    printf("%.*f %s\n", value < 10 ? 3 : 0, value, unit);
    fr_buf_printf(&report->json, ",\n \"%s\":%.6f", name, value);
}

/* Texts come from the server: whatever JSON can't hold as it is becomes a space. */
void report_text(struct report *report, const char *name, const char *value)
{
    label(name);
    puts(value);
    fr_buf_printf(&report->json, ",\n \"%s\":\"", name);
    for (const char *at = value; *at != '\0'; at++) {
        if (*at == '"' || *at == '\\')
            fr_buf_append_char(&report->json, '\\');
        fr_buf_append_char(&report->json, (unsigned char)*at < ' ' || (unsigned char)*at > '~' ? ' ' : *at);
    }
    fr_buf_append_char(&report->json, '"');
}

void report_times(struct report *report, const char *name, const struct histogram *times)
{
    static const struct {
        const char *name;
        double share;
    } points[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};
    if (times->total == 0)
        return;
    label(name);
    fr_buf_printf(&report->json, ",\n \"%s_ms\":{\"count\":%llu", name, (unsigned long long)times->total);
    for (size_t i = 0; i < FR_COUNT_OF(points); i++) {
        double ms =
            (double)(points[i].share < 1 ? histogram_at(times, points[i].share) : times->max_ns) / 1e6;
        printf("%s %.3f  ", points[i].name, ms);
        fr_buf_printf(&report->json, ",\"%s\":%.6f", points[i].name, ms);
    }
    puts("ms");
    add_buckets(&report->json, times);
    fr_buf_append_char(&report->json, '}');
}

void report_process(struct report *report, const char *name, const struct process_sample *before,
                    const struct process_sample *after)
{
    double seconds = (double)(after->at_ns - before->at_ns) / 1e9;
    double user = after->user_s - before->user_s, system = after->system_s - before->system_s;
    label(name);
    printf("%.1f MB resident, %.1f MB its own; %.2f s user and %.2f s system within %.2f s\n",
           (double)after->rss / 1e6, (double)after->anonymous / 1e6, user, system, seconds);
    fr_buf_printf(
        &report->json,
        ",\n \"%s\":{\"rss\":%lld,\"pss\":%lld,\"anonymous\":%lld,\"user_s\":%.2f,\"system_s\":%.2f,"
        "\"seconds\":%.3f}",
        name, (long long)after->rss, (long long)after->pss, (long long)after->anonymous, user, system,
        seconds);
}

enum fr_status report_end(struct report *report, const char *path, struct fr_error *error)
{
    enum fr_status status = FR_OK;
    fr_buf_append_text(&report->json, "}\n");
    FILE *out = path != NULL ? fopen(path, "we") : NULL;
    if (path != NULL && out == NULL)
        status = fr_error_set_errno(error, errno, "%s", path);
    if (out != NULL) {
        bool wrote = fwrite(report->json.data, 1, report->json.len, out) == report->json.len;
        if (fclose(out) != 0 || !wrote)
            status = fr_error_set_errno(error, errno, "%s", path);
    }
    fr_buf_release(&report->json);
    return status;
}
