#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/http_loop.h"

enum { LINGER_MS = 2000, LINGER_BYTES_MAX = 16 * 1024 * 1024, LINGERS_MAX = 1024 };

struct lingering {
    struct fr_ring ring; /* home->lingers */
    struct fr_http_loop *home;
    struct fr_watch watch;
    struct fr_timer timer;
    size_t dropped;
};

static void end(struct lingering *linger)
{
    int fd = linger->watch.fd;
    fr_ring_remove(&linger->ring);
    linger->home->linger_count--;
    fr_watch_stop(&linger->watch);
    fr_timer_stop(&linger->timer);
    close(fd);
    free(linger);
}

static void on_timer(struct fr_timer *timer)
{
    end(FR_CONTAINER_OF(timer, struct lingering, timer));
}

static void on_readable(struct fr_watch *watch, unsigned events)
{
    struct lingering *linger = FR_CONTAINER_OF(watch, struct lingering, watch);
    char sink[16384];
    ssize_t n = recv(watch->fd, sink, sizeof sink, MSG_DONTWAIT);
    if (n > 0)
        linger->dropped += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || linger->dropped > LINGER_BYTES_MAX)
        end(linger);
}

void fr_http_linger_prepare(struct fr_conn *conn)
{
    if (conn->guard->linger_fd < 0)
        conn->guard->linger_fd =
            dup(h2o_socket_get_fd(conn->sock)); /* without a descriptor left: no lingering */
}

void fr_http_linger_begin(struct fr_http_loop *home, int fd)
{
    struct lingering *linger = FR_NEW(struct lingering);
    linger->home = home;
    if (home->phase >= HTTP_ENDING || home->linger_count >= LINGERS_MAX || shutdown(fd, SHUT_WR) != 0 ||
        fr_watch_start(home->state.loop, &linger->watch, fd, FR_WATCH_READ, on_readable, NULL) != FR_OK) {
        close(fd);
        free(linger);
        return;
    }
    fr_ring_add(&home->lingers, &linger->ring);
    home->linger_count++;
    fr_timer_start(home->state.loop, &linger->timer, LINGER_MS, on_timer);
}

void fr_http_linger_end_all(struct fr_http_loop *home)
{
    while (!fr_ring_is_empty(&home->lingers))
        end(FR_CONTAINER_OF(home->lingers.next, struct lingering, ring));
}
