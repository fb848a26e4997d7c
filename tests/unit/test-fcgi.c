/* Plain CGI over one socket both ways, as some web servers do it. FastCGI and pipes are in test-serve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/web/fcgi.h"

enum { BODY = 100 * 1000 };
static const char answer[] = "Status: 401 Unauthorized\r\n\r\nno";

/* An answer given before the body was read arrives whole, though the program then closes the socket. */
static void test_unread_body(void **state)
{
    static char body[BODY], got[sizeof(answer)];
    char method[] = "REQUEST_METHOD=POST", *const env[] = {method, NULL};
    size_t n = 0;
    ssize_t r;
    int s[2];

    (void)state;
    assert_return_code(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
    assert_int_equal(write(s[0], body, sizeof(body)), sizeof(body));
    assert_return_code(shutdown(s[0], SHUT_WR), 0);
    struct rbe_fcgi *f = rbe_fcgi_new_cgi(s[1], s[1], env);
    assert_int_equal(rbe_fcgi_accept(f), 1);
    assert_true(rbe_fcgi_write(f, answer, strlen(answer)));
    rbe_fcgi_finish(f, BODY);
    assert_int_equal(rbe_fcgi_accept(f), 0);
    rbe_fcgi_free(f);
    (void)close(s[1]);
    while ((r = read(s[0], got + n, sizeof(got) - n)) > 0)
        n += (size_t)r;
    assert_int_equal(r, 0);
    assert_int_equal(n, strlen(answer));
    assert_memory_equal(got, answer, n);
    (void)close(s[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unread_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
