/* Files of a test, which go with it. */
#ifndef FR_TESTS_BENCH_FILES_H
#define FR_TESTS_BENCH_FILES_H

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A new file with that content; its name is in `path`. */
static inline const char *make_file(char path[static 32], const char *content)
{
    strcpy(path, "/tmp/wsbench-test.XXXXXX");
    int fd = mkstemp(path);
    FILE *out = fd >= 0 ? fdopen(fd, "w") : NULL;
    assert_non_null(out);
    fputs(content, out);
    assert_int_equal(fclose(out), 0);
    return path;
}

#endif
