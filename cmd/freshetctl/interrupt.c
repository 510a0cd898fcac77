#include "interrupt.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ctl.h"
#include "store/store.h"

struct interrupt {
    struct fr_session *session;
    pthread_t thread, working;
    sigset_t signals, before;
    atomic_bool came, ending;
};

static void ignore(int number)
{
    (void)number;
}

static void *wait_for_signals(void *arg)
{
    struct interrupt *interrupt = arg;
    for (;;) {
        int number;
        if (sigwait(&interrupt->signals, &number) != 0)
            continue;
        if (number == SIGUSR1 && atomic_load(&interrupt->ending))
            return NULL;
        if (number == SIGUSR1)
            continue;
        if (atomic_exchange(&interrupt->came, true))
            _exit(CTL_INTERRUPTED);
        fr_session_cancel(interrupt->session);
        pthread_kill(interrupt->working, SIGUSR2); /* out of a read() that waits for input */
    }
}

enum fr_status interrupt_begin(struct fr_session *session, struct interrupt **ret, struct fr_error *error)
{
    struct interrupt *interrupt = FR_NEW(struct interrupt);
    interrupt->session = session;
    interrupt->working = pthread_self();
    sigaction(SIGUSR2, &(struct sigaction){.sa_handler = ignore}, NULL);
    sigemptyset(&interrupt->signals);
    sigaddset(&interrupt->signals, SIGINT);
    sigaddset(&interrupt->signals, SIGTERM);
    sigaddset(&interrupt->signals, SIGUSR1); /* from interrupt_end() */
    pthread_sigmask(SIG_BLOCK, &interrupt->signals, &interrupt->before);
    int errnum = pthread_create(&interrupt->thread, NULL, wait_for_signals, interrupt);
    if (errnum != 0) {
        pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
        free(interrupt);
        return fr_error_set_errno(error, errnum, "can't start the thread that waits for signals");
    }
    *ret = interrupt;
    return FR_OK;
}

bool interrupt_came(const struct interrupt *interrupt)
{
    return atomic_load(&interrupt->came);
}

int interrupt_fail(const struct interrupt *interrupt, const struct fr_error *error)
{
    if (interrupt == NULL || !interrupt_came(interrupt))
        return ctl_fail(error);
    fputs(CTL_PROGRAM ": interrupted\n", stderr);
    return CTL_INTERRUPTED;
}

void interrupt_end(struct interrupt *interrupt)
{
    if (interrupt == NULL)
        return;
    atomic_store(&interrupt->ending, true);
    pthread_kill(interrupt->thread, SIGUSR1);
    pthread_join(interrupt->thread, NULL);
    pthread_sigmask(SIG_SETMASK, &interrupt->before, NULL);
    free(interrupt);
}
