/* Making a configuration. */
#ifndef RBE_CORE_SETUP_H
#define RBE_CORE_SETUP_H

#include "lib/core/settings.h"

/* Writes a configuration with a fresh random signing secret to file, mode 0600, with the directories above it.
 * data_dir is written as given; NULL: "." (the file's own directory), or the default when file is the system's own. A
 * file that is there already is left alone and *ret_made is false. */
enum rbe_code rbe_setup_config(const char *file, const char *data_dir, bool *ret_made, struct rbe_err *e) RBE_MUST_USE;
/* The configuration file that is meant when none (NULL) is named: $RBE_CONFIG, else the system's own. */
const char *rbe_setup_config_file(const char *named);

#endif
