/* Ids: positive 64-bit numbers, written outside the process as 1 to 19 decimal digits without a sign. */
#ifndef FR_BASE_ID_H
#define FR_BASE_ID_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define FR_ID_TEXT_SIZE 21 /* 20 characters of any int64_t and NUL */

/* FR_INVALID unless `text` is 1..19 digits and the value 1..INT64_MAX. Leading zeros are refused: an id has
 * one written form. */
__attribute__((warn_unused_result)) enum fr_status fr_id_parse(struct fr_str text, int64_t *ret_id);
/* Writes the decimal form and NUL; returns its length. Works for any value, also a negative one. */
size_t fr_id_format(int64_t id, char out[static FR_ID_TEXT_SIZE]);

#endif
