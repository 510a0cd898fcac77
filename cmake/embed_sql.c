/* embed_sql: turns SQL files into C tables at build.
 *
 *   embed_sql statements OUT.h OUT.c FILE...   pkg/store/sql: enum fr_sql and the table behind it
 *   embed_sql migrations OUT.c FILE...         schema: the migrations in the order of their numbers
 *
 * A statement file starts with comment lines, two of which are read:
 *   -- params: bigint author_id, text body     one for each $n (of a COPY: the columns of a row); or none
 *   -- result: bigint id, text body            one for each column that comes back; or none
 * Names may be left out. A header that ends with a comma goes on in the next line. Anything malformed stops
 * the build with the file and the reason. Outputs are written only when they change, so that nothing is
 * rebuilt in vain.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"

enum { FILE_MAX = 1 << 20, OUTPUT_MAX = 64 << 20, PARAMS_MAX = 16, COLUMNS_MAX = 32, NAME_MAX_LEN = 40 };

static const struct sql_type {
    const char *name;
    unsigned oid; /* of pg_type, fixed by the server's catalog */
} types[] = {
    {"smallint", 21},   {"integer", 23},      {"bigint", 20},   {"boolean", 16},
    {"text", 25},       {"date", 1082},       {"bytea", 17},    {"timestamptz", 1184},
    {"bigint[]", 1016}, {"smallint[]", 1005}, {"text[]", 1009},
    {"bytea[]", 1001},
};

struct column {
    const struct sql_type *type;
    char name[NAME_MAX_LEN + 1];
};

struct columns {
    size_t count;
    struct column items[COLUMNS_MAX];
};

struct sql_file {
    const char *path;
    char name[NAME_MAX_LEN + 1]; /* without folder, number and suffix */
    int number;                  /* of a migration */
    struct fr_buf text;
    size_t body; /* where the statement starts, after the comments at the top */
    bool is_copy;
    struct columns params, result;
};

static void print_error(const struct sql_file *file, const char *fmt, ...) FR_PRINTF(2, 3);

static void print_error(const struct sql_file *file, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "%s: ", file->path);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
}

static bool read_whole(const char *path, struct fr_buf *out)
{
    FILE *in = fopen(path, "rb");
    if (in == NULL)
        return false;
    char chunk[8192];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, in)) > 0)
        fr_buf_append(out, chunk, n);
    bool ok = ferror(in) == 0 && fr_buf_status(out) == FR_OK;
    fclose(in);
    return ok;
}

static bool write_if_changed(const char *path, const struct fr_buf *content)
{
    struct fr_buf old;
    fr_buf_init(&old, OUTPUT_MAX);
    bool same = read_whole(path, &old) && fr_str_equal(fr_buf_str(&old), fr_buf_str(content));
    fr_buf_release(&old);
    if (same)
        return true;
    FILE *out = fopen(path, "wb");
    bool ok = out != NULL && fwrite(content->data, 1, content->len, out) == content->len;
    if (out != NULL && fclose(out) != 0)
        ok = false;
    if (!ok)
        fprintf(stderr, "%s: cannot be written: %s\n", path, strerror(errno));
    return ok;
}

/* ---- names ---- */

static bool name_is_good(struct fr_str name)
{
    if (name.len == 0 || name.len > NAME_MAX_LEN || !islower((unsigned char)name.data[0]))
        return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.data[i];
        if (!islower(c) && !isdigit(c) && c != '_')
            return false;
    }
    return true;
}

/* "…/0001_tables.sql" gives 1 and "tables", "…/post_create.sql" just its name. */
static bool name_take(struct sql_file *file, bool numbered)
{
    const char *base = strrchr(file->path, '/');
    struct fr_str name = fr_str_of(base != NULL ? base + 1 : file->path);
    if (name.len < 4 || memcmp(name.data + name.len - 4, ".sql", 4) != 0) {
        print_error(file, "the name does not end with .sql");
        return false;
    }
    name.len -= 4;
    if (numbered) {
        int64_t number = 0;
        if (name.len < 6 || name.data[4] != '_' ||
            fr_str_to_i64((struct fr_str){name.data, 4}, 1, 9999, &number) != FR_OK) {
            print_error(file, "the name is not of the form 0001_what_it_does.sql");
            return false;
        }
        file->number = (int)number;
        name = (struct fr_str){name.data + 5, name.len - 5};
    }
    if (!name_is_good(name)) {
        print_error(file, "the name is not 1 to %d of a-z, 0-9 and _, starting with a letter", NAME_MAX_LEN);
        return false;
    }
    snprintf(file->name, sizeof file->name, "%.*s", FR_STR_ARG(name));
    return true;
}

/* ---- headers ---- */

static bool columns_parse(const struct sql_file *file, const char *header, struct fr_str list, size_t max,
                          struct columns *ret)
{
    *ret = (struct columns){0};
    if (fr_str_equal(fr_str_trim(list), FR_STR("none")))
        return true;
    /* A list that is empty or ends with a comma has an empty last piece, which fr_str_next() would not show.
     */
    list = fr_str_trim(list);
    if (list.len == 0 || list.data[list.len - 1] == ',') {
        print_error(file, "`-- %s:` wants a list of types, or none", header);
        return false;
    }
    struct fr_str piece;
    while (fr_str_next(&list, ',', &piece)) {
        piece = fr_str_trim(piece);
        size_t split = 0;
        while (split < piece.len && piece.data[split] != ' ')
            split++;
        struct fr_str type = {piece.data, split};
        struct fr_str name = fr_str_trim((struct fr_str){piece.data + split, piece.len - split});
        if (ret->count == max) {
            print_error(file, "`-- %s:` has more than %zu entries", header, max);
            return false;
        }
        struct column *column = &ret->items[ret->count++];
        for (size_t i = 0; i < FR_COUNT_OF(types); i++)
            if (fr_str_equal(type, fr_str_of(types[i].name)))
                column->type = &types[i];
        if (column->type == NULL) {
            print_error(file, "`-- %s:` has the unknown type \"%.*s\"", header, FR_STR_ARG(type));
            return false;
        }
        if (name.len == 0)
            snprintf(column->name, sizeof column->name, "column_%zu", ret->count);
        else if (name_is_good(name))
            snprintf(column->name, sizeof column->name, "%.*s", FR_STR_ARG(name));
        else {
            print_error(file, "`-- %s:` has the bad name \"%.*s\"", header, FR_STR_ARG(name));
            return false;
        }
    }
    return true;
}

/* The comment text of the line at `*at`, which moves behind it; false if the line is no comment. */
static bool comment_next(struct fr_str text, size_t *at, struct fr_str *ret)
{
    struct fr_str rest = {text.data + *at, text.len - *at};
    struct fr_str line;
    const char *end = memchr(rest.data, '\n', rest.len);
    line = (struct fr_str){rest.data, end != NULL ? (size_t)(end - rest.data) : rest.len};
    struct fr_str content = fr_str_trim(line);
    if (!fr_str_starts_with(content, FR_STR("--")))
        return false;
    *ret = fr_str_trim((struct fr_str){content.data + 2, content.len - 2});
    *at += line.len + (end != NULL ? 1 : 0);
    return true;
}

static bool header_parse(struct sql_file *file)
{
    bool have_params = false, have_result = false, ok = true;
    struct fr_str text = fr_buf_str(&file->text), line;
    struct fr_buf joined;
    fr_buf_init(&joined, FILE_MAX);
    while (ok && file->body < text.len && comment_next(text, &file->body, &line)) {
        bool is_params = fr_str_starts_with(line, FR_STR("params:"));
        bool is_result = fr_str_starts_with(line, FR_STR("result:"));
        if (!is_params && !is_result)
            continue;
        if (is_params ? have_params : have_result) {
            print_error(file, "has two lines `-- %s:`", is_params ? "params" : "result");
            ok = false;
            break;
        }
        fr_buf_reset(&joined);
        fr_buf_append(&joined, line.data + 7, line.len - 7);
        while (joined.len > 0 && joined.data[joined.len - 1] == ',' &&
               comment_next(text, &file->body, &line)) {
            fr_buf_append_char(&joined, ' ');
            fr_buf_append_str(&joined, line);
        }
        if (is_params) {
            have_params = true;
            ok = columns_parse(file, "params", fr_buf_str(&joined), PARAMS_MAX, &file->params);
        } else {
            have_result = true;
            ok = columns_parse(file, "result", fr_buf_str(&joined), COLUMNS_MAX, &file->result);
        }
    }
    fr_buf_release(&joined);
    if (ok && (!have_params || !have_result)) {
        print_error(file, "the comment at its top has no line `-- %s:`", have_params ? "result" : "params");
        ok = false;
    }
    return ok;
}

/* The largest n of the $n in the statement, outside of comments and quotes. */
static int placeholders_max(struct fr_str text)
{
    int max = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        if (c == '\'' || c == '"') {
            while (++i < text.len && text.data[i] != c)
                ;
        } else if (c == '-' && i + 1 < text.len && text.data[i + 1] == '-') {
            while (i < text.len && text.data[i] != '\n')
                i++;
        } else if (c == '$' && i + 1 < text.len && isdigit((unsigned char)text.data[i + 1])) {
            int n = atoi(text.data + i + 1);
            max = n > max ? n : max;
        }
    }
    return max;
}

static bool body_check(struct sql_file *file)
{
    struct fr_str body = {file->text.data + file->body, file->text.len - file->body};
    size_t skip = 0;
    while (skip < body.len && isspace((unsigned char)body.data[skip]))
        skip++;
    body = (struct fr_str){body.data + skip, body.len - skip};
    if (body.len == 0) {
        print_error(file, "has no statement");
        return false;
    }
    file->is_copy = body.len > 5 && fr_str_equal_nocase((struct fr_str){body.data, 5}, FR_STR("copy "));
    int used = placeholders_max(body);
    if (file->is_copy) {
        if (used != 0 || file->params.count == 0 || file->result.count != 0) {
            print_error(file, "a COPY has the columns of a row as its params, no $n, and no result");
            return false;
        }
    } else if ((size_t)used != file->params.count) {
        print_error(file, "declares %zu params, and uses up to $%d", file->params.count, used);
        return false;
    }
    return true;
}

/* ---- output ---- */

static void put_text(struct fr_buf *out, struct fr_str text)
{
    fr_buf_append_text(out, "\n        \"");
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '\n')
            fr_buf_append_text(out, i + 1 < text.len ? "\\n\"\n        \"" : "\\n");
        else if (c == '"' || c == '\\' || c == '?')
            fr_buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c >= 0x7f)
            fr_buf_printf(out, "\\%03o", c);
        else
            fr_buf_append_char(out, (char)c);
    }
    fr_buf_append_char(out, '"');
}

static void put_columns(struct fr_buf *out, const char *what, const char *file, const struct columns *columns)
{
    if (columns->count == 0)
        return;
    fr_buf_printf(out, "static const struct fr_sql_column %s_%s[] = {\n", file, what);
    for (size_t i = 0; i < columns->count; i++)
        fr_buf_printf(out, "    {\"%s\", \"%s\", %u},\n", columns->items[i].name,
                      columns->items[i].type->name, columns->items[i].type->oid);
    fr_buf_append_text(out, "};\n");
}

static void put_columns_member(struct fr_buf *out, const char *what, const char *file,
                               const struct columns *columns)
{
    if (columns->count == 0)
        return;
    fr_buf_printf(out, "        .%s_count = %zu,\n        .%ss = %s_%s,\n", what, columns->count, what, file,
                  what);
}

static void put_header(struct fr_buf *out, const struct sql_file *files, size_t count)
{
    fr_buf_append_text(out, "/* Made at build from pkg/store/sql; see there. */\n"
                            "#ifndef FR_STORE_SQL_TABLE_H\n#define FR_STORE_SQL_TABLE_H\n\nenum fr_sql {\n");
    for (size_t i = 0; i < count; i++) {
        fr_buf_append_text(out, "    FR_SQL_");
        for (const char *c = files[i].name; *c != '\0'; c++)
            fr_buf_append_char(out, (char)toupper((unsigned char)*c));
        fr_buf_append_text(out, ",\n");
    }
    fr_buf_append_text(out, "    FR_SQL_COUNT\n};\n\n#endif\n");
}

static void put_statements(struct fr_buf *out, const struct sql_file *files, size_t count)
{
    fr_buf_append_text(
        out, "/* Made at build from pkg/store/sql; see there. */\n#include \"store/statement.h\"\n\n");
    for (size_t i = 0; i < count; i++) {
        put_columns(out, "param", files[i].name, &files[i].params);
        put_columns(out, "column", files[i].name, &files[i].result);
    }
    fr_buf_append_text(out, "\nconst struct fr_sql_statement fr_sql_statements[FR_SQL_COUNT] = {\n");
    for (size_t i = 0; i < count; i++) {
        const struct sql_file *file = &files[i];
        fr_buf_printf(out, "    {\n        .name = \"%s\",\n        .is_copy = %s,\n", file->name,
                      file->is_copy ? "true" : "false");
        put_columns_member(out, "param", file->name, &file->params);
        put_columns_member(out, "column", file->name, &file->result);
        fr_buf_append_text(out, "        .text =");
        put_text(out, (struct fr_str){file->text.data + file->body, file->text.len - file->body});
        fr_buf_append_text(out, ",\n    },\n");
    }
    fr_buf_append_text(out, "};\n");
}

static void put_migrations(struct fr_buf *out, const struct sql_file *files, size_t count)
{
    fr_buf_append_text(out, "/* Made at build from schema; see there. */\n#include \"store/migrate.h\"\n\n"
                            "static const struct fr_migration migrations[] = {\n");
    for (size_t i = 0; i < count; i++) {
        fr_buf_printf(out, "    {\n        .number = %d,\n        .name = \"%s\",\n        .text =",
                      files[i].number, files[i].name);
        put_text(out, fr_buf_str(&files[i].text));
        fr_buf_append_text(out, ",\n    },\n");
    }
    fr_buf_printf(out,
                  "};\n\nconst struct fr_migration_table fr_migrations_embedded = {.items = migrations, "
                  ".count = %zu};\n",
                  count);
}

/* ---- the two commands ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct sql_file *)a)->name, ((const struct sql_file *)b)->name);
}

static int compare_numbers(const void *a, const void *b)
{
    return ((const struct sql_file *)a)->number - ((const struct sql_file *)b)->number;
}

static bool load_all(struct sql_file *files, size_t count, char **paths, bool numbered)
{
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        struct sql_file *file = &files[i];
        file->path = paths[i];
        fr_buf_init(&file->text, FILE_MAX);
        if (!read_whole(file->path, &file->text)) {
            print_error(file, "cannot be read, or is larger than %d bytes", FILE_MAX);
            ok = false;
        } else if (file->text.len == 0 || memchr(file->text.data, '\0', file->text.len) != NULL) {
            print_error(file, "is empty, or holds a NUL byte");
            ok = false;
        } else if (!name_take(file, numbered)) {
            ok = false;
        } else if (!numbered && !(header_parse(file) && body_check(file))) {
            ok = false;
        }
    }
    return ok;
}

static bool embed_statements(struct sql_file *files, size_t count, const char *header, const char *source)
{
    struct fr_buf out;
    fr_buf_init(&out, OUTPUT_MAX);
    qsort(files, count, sizeof *files, compare_names);
    put_header(&out, files, count);
    bool ok = write_if_changed(header, &out);
    fr_buf_reset(&out);
    put_statements(&out, files, count);
    ok = write_if_changed(source, &out) && ok;
    fr_buf_release(&out);
    return ok;
}

static bool embed_migrations(struct sql_file *files, size_t count, const char *source)
{
    qsort(files, count, sizeof *files, compare_numbers);
    for (size_t i = 0; i < count; i++) {
        if (files[i].number != (int)i + 1) {
            print_error(&files[i],
                        "is number %d where %zu is next: numbers start at 1, without gap or repeat",
                        files[i].number, i + 1);
            return false;
        }
    }
    struct fr_buf out;
    fr_buf_init(&out, OUTPUT_MAX);
    put_migrations(&out, files, count);
    bool ok = write_if_changed(source, &out);
    fr_buf_release(&out);
    return ok;
}

int main(int argc, char **argv)
{
    bool statements = argc > 4 && strcmp(argv[1], "statements") == 0;
    bool migrations = argc > 3 && strcmp(argv[1], "migrations") == 0;
    if (!statements && !migrations) {
        fprintf(stderr, "usage: embed_sql statements OUT.h OUT.c FILE... | migrations OUT.c FILE...\n");
        return 2;
    }
    int first = statements ? 4 : 3;
    size_t count = (size_t)(argc - first);
    struct sql_file *files = fr_alloc_array(count, sizeof *files);
    bool ok = load_all(files, count, argv + first, migrations);
    if (ok)
        ok = statements ? embed_statements(files, count, argv[2], argv[3])
                        : embed_migrations(files, count, argv[2]);
    for (size_t i = 0; i < count; i++)
        fr_buf_release(&files[i].text);
    free(files);
    return ok ? 0 : 1;
}
