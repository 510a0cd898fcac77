/* What every unit test includes: cmocka with the headers that it wants before itself, and a way to walk
 * tables. */
#ifndef FR_TESTS_CHECK_H
#define FR_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base.h"

/* Walks a table whose rows have a `comment` member, printed when a row fails. */
#define FR_FOR_ROWS(row, table)                                       \
    for (size_t row##_i = 0; row##_i < FR_COUNT_OF(table); row##_i++) \
        for (int row##_once = 1; row##_once; row##_once = 0)          \
            for (__typeof__((table)[0]) *row = &(table)[row##_i]; row##_once; row##_once = 0)

#define FR_ASSERT_ROW(row, condition)                                        \
    do {                                                                     \
        if (!(condition))                                                    \
            fail_msg("row \"%s\": expected %s", (row)->comment, #condition); \
    } while (0)

#endif
