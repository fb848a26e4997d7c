/* Runs a fuzz target over its corpus, tests/fuzz/corpus/NAME for a program named fuzz-NAME, or over the files given; what it
 * finds to say it says in TAP. A target fails by not returning.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/mem.h"
#include "lib/wrap/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

enum { INPUT_MAX = 64 << 20 };

/* The input gets a block of exactly its size, so that a read behind its end is seen. */
static bool replay(unsigned number, const char *path)
{
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_err e = {0};

    if (rbe_file_get(path, INPUT_MAX, &text, &e) != RBE_OK) {
        printf("not ok %u - %s\n", number, e.text);
        return false;
    }
    rbe_autofree uint8_t *exact = malloc(text.len ? text.len : 1);
    if (!exact)
        abort();
    if (text.len > 0)
        memcpy(exact, text.s, text.len);
    (void)LLVMFuzzerTestOneInput(exact, text.len);
    printf("ok %u - %s\n", number, path);
    (void)fflush(stdout);
    return true;
}

static int no_dots(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/'), *name = slash ? slash + 1 : argv[0];
    rbe_autofree char *dir = rbe_strfmt("tests/fuzz/corpus/%s", strncmp(name, "fuzz-", 5) == 0 ? name + 5 : name);
    struct dirent **found = NULL;
    unsigned number = 0;
    bool good = true;

    for (int i = 1; i < argc; i++)
        good = replay(++number, argv[i]) && good;
    int n = argc > 1 ? 0 : scandir(dir, &found, no_dots, alphasort);
    for (int i = 0; i < n; i++) {
        rbe_autofree char *path = rbe_strfmt("%s/%s", dir, found[i]->d_name);

        good = replay(++number, path) && good;
        free(found[i]);
    }
    free(found);
    if (number == 0)
        printf("not ok %u - nothing in %s\n", ++number, dir);
    printf("1..%u\n", number);
    return good && (argc > 1 || n > 0) ? 0 : 1;
}
