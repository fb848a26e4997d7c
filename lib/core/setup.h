/* Making an installation and looking whether it can work.
 */
#ifndef RBE_CORE_SETUP_H
#define RBE_CORE_SETUP_H

#include "lib/core/settings.h"

/* Writes a configuration with a fresh random signing secret to file, mode 0600, with the directories above it.
 * data_dir is written as given; NULL: "." (the file's own directory), or the default when file is the system's own. A
 * file that is there already is left alone and *ret_made is false. */
enum rbe_code rbe_setup_config(const char *file, const char *data_dir, bool *ret_made, struct rbe_err *e) RBE_MUST_USE;
/* The configuration file that is meant when none (NULL) is named: $RBE_CONFIG, else the system's own. */
const char *rbe_setup_config_file(const char *named);

enum rbe_verdict { RBE_VERDICT_OK, RBE_VERDICT_WARN, RBE_VERDICT_BAD, RBE_VERDICT_MAX };
/* "ok", "warning", "bad" */
const char *rbe_verdict_name(enum rbe_verdict verdict);
typedef void rbe_setup_found(void *arg, enum rbe_verdict verdict, const char *what, const char *text);
/* Looks at the data directory (becoming its owner, as rbe_app_open does), the databases, the secrets, the places that
 * downloads are sent to (setup-places.h); tells `found` of each, with what was seen. */
void rbe_setup_check(const struct rbe_settings *settings, rbe_setup_found *found, void *arg);

#endif
