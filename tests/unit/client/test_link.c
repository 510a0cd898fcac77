#include "link.h"

#include "check.h"

#define TEN "0123456789"
#define A_HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void the_cursor_of_the_next_page(void **state)
{
    static const struct {
        const char *comment, *header, *cursor;
    } rows[] = {
        {"no header", NULL, ""},
        {"empty", "", ""},
        {"as the gateway writes it", "</post/feed?cursor=AQG2m0umMPNOBuqJ&limit=10>; rel=\"next\"",
         "AQG2m0umMPNOBuqJ"},
        {"the cursor last", "</user/search?first_name=a%2Cb&cursor=x_-9>; rel=\"next\"", "x_-9"},
        {"without quotes", "</a?cursor=x>;rel=next", "x"},
        {"behind another link", "</a?cursor=x>; rel=\"prev\", </a?cursor=y>; rel=\"next\"", "y"},
        {"a comma within the address", "</a?ids=1,2&cursor=y>; rel=\"next\"", "y"},
        {"another relation", "</a?cursor=x>; rel=\"last\"", ""},
        {"no cursor", "</a?offset=10>; rel=\"next\"", ""},
        {"no query", "</a>; rel=\"next\"", ""},
        {"an empty cursor", "</a?cursor=>; rel=\"next\"", ""},
        {"the end of another name", "</a?my_cursor=x>; rel=\"next\"", ""},
        {"no end", "</a?cursor=x", ""},
        {"nothing behind the address", "</a?cursor=x>", ""},
        {"no address", "rel=\"next\"", ""},
        {"too long for a cursor", "</a?cursor=" A_HUNDRED A_HUNDRED ">; rel=\"next\"", ""},
    };
    FR_FOR_ROWS(row, rows)
    {
        char cursor[LINK_CURSOR_SIZE] = "untouched";
        link_next_cursor(row->header, cursor);
        FR_ASSERT_ROW(row, strcmp(cursor, row->cursor) == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cursor_of_the_next_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
