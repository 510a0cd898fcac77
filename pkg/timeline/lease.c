#include "timeline/lease.h"

#include <assert.h>
#include <stdlib.h>

#include "store/store.h"

/* `until` and `now` are the database's; `local` is our clock, read while the database's was. */
static enum fr_status check_clocks(int64_t now, int64_t local, struct fr_error *error)
{
    int64_t difference = local - now;
    if (difference < -FR_LEASE_SKEW_MS || difference > FR_LEASE_SKEW_MS)
        return fr_error_set(
            error, FR_CONFLICT, NULL,
            "this machine's clock is %lld ms %s the database's; set them right (NTP) and try again",
            (long long)(difference < 0 ? -difference : difference), difference < 0 ? "behind" : "ahead of");
    return FR_OK;
}

enum fr_status fr_lease_acquire(struct fr_session *session, const char *holder, struct fr_lease *ret,
                                struct fr_error *error)
{
    struct fr_result *results[2] = {NULL, NULL}, *result;
    const struct fr_query queries[] = {
        FR_QUERY_NO_PARAMS(FR_SQL_NODE_LEASE_LOCK),
        FR_QUERY(FR_SQL_NODE_LEASE_ACQUIRE, FR_P_TEXT(fr_str_of(holder)), FR_P_I32(FR_LEASE_MS)),
    };
    assert(strlen(holder) > 0 && strlen(holder) <= FR_LEASE_HOLDER_MAX);
    enum fr_status status = fr_session_query_all(session, queries, FR_COUNT_OF(queries), results, error);
    if (status != FR_OK)
        return status;
    result = results[1];
    if (fr_result_rows(result) == 0) {
        status = fr_error_set(error, FR_FULL, NULL, "all %d node numbers are leased", FR_SNOWFLAKE_NODES);
        goto out;
    }
    int64_t now = fr_result_time_ms(result, 0, 3);
    struct fr_lease lease = {.node = (int)fr_result_i64(result, 0, 0)};
    status = check_clocks(now, fr_clock_wall_ms(), error);
    if (status != FR_OK) {
        fr_lease_release(session, holder, &lease);
        goto out;
    }
    ret->node = lease.node;
    /* The holder before kept away from its end by the allowed skew, so ids may start at that end. */
    ret->start_after_ms = fr_result_time_ms(result, 0, 1);
    ret->until_ms = fr_result_time_ms(result, 0, 2) - FR_LEASE_SKEW_MS;
out:
    fr_result_free(results[0]);
    fr_result_free(results[1]);
    return status;
}

enum fr_status fr_lease_renew(struct fr_session *session, const char *holder, struct fr_lease *lease,
                              struct fr_error *error)
{
    struct fr_result *result = NULL;
    struct fr_query query = FR_QUERY(FR_SQL_NODE_LEASE_RENEW, FR_P_I16(lease->node),
                                     FR_P_TEXT(fr_str_of(holder)), FR_P_I32(FR_LEASE_MS));
    enum fr_status status = fr_session_query(session, &query, &result, error);
    if (status != FR_OK)
        return status;
    if (fr_result_rows(result) == 0) {
        status = fr_error_set(error, FR_CONFLICT, NULL, "node number %d is leased to another process by now",
                              lease->node);
        goto out;
    }
    status = check_clocks(fr_result_time_ms(result, 0, 1), fr_clock_wall_ms(), error);
    if (status == FR_OK)
        lease->until_ms = fr_result_time_ms(result, 0, 0) - FR_LEASE_SKEW_MS;
out:
    fr_result_free(result);
    return status;
}

void fr_lease_release(struct fr_session *session, const char *holder, const struct fr_lease *lease)
{
    struct fr_error error;
    struct fr_query query = FR_QUERY(FR_SQL_NODE_LEASE_RELEASE, FR_P_I16(lease->node),
                                     FR_P_TEXT(fr_str_of(holder)), FR_P_I32(FR_LEASE_SKEW_MS));
    if (fr_session_query(session, &query, NULL, &error) != FR_OK)
        return;
}
