/* The cursor of the next page out of a Link header (RFC 8288): </post/feed?cursor=AQG2&limit=10>; rel="next"
 */
#ifndef FRESHET_LINK_H
#define FRESHET_LINK_H

#include <stddef.h>

#define LINK_CURSOR_SIZE 129

/* Empty if there is none, or none that could be one. `header` may be NULL. */
void link_next_cursor(const char *header, char ret_cursor[static LINK_CURSOR_SIZE]);

#endif
