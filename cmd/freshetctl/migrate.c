#include <stdio.h>

#include "bus/bus.h"
#include "ctl.h"
#include "store/store.h"

enum { STREAMS_TIMEOUT_MS = 15000 };

static void say_migration(void *arg, int version, const char *name)
{
    printf("applying %04d %s\n", version, name);
    fflush(stdout);
}

static enum fr_status migrate_schema(struct ctl *ctl, struct fr_error *error)
{
    struct fr_session *session;
    struct fr_migration_report report = {0};
    enum fr_status status = ctl_open_session(ctl, false, &session, error);
    if (status != FR_OK)
        return status;
    status = fr_store_migrate(session, say_migration, NULL, &report, error);
    fr_session_close(session);
    if (status != FR_OK)
        return status;
    if (report.applied == 0)
        printf("schema: version %d, nothing to do\n", report.version);
    else
        printf("schema: version %d, %d %s applied\n", report.version, report.applied,
               report.applied == 1 ? "migration" : "migrations");
    fflush(stdout);
    return FR_OK;
}

static enum fr_status declare_streams(struct ctl *ctl, struct fr_error *error)
{
    struct fr_bus *bus;
    enum fr_status status = ctl_open_bus(ctl, &bus, error);
    if (status != FR_OK)
        return status;
    status = fr_bus_declare_streams(bus, STREAMS_TIMEOUT_MS, error);
    fr_bus_close(bus);
    if (status == FR_OK)
        puts("streams: declared");
    return status;
}

int ctl_migrate(struct ctl *ctl)
{
    struct fr_error error = {0};
    bool streams = ctl->options[CTL_OPTION_NO_STREAMS] == NULL;
    if (migrate_schema(ctl, &error) != FR_OK)
        return ctl_fail(&error);
    if (streams && declare_streams(ctl, &error) != FR_OK) {
        fputs(CTL_PROGRAM
              ": the schema is up to date, the streams are not declared; is NATS there, with JetStream? "
              "--no-streams leaves them to the services\n",
              stderr);
        return ctl_fail(&error);
    }
    puts(streams ? "next: start freshet-materializer and freshet-gateway, or look with freshetctl status"
                 : "next: the services declare the streams when they start; or freshetctl migrate without "
                   "--no-streams");
    return CTL_OK;
}
