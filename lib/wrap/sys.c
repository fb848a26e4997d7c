/* Processes and the machine. /proc is read where it is mounted and done without where it is not. */
#include "lib/wrap/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/linkage.h"
#include "lib/base/mem.h"

enum { NAME_BYTES = 64 };

/* State and start time of a process from /proc/PID/stat; false where there is none. The second field is the program's
 * name in parentheses and may hold anything, so fields are counted from the last ')': state is the 3rd, start time the
 * 22nd. */
static bool process_stat(pid_t pid, char *ret_state, uint64_t *ret_start)
{
    char path[64], text[1024];

    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    rbe_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return false;
    ssize_t n = read(fd, text, sizeof(text) - 1);

    if (n <= 0)
        return false;
    text[n] = '\0';
    const char *at = strrchr(text, ')');

    if (!at || at[1] != ' ' || at[2] == '\0')
        return false;
    *ret_state = at[2];
    at += 2;
    for (int field = 3; field < 22; field++) {
        at = strchr(at, ' ');
        if (!at)
            return false;
        at++;
    }
    *ret_start = strtoull(at, NULL, 10);
    return true;
}

uint64_t rbe_process_start(pid_t pid)
{
    char state;
    uint64_t start;

    return process_stat(pid, &state, &start) ? start : 0;
}

bool rbe_process_alive(pid_t pid, uint64_t start)
{
    char state;
    uint64_t now;

    /* 0 and below would ask for process groups. */
    if (pid <= 0 || (kill(pid, 0) < 0 && errno != EPERM))
        return false;
    if (!process_stat(pid, &state, &now))
        return true;
    if (state == 'Z' || state == 'X')
        return false;
    return start == 0 || now == 0 || now == start;
}

const char *rbe_host_name(void)
{
    static char name[HOST_NAME_MAX + 1];

    if (!name[0] && (gethostname(name, sizeof(name) - 1) < 0 || !name[0]))
        (void)snprintf(name, sizeof(name), "localhost");
    return name;
}

/* What sudo leaves in the environment is shown, not trusted: whoever may run this can set it. */
char *rbe_user_name(void)
{
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    const struct passwd *user = RBE_LOADS ? getpwuid(getuid()) : NULL;
    const char *sudo = getenv("SUDO_USER");
    rbe_autofree char *name = user ? rbe_strdup(user->pw_name) : rbe_strfmt("%lu", (unsigned long)getuid());

    if (!sudo || !*sudo || strlen(sudo) > NAME_BYTES || sudo[strspn(sudo, plain)] || strcmp(sudo, name) == 0)
        return rbe_steal(name);
    return rbe_strfmt("%s as %s", sudo, name);
}

unsigned rbe_cpu_count(void)
{
    /* A kernel with more processors than the fixed set holds refuses it with EINVAL. */
    for (int max = 1024; max <= 1024 * 1024; max *= 4) {
        cpu_set_t *set = CPU_ALLOC((size_t)max);

        if (!set)
            abort();
        CPU_ZERO_S(CPU_ALLOC_SIZE((size_t)max), set);
        int got = sched_getaffinity(0, CPU_ALLOC_SIZE((size_t)max), set);
        int why = errno;
        int count = got == 0 ? CPU_COUNT_S(CPU_ALLOC_SIZE((size_t)max), set) : 0;

        CPU_FREE(set);
        if (got == 0)
            return count > 0 ? (unsigned)count : 1;
        if (why != EINVAL)
            break;
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN);

    return online > 0 ? (unsigned)online : 1;
}

uint64_t rbe_memory_size(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size : 0;
}

/* Groups first, then the group, then the user: after the last step there is no right left to change the others. */
static enum rbe_code become(uid_t uid, gid_t gid, const char *name, struct rbe_err *e)
{
    int groups = name ? initgroups(name, gid) : setgroups(1, &gid);

    if (groups < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
        return rbe_fail_errno(e, "cannot become user %lu", (unsigned long)uid);
    if (setuid(0) == 0 || seteuid(0) == 0 || getuid() != uid || geteuid() != uid || getgid() != gid || getegid() != gid)
        return rbe_fail(e, RBE_FAULT, "root rights could not be given up for user %lu", (unsigned long)uid);
    return RBE_OK;
}

enum rbe_code rbe_become_owner(const char *dir, struct rbe_err *e)
{
    struct stat st;

    if (stat(dir, &st) < 0)
        return errno == ENOENT ? rbe_fail(e, RBE_NOTFOUND, "%s: there is no such directory", dir)
                               : rbe_fail_errno(e, "%s", dir);
    if (st.st_uid == geteuid())
        return RBE_OK;
    if (geteuid() != 0)
        return rbe_fail(e, RBE_FORBIDDEN, "%s belongs to user %lu: run this as that user or as root", dir,
                        (unsigned long)st.st_uid);
    const struct passwd *user = RBE_LOADS ? getpwuid(st.st_uid) : NULL;

    return become(st.st_uid, user ? user->pw_gid : st.st_gid, user ? user->pw_name : NULL, e);
}
