/* How many live connections each user has in this process, over all loops. Any thread: a lock for each of
 * some slices of the users. */
#ifndef FR_HTTP_USER_COUNTS_H
#define FR_HTTP_USER_COUNTS_H

#include "base/base.h"

struct fr_user_counts;

struct fr_user_counts *fr_user_counts_new(void);
void fr_user_counts_free(struct fr_user_counts *counts);
/* One more, unless the user has `limit` already (0: no limit): then false. */
FR_WARN_UNUSED bool fr_user_counts_take(struct fr_user_counts *counts, int64_t user_id, int64_t limit);
/* One less: for each take that was true. */
void fr_user_counts_give_back(struct fr_user_counts *counts, int64_t user_id);

#endif
