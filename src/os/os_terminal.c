/*
 * Whether somebody looks at an open descriptor: programs draw colours and progress only then. And
 * whether what they type is seen.
 */
#include <termios.h>
#include <unistd.h>

#include "os/os.h"
#include "os/terminal.h"

bool os_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

void os_terminal_echo(int fd, bool on)
{
    struct termios terminal;
    if (tcgetattr(fd, &terminal)) return;
    if (on) terminal.c_lflag |= ECHO;
    else terminal.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(fd, TCSAFLUSH, &terminal);
}
