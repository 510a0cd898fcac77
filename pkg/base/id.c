#include "base/id.h"

enum fr_status fr_id_parse(struct fr_str text, int64_t *ret_id)
{
    if (text.len == 0 || text.len > 19 || text.data[0] == '-' || text.data[0] == '0')
        return FR_INVALID;
    return fr_str_to_i64(text, 1, INT64_MAX, ret_id);
}

size_t fr_id_format(int64_t id, char out[static FR_ID_TEXT_SIZE])
{
    char reversed[FR_ID_TEXT_SIZE];
    size_t n = 0, len = 0;
    uint64_t rest = id < 0 ? 0 - (uint64_t)id : (uint64_t)id;
    do {
        reversed[n++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (id < 0)
        out[len++] = '-';
    while (n > 0)
        out[len++] = reversed[--n];
    out[len] = '\0';
    return len;
}
