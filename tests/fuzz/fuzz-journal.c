/* A journal from disk: what is parsed means the same when it is written again. */
#include <stdint.h>
#include <string.h>

#include "lib/patch/journal.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    rbe_auto(journal) struct rbe_journal j = {0}, again = {0};
    rbe_auto(str) struct rbe_str text = {0};
    struct rbe_err e = {0};

    if (rbe_journal_parse((const char *)p, n, &j, &e) != RBE_OK)
        return 0;
    rbe_journal_format(&j, &text);
    if (rbe_journal_parse(text.s, text.len, &again, &e) != RBE_OK || again.n != j.n || again.back != j.back)
        abort();
    for (size_t i = 0; i < j.n; i++)
        if (j.steps[i].step != again.steps[i].step || j.steps[i].number != again.steps[i].number ||
            strcmp(j.steps[i].path, again.steps[i].path) != 0)
            abort();
    return 0;
}
