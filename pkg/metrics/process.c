#include "metrics_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* proc(5): sizes in pages, the second is what is resident. */
void process_measure(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    char line[256];
    if (file == NULL)
        return;
    const char *resident = fgets(line, sizeof line, file) != NULL ? strchr(line, ' ') : NULL;
    if (resident != NULL)
        fr_metric_set(FR_METRIC_MEMORY, strtoll(resident, NULL, 10) * sysconf(_SC_PAGESIZE));
    fclose(file);
}
