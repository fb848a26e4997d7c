#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "lib/base/str.h"
#include "lib/web/multipart.h"

/* What the callbacks saw, as one text: "[name|file name|data]", the file name "-" when there is none. */
struct seen {
    struct rbe_str text;
    size_t pieces;
    bool fail_begin, fail_data, fail_end;
};

static enum rbe_code on_begin(void *arg, const struct rbe_multipart_part *part, struct rbe_err *e)
{
    struct seen *s = arg;

    if (s->fail_begin)
        return rbe_fail(e, RBE_REFUSED, "begin");
    rbe_str_putf(&s->text, "[%s|%s|", part->name, part->file_name ? part->file_name : "-");
    return RBE_OK;
}

static enum rbe_code on_data(void *arg, const void *p, size_t n, struct rbe_err *e)
{
    struct seen *s = arg;

    if (s->fail_data)
        return rbe_fail(e, RBE_NOSPACE, "data");
    assert_true(n > 0);
    s->pieces++;
    rbe_str_put(&s->text, p, n);
    return RBE_OK;
}

static enum rbe_code on_end(void *arg, struct rbe_err *e)
{
    struct seen *s = arg;

    if (s->fail_end)
        return rbe_fail(e, RBE_REFUSED, "end");
    rbe_str_putc(&s->text, ']');
    return RBE_OK;
}

static const char content_type[] = "multipart/form-data; boundary=XyZ";

static struct rbe_multipart *start(struct seen *s)
{
    const struct rbe_multipart_events ev = {on_begin, on_data, on_end, s};
    struct rbe_multipart *m = NULL;

    assert_int_equal(rbe_multipart_new(content_type, &ev, &m, NULL), RBE_OK);
    return m;
}

/* Feeds body in pieces of `step` bytes, the first of `first` bytes. */
static enum rbe_code feed(struct seen *s, const char *body, size_t len, size_t first, size_t step, struct rbe_err *e)
{
    rbe_autoptr(multipart) struct rbe_multipart *m = start(s);

    rbe_str_reset(&s->text);
    for (size_t at = 0, n = first; at < len; at += n, n = step) {
        if (n > len - at)
            n = len - at;
        /* A copy of its own, so that a read past the piece is seen. */
        rbe_autofree char *piece = rbe_alloc(n);
        memcpy(piece, body + at, n);
        RBE_TRY(rbe_multipart_put(m, piece, n, e));
    }
    return rbe_multipart_end(m, e);
}

static void expect_len(const char *body, size_t len, const char *want, size_t want_len)
{
    struct seen s = {0};
    struct rbe_err e = {0};

    for (size_t split = 1; split <= len; split++) {
        if (feed(&s, body, len, split, len, &e) != RBE_OK)
            fail_msg("split at %zu: %s", split, e.text);
        assert_int_equal(s.text.len, want_len);
        assert_memory_equal(s.text.s, want, want_len);
    }
    for (size_t step = 1; step <= 7; step++) {
        if (feed(&s, body, len, step, step, &e) != RBE_OK)
            fail_msg("steps of %zu: %s", step, e.text);
        assert_int_equal(s.text.len, want_len);
        assert_memory_equal(s.text.s, want, want_len);
    }
    rbe_str_release(&s.text);
}

static void expect(const char *body, const char *want)
{
    expect_len(body, strlen(body), want, strlen(want));
}

/* Refused, however the body is cut. */
static void refuse_len(const char *body, size_t len, const char *why)
{
    struct seen s = {0};

    for (size_t split = 1; split <= len; split++) {
        struct rbe_err e = {0};

        if (feed(&s, body, len, split, len, &e) != RBE_INVALID)
            fail_msg("taken: %s", body);
        assert_string_equal(e.violation[0].field, "body");
        if (!strstr(e.text, why))
            fail_msg("\"%s\" does not hold \"%s\"", e.text, why);
    }
    rbe_str_release(&s.text);
}

static void refuse(const char *body, const char *why)
{
    refuse_len(body, strlen(body), why);
}

#define PART(name) "--XyZ\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"
#define CLOSE "\r\n--XyZ--\r\n"

static void fields_and_files(void **state)
{
    (void)state;
    expect(PART("a") "one" CLOSE, "[a|-|one]");
    expect(PART("a") "one\r\n" PART("b") "two" CLOSE, "[a|-|one][b|-|two]");
    expect("--XyZ\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x.zip\"\r\n"
           "Content-Type: application/zip\r\n\r\nPK\r\n--XyZ--",
           "[f|x.zip|PK]");
    expect("--XyZ--\r\n", "");
}

static void bodies_that_look_like_boundaries(void **state)
{
    (void)state;
    expect(PART("a") "\r\r\n\r\n-\r\n--\r\n--X\r\n--Xy\n--XyZ--\r--XyZ" CLOSE,
           "[a|-|\r\r\n\r\n-\r\n--\r\n--X\r\n--Xy\n--XyZ--\r--XyZ]");
    expect(PART("a") "\r" CLOSE, "[a|-|\r]");
    expect(PART("a") "\r\n" CLOSE, "[a|-|\r\n]");
    expect(PART("a") "-" CLOSE, "[a|-|-]");
    expect(PART("a") "--" CLOSE, "[a|-|--]");
    expect(PART("a") "--Xy" CLOSE, "[a|-|--Xy]");
    expect(PART("a") "\n--XyZ\n" CLOSE, "[a|-|\n--XyZ\n]");
}

static void empty_parts(void **state)
{
    (void)state;
    expect(PART("a") CLOSE, "[a|-|]");
    /* Without even the CRLF of an empty body. */
    expect(PART("a") "--XyZ--\r\n", "[a|-|]");
    expect(PART("a") "--XyZ\r\nContent-Disposition: form-data; name=b\r\n\r\nx" CLOSE, "[a|-|][b|-|x]");
}

static void bytes_that_are_no_text(void **state)
{
    static const char head[] = PART("a"), close[] = CLOSE;
    rbe_auto(str) struct rbe_str body = {0}, want = {0};

    (void)state;
    rbe_str_puts(&body, head);
    rbe_str_puts(&want, "[a|-|");
    for (int i = 0; i < 256; i++) {
        rbe_str_putc(&body, (char)i);
        rbe_str_putc(&want, (char)i);
    }
    rbe_str_puts(&body, close);
    rbe_str_putc(&want, ']');
    expect_len(body.s, body.len, want.s, want.len);
}

static void preamble_epilogue_and_padding(void **state)
{
    (void)state;
    expect("This is a preamble.\r\n--Xy\r\n" PART("a") "x" CLOSE "and an epilogue\r\n--XyZ\r\n", "[a|-|x]");
    expect("--XyZ \t \r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--XyZ--   ", "[a|-|x]");
}

static void names_as_browsers_and_curl_send_them(void **state)
{
    (void)state;
#define FILE_PART(params) "--XyZ\r\nContent-Disposition: form-data; " params "\r\n\r\nx" CLOSE
    expect(FILE_PART("name=\"f\"; filename=\"a %22b%22.zip\""), "[f|a \"b\".zip|x]");
    expect(FILE_PART("name=\"f\"; filename=\"a \\\"b\\\".zip\""), "[f|a \"b\".zip|x]");
    expect(FILE_PART("name=\"a%22b\""), "[a\"b|-|x]");
    expect(FILE_PART("name=\"a%41\""), "[a%41|-|x]");
    expect(FILE_PART("name=\"f\"; filename=\"C:\\dir\\app.zip\""), "[f|app.zip|x]");
    expect(FILE_PART("name=\"f\"; filename=\"../../etc/passwd\""), "[f|passwd|x]");
    expect(FILE_PART("name=\"f\"; filename=\"\""), "[f||x]");
    expect(FILE_PART("name=f; filename=x.zip"), "[f|x.zip|x]");
    expect(FILE_PART("name=\"f\"; filename=\"\xc3\xa4.zip\""), "[f|\xc3\xa4.zip|x]");
    expect(FILE_PART("name=\"f\"; filename=\"x.zip\"; filename*=UTF-8''%e2%82%ac%20.zip"), "[f|\xe2\x82\xac .zip|x]");
    expect(FILE_PART("name=\"f\"; filename*=utf-8'en'a%2fb.zip; filename=\"x.zip\""), "[f|b.zip|x]");
    expect(FILE_PART("name=\"f\"; filename*=ISO-8859-1''%e4.zip; filename=\"x.zip\""), "[f|x.zip|x]");
    expect("--XyZ\r\ncontent-disposition:FORM-DATA;NAME=f\r\n\r\nx" CLOSE, "[f|-|x]");
    expect("--XyZ\r\nContent-Disposition: form-data;\r\n name=\"f\"\r\nX-Other: y\r\n\r\nx" CLOSE, "[f|-|x]");
    expect("--XyZ\r\nContent-Transfer-Encoding: Binary\r\nContent-Disposition: form-data; name=f;\r\n\r\nx" CLOSE,
           "[f|-|x]");
}

static void malformed_bodies(void **state)
{
    static const char nul[] = "--XyZ\r\nContent-Disposition: form-data; name=\"a\0b\"\r\n\r\nx\r\n--XyZ--";

    (void)state;
    refuse("x", "closing boundary");
    refuse("--XyZ", "closing boundary");
    refuse(PART("a") "one", "closing boundary");
    refuse(PART("a") "one\r\n--XyZ\r\n", "closing boundary");
    refuse(PART("a") "one\r\n--XyZ-", "closing boundary");
    refuse("--XyZab\r\n", "followed by other bytes");
    refuse("--XyZ\n", "followed by other bytes");
    refuse("--XyZ-\r\n", "followed by other bytes");
    refuse("--XyZ --", "followed by other bytes");
    refuse(PART("a") "one\r\n--XyZZ\r\n", "followed by other bytes");
    refuse("--XyZ\r\n\r\nx" CLOSE, "no name");
    refuse("--XyZ\r\nContent-Type: text/plain\r\n\r\nx" CLOSE, "no name");
    refuse(FILE_PART("filename=\"x\""), "no name");
    refuse(FILE_PART("name=\"\""), "no name");
    refuse(FILE_PART("name=\"a"), "malformed Content-Disposition");
    refuse(FILE_PART("name"), "malformed Content-Disposition");
    refuse(FILE_PART("name=a; name=b"), "malformed Content-Disposition");
    refuse(FILE_PART("name=a; filename*=x"), "malformed Content-Disposition");
    refuse(FILE_PART("name=a; filename*=UTF-8''%zz"), "malformed Content-Disposition");
    refuse(FILE_PART("name=\"a%0Db\""), "control character");
    refuse(FILE_PART("name=a; filename=\"\x07\""), "control character");
    refuse(FILE_PART("name=a; filename*=UTF-8''%0a"), "control character");
    refuse(FILE_PART("name=\"\xff\""), "not UTF-8");
    refuse("--XyZ\r\nContent-Disposition: attachment; name=a\r\n\r\nx" CLOSE, "malformed Content-Disposition");
    refuse("--XyZ\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b\r\n\r\nx" CLOSE,
           "malformed Content-Disposition");
    refuse("--XyZ\r\nno colon\r\n\r\nx" CLOSE, "malformed header line");
    refuse("--XyZ\r\n: empty\r\n\r\nx" CLOSE, "malformed header line");
    refuse("--XyZ\r\nContent-Disposition: form-data; name=a\n\r\n\r\nx" CLOSE, "CRLF");
    refuse("--XyZ\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: form-data; name=a\r\n\r\nx" CLOSE,
           "Content-Transfer-Encoding");
    refuse_len(nul, sizeof(nul) - 1, "NUL");
}

static void headers_and_parts_are_bounded(void **state)
{
    rbe_auto(str) struct rbe_str body = {0};
    struct seen s = {0};
    struct rbe_err e = {0};

    (void)state;
    rbe_str_puts(&body, "--XyZ\r\nX-Long: ");
    for (int i = 0; i < RBE_MULTIPART_HEADERS_MAX; i++)
        rbe_str_putc(&body, 'x');
    assert_int_equal(feed(&s, body.s, body.len, 100, 100, &e), RBE_INVALID);
    assert_non_null(strstr(e.text, "bytes of headers"));

    for (int parts = RBE_MULTIPART_PARTS_MAX; parts <= RBE_MULTIPART_PARTS_MAX + 1; parts++) {
        rbe_str_reset(&body);
        for (int i = 0; i < parts; i++)
            rbe_str_puts(&body, PART("a") "x\r\n");
        rbe_str_puts(&body, "--XyZ--\r\n");
        assert_int_equal(feed(&s, body.s, body.len, body.len, 1, &e),
                         parts <= RBE_MULTIPART_PARTS_MAX ? RBE_OK : RBE_INVALID);
    }
    rbe_str_release(&s.text);
}

static void boundaries(void **state)
{
    static const struct {
        const char *type;
        bool good;
    } cases[] = {
        {"multipart/form-data; boundary=a", true},
        {"Multipart/Form-Data;Boundary=\"a b'c\"", true},
        {"multipart/form-data; charset=utf-8; boundary=----WebKitFormBoundary7MA4YWxkTrZu0gW", true},
        {"multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890", true},
        {"multipart/form-data; boundary=1234567890123456789012345678901234567890123456789012345678901234567890x",
         false},
        {"multipart/form-data; boundary=\"\"", false},
        {"multipart/form-data; boundary=", false},
        {"multipart/form-data; boundary=\"a \"", false},
        {"multipart/form-data; boundary=\"a\xc3\xa4\"", false},
        {"multipart/form-data; boundary=\"a", false},
        {"multipart/form-data; boundary=a; boundary=b", false},
        {"multipart/form-data", false},
        {"multipart/form-dataX; boundary=a", false},
        {"multipart/mixed; boundary=a", false},
        {"application/json", false},
        {"", false},
        {NULL, false},
    };
    const struct rbe_multipart_events ev = {0};

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(cases); i++) {
        rbe_autoptr(multipart) struct rbe_multipart *m = NULL;
        struct rbe_err e = {0};
        enum rbe_code code = rbe_multipart_new(cases[i].type, &ev, &m, &e);

        if (code != (cases[i].good ? RBE_OK : RBE_INVALID))
            fail_msg("%s", cases[i].type);
        if (!cases[i].good)
            assert_string_equal(e.violation[0].field, "Content-Type");
    }
}

static void a_failing_callback_stops_it(void **state)
{
    static const char body[] = PART("a") "one" CLOSE;
    struct seen s = {.fail_begin = true};
    struct rbe_err e = {0};

    (void)state;
    assert_int_equal(feed(&s, body, sizeof(body) - 1, 1, 1, &e), RBE_REFUSED);
    assert_string_equal(e.text, "begin");
    s = (struct seen){.fail_data = true, .text = s.text};
    assert_int_equal(feed(&s, body, sizeof(body) - 1, 1, 1, &e), RBE_NOSPACE);
    s = (struct seen){.fail_end = true, .text = s.text};
    assert_int_equal(feed(&s, body, sizeof(body) - 1, 1, 1, &e), RBE_REFUSED);
    assert_string_equal(e.text, "end");
    rbe_str_release(&s.text);

    struct seen t = {.fail_begin = true};
    rbe_autoptr(multipart) struct rbe_multipart *m = start(&t);
    assert_int_equal(rbe_multipart_put(m, body, sizeof(body) - 1, &e), RBE_REFUSED);
    t.fail_begin = false;
    assert_int_equal(rbe_multipart_put(m, body, sizeof(body) - 1, &e), RBE_INVALID);
    assert_int_equal(rbe_multipart_end(m, &e), RBE_INVALID);
    rbe_str_release(&t.text);
}

/* A body full of line ends goes through in large pieces, not in one for each of them. */
static void data_comes_in_few_pieces(void **state)
{
    rbe_auto(str) struct rbe_str body = {0};
    struct seen s = {0};

    (void)state;
    rbe_str_puts(&body, PART("a"));
    for (int i = 0; i < 10000; i++)
        rbe_str_puts(&body, "x\r\n\r");
    rbe_str_puts(&body, CLOSE);
    assert_int_equal(feed(&s, body.s, body.len, 8192, 8192, NULL), RBE_OK);
    assert_true(s.pieces <= 16);
    rbe_str_release(&s.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_and_files),
        cmocka_unit_test(bodies_that_look_like_boundaries),
        cmocka_unit_test(empty_parts),
        cmocka_unit_test(bytes_that_are_no_text),
        cmocka_unit_test(preamble_epilogue_and_padding),
        cmocka_unit_test(names_as_browsers_and_curl_send_them),
        cmocka_unit_test(malformed_bodies),
        cmocka_unit_test(headers_and_parts_are_bounded),
        cmocka_unit_test(boundaries),
        cmocka_unit_test(a_failing_callback_stops_it),
        cmocka_unit_test(data_comes_in_few_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
