#include <stdio.h>

#include "ctl.h"
#include "store/store.h"

static const char *kind_name(int64_t kind)
{
    static const char *const names[] = {"?", "post", "edit", "delete", "follow", "unfollow"};
    return kind > 0 && kind < (int64_t)FR_COUNT_OF(names) ? names[kind] : names[0];
}

/* A reason may hold anything that a server said; a terminal gets one line without control characters. */
static void print_reason(struct fr_str reason)
{
    for (size_t i = 0; i < reason.len; i++) {
        unsigned char c = (unsigned char)reason.data[i];
        putchar(c < 0x20 || c == 0x7f ? ' ' : c);
    }
    putchar('\n');
}

static void print_events(const struct fr_result *events)
{
    printf("%-19s  %-12s  %-8s  %-19s  %5s  %-24s  %s\n", "author", "event", "kind", "subject", "tries",
           "accepted", "reason");
    for (int i = 0; i < fr_result_rows(events); i++) {
        char accepted[FR_CLOCK_TEXT_SIZE];
        fr_clock_format_ms(fr_result_time_ms(events, i, 5), accepted);
        printf("%-19lld  %-12lld  %-8s  %-19lld  %5lld  %s  ", (long long)fr_result_i64(events, i, 0),
               (long long)fr_result_i64(events, i, 1), kind_name(fr_result_i64(events, i, 2)),
               (long long)fr_result_i64(events, i, 3), (long long)fr_result_i64(events, i, 4), accepted);
        print_reason(fr_result_text(events, i, 6));
    }
}

int ctl_dead_list(struct ctl *ctl)
{
    struct fr_error error = {0};
    struct fr_session *session;
    struct fr_result *results[2];
    int64_t limit;
    if (ctl_option_i64(ctl, CTL_OPTION_LIMIT, 1, 1000000, 100, &limit, &error) != FR_OK)
        return ctl_fail_usage(&error);
    if (ctl_open_session(ctl, true, &session, &error) != FR_OK)
        return ctl_fail(&error);
    const struct fr_query queries[] = {
        FR_QUERY_NO_PARAMS(FR_SQL_DEAD_COUNT),
        FR_QUERY(FR_SQL_DEAD_LIST, FR_P_I64(limit)),
    };
    enum fr_status status = fr_session_query_all(session, queries, FR_COUNT_OF(queries), results, &error);
    fr_session_close(session);
    if (status != FR_OK)
        return ctl_fail(&error);
    int64_t count = fr_result_i64(results[0], 0, 0);
    if (count == 0)
        puts("no event is dead");
    else
        print_events(results[1]);
    if (count > fr_result_rows(results[1]))
        printf("%lld more; --limit shows them\n", (long long)(count - fr_result_rows(results[1])));
    fr_result_free(results[0]);
    fr_result_free(results[1]);
    return CTL_OK;
}
