/* No library stands between this file and the kernel: the filter is one table, and it is built once a process.
 */
#include "lib/wrap/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/base/mem.h"

/* ---- files, network, signals: Landlock ---- */

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_restrict_self 446
#endif

/* As the kernel's header has it in its newest form; older kernels take the beginning of it. */
struct ruleset {
    uint64_t files, network, scoped;
};

/* What each version of the interface can take away. Unknown bits are refused, so later versions get the last row. */
static const struct {
    struct ruleset rules;
    size_t size;
} versions[] = {
    {{.files = (1 << 13) - 1}, 8},
    {{.files = (1 << 14) - 1}, 8},                                   /* moving between directories */
    {{.files = (1 << 15) - 1}, 8},                                   /* truncating */
    {{.files = (1 << 15) - 1, .network = 3}, 16},                    /* TCP: bind, connect */
    {{.files = (1 << 16) - 1, .network = 3}, 16},                    /* ioctl of devices */
    {{.files = (1 << 16) - 1, .network = 3, .scoped = 3}, 24},       /* abstract sockets, signals */
};

static bool confine_files(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

    if (version < 1)
        return true;
    size_t last = (size_t)version < RBE_COUNT(versions) ? (size_t)version - 1 : RBE_COUNT(versions) - 1;
    rbe_autoclose int fd = (int)syscall(SYS_landlock_create_ruleset, &versions[last].rules, versions[last].size, 0);
    return fd >= 0 && syscall(SYS_landlock_restrict_self, fd, 0) == 0;
}

/* ---- system calls: seccomp ---- */

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define ARCH AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define ARCH AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCH AUDIT_ARCH_PPC64LE
#elif defined(__s390x__)
#define ARCH AUDIT_ARCH_S390X
#endif

#ifdef ARCH

static const int allowed[] = {
    SYS_read, SYS_pread64, SYS_write, SYS_writev, SYS_close, SYS_lseek, SYS_fstat, SYS_brk, SYS_munmap, SYS_mremap,
    SYS_madvise, SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_restart_syscall,
    SYS_futex, SYS_getrandom, SYS_getpid, SYS_gettid, SYS_sched_yield, SYS_clock_gettime,
#ifdef SYS_fstat64
    SYS_fstat64,
#endif
#ifdef SYS__llseek
    SYS__llseek,
#endif
#ifdef SYS_clock_gettime64
    SYS_clock_gettime64, SYS_futex_time64,
#endif
#ifdef SYS_gettimeofday
    SYS_gettimeofday,
#endif
#ifdef SYS_time
    SYS_time,
#endif
#ifdef SYS_fadvise64
    SYS_fadvise64,
#endif
};

/* A library looks for its configuration, the terminal or the processors, and does without. */
static const int failing[] = {
    SYS_openat, SYS_faccessat, SYS_readlinkat, SYS_ioctl, SYS_prctl, SYS_sysinfo, SYS_sched_getaffinity,
    SYS_fcntl, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid,
#ifdef SYS_open
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink,
#endif
};

/* Allowed only with a bit in one of the arguments, or only without it; else they fail. */
static const struct {
    int call;
    unsigned arg;
    uint32_t bit;
    bool with;
} conditional[] = {
    {SYS_mprotect, 2, PROT_EXEC, false},
#ifdef SYS_mmap
    {SYS_mmap, 2, PROT_EXEC, false},
#endif
#ifdef SYS_mmap2
    {SYS_mmap2, 2, PROT_EXEC, false},
#endif
    /* What libc makes of fstat(). */
#ifdef SYS_newfstatat
    {SYS_newfstatat, 3, AT_EMPTY_PATH, true},
#endif
#ifdef SYS_statx
    {SYS_statx, 2, AT_EMPTY_PATH, true},
#endif
};

enum { HEAD = 4, SIGNALS = 7, TAIL = 1 };
struct program {
    struct sock_filter code[HEAD + 2 * RBE_COUNT(allowed) + 2 * RBE_COUNT(failing) + 5 * RBE_COUNT(conditional) +
                            SIGNALS + TAIL];
    unsigned short n;
};

#define LOAD(at) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at))
#define LOAD_NR LOAD(offsetof(struct seccomp_data, nr))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define ALLOW RETURN(SECCOMP_RET_ALLOW)
#define KILL RETURN(SECCOMP_RET_KILL_PROCESS)
#define REFUSE RETURN(SECCOMP_RET_ERRNO | EACCES)
/* The low half of an argument. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOAD_ARG(i) LOAD(offsetof(struct seccomp_data, args) + (i) * 8)
#else
#define LOAD_ARG(i) LOAD(offsetof(struct seccomp_data, args) + (i) * 8 + 4)
#endif
/* The next so many instructions are for this value only. */
#define ONLY(value, instructions) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, (instructions))

static void put(struct program *p, const struct sock_filter *code, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p->code[p->n++] = code[i];
}
#define PUT(p, ...)                                             \
    do {                                                        \
        const struct sock_filter code_[] = {__VA_ARGS__};       \
        put((p), code_, RBE_COUNT(code_));                      \
    } while (0)

/* abort() signals its own process, and that is all. */
static void put_signals(struct program *p)
{
    PUT(p, ONLY(SYS_tgkill, 4), LOAD_ARG(0), ONLY(getpid(), 1), ALLOW, REFUSE);
    PUT(p, ONLY(SYS_kill, 1), REFUSE);
}

static bool confine_calls(void)
{
    struct program p = {.n = 0};

    /* Numbers mean other calls under another arch, and above X32 on x86-64. */
    PUT(&p, LOAD(offsetof(struct seccomp_data, arch)), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0), KILL, LOAD_NR);
    for (size_t i = 0; i < RBE_COUNT(allowed); i++)
        PUT(&p, ONLY(allowed[i], 1), ALLOW);
    for (size_t i = 0; i < RBE_COUNT(failing); i++)
        PUT(&p, ONLY(failing[i], 1), REFUSE);
    for (size_t i = 0; i < RBE_COUNT(conditional); i++)
        PUT(&p, ONLY(conditional[i].call, 4), LOAD_ARG(conditional[i].arg),
            BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, conditional[i].bit, !conditional[i].with, conditional[i].with), ALLOW,
            REFUSE);
    put_signals(&p);
    PUT(&p, KILL);

    const struct sock_fprog filter = {.len = p.n, .filter = p.code};
    /* EINVAL: built without filters, or without this action. */
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0) == 0 || errno == EINVAL || errno == ENOSYS;
}

#else

static bool confine_calls(void)
{
    return true;
}

#endif

bool rbe_confine(void)
{
    return confine_files() && confine_calls();
}
