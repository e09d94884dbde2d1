/*
 * Whether somebody looks at an open descriptor: programs draw colours and progress only then.
 */
#include "os/os.h"

#include <unistd.h>

bool os_is_terminal(int fd)
{
    return isatty(fd) == 1;
}
