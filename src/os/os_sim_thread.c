/*
 * The simulated machine's threads and time: real threads that pass a baton.
 *
 * Exactly one thread is `current`; the others wait on their `wake`. At every call through the seam
 * (sim_enter) and at every wait, the seed draws the next among those that can run. When none can,
 * virtual time jumps to the earliest deadline; when there is no deadline either, that is a
 * deadlock, reported with who waits for what. Each call takes a microsecond of virtual time, so
 * a loop that polls the clock ends.
 *
 * A mutex's `sim` points at the thread that holds it (NULL: free). A condition has no state: its
 * waiters are the threads that are blocked on its address. One wait in 64 wakes for no reason, as
 * the contract of os_cond_wait allows.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "os/os_sim.h"

#define SPURIOUS_ONE_IN 64

_Noreturn void sim_fail(const struct os_sim *sim, const char *what)
{
    (void)fprintf(stderr, "simulated machine, seed %llu, time %lld us: %s\n",
                  (unsigned long long)sim->seed, (long long)sim->clock_us, what);
    for (size_t i = 0; i < sim->thread_count; i++) {
        const struct sim_thread *thread = sim->threads[i];
        (void)fprintf(stderr, "  thread %llu '%s': %s%s\n", (unsigned long long)thread->number,
                      thread->name,
                      thread->state == SIM_DONE      ? "ended"
                      : thread->state == SIM_BLOCKED ? "waits for "
                                                     : "can run",
                      thread->state == SIM_BLOCKED ? thread->waits_what : "");
    }
    abort();
}

/* ---- who runs ---- */

static void wake_due(struct os_sim *sim)
{
    for (size_t i = 0; i < sim->thread_count; i++) {
        struct sim_thread *thread = sim->threads[i];
        if (thread->state != SIM_BLOCKED || thread->deadline_us > sim->clock_us) continue;
        thread->state = SIM_RUNNABLE;
        thread->timed_out = true;
    }
}

static size_t count_runnable(const struct os_sim *sim)
{
    size_t count = 0;
    for (size_t i = 0; i < sim->thread_count; i++)
        if (sim->threads[i]->state == SIM_RUNNABLE) count++;
    return count;
}

/* Nobody can run: time passes until somebody can. */
static void jump_clock(struct os_sim *sim)
{
    int64_t first = OS_FOREVER;
    for (size_t i = 0; i < sim->thread_count; i++) {
        const struct sim_thread *thread = sim->threads[i];
        if (thread->state == SIM_BLOCKED && thread->deadline_us < first)
            first = thread->deadline_us;
    }
    if (first == OS_FOREVER) sim_fail(sim, "deadlock: every thread waits for ever");
    sim->clock_us = first;
}

static struct sim_thread *pick(struct os_sim *sim)
{
    wake_due(sim);
    size_t count = count_runnable(sim);
    while (count == 0) {
        jump_clock(sim);
        wake_due(sim);
        count = count_runnable(sim);
    }
    size_t left = sim->thread_count > 1 ? (size_t)rng_below(&sim->schedule_rng, count) : 0;
    size_t i = 0;
    while (sim->threads[i]->state != SIM_RUNNABLE || left-- > 0) i++;
    sim->trace = rng_mix(sim->trace ^ sim->threads[i]->number ^ (uint64_t)sim->clock_us << 8);
    return sim->threads[i];
}

static void pass_baton(struct os_sim *sim)
{
    sim->current = pick(sim);
    (void)pthread_cond_signal(&sim->current->wake);
}

static void wait_for_baton(struct os_sim *sim, struct sim_thread *self)
{
    while (sim->current != self) (void)pthread_cond_wait(&self->wake, &sim->lock);
}

static void reschedule(struct os_sim *sim)
{
    struct sim_thread *self = sim->current;
    pass_baton(sim);
    wait_for_baton(sim, self);
}

void sim_enter(struct os_sim *sim)
{
    (void)pthread_mutex_lock(&sim->lock);
    if (sim->thread_count == 1) sim->outside.id = pthread_self();
    if (!pthread_equal(sim->current->id, pthread_self()))
        sim_fail(sim, "called from a thread that it did not start, while others run");
    sim->clock_us++;
    reschedule(sim);
}

void sim_leave(struct os_sim *sim)
{
    (void)pthread_mutex_unlock(&sim->lock);
}

/* Blocks the current thread until somebody wakes it; true: the deadline passed first. */
static bool block(struct os_sim *sim, const char *what, const void *on, int64_t deadline_us)
{
    struct sim_thread *self = sim->current;
    self->state = SIM_BLOCKED;
    self->waits_what = what;
    self->waits_for = on;
    self->deadline_us = deadline_us;
    self->timed_out = false;
    reschedule(sim);
    return self->timed_out;
}

static void wake_all(struct os_sim *sim, const void *on)
{
    for (size_t i = 0; i < sim->thread_count; i++) {
        struct sim_thread *thread = sim->threads[i];
        if (thread->state == SIM_BLOCKED && thread->waits_for == on) thread->state = SIM_RUNNABLE;
    }
}

void sim_sleep_us(const struct os *os, int64_t us)
{
    struct os_sim *sim = sim_of(os);
    sim_enter(sim);
    int64_t now = sim->clock_us;
    (void)block(sim, "time", NULL, us < OS_FOREVER - now ? now + us : OS_FOREVER);
    sim_leave(sim);
}

/* ---- mutexes ---- */

int sim_mutex_init(const struct os *os, struct os_mutex *mutex)
{
    memset(mutex, 0, sizeof *mutex);
    mutex->os = os;
    return 0;
}

void sim_mutex_release(struct os_mutex *mutex)
{
    if (mutex->sim) sim_fail(sim_of(mutex->os), "a locked mutex was released");
}

static void take_mutex(struct os_sim *sim, struct os_mutex *mutex)
{
    while (mutex->sim) (void)block(sim, "a mutex", mutex, OS_FOREVER);
    mutex->sim = sim->current;
}

static void drop_mutex(struct os_sim *sim, struct os_mutex *mutex)
{
    if (mutex->sim != sim->current) sim_fail(sim, "a mutex was unlocked by who does not hold it");
    mutex->sim = NULL;
    wake_all(sim, mutex);
}

void sim_mutex_lock(struct os_mutex *mutex)
{
    struct os_sim *sim = sim_of(mutex->os);
    sim_enter(sim);
    if (mutex->sim == sim->current) sim_fail(sim, "a mutex was locked twice by one thread");
    take_mutex(sim, mutex);
    sim_leave(sim);
}

bool sim_mutex_try(struct os_mutex *mutex)
{
    struct os_sim *sim = sim_of(mutex->os);
    sim_enter(sim);
    const bool free = !mutex->sim;
    if (free) mutex->sim = sim->current;
    sim_leave(sim);
    return free;
}

void sim_mutex_unlock(struct os_mutex *mutex)
{
    struct os_sim *sim = sim_of(mutex->os);
    sim_enter(sim);
    drop_mutex(sim, mutex);
    sim_leave(sim);
}

/* ---- conditions ---- */

int sim_cond_init(const struct os *os, struct os_cond *cond)
{
    memset(cond, 0, sizeof *cond);
    cond->os = os;
    return 0;
}

void sim_cond_release(struct os_cond *cond)
{
    (void)cond;
}

int sim_cond_wait(struct os_cond *cond, struct os_mutex *mutex, int64_t deadline_us)
{
    struct os_sim *sim = sim_of(cond->os);
    bool timed_out = false;
    sim_enter(sim);
    drop_mutex(sim, mutex);
    if (sim->thread_count > 1 && rng_below(&sim->schedule_rng, SPURIOUS_ONE_IN) == 0)
        reschedule(sim);
    else
        timed_out = block(sim, "a condition", cond, deadline_us);
    take_mutex(sim, mutex);
    sim_leave(sim);
    return timed_out ? KITH_ETIMEDOUT : 0;
}

void sim_cond_signal(struct os_cond *cond)
{
    struct os_sim *sim = sim_of(cond->os);
    sim_enter(sim);
    struct sim_thread *chosen = NULL;
    uint64_t seen = 0;
    for (size_t i = 0; i < sim->thread_count; i++) {
        struct sim_thread *thread = sim->threads[i];
        if (thread->state != SIM_BLOCKED || thread->waits_for != cond) continue;
        if (rng_below(&sim->schedule_rng, ++seen) == 0) chosen = thread;
    }
    if (chosen) chosen->state = SIM_RUNNABLE;
    sim_leave(sim);
}

void sim_cond_broadcast(struct os_cond *cond)
{
    struct os_sim *sim = sim_of(cond->os);
    sim_enter(sim);
    wake_all(sim, cond);
    sim_leave(sim);
}

/* ---- threads ---- */

static void *thread_main(void *arg)
{
    struct sim_thread *self = arg;
    struct os_sim *sim = self->sim;
    (void)pthread_mutex_lock(&sim->lock);
    wait_for_baton(sim, self);
    (void)pthread_mutex_unlock(&sim->lock);
    self->fn(self->arg);
    (void)pthread_mutex_lock(&sim->lock);
    self->state = SIM_DONE;
    wake_all(sim, self);
    pass_baton(sim);
    (void)pthread_mutex_unlock(&sim->lock);
    return NULL;
}

static int start_locked(struct os_sim *sim, struct sim_thread *thread)
{
    if (sim->thread_count == sim->thread_cap) {
        size_t cap = sim->thread_cap * 2;
        struct sim_thread **list = mem_realloc(sim->threads, cap * sizeof(struct sim_thread *));
        if (!list) return KITH_ENOMEM;
        sim->threads = list;
        sim->thread_cap = cap;
    }
    if (pthread_cond_init(&thread->wake, NULL)) return KITH_ENOMEM;
    if (pthread_create(&thread->id, NULL, thread_main, thread)) {
        (void)pthread_cond_destroy(&thread->wake);
        return KITH_ENOMEM;
    }
    thread->number = ++sim->threads_started;
    sim->threads[sim->thread_count++] = thread;
    return 0;
}

int sim_thread_start(const struct os *os, const char *name, int nice, void (*fn)(void *),
                     void *arg, struct os_thread **out, struct kith_error *err)
{
    (void)nice;
    struct os_sim *sim = sim_of(os);
    struct sim_thread *thread = mem_zalloc(sizeof *thread);
    if (!thread) return error_set(err, KITH_ENOMEM, "start thread '%s': out of memory", name);
    thread->base.os = os;
    thread->sim = sim;
    thread->fn = fn;
    thread->arg = arg;
    memcpy(thread->name, name, strnlen(name, sizeof thread->name - 1));
    sim_enter(sim);
    int rc = start_locked(sim, thread);
    sim_leave(sim);
    if (rc) {
        mem_free(thread);
        return error_set(err, rc, "start thread '%s': no resources", name);
    }
    *out = &thread->base;
    return 0;
}

void sim_thread_join(struct os_thread *thread)
{
    struct sim_thread *joined = (struct sim_thread *)thread;
    struct os_sim *sim = joined->sim;
    sim_enter(sim);
    while (joined->state != SIM_DONE) (void)block(sim, "a thread's end", joined, OS_FOREVER);
    size_t i = 0;
    while (sim->threads[i] != joined) i++;
    sim->thread_count--;
    memmove(sim->threads + i, sim->threads + i + 1,
            (sim->thread_count - i) * sizeof(struct sim_thread *));
    sim_leave(sim);
    (void)pthread_join(joined->id, NULL);
    (void)pthread_cond_destroy(&joined->wake);
    mem_free(joined);
}
