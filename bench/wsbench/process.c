#include "process.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

/* The sizes of a file with lines `Name:  123 kB`, in bytes. */
static int64_t read_size(const char *path, const char *name)
{
    FILE *in = fopen(path, "re");
    char line[256];
    size_t len = strlen(name);
    long long size = 0;
    if (in == NULL)
        return 0;
    while (fgets(line, sizeof line, in) != NULL) {
        if (strncmp(line, name, len) == 0 && line[len] == ':' && sscanf(line + len + 1, "%lld", &size) == 1)
            break;
    }
    fclose(in);
    return size * 1024;
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
    /* The name, in parentheses, may hold anything; utime and stime are the 12th and 13th behind it. */
    const char *behind = strrchr(line, ')');
    unsigned long user, system;
    if (behind == NULL ||
        sscanf(behind + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
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
