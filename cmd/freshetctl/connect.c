#include <stdio.h>

#include "bus/bus.h"
#include "ctl.h"
#include "store/store.h"

enum fr_status ctl_open_session(const struct ctl *ctl, bool check_schema, struct fr_session **ret,
                                struct fr_error *error)
{
    const struct fr_session_options options = {
        .conninfo = ctl->settings.database_url,
        .application_name = CTL_PROGRAM,
    };
    struct fr_session *session;
    enum fr_status status = fr_session_open(&options, &session, error);
    if (status != FR_OK)
        return status;
    if (check_schema)
        status = fr_store_check_schema(session, error);
    if (status == FR_OK)
        *ret = session;
    else
        fr_session_close(session);
    return status;
}

enum fr_status ctl_open_bus(const struct ctl *ctl, struct fr_bus **ret, struct fr_error *error)
{
    const struct fr_settings *settings = &ctl->settings;
    const struct fr_bus_options options = {
        .url = settings->nats_url,
        .name = CTL_PROGRAM,
        .replicas = (int)settings->stream_replicas,
        .resume_window_ms = settings->resume_window,
        .publish_pending_max = 1,
        .observe = true,
    };
    return fr_bus_open(&options, ret, error);
}

int ctl_fail(const struct fr_error *error)
{
    if (error->sqlstate[0] != '\0')
        fprintf(stderr, CTL_PROGRAM ": %s (SQLSTATE %s)\n", error->message, error->sqlstate);
    else
        fprintf(stderr, CTL_PROGRAM ": %s\n", error->message);
    return CTL_FAILED;
}

int ctl_fail_usage(const struct fr_error *error)
{
    fprintf(stderr, CTL_PROGRAM ": %s\n", error->message);
    return CTL_USAGE;
}
