/* rbe_inspect in an exec'd child (libexec/rbe/rbe-inspect) that inherits the archive's descriptor and nothing else and runs
 * under limits on CPU, memory and files. Hostile input can end the child, never this process.
 */
#ifndef RBE_PATCH_INSPECTOR_H
#define RBE_PATCH_INSPECTOR_H

#include "lib/patch/inspect.h"

/* program is the path of rbe-inspect. As rbe_inspect; a crash or limit in the child is RBE_INVALID as well ("archive could
 * not be read: killed by SIGSEGV"); killed from outside (SIGKILL, SIGTERM) or not started: RBE_UNAVAILABLE. */
enum rbe_code rbe_inspector_run(const char *program, const struct rbe_inspect *what, struct rbe_manifest *ret,
                                struct rbe_err *e) RBE_MUST_USE;

#endif
