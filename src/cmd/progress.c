/*
 * The progress line, and numbers for people.
 */
#include "cmd/progress.h"

#include <stdio.h>
#include <string.h>

#include "os/os.h"

#define STDERR_FD 2
#define BAR 24
#define REDRAW_US 100000
#define LINE_BYTES 200

void progress_count(uint64_t number, char *out, size_t size)
{
    char digits[24], text[32];
    int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)number);
    size_t at = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) text[at++] = ',';
        text[at++] = digits[i];
    }
    text[at] = '\0';
    snprintf(out, size, "%s", text);
}

void progress_bytes(uint64_t bytes, char *out, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double number = (double)bytes;
    size_t unit = 0;
    while (number >= 1023.95 && unit < 6) {
        number /= 1024;
        unit++;
    }
    snprintf(out, size, unit ? "%.1f %s" : "%.0f %s", number, units[unit]);
}

void progress_time(double seconds, char *out, size_t size)
{
    if (!(seconds >= 0)) seconds = 0;
    if (seconds > 3.6e9) seconds = 3.6e9;
    unsigned long whole = (unsigned long)(seconds + 0.5);
    if (seconds < 9.95) {
        snprintf(out, size, "%.1f s", seconds);
    } else if (whole < 60) {
        snprintf(out, size, "%lu s", whole);
    } else if (whole < 3600) {
        snprintf(out, size, "%lu min %02lu s", whole / 60, whole % 60);
    } else {
        snprintf(out, size, "%lu h %02lu min", whole / 3600, whole / 60 % 60);
    }
}

static void format_bar(double fraction, char *out, size_t size)
{
    char bar[BAR + 1];
    size_t full = (size_t)(fraction * BAR);
    memset(bar, '.', BAR);
    memset(bar, '#', full);
    bar[BAR] = '\0';
    snprintf(out, size, "[%s] %d%%  ", bar, (int)(fraction * 100));
}

void progress_format(const struct progress_state *state, const char *unit, char *out, size_t size)
{
    char bar[BAR + 16] = "", count[32], rate[32], left[32], ending[64] = "";
    double fraction = state->fraction > 1 ? 1 : state->fraction;
    if (fraction >= 0) format_bar(fraction, bar, sizeof bar);
    progress_count(state->done, count, sizeof count);
    double per_second = state->elapsed_s > 0 ? (double)state->done / state->elapsed_s : 0;
    progress_count((uint64_t)per_second, rate, sizeof rate);
    if (fraction > 0 && state->elapsed_s >= 1) { /* earlier it would be a guess */
        progress_time(state->elapsed_s * (1 - fraction) / fraction, left, sizeof left);
        snprintf(ending, sizeof ending, "  %s left", left);
    }
    snprintf(out, size, "%s%s %s  %s %s/s%s", bar, count, unit, rate, unit, ending);
}

void progress_begin(struct progress *progress, const char *unit, bool wanted)
{
    progress->unit = unit;
    progress->on = wanted && os_is_terminal(STDERR_FD);
    progress->start_us = os_now_us(os_real());
    progress->drawn_us = progress->start_us;
}

static void draw(const char *text)
{
    fprintf(stderr, "\r\x1b[K%s", text);
    fflush(stderr);
}

void progress_update(struct progress *progress, uint64_t done, double fraction)
{
    if (!progress->on) return;
    int64_t now = os_now_us(os_real());
    if (now - progress->drawn_us < REDRAW_US) return;
    progress->drawn_us = now;
    const struct progress_state state = {
        .done = done, .fraction = fraction, .elapsed_s = (double)(now - progress->start_us) / 1e6};
    char line[LINE_BYTES];
    progress_format(&state, progress->unit, line, sizeof line);
    draw(line);
}

void progress_note(struct progress *progress, const char *text)
{
    if (progress->on) draw(text);
}

void progress_end(struct progress *progress)
{
    if (progress->on) draw("");
    progress->on = false;
}
