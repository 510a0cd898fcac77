#include "metrics_internal.h"

#include <stdio.h>
#include <unistd.h>

/* proc(5): sizes in pages, the second is what is resident. */
void process_measure(void)
{
    FILE *file = fopen("/proc/self/statm", "re");
    long long resident = 0;
    if (file == NULL)
        return;
    if (fscanf(file, "%*s %lld", &resident) == 1)
        fr_metric_set(FR_METRIC_MEMORY, resident * sysconf(_SC_PAGESIZE));
    fclose(file);
}
