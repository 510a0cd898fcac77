#include "loop/loop.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "loop_internal.h"

struct fr_workers {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fr_mail *head, **end; /* waiting jobs, linked through their mails */
    size_t waiting, capacity;
    bool stopping;
    int thread_count;
    pthread_t threads[];
};

static void *work(void *arg);

static void start_threads(struct fr_workers *workers, int count)
{
    /* Signals are for the threads that run loops. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    for (int i = 0; i < count; i++) {
        errno = pthread_create(&workers->threads[i], NULL, work, workers);
        if (errno != 0)
            fr_loop_die("pthread_create");
        pthread_setname_np(workers->threads[i], "fr-worker");
        workers->thread_count++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

struct fr_workers *fr_workers_new(int threads, size_t capacity)
{
    assert(threads > 0);
    struct fr_workers *workers = fr_alloc(sizeof *workers + (size_t)threads * sizeof workers->threads[0]);
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->changed, NULL);
    workers->end = &workers->head;
    workers->capacity = capacity;
    start_threads(workers, threads);
    return workers;
}

static struct fr_job *take_job(struct fr_workers *workers)
{
    struct fr_mail *mail = workers->head;
    workers->head = mail->next;
    if (workers->head == NULL)
        workers->end = &workers->head;
    workers->waiting--;
    return FR_CONTAINER_OF(mail, struct fr_job, mail);
}

void fr_workers_free(struct fr_workers *workers)
{
    if (workers == NULL)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->changed);
    pthread_mutex_unlock(&workers->lock);
    for (int i = 0; i < workers->thread_count; i++)
        pthread_join(workers->threads[i], NULL);
    while (workers->head != NULL) {
        struct fr_job *job = take_job(workers);
        job->cancelled = true;
        fr_mailbox_send_always(job->answer_to, &job->mail);
    }
    pthread_cond_destroy(&workers->changed);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

enum fr_status fr_workers_submit(struct fr_workers *workers, struct fr_job *job)
{
    assert(job->work != NULL && job->answer_to != NULL);
    enum fr_status status = FR_FULL;
    pthread_mutex_lock(&workers->lock);
    if (workers->stopping) {
        status = FR_CANCELLED;
    } else if (workers->waiting < workers->capacity) {
        job->cancelled = false;
        job->mail.next = NULL;
        *workers->end = &job->mail;
        workers->end = &job->mail.next;
        workers->waiting++;
        pthread_cond_signal(&workers->changed);
        status = FR_OK;
    }
    pthread_mutex_unlock(&workers->lock);
    return status;
}

/* A worker's thread. */
static void *work(void *arg)
{
    struct fr_workers *workers = arg;
    pthread_mutex_lock(&workers->lock);
    while (!workers->stopping) {
        if (workers->head == NULL) {
            pthread_cond_wait(&workers->changed, &workers->lock);
            continue;
        }
        struct fr_job *job = take_job(workers);
        pthread_mutex_unlock(&workers->lock);
        job->work(job);
        fr_mailbox_send_always(job->answer_to, &job->mail);
        pthread_mutex_lock(&workers->lock);
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}
