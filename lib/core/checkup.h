/* Looking whether an installation can work, and does not give away what it should guard. */
#ifndef RBE_CORE_CHECKUP_H
#define RBE_CORE_CHECKUP_H

#include "lib/core/settings.h"

enum rbe_verdict { RBE_VERDICT_OK, RBE_VERDICT_WARN, RBE_VERDICT_BAD, RBE_VERDICT_MAX };
/* "ok", "warning", "bad" */
const char *rbe_verdict_name(enum rbe_verdict verdict);

struct rbe_checkup {
    const struct rbe_settings *settings;
    /* Told of each thing that was looked at, with what was seen. */
    void (*found)(void *arg, enum rbe_verdict verdict, const char *what, const char *text);
    void *arg;
    unsigned troubles;           /* that were found: warnings too */
};
/* Looks at the configuration and its secrets, the data directory (becoming its owner, as rbe_app_open does), the
 * databases, and the places that downloads are sent to (checkup-places.h). */
void rbe_checkup(struct rbe_checkup *c);
/* For the parts of it. */
__attribute__((format(printf, 4, 5))) void rbe_checkup_say(struct rbe_checkup *c, enum rbe_verdict verdict,
                                                          const char *what, const char *fmt, ...);

#endif
