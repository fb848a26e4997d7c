/* rbe_update: keeps a directory at the version that an rbe server offers, and never breaks it.
 *
 *     struct rbe_update_options o = {.size = sizeof(o), .server = "https://updates.example", .resource = "my-app",
 *                                    .dir = "/opt/my-app"};
 *     struct rbe_update *u;
 *     struct rbe_update_release r;
 *
 *     if (rbe_update_open(&o, &u) == RBE_UPDATE_OK && rbe_update_check(u, &r) == RBE_UPDATE_AVAILABLE &&
 *         rbe_update_download(u) == RBE_UPDATE_OK && rbe_update_apply(u) == RBE_UPDATE_OK)
 *         puts(rbe_update_installed(u));
 *     rbe_update_close(u);
 *
 * rbe_update_download fetches and verifies everything and changes nothing that the application sees; rbe_update_apply is short
 * and needs no network, so the application chooses its moment. Whatever happens in between, a crash or a power cut too, the
 * directory holds the old version or the new one as soon as one of these functions but rbe_update_check was called again.
 *
 * One object is used by one thread at a time; rbe_update_cancel alone may be called from any thread and from a signal handler.
 * Texts are UTF-8, belong to the object, and live until its next call. Link with -lrbe-update and what rbe_update(3) names.
 */
#ifndef RBE_UPDATE_H
#define RBE_UPDATE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum rbe_update_result {
    RBE_UPDATE_OK = 0,
    RBE_UPDATE_AVAILABLE = 1,    /* check: there is another version to install */
    RBE_UPDATE_DAMAGED = 2,      /* verify: files differ from what was installed */
    RBE_UPDATE_BUSY = 3,         /* another updater works on the directory, and waiting was not asked for */
    RBE_UPDATE_CANCELLED = 4,
    RBE_UPDATE_FAILED = 5        /* rbe_update_error says why */
};

enum rbe_update_event_kind {
    RBE_UPDATE_EVENT_DOWNLOAD,   /* bytes of the package */
    RBE_UPDATE_EVENT_SURVEY,     /* bytes of the directory that were looked at */
    RBE_UPDATE_EVENT_STAGE,      /* bytes of new files made ready */
    RBE_UPDATE_EVENT_APPLY,      /* the change itself begins */
    RBE_UPDATE_EVENT_RECOVERED,  /* a change that was cut off was brought to its end; text says which way */
    RBE_UPDATE_EVENT_RETRY,      /* text says why, total in how many seconds */
    RBE_UPDATE_EVENT_FALLBACK,   /* another kind of package is taken; text says why */
    RBE_UPDATE_EVENT_DAMAGED,    /* a file is not as it was installed: path, and what is wrong in text */
    RBE_UPDATE_EVENT_WAITING,    /* for another updater */
    RBE_UPDATE_EVENT_WARNING,    /* text */
    RBE_UPDATE_EVENT_MAX
};

struct rbe_update_event {
    enum rbe_update_event_kind kind;
    const char *text, *path;     /* "" where there is nothing to say */
    uint64_t done, total;        /* total 0 where it is not known */
};

enum rbe_update_dialect { RBE_UPDATE_NATIVE, RBE_UPDATE_COMPAT };

/* Zeros and NULLs are defaults; texts are copied. */
struct rbe_update_options {
    size_t size;                 /* sizeof(struct rbe_update_options): later versions of it may be longer */
    const char *server;          /* "https://updates.example"; not needed to verify and roll back */
    const char *resource;        /* resource id; the same */
    const char *dir;             /* the directory; must be set */
    const char *channel;         /* the one of the last update, else "stable" */
    const char *system, *arch;   /* those of the last update, else this machine's */
    const char *cdk;
    const char *const *keep;     /* globs of paths that are the user's own, ended by NULL */
    enum rbe_update_dialect dialect;
    int thorough;                /* read every file, also those that look as they did */
    int wait;                    /* while another updater works, wait */
    unsigned tries;              /* to get what is asked for; default 5 */
    unsigned pause_ms;           /* before the second try, longer before each further one, a minute at most; default 1000 */
    void (*event)(void *arg, const struct rbe_update_event *event);
    void *arg;
    unsigned patience_s;         /* the longest wait before a try that a server may ask for (Retry-After); default 300 */
};

/* What the server offers. */
struct rbe_update_release {
    const char *version;         /* that should be installed */
    const char *installed;       /* that is; "" when none is known */
    const char *release_note, *custom_data;
    const char *message;         /* the server's own words */
    int64_t size;                /* of the package, -1 when it is not known */
    int downloadable;            /* 0: a cdk is needed */
};

struct rbe_update;

/* *ret is set in any case, for rbe_update_error, and closed by rbe_update_close. */
enum rbe_update_result rbe_update_open(const struct rbe_update_options *options, struct rbe_update **ret);
void rbe_update_close(struct rbe_update *u);

/* RBE_UPDATE_OK when the version that should be installed is; changes nothing in the directory. ret may be NULL. */
enum rbe_update_result rbe_update_check(struct rbe_update *u, struct rbe_update_release *ret);
/* Makes ready what leads to the offered version, or mends what is damaged. RBE_UPDATE_OK also when there is nothing to do. */
enum rbe_update_result rbe_update_download(struct rbe_update *u);
/* 1 when rbe_update_apply would change something. */
int rbe_update_ready(const struct rbe_update *u);
/* Makes the change that was made ready. */
enum rbe_update_result rbe_update_apply(struct rbe_update *u);
/* Reads every file and compares it with what was installed; what differs is told by events, and mended by the next update.
 * What was made ready is given up. */
enum rbe_update_result rbe_update_verify(struct rbe_update *u);
/* Back to the version that was there before the last update. */
enum rbe_update_result rbe_update_rollback(struct rbe_update *u);
/* Ends what is under way as soon as it can be ended without harm. What is cancelled stays so: another try takes another
 * object. */
void rbe_update_cancel(struct rbe_update *u);

/* The version that is installed, as of the last call; "" when none is known. */
const char *rbe_update_installed(const struct rbe_update *u);
/* Why the last call failed, one line. */
const char *rbe_update_error(const struct rbe_update *u);
/* Where it failed because the server wants to be left alone: for how many seconds more; else 0. */
int64_t rbe_update_retry_after(const struct rbe_update *u);

#ifdef __cplusplus
}
#endif

#endif
