/* audit: what its files share.
 *
 *   audit.c         the sweep over the users, what is in flight, the settling
 *   audit_look.c    the statements that suspect and judge
 *   audit_pages.c   pages, read as the gateway reads them
 *   audit_repair.c  puts right what was found
 */
#ifndef FR_TIMELINE_AUDIT_INTERNAL_H
#define FR_TIMELINE_AUDIT_INTERNAL_H

#include "timeline/audit.h"

#define FR_AUDIT_SUSPECTS_MAX 20000 /* of one statement; past it the chunk is cut */
#define FR_AUDIT_JUDGED_MAX 5000    /* suspects in one statement that judges */

struct fr_audit_list {
    struct fr_audit_defect *items;
    size_t count, room;
};
void fr_audit_list_add(struct fr_audit_list *list, const struct fr_audit_defect *defect);
void fr_audit_list_release(struct fr_audit_list *list);

/* ---- audit_look.c ---- */
/* All append to `ret`. `*ret_cut`: there are more. */
FR_WARN_UNUSED enum fr_status fr_audit_suspect_missing(struct fr_session *session, const int64_t *users,
                                                       size_t count, struct fr_audit_list *ret, bool *ret_cut,
                                                       struct fr_error *error);
FR_WARN_UNUSED enum fr_status fr_audit_suspect_extra(struct fr_session *session, const int64_t *users,
                                                     size_t count, struct fr_audit_list *ret, bool *ret_cut,
                                                     struct fr_error *error);
/* Items of users who do not exist, with ids in (after, upto]. */
FR_WARN_UNUSED enum fr_status fr_audit_suspect_orphans(struct fr_session *session, int64_t after,
                                                       int64_t upto, struct fr_audit_list *ret, bool *ret_cut,
                                                       struct fr_error *error);
/* The kinds that audit_graph.sql knows; these come with their events. */
FR_WARN_UNUSED enum fr_status fr_audit_suspect_graph(struct fr_session *session, const int64_t *ids,
                                                     size_t count, bool with_followees,
                                                     struct fr_audit_list *ret, bool *ret_cut,
                                                     struct fr_error *error);
/* Those of `suspects`, which are all of one family (missing; extra and doubled; the graph's), that are wrong
 * now, with their causes and events. Each is judged in one snapshot together with its event. */
FR_WARN_UNUSED enum fr_status fr_audit_judge(struct fr_session *session,
                                             const struct fr_audit_defect *suspects, size_t count,
                                             struct fr_audit_list *ret, struct fr_error *error);

/* ---- audit_pages.c ---- */
/* Reads all pages of one user; what is wrong is appended to `ret`. */
FR_WARN_UNUSED enum fr_status fr_audit_pages(struct fr_session *session, int64_t user_id,
                                             struct fr_audit_report *report, struct fr_audit_list *ret,
                                             struct fr_error *error);

/* ---- audit_repair.c ---- */
/* Puts right what can be; what is explained by a dead event is left for its replay. Judging again tells what
 * came of it. */
FR_WARN_UNUSED enum fr_status fr_audit_repair(struct fr_session *session,
                                              const struct fr_audit_defect *defects, size_t count,
                                              struct fr_error *error);

#endif
