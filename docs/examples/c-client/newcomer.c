/* The first program with libfreshet: prints what the people write whom a user follows, until it is stopped.
 *
 *     cc newcomer.c $(pkg-config --cflags --libs freshet) -o newcomer
 *     FRESHET_PASSWORD=… ./newcomer http://127.0.0.1:8080 1
 */
#include <freshet/client.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    freshet_client *client = NULL;
    freshet_feed *feed = NULL;
    const freshet_event *event;
    freshet_error error = {0};
    freshet_options options = {.size = sizeof options, .url = argc > 1 ? argv[1] : "http://127.0.0.1:8080"};
    options.user_id = argc > 2 ? atoll(argv[2]) : 1;
    options.password = getenv("FRESHET_PASSWORD");
    setvbuf(stdout, NULL, _IOLBF, BUFSIZ);
    if (freshet_client_new(&options, &client, &error) == FRESHET_OK &&
        freshet_feed_open(client, NULL, &feed, &error) == FRESHET_OK)
        while (freshet_feed_next(feed, FRESHET_FOREVER, &event, &error) == FRESHET_OK)
            if (event->type == FRESHET_EVENT_POST)
                printf("%lld: %s\n", (long long)event->post.author_id, event->post.text);
    fprintf(stderr, "%s: %s\n", error.title, error.detail);
    freshet_feed_close(feed);
    freshet_client_free(client);
    return 1;
}
