/* What a form says of its upload location: key, policy and signature, a line each. Nothing but what was signed may pass, and
 * the corpus has one that was.
 */
#include <stdint.h>
#include <string.h>

#include "lib/core/location.h"

static const char secret[] = "a secret that is only for fuzzing";

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct rbe_settings settings = {.instance.data_dir = "/nonexistent"};
    rbe_autoptr(hmac) struct rbe_hmac *signer = rbe_hmac_new(secret, strlen(secret));
    struct rbe_app app = {.settings = &settings, .signer = {signer}, .signers = 1};
    rbe_autofree char *text = rbe_strndup((const char *)p, n);
    char *line[3] = {NULL}, *rest = text;
    struct rbe_location_right right;
    struct rbe_err e = {0};

    for (size_t i = 0; i < RBE_COUNT(line); i++)
        line[i] = strsep(&rest, "\n");
    const struct rbe_location said = {.key = line[0], .policy = line[1], .access_key = "rbe", .signature = line[2]};
    if (rbe_location_check(&app, &said, 0, &right, &e) == RBE_OK && (!*right.name || right.bytes == 0 || strchr(right.name, '/')))
        abort();
    return 0;
}
