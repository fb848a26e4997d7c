/* Loaded before libc: what time it is, in seconds since 1970, stands in the file that RBE_CLOCK_FILE names; where there is none
 * it is the time that it is. The clock that never jumps stays as it is.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* 0: as it is. */
static time_t told(void)
{
    const char *name = getenv("RBE_CLOCK_FILE");
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    char text[32] = "";

    if (fd < 0)
        return 0;
    (void)!read(fd, text, sizeof(text) - 1);
    (void)close(fd);
    return (time_t)strtoll(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
    time_t now = clock == CLOCK_REALTIME ? told() : 0;

    if (now == 0)
        return REAL(clock_gettime)(clock, ret);
    *ret = (struct timespec){.tv_sec = now};
    return 0;
}

time_t time(time_t *ret)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    if (ret)
        *ret = now.tv_sec;
    return now.tv_sec;
}

int gettimeofday(struct timeval *ret, void *zone)
{
    time_t now = told();

    if (now == 0)
        return REAL(gettimeofday)(ret, zone);
    *ret = (struct timeval){.tv_sec = now};
    return 0;
}
