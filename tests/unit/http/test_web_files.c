#include "check.h"
#include "web_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define CSS "body{}\n"
static const char css_gzip[] = "\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\x4b\xca\x4f\xa9\xac\xae\xe5\x02\x00"
                               "\xb2\x68\x82\x20\x07\x00\x00\x00";
enum { GZIP_LEN = sizeof css_gzip - 1 };

/* ---- a folder of each test's own ---- */

static char top[64];

static int make_folder(void **state)
{
    (void)state;
    snprintf(top, sizeof top, "/tmp/freshet-web.XXXXXX");
    return mkdtemp(top) != NULL ? 0 : -1;
}

static void remove_in(const char *folder)
{
    DIR *listing = opendir(folder);
    const struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (unlink(path) != 0) {
            remove_in(path);
            rmdir(path);
        }
    }
    if (listing != NULL)
        closedir(listing);
}

static int remove_folder(void **state)
{
    (void)state;
    remove_in(top);
    return rmdir(top);
}

static const char *path_of(const char *name)
{
    static char path[400];
    snprintf(path, sizeof path, "%s/%s", top, name);
    return path;
}

static void put_bytes(const char *name, const void *bytes, size_t len)
{
    FILE *file = fopen(path_of(name), "w");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void put(const char *name, const char *text)
{
    put_bytes(name, text, strlen(text));
}

static void put_size(const char *name, off_t size)
{
    put(name, "");
    assert_int_equal(truncate(path_of(name), size), 0);
}

static void put_assets(void)
{
    assert_int_equal(mkdir(path_of("assets"), 0755), 0);
}

static struct fr_web_files *must_read(void)
{
    struct fr_web_files *files = NULL;
    struct fr_error error = {0};
    if (fr_web_files_read(top, &files, &error) != FR_OK)
        fail_msg("%s", error.message);
    return files;
}

static void must_refuse(const char *folder, enum fr_status status, const char *word)
{
    struct fr_web_files *files = NULL;
    struct fr_error error = {0};
    assert_int_equal(fr_web_files_read(folder, &files, &error), status);
    assert_null(files);
    assert_string_equal(error.field, "--web-dir");
    assert_true(strncmp(error.message, "--web-dir: ", 11) == 0);
    if (strstr(error.message, word) == NULL)
        fail_msg("\"%s\" does not say \"%s\"", error.message, word);
}

/* ---- what is read ---- */

static void test_paths_and_types(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *name, *path, *type;
        bool hashed;
    } rows[] = {
        {"the page", "index.html", "/", "text/html; charset=utf-8", false},
        {"the operations page", "ops.html", "/ops", "text/html; charset=utf-8", false},
        {"icon", "favicon.svg", "/favicon.svg", "image/svg+xml; charset=utf-8", false},
        {"for robots", "robots.txt", "/robots.txt", "text/plain; charset=utf-8", false},
        {"script", "assets/app-5QKJ4SDF.js", "/assets/app-5QKJ4SDF.js", "text/javascript; charset=utf-8",
         true},
        {"its map", "assets/app-5QKJ4SDF.js.map", "/assets/app-5QKJ4SDF.js.map", "application/json", true},
        {"style, hash in hex", "assets/a-b-0123abcd.css", "/assets/a-b-0123abcd.css",
         "text/css; charset=utf-8", true},
        {"no hash", "assets/plain.css", "/assets/plain.css", "text/css; charset=utf-8", false},
        {"a word is no hash", "assets/the-overview.css", "/assets/the-overview.css",
         "text/css; charset=utf-8", false},
        {"nor is one that is short", "assets/app-ABCDEFG.js", "/assets/app-ABCDEFG.js",
         "text/javascript; charset=utf-8", false},
        {"letters of both kinds", "assets/app-abcdEFGH.js", "/assets/app-abcdEFGH.js",
         "text/javascript; charset=utf-8", false},
        {"font", "assets/f-00000000.woff2", "/assets/f-00000000.woff2", "font/woff2", true},
    };
    put_assets();
    FR_FOR_ROWS(row, rows)
    put(row->name, row->comment);
    struct fr_web_files *files = must_read();
    FR_FOR_ROWS(row, rows)
    {
        const struct fr_web_file *file = fr_web_files_find(files, fr_str_of(row->path));
        FR_ASSERT_ROW(row, file != NULL);
        FR_ASSERT_ROW(row, strcmp(file->type, row->type) == 0);
        FR_ASSERT_ROW(row, file->hashed == row->hashed);
        FR_ASSERT_ROW(
            row, fr_str_equal((struct fr_str){file->plain.data, file->plain.len}, fr_str_of(row->comment)));
        FR_ASSERT_ROW(row, file->gzip.data == NULL);
    }
    fr_web_files_free(files);
}

static void test_only_what_is_named_is_served(void **state)
{
    (void)state;
    put_assets();
    put("index.html", "x");
    put("secret.txt", "x");
    put("assets/.hidden.js", "x");
    struct fr_web_files *files = must_read();
    static const char *const unknown[] = {
        "",        "/index.html",           "/ops", "/secret.txt", "/assets/", "/assets/.hidden.js",
        "/assets", "/assets/../index.html", "//",   "/favicon.svg"};
    for (size_t i = 0; i < FR_COUNT_OF(unknown); i++) {
        if (fr_web_files_find(files, fr_str_of(unknown[i])) != NULL)
            fail_msg("%s is served", unknown[i]);
    }
    assert_null(fr_web_files_find(NULL, FR_STR("/")));
    fr_web_files_free(files);
    fr_web_files_free(NULL);
}

static void test_entity_tags_are_of_the_bytes(void **state)
{
    (void)state;
    put("index.html", "one");
    struct fr_web_files *before = must_read(), *again = must_read();
    put("index.html", "two");
    struct fr_web_files *after = must_read();
    const char *etag = fr_web_files_find(before, FR_STR("/"))->plain.etag;
    /* sha256sum of `one` */
    assert_string_equal(etag, "\"7692c3ad3540bb803c020b3aee66cd88\"");
    assert_string_equal(etag, fr_web_files_find(again, FR_STR("/"))->plain.etag);
    assert_string_not_equal(etag, fr_web_files_find(after, FR_STR("/"))->plain.etag);
    fr_web_files_free(before);
    fr_web_files_free(again);
    fr_web_files_free(after);
}

static void test_gzip_variant(void **state)
{
    (void)state;
    put_assets();
    put("index.html", "x");
    put("assets/a.css", CSS);
    put_bytes("assets/a.css.gz", css_gzip, GZIP_LEN);
    struct fr_web_files *files = must_read();
    const struct fr_web_file *file = fr_web_files_find(files, FR_STR("/assets/a.css"));
    assert_int_equal(file->gzip.len, GZIP_LEN);
    assert_memory_equal(file->gzip.data, css_gzip, GZIP_LEN);
    assert_string_not_equal(file->gzip.etag, file->plain.etag);
    assert_null(fr_web_files_find(files, FR_STR("/assets/a.css.gz")));
    fr_web_files_free(files);
}

/* ---- what is refused ---- */

static void test_folder(void **state)
{
    (void)state;
    must_refuse("/nonexistent/web", FR_IO, "/nonexistent/web");
    must_refuse(top, FR_INVALID, "index.html");
    put("a-file", "x");
    must_refuse(path_of("a-file"), FR_IO, "a-file");
    put("index.html", "x");
    put("assets", "no folder");
    must_refuse(top, FR_IO, "assets");
}

static void test_assets_that_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *name, *word;
    } rows[] = {
        {"kind", "assets/run.exe", "kind"},
        {"no kind", "assets/LICENSE", "kind"},
        {"blank", "assets/a b.js", "name"},
        {"percent", "assets/a%2e.js", "name"},
        {"not ASCII", "assets/\xc3\xa9.js", "name"},
        {"gzip of nothing", "assets/a.js.gz", "no file beside it"},
    };
    put_assets();
    put("index.html", "x");
    FR_FOR_ROWS(row, rows)
    {
        put(row->name, "x");
        must_refuse(top, FR_INVALID, row->word);
        assert_int_equal(unlink(path_of(row->name)), 0);
    }
    char name[FR_WEB_NAME_MAX + 16];
    memset(name, 'x', sizeof name);
    memcpy(name, "assets/", 7);
    strcpy(name + 7 + FR_WEB_NAME_MAX - 2, ".js");
    put(name, "x");
    must_refuse(top, FR_INVALID, "name");
}

static void test_what_is_no_plain_file(void **state)
{
    (void)state;
    char target[400];
    put_assets();
    put("page", "x");
    snprintf(target, sizeof target, "%s", path_of("page"));
    assert_int_equal(symlink(target, path_of("index.html")), 0);
    must_refuse(top, FR_INVALID, "link");
    assert_int_equal(unlink(path_of("index.html")), 0);
    put("index.html", "x");
    assert_int_equal(symlink(target, path_of("assets/a.js")), 0);
    must_refuse(top, FR_INVALID, "link");
    assert_int_equal(unlink(path_of("assets/a.js")), 0);
    assert_int_equal(mkfifo(path_of("assets/a.js"), 0600), 0);
    must_refuse(top, FR_INVALID, "regular");
    assert_int_equal(unlink(path_of("assets/a.js")), 0);
    assert_int_equal(mkdir(path_of("assets/a.js"), 0700), 0);
    must_refuse(top, FR_INVALID, "regular");
    assert_int_equal(rmdir(path_of("assets/a.js")), 0);
    /* The folder of assets itself must not lead elsewhere either. */
    assert_int_equal(rmdir(path_of("assets")), 0);
    assert_int_equal(symlink("/tmp", path_of("assets")), 0);
    must_refuse(top, FR_IO, "assets");
}

static void test_gzip_of_something_else(void **state)
{
    (void)state;
    char spoilt[GZIP_LEN];
    static const size_t places[] = {0, GZIP_LEN - 8, GZIP_LEN - 4}; /* magic, check sum, length */
    put_assets();
    put("index.html", "x");
    put("assets/a.css", CSS);
    for (size_t i = 0; i < FR_COUNT_OF(places); i++) {
        memcpy(spoilt, css_gzip, sizeof spoilt);
        spoilt[places[i]] ^= 1;
        put_bytes("assets/a.css.gz", spoilt, sizeof spoilt);
        must_refuse(top, FR_INVALID, "unpack");
    }
    put_bytes("assets/a.css.gz", css_gzip, 10);
    must_refuse(top, FR_INVALID, "unpack");
}

static void test_bounds(void **state)
{
    (void)state;
    char name[32];
    put_size("index.html", FR_WEB_FILE_BYTES_MAX);
    fr_web_files_free(must_read());
    put_size("index.html", FR_WEB_FILE_BYTES_MAX + 1);
    must_refuse(top, FR_INVALID, "more than 2097152 bytes");

    /* As many bytes as there may be; one more is one too many. */
    put_assets();
    put_size("index.html", FR_WEB_FILE_BYTES_MAX);
    for (int i = 1; i < FR_WEB_BYTES_MAX / FR_WEB_FILE_BYTES_MAX; i++) {
        snprintf(name, sizeof name, "assets/%d.js", i);
        put_size(name, FR_WEB_FILE_BYTES_MAX);
    }
    fr_web_files_free(must_read());
    put("ops.html", "x");
    must_refuse(top, FR_INVALID, "in all");
}

static void test_number_of_files(void **state)
{
    (void)state;
    char name[32];
    put_assets();
    put("index.html", "x");
    for (int i = 1; i < FR_WEB_FILES_MAX; i++) {
        snprintf(name, sizeof name, "assets/%d.js", i);
        put(name, "x");
    }
    fr_web_files_free(must_read());
    put("assets/one-more.js", "x");
    must_refuse(top, FR_INVALID, "more than 256 files");
}

/* ---- what a client knows already ---- */

static void test_etag_matches(void **state)
{
    (void)state;
    static const struct {
        const char *comment, *header;
        bool matches;
    } rows[] = {
        {"absent", "", false},
        {"the same", "\"abc\"", true},
        {"weak, as caches on the way make it", "W/\"abc\"", true},
        {"among others", "\"x\", \"abc\"", true},
        {"others", "\"x\",\"abcd\", \"ab\"", false},
        {"any", "*", true},
        {"without quotes", "abc", false},
        {"case matters", "\"ABC\"", false},
        {"garbage", ",,W/,\"", false},
    };
    FR_FOR_ROWS(row, rows)
    FR_ASSERT_ROW(row, fr_web_etag_matches(fr_str_of(row->header), "\"abc\"") == row->matches);
}

#define IN_A_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_FOLDER(test_paths_and_types),
        IN_A_FOLDER(test_only_what_is_named_is_served),
        IN_A_FOLDER(test_entity_tags_are_of_the_bytes),
        IN_A_FOLDER(test_gzip_variant),
        IN_A_FOLDER(test_folder),
        IN_A_FOLDER(test_assets_that_are_refused),
        IN_A_FOLDER(test_what_is_no_plain_file),
        IN_A_FOLDER(test_gzip_of_something_else),
        IN_A_FOLDER(test_bounds),
        IN_A_FOLDER(test_number_of_files),
        cmocka_unit_test(test_etag_matches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
