#include "metrics_internal.h"

static const char *kind_name(enum family_kind kind)
{
    switch (kind) {
    case FAMILY_COUNTER:
        return "counter";
    case FAMILY_GAUGE:
        return "gauge";
    case FAMILY_HISTOGRAM:
        return "histogram";
    }
    return "untyped";
}

/* As the text format wants it: in help texts a quote stands for itself, in label values it is escaped. */
static void put_escaped(struct fr_buf *out, const char *text, bool label)
{
    for (; *text != '\0'; text++) {
        if (*text == '\\')
            fr_buf_append_text(out, "\\\\");
        else if (*text == '\n')
            fr_buf_append_text(out, "\\n");
        else if (*text == '"' && label)
            fr_buf_append_text(out, "\\\"");
        else
            fr_buf_append_char(out, *text);
    }
}

static void put_values(struct fr_buf *out, const struct family *family)
{
    for (int i = 0; i < family->count; i++) {
        fr_buf_append_text(out, family->name);
        if (family->label != NULL) {
            fr_buf_printf(out, "{%s=\"", family->label);
            if (family->texts != NULL)
                put_escaped(out, family->texts[i], true);
            else
                fr_buf_append_i64(out, i);
            fr_buf_append_text(out, "\"}");
        }
        fr_buf_append_char(out, ' ');
        fr_buf_append_i64(out, atomic_load_explicit(&family->values[i], memory_order_relaxed));
        fr_buf_append_char(out, '\n');
    }
}

/* The count is the sum of the buckets just read, not a number of its own: the two never contradict each
 * other. */
static void put_histogram(struct fr_buf *out, const struct family *family)
{
    static const double bounds[] = HISTOGRAM_BOUNDS;
    int64_t seen = 0;
    for (size_t i = 0; i < FR_COUNT_OF(bounds); i++) {
        seen += atomic_load_explicit(&family->histogram->buckets[i], memory_order_relaxed);
        fr_buf_printf(out, "%s_bucket{le=\"%g\"} %lld\n", family->name, bounds[i], (long long)seen);
    }
    seen += atomic_load_explicit(&family->histogram->buckets[HISTOGRAM_BOUND_COUNT], memory_order_relaxed);
    fr_buf_printf(out, "%s_bucket{le=\"+Inf\"} %lld\n", family->name, (long long)seen);
    int64_t sum_ns = atomic_load_explicit(&family->histogram->sum_ns, memory_order_relaxed);
    fr_buf_printf(out, "%s_sum %lld.%09lld\n", family->name, (long long)(sum_ns / 1000000000),
                  (long long)(sum_ns % 1000000000));
    fr_buf_printf(out, "%s_count %lld\n", family->name, (long long)seen);
}

void family_expose(struct fr_buf *out, const struct family *family)
{
    fr_buf_printf(out, "# HELP %s ", family->name);
    put_escaped(out, family->help, false);
    fr_buf_printf(out, "\n# TYPE %s %s\n", family->name, kind_name(family->kind));
    if (family->kind == FAMILY_HISTOGRAM)
        put_histogram(out, family);
    else
        put_values(out, family);
}

void family_describe(struct fr_buf *out, const struct family *family)
{
    fr_buf_printf(out, "| `%s` | %s", family->name, kind_name(family->kind));
    if (family->label != NULL)
        fr_buf_printf(out, " by %s", family->label);
    fr_buf_printf(out, " | %s |\n", family->help);
}
