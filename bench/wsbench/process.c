#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The size on the line `Name:  123 kB` of a file, in bytes; 0 if there is none. */
static int64_t read_size(const char *path, const char *name)
{
    FILE *in = fopen(path, "re");
    char line[256];
    size_t len = strlen(name);
    int64_t size = 0;
    if (in == NULL)
        return 0;
    while (size == 0 && fgets(line, sizeof line, in) != NULL) {
        if (strncmp(line, name, len) == 0 && line[len] == ':')
            size = strtoll(line + len + 1, NULL, 10) * 1024;
    }
    fclose(in);
    return size;
}

/* utime and stime of a line of /proc/PID/stat: the 14th and 15th word, the name in parentheses, which may
 * hold anything, being the second. */
static bool read_times(const char *line, int64_t *ret_user, int64_t *ret_system)
{
    enum { BEFORE = 11 }; /* words between the name and utime */
    const char *name_end = strrchr(line, ')');
    if (name_end == NULL || name_end[1] == '\0')
        return false;
    struct fr_str rest = fr_str_of(name_end + 2), word;
    for (int i = 0; i < BEFORE; i++) {
        if (!fr_str_next(&rest, ' ', &word))
            return false;
    }
    return fr_str_next(&rest, ' ', &word) && fr_str_to_i64(word, 0, INT64_MAX, ret_user) == FR_OK &&
           fr_str_next(&rest, ' ', &word) && fr_str_to_i64(word, 0, INT64_MAX, ret_system) == FR_OK;
}

enum fr_status process_sample(int pid, struct process_sample *ret, struct fr_error *error)
{
    char path[64], line[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    FILE *in = fopen(path, "re");
    if (in == NULL)
        return fr_error_set(error, FR_NOT_FOUND, "--pid", "there is no process %d", pid);
    size_t len = fread(line, 1, sizeof line - 1, in);
    fclose(in);
    line[len] = '\0';
    int64_t user, system;
    if (!read_times(line, &user, &system))
        return fr_error_set(error, FR_PROTOCOL, "--pid", "%s is not as expected", path);
    double ticks = (double)sysconf(_SC_CLK_TCK);
    struct process_sample sample = {
        .at_ns = fr_clock_monotonic_ns(), .user_s = (double)user / ticks, .system_s = (double)system / ticks};
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    sample.rss = read_size(path, "VmRSS");
    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    sample.pss = read_size(path, "Pss");
    sample.anonymous = read_size(path, "Anonymous");
    *ret = sample;
    return FR_OK;
}
