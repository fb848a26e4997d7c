/* A time zone file: what is parsed answers for any moment, within two days of UTC. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/base/zone.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct rbe_zone *z = rbe_zone_parse(p, n);

    for (int64_t t = -4000000000; z && t < 8000000000; t += 86000 * 100) {
        int64_t offset = rbe_zone_offset(z, t), day = rbe_zone_day(z, t);

        if (offset < -8 * 86400 || offset > 8 * 86400 || day < t / 86400 - 9 || day > t / 86400 + 9)
            abort();
    }
    rbe_zone_free(z);
    return 0;
}
