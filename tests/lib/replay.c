/* main() of a fuzz target outside the fuzzer: every file of tests/fuzz/corpus/<name>/ as it is, cut short, and with single
 * bytes changed. A target that returns has passed; what it does wrong is for the sanitizers and asserts to say.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20, CUTS = 64, CHANGES = 256 };

/* A copy of exact size on the heap, so that a read past the end is seen. */
static void one(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        abort();
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void variants(uint8_t *data, size_t size)
{
    uint32_t r = 2463534242U;    /* a fixed seed: every run does the same */

    one(data, size);
    for (size_t i = 0; i < CUTS && size; i++)
        one(data, i * size / CUTS);
    for (size_t i = 0; i < CHANGES && size; i++) {
        r ^= r << 13;
        r ^= r >> 17;
        r ^= r << 5;
        uint8_t *at = data + r % size, was = *at;

        *at = (uint8_t)(r >> 24);
        one(data, size);
        *at = was;
    }
}

static size_t read_file(const char *path, uint8_t *buf)
{
    FILE *f = fopen(path, "rb");
    size_t n;

    if (!f)
        return 0;
    n = fread(buf, 1, INPUT_MAX, f);
    (void)fclose(f);
    return n;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    uint8_t *buf = malloc(INPUT_MAX);
    struct dirent **entries;
    char dir[256], path[1024];
    int n, done = 0;

    if (argc != 1 || !buf || strncmp(name, "fuzz-", 5) != 0)
        return 2;
    (void)snprintf(dir, sizeof(dir), "tests/fuzz/corpus/%s", name + 5);
    n = scandir(dir, &entries, NULL, by_name);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            (void)snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
            variants(buf, read_file(path, buf));
            (void)printf("ok %d - %s\n", ++done, entries[i]->d_name);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    if (!done)
        (void)printf("not ok %d - no corpus in %s\n", ++done, dir);
    (void)printf("1..%d\n", done);
    free(buf);
    return 0;
}
