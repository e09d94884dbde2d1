/*
 * The append logs of an Ant-Cache as one: the lines of the rotated files and of the present one, in
 * the order of their times.
 */
#ifndef KITH_LINE_ANT_LOG_H
#define KITH_LINE_ANT_LOG_H

#include "line/ant_files.h"

struct ant_log_line {
    struct ant_change change; /* borrows from the text */
    size_t number;            /* over all texts: those of one time stay in this order */
};

struct ant_log {
    bool first_bar; /* see ant_acl_line */
    /* A line that is ambiguous or none; nullable. number: in its text, from 1. */
    void (*odd)(void *ctx, enum ant_line why, size_t number);
    void *ctx;
    struct ant_log_line *lines; /* owns */
    size_t count, cap;
};

/* Adds the lines of a text, which must stay. Empty ones are none. KITH_ENOMEM. */
KITH_NODISCARD int ant_log_read(struct ant_log *log, const char *text, size_t len);
void ant_log_sort(struct ant_log *log);
void ant_log_release(struct ant_log *log); /* accepts a zeroed struct */
/* "cache.acl.20250102_030405" beside "cache.acl". */
bool ant_log_is_rotated(const char *base, const char *name);

#endif
