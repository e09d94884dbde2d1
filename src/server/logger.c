/*
 * Log lines: see logger.h. Two buffers change places: one is filled under the lock, the other is
 * being written. `lock` is a leaf.
 */
#include "server/logger.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/json.h"
#include "os/thread.h"

#define LOGGER_BYTES_MAX (1u << 20) /* waiting; past it lines are lost */

struct logger {
    const struct os *os;
    int fd; /* borrows */
    atomic_int level;
    atomic_bool json;
    atomic_bool redis; /* the form of a Redis log */
    struct os_thread *thread; /* owns */
    struct os_mutex lock;
    struct os_cond filled;
    struct buffer waiting; /* guard: lock */
    uint64_t lost;         /* guard: lock */
    bool stop;             /* guard: lock */
};

static void write_all(int fd, const uint8_t *data, size_t len)
{
    while (len > 0) {
        const ssize_t put = write(fd, data, len);
        if (put <= 0) return; /* nobody to tell */
        data += put;
        len -= (size_t)put;
    }
}

/* The thread: sleeps until there is something, takes all of it, writes without the lock. */
static void run(void *arg)
{
    struct logger *logger = arg;
    struct buffer taken;
    buffer_init(&taken);
    bool stop = false;
    while (!stop) {
        os_mutex_lock(&logger->lock);
        while (!logger->waiting.len && !logger->stop)
            (void)os_cond_wait(&logger->filled, &logger->lock, OS_FOREVER);
        const struct buffer full = logger->waiting;
        logger->waiting = taken;
        taken = full;
        const uint64_t lost = logger->lost;
        logger->lost = 0;
        stop = logger->stop && !taken.len;
        os_mutex_unlock(&logger->lock);
        write_all(logger->fd, taken.data, taken.len);
        buffer_clear(&taken);
        if (lost) {
            char text[96];
            const int len = snprintf(text, sizeof text, "%llu log lines were lost\n",
                                     (unsigned long long)lost);
            write_all(logger->fd, (const uint8_t *)text, (size_t)len);
        }
    }
    buffer_release(&taken);
}

int logger_new(const struct os *os, int fd, struct logger **out, struct kith_error *err)
{
    struct logger *logger = mem_zalloc(sizeof *logger);
    if (!logger) return error_set(err, KITH_ENOMEM, "the log: no memory");
    logger->os = os;
    logger->fd = fd;
    atomic_store(&logger->level, LOG_INFO);
    buffer_init(&logger->waiting);
    int rc = os_mutex_init(os, &logger->lock);
    if (rc == 0) rc = os_cond_init(os, &logger->filled);
    if (rc) error_set(err, rc, "the log: no lock");
    else rc = os_thread_start(os, "log", 0, run, logger, &logger->thread, err);
    if (rc) logger_free(logger);
    else *out = logger;
    return rc;
}

void logger_free(struct logger *logger)
{
    if (!logger) return;
    if (logger->thread) {
        os_mutex_lock(&logger->lock);
        logger->stop = true;
        os_cond_signal(&logger->filled);
        os_mutex_unlock(&logger->lock);
        os_thread_join(logger->thread);
    }
    buffer_release(&logger->waiting);
    os_cond_release(&logger->filled);
    os_mutex_release(&logger->lock);
    mem_free(logger);
}

void logger_set(struct logger *logger, int level, bool json)
{
    atomic_store(&logger->level, level);
    atomic_store(&logger->json, json);
}

void logger_set_redis(struct logger *logger) { atomic_store(&logger->redis, true); }

bool logger_wants(const struct logger *logger, int level)
{
    return level <= atomic_load_explicit(&logger->level, memory_order_relaxed);
}

/* ---- lines ---- */

static const char *level_name(int level)
{
    static const char *const names[] = { "error", "warning", "info", "debug" };
    return names[level < 0 ? 0 : level > LOG_DEBUG ? LOG_DEBUG : level];
}

/* "2026-11-21T09:00:00.123Z" */
static void put_time(struct buffer *out, int64_t wall_ms)
{
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (!gmtime_r(&seconds, &utc)) return;
    buffer_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1,
                  utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(wall_ms % 1000));
}

/* Text from outside cannot begin a line of its own or move a terminal's cursor. */
static void put_plain(struct buffer *out, const char *text)
{
    for (; *text; text++) buffer_put_u8(out, (uint8_t)*text < ' ' ? ' ' : (uint8_t)*text);
}

/* "21 Nov 2026 09:00:00.123", in the machine's zone */
static void put_redis_head(struct buffer *out, const struct os *os, int level)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec", marks[] = "##*-";
    const int64_t wall_ms = os_wall_ms(os);
    const time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;
    if (!localtime_r(&seconds, &local)) return;
    buffer_printf(out, "%llu:M %02d %.3s %04d %02d:%02d:%02d.%03d %c ",
                  (unsigned long long)os_process_id(os), local.tm_mday, months + 3 * local.tm_mon,
                  local.tm_year + 1900, local.tm_hour, local.tm_min, local.tm_sec,
                  (int)(wall_ms % 1000), marks[level < 0 ? 0 : level > LOG_DEBUG ? 3 : level]);
}

static void put_pair(struct buffer *out, const struct logger_pair *pair, bool json)
{
    if (json) {
        buffer_put(out, ",", 1);
        json_write_string(out, pair->name, strlen(pair->name));
        buffer_put(out, ":", 1);
        if (pair->text) json_write_string(out, pair->text, strlen(pair->text));
        else buffer_printf(out, "%.15g", pair->number);
        return;
    }
    buffer_printf(out, " %s=", pair->name);
    if (!pair->text) buffer_printf(out, "%.15g", pair->number);
    else if (strpbrk(pair->text, " \"=") || !*pair->text)
        json_write_string(out, pair->text, strlen(pair->text));
    else put_plain(out, pair->text);
}

/* Under the lock. A line is there whole or not at all. */
static void put_line(struct logger *logger, int level, const char *event, const char *text,
                     const struct logger_pair *pairs, size_t count)
{
    struct buffer *out = &logger->waiting;
    const size_t before = out->len;
    const bool json = atomic_load(&logger->json), redis = atomic_load(&logger->redis);
    if (json) buffer_put(out, "{\"time\":\"", 9);
    if (redis) put_redis_head(out, logger->os, level);
    else put_time(out, os_wall_ms(logger->os));
    if (redis) {
        put_plain(out, event ? event : text);
    } else if (json) {
        buffer_printf(out, "\",\"level\":\"%s\",\"%s\":", level_name(level),
                      event ? "event" : "text");
        json_write_string(out, event ? event : text, strlen(event ? event : text));
    } else {
        buffer_printf(out, " %-7s ", level_name(level));
        put_plain(out, event ? event : text);
    }
    for (size_t i = 0; i < count; i++) put_pair(out, &pairs[i], json);
    buffer_put(out, json ? "}\n" : "\n", json ? 2 : 1);
    if (!buffer_failed(out)) return;
    out->failed = false;
    out->len = before;
    logger->lost++;
}

static void append(struct logger *logger, int level, const char *event, const char *text,
                   const struct logger_pair *pairs, size_t count)
{
    if (!logger_wants(logger, level)) return;
    os_mutex_lock(&logger->lock);
    const bool first = logger->waiting.len == 0;
    if (logger->waiting.len > LOGGER_BYTES_MAX) logger->lost++;
    else put_line(logger, level, event, text, pairs, count);
    if (first) os_cond_signal(&logger->filled);
    os_mutex_unlock(&logger->lock);
}

void logger_line(void *logger, int level, const char *text)
{
    append(logger, level, NULL, text, NULL, 0);
}

void logger_event(struct logger *logger, int level, const char *event,
                  const struct logger_pair *pairs, size_t count)
{
    append(logger, level, event, NULL, pairs, count);
}
