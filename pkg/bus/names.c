#include "names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { NUMBER_DIGITS = 16, ACK_TOKENS_MAX = 12 };

bool fr_bus_gateway_name_valid(const char *gateway)
{
    size_t len = strspn(gateway, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    return len >= 1 && len <= NAMES_GATEWAY_MAX && gateway[len] == '\0';
}

void fr_bus_format_instance(const char *gateway, uint32_t nonce, char out[static NAMES_INSTANCE_SIZE])
{
    snprintf(out, NAMES_INSTANCE_SIZE, "%sx%08" PRIx32, gateway, nonce);
}

void fr_bus_format_consumer(const char *instance, uint64_t number, char out[static NAMES_CONSUMER_SIZE])
{
    snprintf(out, NAMES_CONSUMER_SIZE, "%s_%016" PRIx64, instance, number);
}

enum fr_status fr_bus_parse_consumer(const char *instance, struct fr_str name, uint64_t *ret)
{
    size_t head = strlen(instance);
    if (name.len != head + 1 + NUMBER_DIGITS || memcmp(name.data, instance, head) != 0 ||
        name.data[head] != '_')
        return FR_PROTOCOL;
    uint64_t number = 0;
    for (size_t i = head + 1; i < name.len; i++) {
        char c = name.data[i];
        if (c >= '0' && c <= '9')
            number = number << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            number = number << 4 | (uint64_t)(c - 'a' + 10);
        else
            return FR_PROTOCOL;
    }
    *ret = number;
    return FR_OK;
}

static enum fr_status take_number(struct fr_str text, uint64_t *ret)
{
    int64_t value;
    if (fr_str_to_i64(text, 0, INT64_MAX, &value) != FR_OK)
        return FR_PROTOCOL;
    *ret = (uint64_t)value;
    return FR_OK;
}

enum fr_status fr_bus_parse_ack(struct fr_str subject, struct fr_bus_ack *ret)
{
    struct fr_str tokens[ACK_TOKENS_MAX], rest = subject, token;
    size_t count = 0;
    while (fr_str_next(&rest, '.', &token)) {
        if (count == ACK_TOKENS_MAX || token.len == 0)
            return FR_PROTOCOL;
        tokens[count++] = token;
    }
    if (count < 9 || !fr_str_equal(tokens[0], FR_STR("$JS")) || !fr_str_equal(tokens[1], FR_STR("ACK")))
        return FR_PROTOCOL;
    const struct fr_str *t;
    if (count == 9)
        t = tokens + 2;
    else if (count >= 11)
        t = tokens + 4;
    else
        return FR_PROTOCOL;
    struct fr_bus_ack ack = {.stream = t[0], .consumer = t[1]};
    uint64_t timestamp;
    if (take_number(t[2], &ack.delivered) != FR_OK || take_number(t[3], &ack.stream_seq) != FR_OK ||
        take_number(t[4], &ack.consumer_seq) != FR_OK || take_number(t[5], &timestamp) != FR_OK ||
        take_number(t[6], &ack.pending) != FR_OK)
        return FR_PROTOCOL;
    ack.timestamp_ns = (int64_t)timestamp;
    *ret = ack;
    return FR_OK;
}

void fr_bus_format_feed(int64_t user_id, char out[static NAMES_SUBJECT_SIZE])
{
    snprintf(out, NAMES_SUBJECT_SIZE, "feed.%d.%" PRId64, fr_partition_of(user_id, FR_FEED_PARTITIONS),
             user_id);
}

enum fr_status fr_bus_parse_feed(struct fr_str subject, int *ret_partition, int64_t *ret_user_id)
{
    struct fr_str rest = subject, token;
    int64_t partition, user_id;
    if (!fr_str_next(&rest, '.', &token) || !fr_str_equal(token, FR_STR("feed")) ||
        !fr_str_next(&rest, '.', &token) ||
        fr_str_to_i64(token, 0, FR_FEED_PARTITIONS - 1, &partition) != FR_OK ||
        fr_id_parse(rest, &user_id) != FR_OK)
        return FR_PROTOCOL;
    *ret_partition = (int)partition;
    *ret_user_id = user_id;
    return FR_OK;
}

enum fr_status fr_bus_parse_celebrity(struct fr_str subject, int64_t *ret_author_id)
{
    struct fr_str rest = subject, token;
    if (!fr_str_next(&rest, '.', &token) || !fr_str_equal(token, FR_STR("celeb")) ||
        fr_id_parse(rest, ret_author_id) != FR_OK)
        return FR_PROTOCOL;
    return FR_OK;
}

/* Takes exactly `digits` digits off the front. */
static bool take_digits(const char **text, int digits, int *ret)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        char c = (*text)[i];
        if (c < '0' || c > '9')
            return false;
        value = value * 10 + (c - '0');
    }
    *text += digits;
    *ret = value;
    return true;
}

static bool take_char(const char **text, char wanted)
{
    if (**text != wanted)
        return false;
    ++*text;
    return true;
}

static bool take_offset(const char **text, int *ret_seconds)
{
    *ret_seconds = 0;
    if (take_char(text, 'Z'))
        return true;
    int sign = **text == '-' ? -1 : 1, hours, minutes;
    if (!take_char(text, '+') && !take_char(text, '-'))
        return false;
    if (!take_digits(text, 2, &hours) || !take_char(text, ':') || !take_digits(text, 2, &minutes) ||
        hours > 23 || minutes > 59)
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

enum fr_status fr_bus_parse_time(const char *text, int64_t *ret_ns)
{
    int year, month, day, hour, minute, second, offset;
    if (!take_digits(&text, 4, &year) || !take_char(&text, '-') || !take_digits(&text, 2, &month) ||
        !take_char(&text, '-') || !take_digits(&text, 2, &day) || !take_char(&text, 'T') ||
        !take_digits(&text, 2, &hour) || !take_char(&text, ':') || !take_digits(&text, 2, &minute) ||
        !take_char(&text, ':') || !take_digits(&text, 2, &second))
        return FR_PROTOCOL;
    if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 ||
        minute > 59 || second > 60)
        return FR_PROTOCOL;
    int64_t fraction = 0;
    if (take_char(&text, '.')) {
        int digits = 0;
        for (int digit; digits < 9 && take_digits(&text, 1, &digit); digits++)
            fraction = fraction * 10 + digit;
        if (digits == 0)
            return FR_PROTOCOL;
        for (; digits < 9; digits++)
            fraction *= 10;
    }
    if (!take_offset(&text, &offset) || *text != '\0')
        return FR_PROTOCOL;
    struct tm tm = {.tm_year = year - 1900,
                    .tm_mon = month - 1,
                    .tm_mday = day,
                    .tm_hour = hour,
                    .tm_min = minute,
                    .tm_sec = second};
    *ret_ns = ((int64_t)timegm(&tm) - offset) * 1000000000 + fraction;
    return FR_OK;
}
