#include "loop/loop.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "check.h"

enum { SENDERS = 2, EACH = 100000, CAPACITY = 1000 };

struct letter {
    struct fr_mail mail;
    int sender, number;
};

struct reader {
    int next[SENDERS]; /* the number awaited of each sender */
    int delivered, dropped, out_of_order;
};

static struct letter *letter_new(int sender, int number)
{
    struct letter *letter = FR_NEW(struct letter);
    letter->sender = sender;
    letter->number = number;
    return letter;
}

static void deliver(void *arg, struct fr_mail *mail)
{
    struct reader *reader = arg;
    struct letter *letter = FR_CONTAINER_OF(mail, struct letter, mail);
    if (letter->number != reader->next[letter->sender])
        reader->out_of_order++;
    reader->next[letter->sender] = letter->number + 1;
    reader->delivered++;
    free(letter);
}

static void drop(void *arg, struct fr_mail *mail)
{
    struct reader *reader = arg;
    reader->dropped++;
    free(FR_CONTAINER_OF(mail, struct letter, mail));
}

struct sender {
    struct fr_mailbox *box;
    int number;
};

static void *send_all(void *arg)
{
    struct sender *sender = arg;
    for (int i = 0; i < EACH; i++) {
        struct letter *letter = letter_new(sender->number, i);
        while (fr_mailbox_send(sender->box, &letter->mail) != FR_OK)
            sched_yield();
    }
    return NULL;
}

static void two_threads_send_in_order(void **state)
{
    struct fr_loop *loop = fr_loop_new();
    struct reader reader = {0};
    struct fr_mailbox *box = fr_mailbox_new(loop, CAPACITY, deliver, drop, &reader);
    pthread_t threads[SENDERS];
    struct sender senders[SENDERS];
    for (int i = 0; i < SENDERS; i++) {
        senders[i] = (struct sender){box, i};
        assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
    }
    while (reader.delivered < SENDERS * EACH)
        fr_loop_run(loop, -1); /* a lost wake would hang here */
    for (int i = 0; i < SENDERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(reader.out_of_order, 0);
    assert_int_equal(reader.delivered, SENDERS * EACH);
    fr_mailbox_free(box);
    fr_loop_free(loop);
    assert_int_equal(reader.dropped, 0);
}

static void full_box_refuses(void **state)
{
    struct fr_loop *loop = fr_loop_new();
    struct reader reader = {0};
    struct fr_mailbox *box = fr_mailbox_new(loop, 3, deliver, drop, &reader);
    for (int i = 0; i < 3; i++)
        assert_int_equal(fr_mailbox_send(box, &letter_new(0, i)->mail), FR_OK);
    struct letter *refused = letter_new(0, 4);
    assert_int_equal(fr_mailbox_send(box, &refused->mail), FR_FULL);
    fr_mailbox_send_always(box, &letter_new(0, 3)->mail);
    assert_int_equal(fr_mailbox_send(box, &refused->mail), FR_FULL);
    fr_loop_run(loop, 0);
    assert_int_equal(reader.delivered, 4);
    assert_int_equal(fr_mailbox_send(box, &refused->mail), FR_OK);
    fr_loop_run(loop, 0);
    assert_int_equal(reader.delivered, 5);
    assert_int_equal(reader.out_of_order, 0);
    fr_mailbox_free(box);
    fr_loop_free(loop);
}

static void what_is_left_is_dropped(void **state)
{
    struct fr_loop *loop = fr_loop_new();
    struct reader reader = {0};
    struct fr_mailbox *box = fr_mailbox_new(loop, 5000, deliver, drop, &reader);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(fr_mailbox_send(box, &letter_new(0, i)->mail), FR_OK);
    fr_loop_run(loop, 0); /* takes over all, delivers a part */
    assert_in_range(reader.delivered, 1, 999);
    for (int i = 1000; i < 1500; i++)
        assert_int_equal(fr_mailbox_send(box, &letter_new(0, i)->mail), FR_OK);
    fr_mailbox_free(box);
    assert_int_equal(reader.delivered + reader.dropped, 1500);
    fr_mailbox_free(NULL);
    fr_loop_free(loop);
}

static void waiting_counts_what_is_taken_over_but_not_delivered(void **state)
{
    struct fr_loop *loop = fr_loop_new();
    struct reader reader = {0};
    struct fr_mailbox *box = fr_mailbox_new(loop, 1000, deliver, drop, &reader);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(fr_mailbox_send(box, &letter_new(0, i)->mail), FR_OK);
    fr_loop_run(loop, 0);
    int room = reader.delivered;
    for (int i = 0; i < room; i++)
        assert_int_equal(fr_mailbox_send(box, &letter_new(0, 1000 + i)->mail), FR_OK);
    struct letter *refused = letter_new(0, 0);
    assert_int_equal(fr_mailbox_send(box, &refused->mail), FR_FULL);
    free(refused);
    while (reader.delivered < 1000 + room)
        fr_loop_run(loop, -1);
    assert_int_equal(reader.out_of_order, 0);
    fr_mailbox_free(box);
    fr_loop_free(loop);
}

struct row_of_mails {
    struct fr_mailbox *box;
    struct fr_mail mails[3], more;
    int delivered, last;
};

static void deliver_and_ask(void *arg, struct fr_mail *mail)
{
    struct row_of_mails *row = arg;
    row->delivered++;
    row->last += fr_mailbox_is_last(row->box);
    if (mail != &row->mails[2])
        return;
    assert_int_equal(row->last, 1);
    assert_int_equal(fr_mailbox_send(row->box, &row->more), FR_OK);
    assert_false(fr_mailbox_is_last(row->box));
}

static void last_is_the_one_behind_which_nothing_waits(void **state)
{
    struct fr_loop *loop = fr_loop_new();
    struct row_of_mails row = {0};
    row.box = fr_mailbox_new(loop, 10, deliver_and_ask, NULL, &row);
    for (size_t i = 0; i < FR_COUNT_OF(row.mails); i++)
        assert_int_equal(fr_mailbox_send(row.box, &row.mails[i]), FR_OK);
    while (row.delivered < 4)
        fr_loop_run(loop, -1);
    assert_int_equal(row.last, 2);
    fr_mailbox_free(row.box);
    fr_loop_free(loop);
}

struct flood {
    struct fr_mailbox *box;
    struct fr_mail mails[2];
    int delivered;
};

/* Each mail is sent anew as soon as it is delivered: the box is never empty. */
static void resend(void *arg, struct fr_mail *mail)
{
    struct flood *flood = arg;
    flood->delivered++;
    fr_mailbox_send_always(flood->box, mail);
}

struct tap {
    struct fr_watch watch;
    int calls;
};

static void count_call(struct fr_watch *watch, unsigned events)
{
    FR_CONTAINER_OF(watch, struct tap, watch)->calls++;
}

static void flood_leaves_room_for_descriptors(void **state)
{
    struct fr_loop *loop = fr_loop_new();
    struct flood flood = {0};
    flood.box = fr_mailbox_new(loop, 2, resend, NULL, &flood);
    struct tap tap = {0};
    int fd = eventfd(1, EFD_NONBLOCK);
    assert_int_equal(fr_watch_start(loop, &tap.watch, fd, FR_WATCH_READ, count_call, NULL), FR_OK);
    assert_int_equal(fr_mailbox_send(flood.box, &flood.mails[0]), FR_OK);
    assert_int_equal(fr_mailbox_send(flood.box, &flood.mails[1]), FR_OK);
    for (int i = 0; i < 10; i++)
        fr_loop_run(loop, -1);
    assert_int_equal(tap.calls, 10);
    assert_true(flood.delivered >= 10);
    fr_watch_stop(&tap.watch);
    close(fd);
    fr_mailbox_free(flood.box);
    fr_loop_free(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_threads_send_in_order),
        cmocka_unit_test(full_box_refuses),
        cmocka_unit_test(what_is_left_is_dropped),
        cmocka_unit_test(last_is_the_one_behind_which_nothing_waits),
        cmocka_unit_test(waiting_counts_what_is_taken_over_but_not_delivered),
        cmocka_unit_test(flood_leaves_room_for_descriptors),
    };
    return cmocka_run_group_tests_name("mailbox", tests, NULL, NULL);
}
