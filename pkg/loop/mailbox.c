#include "loop/loop.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "loop_internal.h"

enum { MAILS_PER_ROUND = 256 };

struct mail_list {
    struct fr_mail *head, **end;
    size_t count;
};

/* Senders append to `inbox`; the loop takes it over as a whole into `outgoing` and delivers from there,
 * without the lock. The eventfd is readable from the first mail until both lists were seen empty under the
 * lock, so a batch costs one write and one read, and what is left over for the next round keeps the loop
 * awake. */
struct fr_mailbox {
    struct fr_watch watch;
    size_t capacity;
    void (*deliver)(void *arg, struct fr_mail *mail);
    void (*drop)(void *arg, struct fr_mail *mail);
    void *arg;
    struct fr_mail *outgoing;  /* the loop's thread only */
    atomic_size_t undelivered; /* in `outgoing`; written by the loop's thread */
    bool delivering;

    pthread_mutex_t lock;
    struct mail_list inbox;
    bool signalled;
};

static void list_init(struct mail_list *list)
{
    *list = (struct mail_list){.end = &list->head};
}

static void on_ready(struct fr_watch *watch, unsigned events);

struct fr_mailbox *fr_mailbox_new(struct fr_loop *loop, size_t capacity,
                                  void (*deliver)(void *, struct fr_mail *),
                                  void (*drop)(void *, struct fr_mail *), void *arg)
{
    struct fr_mailbox *box = FR_NEW(struct fr_mailbox);
    box->capacity = capacity;
    box->deliver = deliver;
    box->drop = drop;
    box->arg = arg;
    atomic_init(&box->undelivered, 0);
    list_init(&box->inbox);
    pthread_mutex_init(&box->lock, NULL);
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0 || fr_watch_start(loop, &box->watch, fd, FR_WATCH_READ, on_ready, NULL) != FR_OK)
        fr_loop_die("eventfd");
    return box;
}

static void drop_all(struct fr_mailbox *box, struct fr_mail *mail)
{
    while (mail != NULL) {
        struct fr_mail *next = mail->next;
        if (box->drop != NULL)
            box->drop(box->arg, mail);
        mail = next;
    }
}

void fr_mailbox_free(struct fr_mailbox *box)
{
    if (box == NULL)
        return;
    assert(!box->delivering);
    /* Whoever sent the mail that told us to end may still hold the lock. */
    pthread_mutex_lock(&box->lock);
    struct fr_mail *left = box->inbox.head;
    pthread_mutex_unlock(&box->lock);
    int fd = box->watch.fd;
    fr_watch_stop(&box->watch);
    close(fd);
    drop_all(box, box->outgoing);
    drop_all(box, left);
    pthread_mutex_destroy(&box->lock);
    free(box);
}

static enum fr_status accept_mail(struct fr_mailbox *box, struct fr_mail *mail, size_t capacity)
{
    enum fr_status status = FR_FULL;
    pthread_mutex_lock(&box->lock);
    size_t waiting = box->inbox.count + atomic_load_explicit(&box->undelivered, memory_order_relaxed);
    if (waiting < capacity) {
        mail->next = NULL;
        *box->inbox.end = mail;
        box->inbox.end = &mail->next;
        box->inbox.count++;
        if (!box->signalled) {
            /* Under the lock: once it is released, the box may be gone. */
            box->signalled = true;
            uint64_t one = 1;
            ssize_t n = write(box->watch.fd, &one, sizeof one);
            (void)n;
        }
        status = FR_OK;
    }
    pthread_mutex_unlock(&box->lock);
    return status;
}

enum fr_status fr_mailbox_send(struct fr_mailbox *box, struct fr_mail *mail)
{
    return accept_mail(box, mail, box->capacity);
}

void fr_mailbox_send_always(struct fr_mailbox *box, struct fr_mail *mail)
{
    enum fr_status status = accept_mail(box, mail, SIZE_MAX);
    (void)status;
}

bool fr_mailbox_is_last(struct fr_mailbox *box)
{
    if (box->outgoing != NULL)
        return false;
    pthread_mutex_lock(&box->lock);
    bool last = box->inbox.head == NULL;
    pthread_mutex_unlock(&box->lock);
    return last;
}

static void take_inbox(struct fr_mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    box->outgoing = box->inbox.head;
    atomic_store_explicit(&box->undelivered, box->inbox.count, memory_order_relaxed);
    list_init(&box->inbox);
    pthread_mutex_unlock(&box->lock);
}

static void rest_if_empty(struct fr_mailbox *box)
{
    pthread_mutex_lock(&box->lock);
    if (box->inbox.head == NULL) {
        box->signalled = false;
        uint64_t count;
        ssize_t n = read(box->watch.fd, &count, sizeof count);
        (void)n;
    }
    pthread_mutex_unlock(&box->lock);
}

static void on_ready(struct fr_watch *watch, unsigned events)
{
    struct fr_mailbox *box = FR_CONTAINER_OF(watch, struct fr_mailbox, watch);
    if (box->outgoing == NULL)
        take_inbox(box);
    box->delivering = true;
    for (int i = 0; i < MAILS_PER_ROUND && box->outgoing != NULL; i++) {
        struct fr_mail *mail = box->outgoing;
        box->outgoing = mail->next;
        atomic_fetch_sub_explicit(&box->undelivered, 1, memory_order_relaxed);
        box->deliver(box->arg, mail);
    }
    box->delivering = false;
    if (box->outgoing == NULL)
        rest_if_empty(box);
}
