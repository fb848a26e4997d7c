/* A call that must give a certain code; where it gives another, its text is printed. The first argument is a pointer to the
 * test's fixture, whose `err` the call fills in.
 */
#ifndef RBE_TESTS_MUST_H
#define RBE_TESTS_MUST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/base/err.h"

#define expect(fixture, want, call)                              \
    do {                                                         \
        enum rbe_code got_ = (call);                             \
        if (got_ != (want))                                      \
            print_error("%s: %s\n", #call, (fixture)->err.text); \
        assert_int_equal(got_, (want));                          \
    } while (0)
#define must(fixture, call) expect(fixture, RBE_OK, call)

#endif
