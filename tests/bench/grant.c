/* What a download key costs: grant COUNT makes so many and prints the nanoseconds of processor time for one, and for one
 * HMAC-SHA256 alone over as many bytes, keyed anew as the plain call of the library does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/codec.h"
#include "lib/core/grant.h"

enum { RECORD = 54 };            /* bytes of a key before its signature */

static double cpu_ns(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
    static const char secret[] = "a secret of the benchmark";
    const struct rbe_settings settings = {0};
    struct rbe_app app = {.settings = &settings, .signers = 1};
    struct rbe_grant g = {.kind = RBE_GRANT_DOWNLOAD, .package = 12345, .expires = 1800000000, .cdk = 67890,
                          .region = "eu-west-1"};
    unsigned char record[RECORD] = {1}, sum[RBE_SHA256_SIZE];
    char text[RBE_GRANT_TEXT];
    int64_t count = 0;

    if (argc != 2 || !rbe_int_parse(argv[1], 1, 1000000000, &count))
        return 2;
    app.signer[0] = rbe_hmac_new(secret, strlen(secret));
    rbe_grant_sign(&app, &g, text);
    double began = cpu_ns();
    for (int64_t i = 0; i < count; i++) {
        g.package = i + 1;
        rbe_grant_sign(&app, &g, text);
    }
    double keys = cpu_ns() - began;
    began = cpu_ns();
    for (int64_t i = 0; i < count; i++) {
        rbe_autoptr(hmac) struct rbe_hmac *h = rbe_hmac_new(secret, strlen(secret));

        memcpy(record, &i, sizeof(i));
        rbe_hmac_of(h, record, sizeof(record), sum);
    }
    (void)printf("%.1f %.1f\n", keys / (double)count, (cpu_ns() - began) / (double)count);
    rbe_hmac_free(app.signer[0]);
    return 0;
}
