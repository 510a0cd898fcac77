#include <stdio.h>
#include <stdlib.h>

#include "audit_lines.h"
#include "ctl.h"
#include "store/store.h"
#include "timeline/timeline.h"

enum { LIST_MAX = 1000000, LIST = 100, TEXT_MAX = 240 };

/* A reason may hold anything that a server said, a post anything that somebody wrote; a terminal gets one
 * line without control characters. */
static void print_text(struct fr_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        putchar(c < 0x20 || c == 0x7f ? ' ' : c);
    }
}

static void print_events(const struct fr_result *events)
{
    printf("%-19s  %-12s  %-8s  %-19s  %5s  %-24s  %s\n", "author", "event", "kind", "subject", "tries",
           "accepted", "reason");
    for (int i = 0; i < fr_result_rows(events); i++) {
        char accepted[FR_CLOCK_TEXT_SIZE];
        fr_clock_format_ms(fr_result_time_ms(events, i, 5), accepted);
        printf("%-19lld  %-12lld  %-8s  %-19lld  %5lld  %s  ", (long long)fr_result_i64(events, i, 0),
               (long long)fr_result_i64(events, i, 1), outbox_kind_name(fr_result_i64(events, i, 2)),
               (long long)fr_result_i64(events, i, 3), (long long)fr_result_i64(events, i, 4), accepted);
        print_text(fr_result_text(events, i, 6));
        putchar('\n');
    }
}

int ctl_dead_list(struct ctl *ctl)
{
    struct fr_error error = {0};
    struct fr_session *session;
    struct fr_result *results[2];
    int64_t limit;
    if (ctl_option_i64(ctl, CTL_OPTION_LIMIT, 1, LIST_MAX, LIST, &limit, &error) != FR_OK)
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

/* ---- one event, or all ---- */
struct choice {
    bool all;
    int64_t author_id, event_id;
};

static enum fr_status parse_event(const struct ctl *ctl, struct choice *ret, struct fr_error *error)
{
    if (fr_id_parse(fr_str_of(ctl->operands[0]), &ret->author_id) != FR_OK)
        return fr_error_set(error, FR_INVALID, NULL,
                            "AUTHOR: must be a user's id, a number of 1 to 19 digits");
    if (fr_id_parse(fr_str_of(ctl->operands[1]), &ret->event_id) != FR_OK)
        return fr_error_set(error, FR_INVALID, NULL,
                            "EVENT: must be an event's number, as dead list shows it");
    return FR_OK;
}

static enum fr_status parse_choice(const struct ctl *ctl, struct choice *ret, struct fr_error *error)
{
    ret->all = ctl->options[CTL_OPTION_ALL] != NULL;
    if (ret->all ? ctl->operand_count != 0 : ctl->operand_count != 2)
        return fr_error_set(error, FR_INVALID, NULL,
                            "wants AUTHOR and EVENT, as dead list shows them, or --all");
    return ret->all ? FR_OK : parse_event(ctl, ret, error);
}

/* The event, one row; FR_NOT_FOUND, or FR_CONFLICT if it is not dead. */
static enum fr_status read_event(struct fr_session *session, const struct choice *choice,
                                 struct fr_result **ret, struct fr_error *error)
{
    const struct fr_query query = FR_QUERY(FR_SQL_DEAD_SHOW, FR_P_I64(choice->author_id),
                                           FR_P_I64(choice->event_id), FR_P_I32(TEXT_MAX + 1));
    enum { STATE = 3 };
    struct fr_result *row = NULL;
    enum fr_status status = fr_session_query(session, &query, &row, error);

    if (status != FR_OK)
        return status;
    if (fr_result_rows(row) == 0)
        status = fr_error_set(error, FR_NOT_FOUND, NULL,
                              "author %lld has no event %lld; it may have been worked off or dropped",
                              (long long)choice->author_id, (long long)choice->event_id);
    else if (fr_result_i64(row, 0, STATE) != FR_OUTBOX_DEAD)
        status = fr_error_set(error, FR_CONFLICT, NULL, "event %lld of author %lld is not dead",
                              (long long)choice->event_id, (long long)choice->author_id);
    if (status == FR_OK)
        *ret = row;
    else
        fr_result_free(row);
    return status;
}

/* ---- show ---- */
enum {
    PARTITION,
    KIND,
    SUBJECT_ID,
    STATE,
    TRIES,
    REASON,
    REQUEST_ID,
    TRACEPARENT,
    ACCEPTED_AT,
    AUTHOR_EXISTS,
    IS_CELEBRITY,
    POST_EXISTS,
    POST_DELETED,
    REVISION,
    BODY,
    FOLLOWS,
    EVENTS_BEHIND
};

static const char *replay_of_post(const struct fr_result *row)
{
    if (!fr_result_bool(row, 0, POST_EXISTS))
        return "nothing: the post does not exist";
    if (fr_result_bool(row, 0, POST_DELETED))
        return "nothing for feeds: the post is deleted; the open connections are told so";
    if (fr_result_bool(row, 0, IS_CELEBRITY))
        return "keeps the post for the pages of all followers, and tells the open connections once for all";
    return "puts the post into the feed of everyone who follows the author now, and tells those online";
}

static const char *replay_of(const struct fr_result *row)
{
    if (!fr_result_bool(row, 0, AUTHOR_EXISTS) && fr_result_i64(row, 0, KIND) != FR_OUTBOX_ACCOUNT)
        return "nothing that is seen: the author's account is gone";
    switch ((enum fr_outbox_kind)fr_result_i64(row, 0, KIND)) {
    case FR_OUTBOX_POST:
        return replay_of_post(row);
    case FR_OUTBOX_EDIT:
        return "nothing for feeds, pages have the new text already; the open connections are told";
    case FR_OUTBOX_DELETE:
        return "takes the post out of the feeds; the open connections are told";
    case FR_OUTBOX_FOLLOW:
        return fr_result_bool(row, 0, FOLLOWS) ? "brings the author's newest posts into the follower's feed"
                                               : "nothing: the subject does not follow the author now";
    case FR_OUTBOX_UNFOLLOW:
        return fr_result_bool(row, 0, FOLLOWS) ? "nothing: the subject follows the author again"
                                               : "takes the author's posts out of the former follower's feed";
    case FR_OUTBOX_FLIP:
        return "looks at the author's number of followers again, and makes or ends a celebrity";
    case FR_OUTBOX_ACCOUNT:
        return "tells the open connections that the account is gone, and lets its parts be taken out";
    }
    return "nothing: this program does not know its kind";
}

/* A text longer than TEXT_MAX bytes is cut, at a character's end. */
static void print_field(const char *name, struct fr_str text, const char *none)
{
    size_t len = text.len;

    printf("%-12s ", name);
    if (len > TEXT_MAX)
        for (len = TEXT_MAX; len > 0 && ((unsigned char)text.data[len] & 0xc0) == 0x80;)
            len--;
    print_text(text.len > 0 ? (struct fr_str){text.data, len} : fr_str_of(none));
    puts(len < text.len ? "..." : "");
}

static void print_event(const struct choice *choice, const struct fr_result *row)
{
    char accepted[FR_CLOCK_TEXT_SIZE];
    struct fr_str body = fr_result_text(row, 0, BODY);

    fr_clock_format_ms(fr_result_time_ms(row, 0, ACCEPTED_AT), accepted);
    printf("%-12s %lld\n", "author", (long long)choice->author_id);
    printf("%-12s %lld\n", "event", (long long)choice->event_id);
    printf("%-12s %lld\n", "partition", (long long)fr_result_i64(row, 0, PARTITION));
    printf("%-12s %s\n", "kind", outbox_kind_name(fr_result_i64(row, 0, KIND)));
    printf("%-12s %lld\n", "subject", (long long)fr_result_i64(row, 0, SUBJECT_ID));
    printf("%-12s %s\n", "accepted", accepted);
    printf("%-12s %lld\n", "tries", (long long)fr_result_i64(row, 0, TRIES));
    print_field("reason", fr_result_text(row, 0, REASON), "none");
    print_field("request", fr_result_text(row, 0, REQUEST_ID), "none");
    print_field("trace", fr_result_text(row, 0, TRACEPARENT), "none");
    if (fr_result_bool(row, 0, POST_EXISTS)) {
        printf("%-12s revision %lld%s\n", "post", (long long)fr_result_i64(row, 0, REVISION),
               fr_result_bool(row, 0, POST_DELETED) ? ", deleted" : "");
        print_field("text", body, "");
    }
    printf("%-12s %lld of this author wait or were handled after it\n", "later events",
           (long long)fr_result_i64(row, 0, EVENTS_BEHIND));
    printf("%-12s %s\n", "a replay", replay_of(row));
}

int ctl_dead_show(struct ctl *ctl)
{
    struct fr_error error = {0};
    struct choice choice = {0};
    struct fr_session *session;
    struct fr_result *row = NULL;

    if (parse_event(ctl, &choice, &error) != FR_OK)
        return ctl_fail_usage(&error);
    if (ctl_open_session(ctl, true, &session, &error) != FR_OK)
        return ctl_fail(&error);
    enum fr_status status = read_event(session, &choice, &row, &error);
    fr_session_close(session);
    if (status != FR_OK)
        return ctl_fail(&error);
    print_event(&choice, row);
    fr_result_free(row);
    return CTL_OK;
}

/* ---- replay, drop ---- */
/* `ret_count`: how many it was. One that was named and is not dead is an error. */
static enum fr_status change(struct fr_session *session, const struct choice *choice, enum fr_sql one,
                             enum fr_sql all, int64_t *ret_count, struct fr_error *error)
{
    struct fr_result *result = NULL, *row = NULL;
    const struct fr_query query =
        choice->all ? FR_QUERY_NO_PARAMS(all)
                    : FR_QUERY(one, FR_P_I64(choice->author_id), FR_P_I64(choice->event_id));
    enum fr_status status = fr_session_query(session, &query, &result, error);

    if (status != FR_OK)
        return status;
    *ret_count = fr_result_affected(result);
    fr_result_free(result);
    if (*ret_count == 0 && !choice->all) {
        status = read_event(session, choice, &row, error);
        fr_result_free(row);
        if (status == FR_OK) /* it died in between */
            status = fr_error_set(error, FR_CONFLICT, NULL, "the event changed meanwhile; try again");
    }
    return status;
}

static void print_count(int64_t count, const char *what)
{
    if (count == 0)
        puts("no event is dead");
    else
        printf("%lld %s %s\n", (long long)count, count == 1 ? "event" : "events", what);
}

int ctl_dead_replay(struct ctl *ctl)
{
    struct fr_error error = {0};
    struct choice choice = {0};
    struct fr_session *session;
    int64_t count = 0;

    if (parse_choice(ctl, &choice, &error) != FR_OK)
        return ctl_fail_usage(&error);
    if (ctl_open_session(ctl, true, &session, &error) != FR_OK)
        return ctl_fail(&error);
    enum fr_status status =
        change(session, &choice, FR_SQL_DEAD_REPLAY, FR_SQL_DEAD_REPLAY_ALL, &count, &error);
    fr_session_close(session);
    if (status != FR_OK)
        return ctl_fail(&error);
    print_count(count, "pending again; the materializer tries within seconds");
    return CTL_OK;
}

/* Without --yes: what it would be. */
static enum fr_status warn_of_drop(struct fr_session *session, const struct choice *choice,
                                   struct fr_error *error)
{
    struct fr_result *row = NULL;
    enum fr_status status;

    if (choice->all) {
        status = fr_session_query(session, &FR_QUERY_NO_PARAMS(FR_SQL_DEAD_COUNT), &row, error);
        if (status == FR_OK)
            printf("%lld dead %s would be lost; dead list shows them\n", (long long)fr_result_i64(row, 0, 0),
                   fr_result_i64(row, 0, 0) == 1 ? "event" : "events");
    } else {
        status = read_event(session, choice, &row, error);
        if (status == FR_OK) {
            print_event(choice, row);
            puts("This would be lost: nobody who is connected is told of it.");
        }
    }
    fr_result_free(row);
    if (status == FR_OK)
        puts("The feeds can be put right afterwards by audit --repair. Say --yes to drop.");
    return status;
}

int ctl_dead_drop(struct ctl *ctl)
{
    struct fr_error error = {0};
    struct choice choice = {0};
    struct fr_session *session;
    bool yes = ctl->options[CTL_OPTION_YES] != NULL;
    int64_t count = 0;
    enum fr_status status;

    if (parse_choice(ctl, &choice, &error) != FR_OK)
        return ctl_fail_usage(&error);
    if (ctl_open_session(ctl, true, &session, &error) != FR_OK)
        return ctl_fail(&error);
    if (yes)
        status = change(session, &choice, FR_SQL_DEAD_DROP, FR_SQL_DEAD_DROP_ALL, &count, &error);
    else
        status = warn_of_drop(session, &choice, &error);
    fr_session_close(session);
    if (status != FR_OK)
        return ctl_fail(&error);
    if (!yes)
        return CTL_USAGE;
    print_count(count, "dropped; audit --repair puts the feeds right");
    return CTL_OK;
}
