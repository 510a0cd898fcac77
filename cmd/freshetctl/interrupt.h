/* An end by SIGINT or SIGTERM that leaves nothing half done: what the session runs is cancelled, the work at
 * hand sees interrupt_came() and rolls back. A second signal ends the process at once (the server rolls back
 * then). */
#ifndef FR_CTL_INTERRUPT_H
#define FR_CTL_INTERRUPT_H

#include <stdbool.h>

#include "base/base.h"

struct fr_session;
struct interrupt;

/* Before the process has other threads, which would get the signals. `session` is borrowed until the end. */
FR_WARN_UNUSED enum fr_status interrupt_begin(struct fr_session *session, struct interrupt **ret,
                                              struct fr_error *error);
bool interrupt_came(const struct interrupt *interrupt);
/* As ctl_fail(); but of a failure after a signal only that it was interrupted is said, whatever the signal
 * broke off, and the code is CTL_INTERRUPTED. `interrupt` may be NULL. */
int interrupt_fail(const struct interrupt *interrupt, const struct fr_error *error);
/* Signals end the process again. NULL is fine. */
void interrupt_end(struct interrupt *interrupt);

#endif
