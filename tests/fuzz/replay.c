/* Runs the kept inputs of a target: every file of the folders that are named. A folder that is missing is
 * empty; no input at all is a failure, since a test that tests nothing must not pass. */
#include <dirent.h>
#include <errno.h>
#include <string.h>

#include "fuzz.h"

enum { INPUT_MAX = 1 << 20 };

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    /* Of exactly its size, so that a sanitizer sees a read past the end. */
    uint8_t *bytes = malloc(INPUT_MAX);
    size_t len = bytes != NULL ? fread(bytes, 1, INPUT_MAX, file) : 0;
    uint8_t *input = malloc(len > 0 ? len : 1);
    fclose(file);
    if (bytes == NULL || input == NULL) {
        free(bytes);
        free(input);
        return 1;
    }
    memcpy(input, bytes, len);
    free(bytes);
    fprintf(stderr, "%s\n", path);
    fr_fuzz_one(input, len);
    free(input);
    return 0;
}

static int replay_folder(const char *folder, int *count)
{
    DIR *dir = opendir(folder);
    if (dir == NULL)
        return errno == ENOENT ? 0 : 1;
    int failed = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL; entry = readdir(dir)) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        failed |= replay_file(path);
        (*count)++;
    }
    closedir(dir);
    return failed;
}

int main(int argc, char **argv)
{
    int count = 0, failed = 0;
    fr_fuzz_begin();
    for (int i = 1; i < argc; i++)
        failed |= replay_folder(argv[i], &count);
    if (count == 0) {
        fprintf(stderr, "there is no input in the folders that were named\n");
        return 1;
    }
    printf("%d inputs\n", count);
    return failed;
}
