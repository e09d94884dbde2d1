/*
 * Threads, mutexes and conditions of the real machine, on pthread.
 *
 * Conditions wait on the monotonic clock, so that setting the system's time moves no deadline.
 * Our threads block every asynchronous signal: those belong to the program we are a guest in.
 */
#include "os/os_real.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

#define THREAD_NAME_BYTES 16 /* with the NUL; the kernel's limit */

struct real_thread {
    struct os_thread base; /* first */
    pthread_t id;
    void (*fn)(void *);
    void *arg; /* borrows, for fn */
    int nice;
    char name[THREAD_NAME_BYTES];
};

int real_mutex_init(const struct os *os, struct os_mutex *mutex)
{
    memset(mutex, 0, sizeof *mutex);
    int number = pthread_mutex_init(&mutex->real, NULL);
    if (number) return os_errno_status(number);
    mutex->os = os;
    return 0;
}

void real_mutex_release(struct os_mutex *mutex)
{
    (void)pthread_mutex_destroy(&mutex->real);
}

void real_mutex_lock(struct os_mutex *mutex)
{
    (void)pthread_mutex_lock(&mutex->real);
}

bool real_mutex_try(struct os_mutex *mutex)
{
    return pthread_mutex_trylock(&mutex->real) == 0;
}

void real_mutex_unlock(struct os_mutex *mutex)
{
    (void)pthread_mutex_unlock(&mutex->real);
}

int real_cond_init(const struct os *os, struct os_cond *cond)
{
    memset(cond, 0, sizeof *cond);
    pthread_condattr_t attr;
    int number = pthread_condattr_init(&attr);
    if (number) return os_errno_status(number);
    number = pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    if (number == 0) number = pthread_cond_init(&cond->real, &attr);
    (void)pthread_condattr_destroy(&attr);
    if (number) return os_errno_status(number);
    cond->os = os;
    return 0;
}

void real_cond_release(struct os_cond *cond)
{
    (void)pthread_cond_destroy(&cond->real);
}

int real_cond_wait(struct os_cond *cond, struct os_mutex *mutex, int64_t deadline_us)
{
    if (deadline_us == OS_FOREVER) {
        (void)pthread_cond_wait(&cond->real, &mutex->real);
        return 0;
    }
    int64_t at = deadline_us > 0 ? deadline_us : 0;
    struct timespec until = {.tv_sec = at / 1000000, .tv_nsec = (at % 1000000) * 1000};
    int number = pthread_cond_timedwait(&cond->real, &mutex->real, &until);
    return number == ETIMEDOUT ? KITH_ETIMEDOUT : 0;
}

void real_cond_signal(struct os_cond *cond)
{
    (void)pthread_cond_signal(&cond->real);
}

void real_cond_broadcast(struct os_cond *cond)
{
    (void)pthread_cond_broadcast(&cond->real);
}

static void *thread_main(void *arg)
{
    struct real_thread *thread = arg;
    (void)pthread_setname_np(pthread_self(), thread->name);
    if (thread->nice > 0) (void)setpriority(PRIO_PROCESS, (id_t)gettid(), thread->nice);
    thread->fn(thread->arg);
    return NULL;
}

/* pthread_create with all signals blocked but those that a fault of the thread itself raises. */
static int create_quiet(struct real_thread *thread)
{
    sigset_t blocked;
    sigset_t before;
    (void)sigfillset(&blocked);
    const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS, SIGPROF};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
        (void)sigdelset(&blocked, faults[i]);
    (void)pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int number = pthread_create(&thread->id, NULL, thread_main, thread);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return number;
}

int real_thread_start(const struct os *os, const char *name, int nice, void (*fn)(void *),
                      void *arg, struct os_thread **out, struct kith_error *err)
{
    struct real_thread *thread = mem_zalloc(sizeof *thread);
    if (!thread) return error_set(err, KITH_ENOMEM, "start thread '%s': out of memory", name);
    thread->base.os = os;
    thread->fn = fn;
    thread->arg = arg;
    thread->nice = nice;
    memcpy(thread->name, name, strnlen(name, THREAD_NAME_BYTES - 1));
    int number = create_quiet(thread);
    if (number == 0) {
        *out = &thread->base;
        return 0;
    }
    mem_free(thread);
    if (number == EAGAIN)
        return error_set(err, KITH_ENOMEM,
                         "start thread '%s': no resources; raise the limit of processes "
                         "(ulimit -u) or use fewer threads",
                         name);
    return os_errno_set(err, number, "start thread", name);
}

void real_thread_join(struct os_thread *thread)
{
    struct real_thread *real = (struct real_thread *)thread;
    (void)pthread_join(real->id, NULL);
    mem_free(real);
}

void os_thread_yield(void) { (void)sched_yield(); }
