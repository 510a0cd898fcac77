/* Failures in the caller's words: from an answer, from the transport, from ourselves. Pure functions. */
#ifndef FRESHET_PROBLEM_H
#define FRESHET_PROBLEM_H

#include "base/base.h"
#include "freshet/client.h"

/* Empties `error`: nothing went wrong. */
void problem_clear(freshet_error *error);
/* Fills `error` (if not NULL) and returns `kind`. `field` may be NULL. */
freshet_kind problem_set(freshet_error *error, freshet_kind kind, const char *field, const char *fmt, ...)
    FR_PRINTF(4, 5);
/* Writes `from` to the caller's `to` (if not NULL) and returns its kind. */
freshet_kind problem_give(freshet_error *to, const freshet_error *from);

/* An answer other than 2xx. `body` counts if `is_protobuf` and it is a Problem; else there is only the status
 * to tell. */
void problem_of_answer(freshet_error *error, long status, bool is_protobuf, struct fr_str body);
/* The transport's word; `curl_code` is a CURLcode, `text` its own explanation or empty. */
void problem_of_transport(freshet_error *error, int curl_code, const char *text);

freshet_kind problem_kind_of_status(long status);
/* Whole seconds (RFC 9110, section 10.2.3) in milliseconds; -1 if it is anything else. NULL is allowed. */
int64_t problem_retry_after(const char *header);

/* Cuts what is too long at the end of a character. */
void problem_copy(char *to, size_t size, const char *from);

#endif
