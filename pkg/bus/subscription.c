#include "subscription.h"

enum { LET_GO_MS = 1000, BROKEN_LET_GO_MS = 50 };

static void on_complete(void *arg)
{
    struct subscription *sub = arg;
    pthread_mutex_lock(&sub->lock);
    sub->complete = true;
    pthread_cond_signal(&sub->done);
    pthread_mutex_unlock(&sub->lock);
}

enum fr_status subscription_start(struct subscription *sub, natsConnection *nc, const char *subject,
                                  int messages, int bytes, natsMsgHandler callback, void *arg,
                                  struct fr_error *error)
{
    natsStatus s = natsConnection_Subscribe(&sub->handle, nc, subject, callback, arg);
    sub->nc = nc;
    if (s != NATS_OK) {
        sub->handle = NULL;
        return fr_error_set(error, FR_UNAVAILABLE, NULL, "cannot subscribe to %s: %s", subject,
                            natsStatus_GetText(s));
    }
    pthread_mutex_init(&sub->lock, NULL);
    pthread_cond_init(&sub->done, NULL);
    sub->complete = false;
    s = natsSubscription_SetPendingLimits(sub->handle, messages, bytes);
    if (s == NATS_OK)
        s = natsSubscription_SetOnCompleteCB(sub->handle, on_complete, sub);
    if (s == NATS_OK)
        return FR_OK;
    /* Only a connection that was closed meanwhile refuses these: there is no callback to wait for. */
    sub->complete = true;
    subscription_stop(sub);
    return fr_error_set(error, FR_UNAVAILABLE, NULL, "cannot subscribe to %s: %s", subject,
                        natsStatus_GetText(s));
}

/* Nothing finds the subscription any more, but the reading thread may have found it just before. It takes
 * what comes in order, so when it has taken the answer to a ping it has let go. Without an answer nothing
 * comes in that it could be busy with, but for the rest of what a connection brought that has just broken:
 * that gets a moment. */
static void wait_until_let_go(struct subscription *sub)
{
    if (natsConnection_FlushTimeout(sub->nc, LET_GO_MS) != NATS_OK)
        nats_Sleep(BROKEN_LET_GO_MS);
}

void subscription_stop(struct subscription *sub)
{
    if (sub->handle == NULL)
        return;
    /* Fails if the connection is closed; then the library ends the subscription, and says so, all the same.
     */
    natsStatus s = natsSubscription_Unsubscribe(sub->handle);
    (void)s;
    pthread_mutex_lock(&sub->lock);
    while (!sub->complete)
        pthread_cond_wait(&sub->done, &sub->lock);
    pthread_mutex_unlock(&sub->lock);
    wait_until_let_go(sub);
    natsSubscription_Destroy(sub->handle);
    sub->handle = NULL;
    pthread_cond_destroy(&sub->done);
    pthread_mutex_destroy(&sub->lock);
}

int64_t subscription_dropped(struct subscription *sub)
{
    int64_t dropped = 0;
    if (sub->handle == NULL || natsSubscription_GetDropped(sub->handle, &dropped) != NATS_OK)
        return 0;
    return dropped;
}
