/* Reads folders of fortune files: texts separated by lines of a single %. Knows no database. */
#ifndef FR_CTL_FORTUNES_H
#define FR_CTL_FORTUNES_H

#include "base/base.h"
#include "complaints.h"

#define FORTUNES_FILE_MAX (64 * 1024 * 1024)   /* bytes of one file */
#define FORTUNES_BYTES_MAX (512 * 1024 * 1024) /* of all texts together */
#define FORTUNES_FILES_MAX 10000

struct fortunes {
    struct fr_str *texts; /* trimmed, 1..FR_POST_TEXT_MAX bytes, valid */
    size_t count, capacity;
    size_t files;
    struct fr_buf *bytes; /* one for each file, to which the texts point */
};

/* Reads every file of the folder in the order of their names; leaves out *.dat, *.u8, hidden files, links and
 * folders. Bad texts are complained about and left out. FR_NOT_FOUND if there is no such file. */
FR_WARN_UNUSED enum fr_status fortunes_read(const char *folder, struct complaints *complaints,
                                            struct fortunes *ret, struct fr_error *error);
void fortunes_release(struct fortunes *fortunes);

#endif
