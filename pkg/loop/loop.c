#include "loop_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static void on_wake(struct fr_watch *watch, unsigned events);

static void ring_init(struct fr_task *head)
{
    head->next = head->prev = head;
}

static bool ring_is_empty(const struct fr_task *head)
{
    return head->next == head;
}

void fr_loop_die(const char *what)
{
    fprintf(stderr, "freshet: %s: %s\n", what, strerror(errno));
    abort();
}

struct fr_loop *fr_loop_new(void)
{
    struct fr_loop *loop = FR_NEW(struct fr_loop);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll_fd < 0)
        fr_loop_die("epoll_create1");
    ring_init(&loop->tasks);
    ring_init(&loop->later);
    atomic_init(&loop->stop_wanted, false);
    int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (wake_fd < 0 || fr_watch_start(loop, &loop->wake, wake_fd, FR_WATCH_READ, on_wake, NULL) != FR_OK)
        fr_loop_die("eventfd");
    fr_timers_init(loop);
    return loop;
}

void fr_loop_free(struct fr_loop *loop)
{
    if (loop == NULL)
        return;
    assert(!loop->running);
    assert(ring_is_empty(&loop->tasks) && ring_is_empty(&loop->later));
    fr_timers_release(loop);
    int wake_fd = loop->wake.fd;
    fr_watch_stop(&loop->wake);
    close(wake_fd);
    assert(loop->watches == 0);
    close(loop->epoll_fd);
    free(loop);
}

int fr_loop_fd(const struct fr_loop *loop)
{
    return loop->epoll_fd;
}

static void wait_for_events(struct fr_loop *loop, int timeout_ms)
{
    int n = epoll_wait(loop->epoll_fd, loop->batch, LOOP_BATCH, timeout_ms);
    if (n < 0 && errno != EINTR)
        fr_loop_die("epoll_wait");
    loop->batch_next = 0;
    loop->batch_count = n > 0 ? n : 0;
}

static void dispatch_events(struct fr_loop *loop)
{
    while (loop->batch_next < loop->batch_count) {
        const struct epoll_event *event = &loop->batch[loop->batch_next++];
        struct fr_watch *watch = event->data.ptr;
        if (watch == NULL) /* stopped since the batch was taken */
            continue;
        unsigned events = 0;
        if ((event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
            events |= FR_WATCH_READ;
        if ((event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0)
            events |= FR_WATCH_WRITE;
        if ((event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
            events |= FR_WATCH_HANGUP;
        events &= watch->events; /* may have changed since, too */
        if (events != 0)
            watch->ready(watch, events);
    }
}

void fr_loop_run(struct fr_loop *loop, int timeout_ms)
{
    assert(!loop->running);
    loop->running = true;
    wait_for_events(loop, ring_is_empty(&loop->tasks) ? timeout_ms : 0);
    dispatch_events(loop);
    fr_timers_fire(loop);
    fr_loop_run_deferred(loop);
    loop->running = false;
    fr_timers_arm(loop);
}

void fr_loop_run_until_stopped(struct fr_loop *loop)
{
    while (!atomic_exchange(&loop->stop_wanted, false))
        fr_loop_run(loop, -1);
}

static void wake(const struct fr_loop *loop)
{
    /* Fails only when the counter is at its end, and then the loop is awake. */
    uint64_t one = 1;
    ssize_t n = write(loop->wake.fd, &one, sizeof one);
    (void)n;
}

static void on_wake(struct fr_watch *watch, unsigned events)
{
    uint64_t count;
    ssize_t n = read(watch->fd, &count, sizeof count);
    (void)n;
}

void fr_loop_stop(struct fr_loop *loop)
{
    int saved_errno = errno;
    atomic_store(&loop->stop_wanted, true);
    wake(loop);
    errno = saved_errno;
}

/* ---- end of tick ---- */

static void ring_add(struct fr_task *head, struct fr_task *task)
{
    task->next = head;
    task->prev = head->prev;
    head->prev->next = task;
    head->prev = task;
}

void fr_task_defer(struct fr_loop *loop, struct fr_task *task, void (*run)(struct fr_task *))
{
    if (task->queued)
        return;
    task->queued = true;
    task->run = run;
    /* The number of the tick is raised when it has been worked off, so this holds only within it. */
    bool ran_already = task->tick == loop->tick + 1;
    ring_add(ran_already ? &loop->later : &loop->tasks, task);
}

void fr_task_cancel(struct fr_task *task)
{
    if (!task->queued)
        return;
    task->next->prev = task->prev;
    task->prev->next = task->next;
    task->next = task->prev = NULL;
    task->queued = false;
}

void fr_loop_run_deferred(struct fr_loop *loop)
{
    while (!ring_is_empty(&loop->tasks)) {
        struct fr_task *task = loop->tasks.next;
        fr_task_cancel(task);
        task->tick = loop->tick + 1;
        task->run(task); /* may have freed it */
    }
    loop->tick++;
    if (!ring_is_empty(&loop->later)) {
        loop->tasks.next = loop->later.next;
        loop->tasks.prev = loop->later.prev;
        loop->tasks.next->prev = loop->tasks.prev->next = &loop->tasks;
        ring_init(&loop->later);
        wake(loop);
    }
}

/* ---- descriptors ---- */

static struct epoll_event kernel_events(struct fr_watch *watch)
{
    struct epoll_event event = {.data.ptr = watch};
    if ((watch->events & FR_WATCH_READ) != 0)
        event.events |= EPOLLIN;
    if ((watch->events & FR_WATCH_WRITE) != 0)
        event.events |= EPOLLOUT;
    if ((watch->events & FR_WATCH_HANGUP) != 0)
        event.events |= EPOLLRDHUP;
    /* The kernel tells hang-ups also to those who watch nothing: edge-triggered, it tells them once and does
     * not keep the loop awake for ever. */
    if (watch->events == 0)
        event.events = EPOLLET;
    return event;
}

enum fr_status fr_watch_start(struct fr_loop *loop, struct fr_watch *watch, int fd, unsigned events,
                              void (*ready)(struct fr_watch *, unsigned), struct fr_error *error)
{
    struct fr_watch started = {.fd = fd, .events = events, .ready = ready, .loop = loop};
    struct epoll_event event = kernel_events(&started);
    event.data.ptr = watch;
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        return fr_error_set_errno(error, errno, "cannot watch descriptor %d", fd);
    *watch = started;
    loop->watches++;
    return FR_OK;
}

void fr_watch_change(struct fr_watch *watch, unsigned events)
{
    if (watch->events == events)
        return;
    watch->events = events;
    struct epoll_event event = kernel_events(watch);
    int epoll_fd = watch->loop->epoll_fd;
    if (epoll_ctl(epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) != 0 &&
        (errno != ENOENT || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, watch->fd, &event) != 0))
        fr_loop_die("epoll_ctl");
}

void fr_watch_stop(struct fr_watch *watch)
{
    struct fr_loop *loop = watch->loop;
    if (loop == NULL)
        return;
    /* Refused if the descriptor's owner closed it already: then the kernel has forgotten it by itself. */
    epoll_ctl(loop->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    /* What the kernel told before is still in the batch and must not reach the watch any more, nor another
     * one that is started in its place. */
    for (int i = loop->batch_next; i < loop->batch_count; i++) {
        if (loop->batch[i].data.ptr == watch)
            loop->batch[i].data.ptr = NULL;
    }
    loop->watches--;
    watch->loop = NULL;
}
