/*
 * The machine a figure was measured on, as Linux tells it. What cannot be read stays empty: a
 * measurement does not fail because of it.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/bench_internal.h"

#define TEXT_BYTES 16384 /* one CPU's part of cpuinfo is 2 to 5 KiB */

/* Files of /proc have no size: read until the end or the room is full. */
static void read_text(const struct os *os, const char *path, char *text)
{
    struct os_file *file = NULL;
    size_t got = 0;
    text[0] = '\0';
    if (os_open(os, path, OS_READ, &file, NULL)) return;
    if (os_pread(file, text, TEXT_BYTES - 1, 0, &got, NULL) == 0) text[got] = '\0';
    os_close(file);
}

/* The value of the first "key : value" line. */
static void line_value(const char *text, const char *key, char *out, size_t room)
{
    out[0] = '\0';
    const char *line = strstr(text, key);
    const char *colon = line ? strchr(line, ':') : NULL;
    if (!colon) return;
    colon += 1 + strspn(colon + 1, " \t");
    size_t len = strcspn(colon, "\n");
    if (len >= room) len = room - 1;
    memcpy(out, colon, len);
    out[len] = '\0';
}

static bool has_word(const char *words, const char *word)
{
    const size_t len = strlen(word);
    for (const char *p = strstr(words, word); p; p = strstr(p + 1, word)) {
        const bool begins = p == words || p[-1] == ' ';
        if (begins && (p[len] == ' ' || p[len] == '\0')) return true;
    }
    return false;
}

static void read_flags(const char *text, char *out, size_t room)
{
    static const char *const wanted[] = {"avx2", "fma", "f16c", "avx512f", "avx512bw",
                                         "avx512_vnni", "avx512_vpopcntdq", "avx512_bf16",
                                         "avx512_fp16",
                                         "amx_int8", "asimd", "asimddp", "sve"};
    char flags[8192];
    line_value(text, "\nflags", flags, sizeof flags);
    if (flags[0] == '\0') line_value(text, "\nFeatures", flags, sizeof flags);
    size_t len = 0;
    out[0] = '\0';
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        if (!has_word(flags, wanted[i]) || len + strlen(wanted[i]) + 2 > room) continue;
        len += (size_t)snprintf(out + len, room - len, "%s%s", len > 0 ? " " : "", wanted[i]);
    }
}

void bench_machine_read(const struct os *os, struct bench_machine *machine)
{
    char text[TEXT_BYTES];
    char memory[64];
    *machine = (struct bench_machine){.cores = os_cpu_count(os)};
    read_text(os, "/proc/cpuinfo", text);
    line_value(text, "model name", machine->cpu, sizeof machine->cpu);
    read_flags(text, machine->flags, sizeof machine->flags);
    read_text(os, "/proc/meminfo", text);
    line_value(text, "MemTotal", memory, sizeof memory);
    machine->memory_bytes = strtoull(memory, NULL, 10) * 1024;
    read_text(os, "/proc/sys/kernel/osrelease", text);
    const size_t len = strcspn(text, "\n");
    snprintf(machine->system, sizeof machine->system, "%.*s", (int)(len < 127 ? len : 127), text);
}
