#include "generated_people.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "generated_graph.h"

#define DAY_MS INT64_C(86400000)
_Static_assert(GENERATED_USERS_MAX < 1 << GENERATED_AUTHOR_BITS,
               "a user's number fits into the lower bits of an id");

enum { BORN_FIRST = -10957 /* 1940-01-01 */, BORN_LAST = 14244 /* 2008-12-31 */ };

static const char *const first_names[] = {
    "Ada",    "Ali",   "Amira", "Anton",  "Bela",   "Boris", "Carla", "Chen",  "Clara", "Dana", "David",
    "Dmitri", "Elena", "Emil",  "Esra",   "Farid",  "Fiona", "Georg", "Gita",  "Hana",  "Hugo", "Ida",
    "Igor",   "Ines",  "Ivan",  "Jana",   "Jonas",  "Julia", "Kai",   "Karim", "Kira",  "Lars", "Leila",
    "Lena",   "Luis",  "Maria", "Marko",  "Mei",    "Mila",  "Nadia", "Nils",  "Nora",  "Olga", "Omar",
    "Paula",  "Pavel", "Petra", "Rafael", "Rosa",   "Rudi",  "Sami",  "Sara",  "Selma", "Sven", "Tariq",
    "Tessa",  "Timo",  "Uma",   "Vera",   "Viktor", "Wanda", "Yusuf", "Zara",  "Zoran"};
static const char *const second_names[] = {
    "Adler",  "Almeida", "Arslan", "Baker",   "Berg",    "Bianchi", "Brandt", "Castro",   "Dahl",   "Danev",
    "Dumont", "Eriksen", "Farkas", "Fischer", "Fofanah", "Garcia",  "Gruber", "Haddad",   "Hansen", "Horvat",
    "Ito",    "Ivanova", "Jansen", "Jovanov", "Kaya",    "Keller",  "Kim",    "Kowalski", "Larsen", "Lefort",
    "Lind",   "Lopez",   "Maier",  "Marini",  "Mbeki",   "Moreau",  "Nagy",   "Nakamura", "Novak",  "Okafor",
    "Olsen",  "Orlova",  "Park",   "Petrov",  "Pinto",   "Popescu", "Quist",  "Ramos",    "Reuter", "Rossi",
    "Sato",   "Schulz",  "Silva",  "Singh",   "Sokolov", "Tanaka",  "Toth",   "Ulrich",   "Varga",  "Vogel",
    "Weiss",  "Wood",    "Yilmaz", "Zhang"};
static const char *const cities[] = {
    "Amsterdam", "Athens",  "Berlin",  "Bogota", "Cairo", "Dakar",  "Dublin",  "Graz",
    "Hanoi",     "Izmir",   "Kazan",   "Lagos",  "Lima",  "Lisbon", "Lyon",    "Minsk",
    "Mumbai",    "Nairobi", "Osaka",   "Oslo",   "Porto", "Prague", "Quito",   "Riga",
    "Seoul",     "Sofia",   "Tallinn", "Tirana", "Tunis", "Turin",  "Vilnius", "Zagreb"};

/* A text is an opening, a doing, a thing and a close. */
static const char *const openings[] = {
    "This morning I",       "Finally I",           "On the way to work I", "After three attempts I",
    "Last night I",         "Don't laugh, but I",  "In the rain I",        "With my sister I",
    "Between two trains I", "Before breakfast I",  "For the first time I", "Without a plan I",
    "By accident I",        "As every Sunday I",   "At my neighbour's I",  "On a bet I",
    "Against all advice I", "In my lunch break I", "Half asleep I",        "At long last I"};
static const char *const doings[] = {
    "repaired",   "painted",           "lost",         "found",       "bought",
    "gave away",  "photographed",      "took apart",   "wrote about", "dreamt of",
    "borrowed",   "cleaned",           "carried home", "sold",        "drew",
    "measured",   "learned all about", "planted",      "tasted",      "polished",
    "wrapped up", "almost broke",      "sang to",      "waited for"};
static const char *const things[] = {"an old bicycle",
                                     "the kitchen clock",
                                     "two tomato plants",
                                     "a map of the harbour",
                                     "my grandfather's radio",
                                     "a very small boat",
                                     "the blue door",
                                     "a box of letters",
                                     "somebody's umbrella",
                                     "the last ticket",
                                     "a loaf of rye bread",
                                     "the garden wall",
                                     "a telescope",
                                     "seven wooden spoons",
                                     "the neighbour's cat",
                                     "a song from the eighties",
                                     "a pair of red boots",
                                     "the broken lamp",
                                     "a jar of plum jam",
                                     "an accordion",
                                     "the tallest sunflower",
                                     "a paper kite",
                                     "the night bus",
                                     "a chess set without kings",
                                     "a stone from the river",
                                     "the wrong suitcase",
                                     "a recipe for lentils",
                                     "an almost empty notebook"};
static const char *const closes[] = {".",
                                     "!",
                                     ", and it was worth it.",
                                     ". Never again.",
                                     ". Who would have thought?",
                                     ", just in time.",
                                     ". Pictures follow.",
                                     ". Ask me tomorrow how it went.",
                                     " and told nobody until now.",
                                     ". It took all day.",
                                     ". Recommended!",
                                     ", for the second time this year.",
                                     ". The weather helped.",
                                     ". Any advice?",
                                     " while the coffee got cold.",
                                     ", more or less."};

#define PICK(random, list) (list)[fr_random_below(random, FR_COUNT_OF(list))]

struct person people_describe(const struct people_options *options, int64_t user)
{
    struct fr_random random = fr_random_stream(options->seed, GENERATED_PERSON, (uint64_t)user);
    struct person person = {.first_name = PICK(&random, first_names)};
    person.second_name = PICK(&random, second_names);
    person.city = PICK(&random, cities);
    person.birthdate = (int32_t)fr_random_within(&random, BORN_FIRST, BORN_LAST);
    return person;
}

int64_t people_start_ms(const struct people_options *options)
{
    return options->end_ms - GENERATED_DAYS * DAY_MS;
}

size_t people_post_count(const struct people_options *options, int64_t user)
{
    struct fr_random random = fr_random_stream(options->seed, GENERATED_POST_COUNT, (uint64_t)user);
    return (size_t)fr_random_within(&random, options->posts_min, options->posts_max);
}

static int compare_ids(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

size_t people_post_ids(const struct people_options *options, int64_t user, int64_t *ret_ids)
{
    struct fr_random random = fr_random_stream(options->seed, GENERATED_POST_TIME, (uint64_t)user);
    size_t wanted = people_post_count(options, user), count = 0;
    /* Two posts of one author in one millisecond are rare: what is missing for them is drawn again. */
    while (count < wanted) {
        size_t distinct = 0;
        for (; count < wanted; count++) {
            int64_t at =
                people_start_ms(options) + 1 + (int64_t)fr_random_below(&random, GENERATED_DAYS * DAY_MS - 1);
            ret_ids[count] = fr_snowflake_first_of_ms(at) | user;
        }
        qsort(ret_ids, count, sizeof *ret_ids, compare_ids);
        for (size_t i = 0; i < count; i++)
            if (i == 0 || ret_ids[i] != ret_ids[i - 1])
                ret_ids[distinct++] = ret_ids[i];
        count = distinct;
    }
    return count;
}

int64_t people_author_of(int64_t post_id)
{
    return post_id & ((INT64_C(1) << GENERATED_AUTHOR_BITS) - 1);
}

struct fr_str people_text(const struct people_options *options, int64_t post_id,
                          char room[static GENERATED_TEXT_MAX])
{
    /* By the time since the end: the texts are the same whatever the end is. */
    uint64_t before_end = (uint64_t)(options->end_ms - fr_snowflake_time_ms(post_id));
    struct fr_random random =
        fr_random_stream(options->seed, GENERATED_TEXT,
                         before_end << GENERATED_AUTHOR_BITS | (uint64_t)people_author_of(post_id));
    const char *opening = PICK(&random, openings), *doing = PICK(&random, doings);
    const char *thing = PICK(&random, things), *close = PICK(&random, closes);
    int len = snprintf(room, GENERATED_TEXT_MAX, "%s %s %s%s", opening, doing, thing, close);
    assert(len > 0 && len < GENERATED_TEXT_MAX);
    return (struct fr_str){room, (size_t)len};
}
