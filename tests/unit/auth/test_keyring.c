#include "auth/auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"

#define SECRET_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SECRET_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define SHORT "ssssssssssssssssssssssssssssss!"

static char folder[] = "/tmp/freshet-keys-XXXXXX";
static char file[sizeof folder + 8];

static int make_folder(void **state)
{
    assert_non_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/keys", folder);
    return fr_auth_init(NULL) == FR_OK ? 0 : -1;
}

static int drop_folder(void **state)
{
    unlink(file);
    return rmdir(folder);
}

static void write_file(const char *text, mode_t mode)
{
    unlink(file);
    FILE *f = fopen(file, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(chmod(file, mode), 0);
}

static void assert_secretless(const struct fr_error *error)
{
    assert_null(strstr(error->message, "aaaaaaaa"));
    assert_null(strstr(error->message, "bbbbbbbb"));
    assert_null(strstr(error->message, "ssssssss"));
}

static void lists_are_checked(void **state)
{
    static const struct {
        const char *comment, *keys, *message; /* message NULL: accepted */
    } rows[] = {
        {"one", "k1:" SECRET_A, NULL},
        {"two", "k2:" SECRET_B ",k1:" SECRET_A, NULL},
        {"a colon in the secret", "k1:" SECRET_A ":x", NULL},
        {"none", "", "--token-keys-file or the variable FRESHET_TOKEN_KEYS"},
        {"NULL", NULL, "--token-keys-file or the variable FRESHET_TOKEN_KEYS"},
        {"short secret", "k1:" SHORT, "\"k1\" has less than 32 bytes"},
        {"short second", "k1:" SECRET_A ",k2:" SHORT, "entry 2: the secret of key \"k2\""},
        {"empty secret", "k1:", "less than 32"},
        {"twice", "k1:" SECRET_A ",k1:" SECRET_B, "\"k1\" is given twice"},
        {"no colon, the secret alone", SECRET_A, "entry 1: kid:secret"},
        {"secret where the kid belongs", SECRET_A "!:k1", "entry 1: a key id"},
        {"empty kid", ":" SECRET_A, "entry 1: a key id"},
        {"empty entry", "k1:" SECRET_A ",", "entry 2: kid:secret"},
        {"eight",
         "1:" SECRET_A ",2:" SECRET_A ",3:" SECRET_A ",4:" SECRET_A ",5:" SECRET_A ",6:" SECRET_A
         ",7:" SECRET_A ",8:" SECRET_A,
         NULL},
        {"nine",
         "1:" SECRET_A ",2:" SECRET_A ",3:" SECRET_A ",4:" SECRET_A ",5:" SECRET_A ",6:" SECRET_A
         ",7:" SECRET_A ",8:" SECRET_A ",9:" SECRET_A,
         "more than 8 keys"},
    };
    FR_FOR_ROWS(row, rows)
    {
        struct fr_keyring *ring = NULL;
        struct fr_error error = {0};
        enum fr_status status = fr_keyring_load("", row->keys, &ring, &error);
        FR_ASSERT_ROW(row, status == (row->message != NULL ? FR_INVALID : FR_OK));
        FR_ASSERT_ROW(row, (ring != NULL) == (status == FR_OK));
        if (row->message != NULL && strstr(error.message, row->message) == NULL)
            fail_msg("row \"%s\": \"%s\" is not in \"%s\"", row->comment, row->message, error.message);
        assert_secretless(&error);
        fr_keyring_free(ring);
    }
    fr_keyring_free(NULL);
}

static void long_secret_is_refused(void **state)
{
    char keys[1024] = "k1:";
    memset(keys + 3, 'a', 512);
    struct fr_keyring *ring = NULL;
    assert_int_equal(fr_keyring_load(NULL, keys, &ring, NULL), FR_OK);
    fr_keyring_free(ring);
    keys[3 + 512] = 'a';
    assert_int_equal(fr_keyring_load(NULL, keys, &ring, NULL), FR_INVALID);
}

static void files_are_checked(void **state)
{
    static const struct {
        const char *comment, *text;
        mode_t mode;
        const char *message; /* NULL: accepted */
    } rows[] = {
        {"one", "k1 " SECRET_A "\n", 0600, NULL},
        {"comments, blank lines, tabs, no last newline",
         "# keys\n\n \t\nk2\t" SECRET_B "  \n# old\n  k1   " SECRET_A, 0600, NULL},
        {"lines of Windows", "k1 " SECRET_A "\r\nk2 " SECRET_B "\r\n", 0600, NULL},
        {"read by the group, as clusters do", "k1 " SECRET_A "\n", 0440, NULL},
        {"open to all", "k1 " SECRET_A "\n", 0644, "mode 0644"},
        {"writable by all", "k1 " SECRET_A "\n", 0602, "mode 0602"},
        {"writable by the group", "k1 " SECRET_A "\n", 0620, "mode 0620"},
        {"empty", "", 0600, "holds no key"},
        {"comments only", "# k1 " SECRET_A "\n", 0600, "holds no key"},
        {"kid alone", "k1\n", 0600, "line 1: a key id and a secret"},
        {"secret alone", "\n" SECRET_A "\n", 0600, "line 2: a key id and a secret"},
        {"three words", "k1 " SECRET_A " " SECRET_B "\n", 0600, "line 1: more than"},
        {"short", "k1 " SECRET_A "\nk2 " SHORT "\n", 0600, "line 2: the secret of key \"k2\""},
        {"twice", "k1 " SECRET_A "\nk1 " SECRET_B "\n", 0600, "line 2: key \"k1\" is given twice"},
        {"the other form", "k1:" SECRET_A "\n", 0600, "line 1: a key id and a secret"},
    };
    FR_FOR_ROWS(row, rows)
    {
        write_file(row->text, row->mode);
        struct fr_keyring *ring = NULL;
        struct fr_error error = {0};
        enum fr_status status = fr_keyring_load(file, "other:" SECRET_A, &ring, &error);
        FR_ASSERT_ROW(row, status == (row->message != NULL ? FR_INVALID : FR_OK));
        if (row->message != NULL && strstr(error.message, row->message) == NULL)
            fail_msg("row \"%s\": \"%s\" is not in \"%s\"", row->comment, row->message, error.message);
        assert_secretless(&error);
        fr_keyring_free(ring);
    }
}

static void file_must_be_a_readable_file(void **state)
{
    struct fr_keyring *ring = NULL;
    struct fr_error error = {0};
    unlink(file);
    assert_int_equal(fr_keyring_load(file, "k1:" SECRET_A, &ring, &error), FR_IO);
    assert_non_null(strstr(error.message, "No such file"));
    assert_int_equal(fr_keyring_load(folder, NULL, &ring, &error), FR_INVALID);
    assert_non_null(strstr(error.message, "not a regular file"));
    assert_int_equal(mkfifo(file, 0600), 0);
    assert_int_equal(fr_keyring_load(file, NULL, &ring, &error),
                     FR_INVALID); /* and does not wait for a writer */
    assert_null(ring);
}

static void file_goes_before_the_list(void **state)
{
    write_file("of-file " SECRET_A "\n", 0600);
    struct fr_keyring *both = NULL, *only = NULL;
    assert_int_equal(fr_keyring_load(file, "of-list:" SECRET_B, &both, NULL), FR_OK);
    assert_int_equal(fr_keyring_load(NULL, "of-file:" SECRET_A, &only, NULL), FR_OK);
    char *text = NULL;
    struct fr_token token;
    assert_int_equal(fr_token_mint(both, 5, 1000000, 1000, NULL, &text, NULL), FR_OK);
    assert_int_equal(fr_token_verify(only, fr_str_of(text), 1000000, &token, NULL), FR_OK);
    free(text);
    fr_keyring_free(both);
    fr_keyring_free(only);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_checked),         cmocka_unit_test(long_secret_is_refused),
        cmocka_unit_test(files_are_checked),         cmocka_unit_test(file_must_be_a_readable_file),
        cmocka_unit_test(file_goes_before_the_list),
    };
    return cmocka_run_group_tests_name("keyring", tests, make_folder, drop_folder);
}
