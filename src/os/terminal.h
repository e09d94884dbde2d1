/*
 * The terminal somebody types at.
 */
#ifndef KITH_OS_TERMINAL_H
#define KITH_OS_TERMINAL_H

#include <stdbool.h>

/* Whether what is typed at this descriptor is shown. No-op where there is no terminal. */
void os_terminal_echo(int fd, bool on);

#endif
