#include "check.h"
#include "tls.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct folder {
    char path[64], certificate[96], key[96];
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof *folder);
    if (folder == NULL)
        return -1;
    snprintf(folder->path, sizeof folder->path, "/tmp/freshet-tls.XXXXXX");
    if (mkdtemp(folder->path) == NULL)
        return -1;
    snprintf(folder->certificate, sizeof folder->certificate, "%s/a.crt", folder->path);
    snprintf(folder->key, sizeof folder->key, "%s/a.key", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    unlink(folder->certificate);
    unlink(folder->key);
    int rc = rmdir(folder->path); /* fails if something else was left behind */
    free(folder);
    return rc;
}

static enum fr_status load(const struct folder *folder, struct fr_error *error)
{
    SSL_CTX *ctx = NULL;
    enum fr_status status = fr_tls_context_new(folder->certificate, folder->key, &ctx, error);
    SSL_CTX_free(ctx);
    return status;
}

static void test_made_at_first_start(void **state)
{
    const struct folder *folder = *state;
    struct fr_error error = {0};
    struct stat key, certificate, again;
    assert_int_equal(load(folder, &error), FR_OK);
    assert_int_equal(stat(folder->key, &key), 0);
    assert_int_equal(key.st_mode & 0777, 0600);
    assert_int_equal(stat(folder->certificate, &certificate), 0);
    assert_int_equal(load(folder, &error), FR_OK);
    assert_int_equal(stat(folder->key, &again), 0);
    assert_int_equal(again.st_ino, key.st_ino); /* used, not made anew */
}

static void test_one_missing(void **state)
{
    const struct folder *folder = *state;
    struct fr_error error = {0};
    assert_int_equal(load(folder, &error), FR_OK);
    unlink(folder->certificate);
    assert_int_equal(load(folder, &error), FR_INVALID);
    assert_string_equal(error.field, "--tls-certificate");
    unlink(folder->key);
    assert_int_equal(load(folder, &error), FR_OK);
    unlink(folder->key);
    assert_int_equal(load(folder, &error), FR_INVALID);
    assert_string_equal(error.field, "--tls-key");
}

static void test_key_open_to_others(void **state)
{
    const struct folder *folder = *state;
    struct fr_error error = {0};
    assert_int_equal(load(folder, &error), FR_OK);
    assert_int_equal(chmod(folder->key, 0644), 0);
    assert_int_equal(load(folder, &error), FR_INVALID);
    assert_string_equal(error.field, "--tls-key");
}

static void test_not_pem(void **state)
{
    const struct folder *folder = *state;
    struct fr_error error = {0};
    assert_int_equal(load(folder, &error), FR_OK);
    FILE *file = fopen(folder->certificate, "w");
    assert_non_null(file);
    fputs("hello\n", file);
    fclose(file);
    assert_int_equal(load(folder, &error), FR_INVALID);
    assert_string_equal(error.field, "--tls-certificate");
}

static void test_no_such_folder(void **state)
{
    (void)state;
    SSL_CTX *ctx = NULL;
    struct fr_error error = {0};
    assert_int_equal(fr_tls_context_new("/nonexistent/a.crt", "/nonexistent/a.key", &ctx, &error), FR_IO);
    assert_non_null(strstr(error.message, "--tls-"));
    assert_null(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_made_at_first_start, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_one_missing, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_key_open_to_others, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(test_not_pem, make_folder, remove_folder),
        cmocka_unit_test(test_no_such_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
