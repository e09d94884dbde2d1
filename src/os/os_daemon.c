/*
 * The process as a daemon of the old kind: it leaves its terminal, enters a folder, writes its log
 * to a file, and can ask itself to stop.
 */
#include "os/os.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int os_daemonize(void)
{
    const pid_t child = fork();
    if (child < 0) return KITH_EIO;
    if (child > 0) _exit(0);
    if (setsid() < 0) return KITH_EIO;
    const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int fd = 0; null >= 0 && fd < 3; fd++) (void)dup2(null, fd);
    if (null > 2) (void)close(null);
    return 0;
}

int os_enter(const char *path, struct kith_error *err)
{
    if (chdir(path) == 0) return 0;
    return error_set(err, KITH_EIO, "Can't chdir to '%s': %s", path, strerror(errno));
}

int os_folder(char *out, size_t size)
{
    return getcwd(out, size) ? 0 : KITH_EIO;
}

int os_log_open(const char *path, int *fd, struct kith_error *err)
{
    *fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (*fd >= 0) return 0;
    return error_set(err, KITH_EIO, "Can't open the log file %s: %s", path, strerror(errno));
}

void os_log_close(int fd)
{
    if (fd > 2) (void)close(fd);
}

/* To the process, so whichever thread waits for signals takes it. */
void os_signal_stop(void) { (void)kill(getpid(), SIGTERM); }

void os_exit_now(int code) { _exit(code); }
