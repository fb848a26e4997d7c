/* rbe-inspect TYPE RULES ENTRIES BYTES: reads the archive on descriptor 3, prints its manifest.
 *
 * Run by rbe_inspector_run (lib/patch/inspector.h), once for each archive, so that whatever hostile input does to a decoder
 * happens in a process that has nothing: no database, no socket, no other file, no rights worth having.
 *
 * Exit status 0: the manifest is on standard output. 3: refused, one line "rule<TAB>message" on standard error. 4: any other
 * failure, its message on standard error. 2: wrong usage.
 */
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/sanitize.h"
#include "lib/patch/inspect.h"
#include "lib/wrap/confine.h"

enum { ARCHIVE_FD = 3, EXIT_USAGE = 2, EXIT_REFUSED = 3, EXIT_FAILED = 4 };

static bool limit(__rlimit_resource_t what, rlim_t most)
{
    struct rlimit l;

    if (getrlimit(what, &l) != 0)
        return false;
    if (l.rlim_max > most)
        l.rlim_max = most;
    if (l.rlim_cur > l.rlim_max)
        l.rlim_cur = l.rlim_max;
    return setrlimit(what, &l) == 0;
}

/* Root's powers over files are of no use here. Where even root may not change its user (a container without the capability),
 * it has no such powers either. */
__attribute__((unused)) static bool become_nobody(void)
{
    enum { NOBODY = 65534 };

    if (geteuid() != 0 || setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0)
        return true;
    return setresuid(NOBODY, NOBODY, NOBODY) == 0;
}

/* All that this process gives up before it reads the first byte. Instrumented builds trace their own process or write
 * files when they end, which is not possible without the rights taken here, so they keep those. */
static bool lower_rights(void)
{
    enum { DESCRIPTORS = 16 };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !limit(RLIMIT_CORE, 0) || !limit(RLIMIT_NOFILE, DESCRIPTORS))
        return false;
#if RBE_SANITIZED
    return true;
#else
    /* Another user is no longer told of its parent's death, unless it asks anew. */
    return limit(RLIMIT_FSIZE, 0) && become_nobody() && limit(RLIMIT_NPROC, 0) &&
           prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == 0 && rbe_confine();
#endif
}

/* Whoever runs out of memory aborts, here as everywhere: that is the archive's doing, because memory is bounded by its
 * limits. Any other abort goes on. */
static void on_abort(int signal)
{
    static const char said[] = "limit_memory\tarchive could not be read: it takes too much memory\n";

    (void)signal;
    if (errno == ENOMEM && write(STDERR_FILENO, said, sizeof(said) - 1) > 0)
        _exit(EXIT_REFUSED);
}

static bool read_arguments(int argc, char **argv, struct rbe_inspect *ret)
{
    int64_t rules, entries, bytes;

    if (argc != 5 || !rbe_int_parse(argv[2], 0, RBE_RULES_WINDOWS | RBE_RULES_FOLD, &rules) ||
        !rbe_int_parse(argv[3], 0, INT64_MAX, &entries) || !rbe_int_parse(argv[4], 0, INT64_MAX, &bytes))
        return false;
    *ret = (struct rbe_inspect){
        .fd = ARCHIVE_FD,
        .type = rbe_arc_type_of(argv[1]),
        .rules = (unsigned)rules,
        .limits = {.entries = (uint64_t)entries, .bytes = (uint64_t)bytes},
    };
    return true;
}

static int report(const struct rbe_err *e)
{
    if (e->code != RBE_INVALID) {
        (void)fprintf(stderr, "%s\n", e->text);
        return EXIT_FAILED;
    }
    (void)fprintf(stderr, "%s\t%s\n", e->violation[0].rule, e->violation[0].message);
    return EXIT_REFUSED;
}

int main(int argc, char **argv)
{
    rbe_auto(manifest) struct rbe_manifest manifest = {0};
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_inspect what;
    struct rbe_err e = {0};
    unsigned char warm[RBE_SHA256_SIZE];

    if (!read_arguments(argc, argv, &what)) {
        (void)fputs("usage: rbe-inspect TYPE RULES ENTRIES BYTES 3<ARCHIVE >MANIFEST\n", stderr);
        return EXIT_USAGE;
    }
    (void)sigaction(SIGABRT, &(struct sigaction){.sa_handler = on_abort}, NULL);
    /* libcrypto reads its configuration when it is first used: that must be over before files are out of reach. */
    rbe_sha256_of("", 0, warm);
    rbe_random(warm, sizeof(warm));
    if (!lower_rights()) {
        (void)fputs("rbe-inspect: cannot lower its rights\n", stderr);
        return EXIT_FAILED;
    }
    if (rbe_inspect(&what, &manifest, &e) != RBE_OK)
        return report(&e);
    rbe_manifest_format(&manifest, &text);
    if (fwrite(text.s, 1, text.len, stdout) != text.len || fflush(stdout) != 0) {
        (void)fputs("rbe-inspect: cannot write the manifest\n", stderr);
        return EXIT_FAILED;
    }
    return 0;
}
