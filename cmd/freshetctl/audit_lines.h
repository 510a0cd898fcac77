/* What the auditor found, in words. */
#ifndef FR_CTL_AUDIT_LINES_H
#define FR_CTL_AUDIT_LINES_H

#include "timeline/audit.h"

#define AUDIT_LINE_SIZE 512

const char *audit_kind_name(enum fr_audit_kind kind);
/* One line without its end. */
void audit_line(const struct fr_audit_defect *defect, char out[static AUDIT_LINE_SIZE]);
void audit_line_undecided(const struct fr_audit_defect *suspect, char out[static AUDIT_LINE_SIZE]);
/* enum fr_outbox_kind as dead list and status name it. */
const char *outbox_kind_name(int64_t kind);

#endif
