/* Shell completion, made from a program's table of verbs: `rbe-admin --completion bash|zsh` prints it, make install puts
 * it where the shells look.
 */
#ifndef RBE_BIN_COMPLETION_H
#define RBE_BIN_COMPLETION_H

#include "bin/cli.h"

/* False when there is no such shell. */
bool rbe_completion_put(const struct rbe_cli_program *program, const char *shell, struct rbe_str *out);

#endif
