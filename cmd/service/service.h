/* What the mains of all services have in common: the log as the settings say, signals in one place, and how
 * /readyz lists what is missing. */
#ifndef FR_SERVICE_H
#define FR_SERVICE_H

#include <signal.h>

#include "base/base.h"

struct fr_settings;

/* Opens the log under the program's name, which is borrowed for ever. FR_INVALID names the setting at fault.
 */
FR_WARN_UNUSED enum fr_status service_open_log(const struct fr_settings *settings, const char *program,
                                               struct fr_error *error);
/* SIGTERM and SIGINT are taken by the main thread, from `ret_set`, and nowhere else: call it before there is
 * a second thread. Ignores SIGPIPE. */
void service_block_signals(sigset_t *ret_set);
/* Adds one name to the list of missing dependencies. */
void service_append_missing(struct fr_buf *out, const char *name);

#endif
