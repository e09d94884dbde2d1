/*
 * The signals that ask a server to stop or to read its settings again.
 *
 * They are blocked in the thread that calls os_signals_hold() and in every thread that it starts,
 * and taken one at a time by os_signal_wait(), which blocks in the kernel: no handler, no pipe,
 * nothing that polls. Held signals that arrive before the wait are kept.
 */
#include "os/os.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>

static void held(sigset_t *set)
{
    (void)sigemptyset(set);
    (void)sigaddset(set, SIGTERM);
    (void)sigaddset(set, SIGINT);
    (void)sigaddset(set, SIGHUP);
}

/* A peer that closed is an error of a write and not the end of the program. */
void os_signals_hold(void)
{
    sigset_t set;
    held(&set);
    (void)pthread_sigmask(SIG_BLOCK, &set, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGUSR1, SIG_IGN); /* log rotators of other servers send it */
}

enum os_signal os_signal_wait(void)
{
    sigset_t set;
    held(&set);
    for (;;) {
        int number;
        if (sigwait(&set, &number)) continue;
        return number == SIGHUP ? OS_SIGNAL_RELOAD : OS_SIGNAL_STOP;
    }
}
