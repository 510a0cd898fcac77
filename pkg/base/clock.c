#include "base/clock.h"

#include <time.h>

#if FR_FAULTS
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#endif

enum { SECONDS_PER_DAY = 86400 };

static int64_t read_ns(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

#if FR_FAULTS
/* A test makes the wall clock wrong: FRESHET_FAULT_CLOCK names a file with the milliseconds by which it is
 * off, if there is one at the moment. Keeps errno. */
static int64_t fault_offset_ms(void)
{
    const char *file = getenv("FRESHET_FAULT_CLOCK");
    char text[32] = "0";
    int saved = errno, fd = file != NULL ? open(file, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        ssize_t len = read(fd, text, sizeof text - 1);
        text[len > 0 ? len : 0] = '\0';
        close(fd);
    }
    errno = saved;
    return strtoll(text, NULL, 10);
}
#else
static int64_t fault_offset_ms(void)
{
    return 0;
}
#endif

int64_t fr_clock_wall_ms(void)
{
    return read_ns(CLOCK_REALTIME) / 1000000 + fault_offset_ms();
}

int64_t fr_clock_wall_us(void)
{
    return read_ns(CLOCK_REALTIME) / 1000 + fault_offset_ms() * 1000;
}

int64_t fr_clock_monotonic_ms(void)
{
    return read_ns(CLOCK_MONOTONIC) / 1000000;
}

int64_t fr_clock_monotonic_ns(void)
{
    return read_ns(CLOCK_MONOTONIC);
}

static void put_digits(char *out, int value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

static void put_date(char *out, time_t seconds, struct tm *ret_civil)
{
    gmtime_r(&seconds, ret_civil);
    put_digits(out, ret_civil->tm_year + 1900, 4);
    put_digits(out + 5, ret_civil->tm_mon + 1, 2);
    put_digits(out + 8, ret_civil->tm_mday, 2);
    out[4] = out[7] = '-';
}

size_t fr_clock_format_date(int32_t days, char out[static 11])
{
    struct tm civil;
    put_date(out, (time_t)days * SECONDS_PER_DAY, &civil);
    out[10] = '\0';
    return 10;
}

size_t fr_clock_format_ms(int64_t unix_ms, char out[static FR_CLOCK_TEXT_SIZE])
{
    int64_t seconds = unix_ms / 1000, ms = unix_ms % 1000;
    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    struct tm civil;
    put_date(out, (time_t)seconds, &civil);
    put_digits(out + 11, civil.tm_hour, 2);
    put_digits(out + 14, civil.tm_min, 2);
    put_digits(out + 17, civil.tm_sec, 2);
    put_digits(out + 20, (int)ms, 3);
    out[10] = 'T';
    out[13] = out[16] = ':';
    out[19] = '.';
    out[23] = 'Z';
    out[24] = '\0';
    return 24;
}

enum fr_status fr_clock_parse_date(struct fr_str text, int32_t *ret_days)
{
    int64_t year, month, day;
    if (text.len != 10 || text.data[4] != '-' || text.data[7] != '-')
        return FR_INVALID;
    if (fr_str_to_i64((struct fr_str){text.data, 4}, 1, 9999, &year) != FR_OK ||
        fr_str_to_i64((struct fr_str){text.data + 5, 2}, 1, 12, &month) != FR_OK ||
        fr_str_to_i64((struct fr_str){text.data + 8, 2}, 1, 31, &day) != FR_OK)
        return FR_INVALID;
    /* timegm() turns 30 February into a day of March: a date that does not come back as it went in is none.
     */
    struct tm civil = {.tm_year = (int)year - 1900, .tm_mon = (int)month - 1, .tm_mday = (int)day};
    time_t seconds = timegm(&civil);
    if (civil.tm_mday != day || civil.tm_mon != month - 1)
        return FR_INVALID;
    *ret_days = (int32_t)(seconds / SECONDS_PER_DAY);
    return FR_OK;
}
