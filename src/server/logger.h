/*
 * The log of the server: one line an event, as text or as JSON, to standard error.
 *
 * Whoever logs appends to a buffer under a lock and goes on; one thread writes. A reader of our
 * standard error that does not read makes the log lose lines (it says how many), never the server
 * wait. Levels are those of kith_open_opts: 0 error, 1 warning, 2 info, and 3 debug.
 */
#ifndef KITH_SERVER_LOGGER_H
#define KITH_SERVER_LOGGER_H

#include "os/os.h"

struct logger;

enum { LOG_ERROR = 0, LOG_WARNING = 1, LOG_INFO = 2, LOG_DEBUG = 3 };

KITH_NODISCARD int logger_new(const struct os *os, int fd, struct logger **out,
                              struct kith_error *err);
void logger_free(struct logger *logger); /* writes what waits; NULL is a no-op */
/* Any time, from any thread. Lines above `level` are dropped. */
void logger_set(struct logger *logger, int level, bool json);
/* Lines as Redis writes them: "<pid>:M 21 Nov 2026 09:00:00.123 * text", in local time. */
void logger_set_redis(struct logger *logger);
bool logger_wants(const struct logger *logger, int level);

/* The signature of every `log` callback; `logger` is a struct logger. */
void logger_line(void *logger, int level, const char *text);

struct logger_pair {
    const char *name;
    const char *text; /* NULL: the number */
    double number;
};
/* An event with values: "access peer=... status=200". */
void logger_event(struct logger *logger, int level, const char *event,
                  const struct logger_pair *pairs, size_t count);

#endif
