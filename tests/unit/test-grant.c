/* lib/core/grant: what a key carries, that nothing else passes for one, and when it ends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/codec.h"
#include "lib/base/sanitize.h"
#include "lib/core/grant.h"

enum { NOW = 1700000000 };

static const char *const secrets[] = {"first secret, 16+", "second secret, 16+", "third secret, 16+"};

struct party {
    struct rbe_settings settings;
    struct rbe_app app;
    struct rbe_err e;
};

/* A server that holds the secrets from..to-1, the first of them signing. */
static struct party *party_new(size_t from, size_t to)
{
    struct party *p = rbe_alloc(sizeof(*p));

    p->app.settings = &p->settings;
    for (; from < to; from++)
        p->app.signer[p->app.signers++] = rbe_hmac_new(secrets[from], strlen(secrets[from]));
    return p;
}

static void party_free(struct party *p)
{
    for (size_t i = 0; i < p->app.signers; i++)
        rbe_hmac_free(p->app.signer[i]);
    free(p);
}

static const struct rbe_grant sample = {
    .kind = RBE_GRANT_DOWNLOAD, .package = 0x0102030405060708, .expires = NOW + 600, .cdk = 77, .region = "eu-west-1"};

static enum rbe_code verify(struct party *p, const char *text, int64_t now, struct rbe_grant *ret)
{
    p->e = (struct rbe_err){0};
    return rbe_grant_verify(&p->app, RBE_GRANT_DOWNLOAD, text, now, ret, &p->e);
}

static void test_round(void **state)
{
    static const struct rbe_grant rows[] = {
        {.kind = RBE_GRANT_DOWNLOAD, .package = 1, .expires = NOW + 1},
        {.kind = RBE_GRANT_DOWNLOAD, .package = INT64_MAX, .expires = RBE_GRANT_EXPIRES_MAX, .cdk = INT64_MAX,
         .region = "abcdefghijklmnopqrstuvwx"},
        {.kind = RBE_GRANT_DOWNLOAD, .package = 1, .expires = NOW + 1, .cdk = INT64_MIN},
        {.kind = RBE_GRANT_STATUS, .package = 42},
        {.kind = RBE_GRANT_STATUS, .package = 42, .expires = NOW + 1, .region = "a"},
    };
    struct party *p = party_new(0, 1);
    char text[RBE_GRANT_TEXT];
    struct rbe_grant got;

    (void)state;
    for (size_t i = 0; i < RBE_COUNT(rows); i++) {
        memset(text, 'x', sizeof(text));
        rbe_grant_sign(&p->app, &rows[i], text);
        assert_true(strlen(text) < RBE_GRANT_TEXT);
        assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
                         strlen(text));
        assert_int_equal(rbe_grant_verify(&p->app, rows[i].kind, text, NOW, &got, &p->e), RBE_OK);
        assert_int_equal(got.kind, rows[i].kind);
        assert_int_equal(got.package, rows[i].package);
        assert_int_equal(got.expires, rows[i].expires);
        assert_int_equal(got.cdk, rows[i].cdk);
        assert_string_equal(got.region, rows[i].region);
    }
    party_free(p);
}

/* The record's bytes are kept in clients' hands over an upgrade: their layout may not move. */
static void test_layout(void **state)
{
    static const unsigned char head[] = {3, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18,
                                         1, 2, 3, 4, 5, 6, 7, 8, 0, 0x65, 0x53, 0xf3, 0x58, 0, 0, 0, 0, 0, 0, 0, 77,
                                         'e', 'u', '-', 'w', 'e', 's', 't', '-', '1'};
    unsigned char record[90], sum[RBE_SHA256_SIZE];
    struct party *p = party_new(0, 1);
    char text[RBE_GRANT_TEXT];
    struct rbe_grant got;

    (void)state;
    p->app.nonce = 0x1112131415161718;
    rbe_grant_sign(&p->app, &sample, text);
    assert_int_equal(rbe_base64url_decode(text, strlen(text), record, sizeof(record)), sizeof(head) + sizeof(sum));
    assert_memory_equal(record, head, sizeof(head));
    rbe_hmac_of(p->app.signer[0], head, sizeof(head), sum);
    assert_memory_equal(record + sizeof(head), sum, sizeof(sum));
    assert_int_equal(verify(p, text, NOW, &got), RBE_OK);
    assert_memory_equal(got.id, sum, sizeof(got.id));
    party_free(p);
}

/* Keys of one second for one package are told apart, by all who hold the secret; the status of a publish stays. */
static void test_no_two_are_the_same(void **state)
{
    struct party *p = party_new(0, 1), *q = party_new(0, 1);
    struct rbe_grant status = {.kind = RBE_GRANT_STATUS, .package = 42}, got;
    char first[RBE_GRANT_TEXT], text[RBE_GRANT_TEXT];
    unsigned char id[RBE_GRANT_ID];

    (void)state;
    p->app.nonce = UINT64_MAX;
    rbe_grant_sign(&p->app, &sample, first);
    assert_int_equal(verify(q, first, NOW, &got), RBE_OK);
    memcpy(id, got.id, sizeof(id));
    for (int i = 0; i < 3; i++) {
        rbe_grant_sign(&p->app, &sample, text);
        assert_string_not_equal(text, first);
        assert_int_equal(verify(q, text, NOW, &got), RBE_OK);
        assert_memory_not_equal(got.id, id, sizeof(id));
    }
    rbe_grant_sign(&p->app, &status, first);
    rbe_grant_sign(&q->app, &status, text);
    assert_string_equal(text, first);
    party_free(p);
    party_free(q);
}

/* Every single bit of the key's text, whatever character it becomes. */
static void test_every_bit(void **state)
{
    struct party *p = party_new(0, 3);
    char text[RBE_GRANT_TEXT], changed[RBE_GRANT_TEXT];
    struct rbe_grant got;

    (void)state;
    rbe_grant_sign(&p->app, &sample, text);
    size_t len = strlen(text);
    for (size_t bit = 0; bit < 8 * len; bit++) {
        memcpy(changed, text, len + 1);
        changed[bit / 8] = (char)(changed[bit / 8] ^ 1 << bit % 8);
        if (verify(p, changed, NOW, &got) != RBE_NOROUTE)
            fail_msg("bit %zu", bit);
    }
    assert_int_equal(verify(p, text, NOW, &got), RBE_OK);
    party_free(p);
}

/* Every single bit of the record, in the canonical spelling. */
static void test_every_record_bit(void **state)
{
    struct party *p = party_new(0, 3);
    unsigned char record[90];
    char text[RBE_GRANT_TEXT];
    struct rbe_grant got;

    (void)state;
    rbe_grant_sign(&p->app, &sample, text);
    ptrdiff_t n = rbe_base64url_decode(text, strlen(text), record, sizeof(record));
    assert_true(n > 0);
    for (ptrdiff_t bit = 0; bit < 8 * n; bit++) {
        record[bit / 8] = (unsigned char)(record[bit / 8] ^ 1 << bit % 8);
        (void)rbe_base64url_encode(record, (size_t)n, text);
        if (verify(p, text, NOW, &got) != RBE_NOROUTE)
            fail_msg("bit %td", bit);
        record[bit / 8] = (unsigned char)(record[bit / 8] ^ 1 << bit % 8);
    }
    party_free(p);
}

/* The beginning of one key and the end of another: none of them is a key, or it is one of the two. */
static void test_spliced(void **state)
{
    struct party *p = party_new(0, 1);
    char a[RBE_GRANT_TEXT], b[RBE_GRANT_TEXT], mixed[RBE_GRANT_TEXT];
    struct rbe_grant other = sample, got;

    (void)state;
    other.package++;
    rbe_grant_sign(&p->app, &sample, a);
    rbe_grant_sign(&p->app, &other, b);
    size_t len = strlen(a);
    assert_int_equal(strlen(b), len);
    for (size_t cut = 0; cut <= len; cut++) {
        (void)snprintf(mixed, sizeof(mixed), "%.*s%s", (int)cut, a, b + cut);
        bool is_key = strcmp(mixed, a) == 0 || strcmp(mixed, b) == 0;

        assert_int_equal(verify(p, mixed, NOW, &got), is_key ? RBE_OK : RBE_NOROUTE);
        if (is_key)
            assert_int_equal(got.package, strcmp(mixed, a) == 0 ? sample.package : other.package);
    }
    party_free(p);
}

static void test_mangled(void **state)
{
    struct party *p = party_new(0, 1);
    char text[RBE_GRANT_TEXT], other[2 * RBE_GRANT_TEXT];
    struct rbe_grant got, longest = sample;

    (void)state;
    memset(longest.region, 'x', RBE_GRANT_REGION_MAX);
    rbe_grant_sign(&p->app, &longest, text);
    size_t len = strlen(text);
    assert_int_equal(len, RBE_GRANT_TEXT - 1);
    for (size_t cut = 0; cut < len; cut++) {
        memcpy(other, text, cut);
        other[cut] = '\0';
        assert_int_equal(verify(p, other, NOW, &got), RBE_NOROUTE);
        memcpy(other, text + cut + 1, len - cut);
        assert_int_equal(verify(p, other, NOW, &got), RBE_NOROUTE);
    }
    memcpy(other, text, len);
    memcpy(other + len, text, len + 1);
    assert_int_equal(verify(p, other, NOW, &got), RBE_NOROUTE);
    for (const char *c = "A=% .\n"; *c; c++) {
        memcpy(other, text, len);
        other[len] = *c;
        other[len + 1] = '\0';
        assert_int_equal(verify(p, other, NOW, &got), RBE_NOROUTE);
        other[0] = *c == 'A' ? 'B' : *c;
        memcpy(other + 1, text, len + 1);
        assert_int_equal(verify(p, other, NOW, &got), RBE_NOROUTE);
    }
    assert_int_equal(verify(p, "", NOW, &got), RBE_NOROUTE);
    party_free(p);
}

static void test_kinds_are_apart(void **state)
{
    struct party *p = party_new(0, 1);
    char text[RBE_GRANT_TEXT];
    struct rbe_grant g = sample, got;

    (void)state;
    rbe_grant_sign(&p->app, &g, text);
    assert_int_equal(rbe_grant_verify(&p->app, RBE_GRANT_STATUS, text, NOW, &got, &p->e), RBE_NOROUTE);
    g.kind = RBE_GRANT_STATUS;
    rbe_grant_sign(&p->app, &g, text);
    assert_int_equal(verify(p, text, NOW, &got), RBE_NOROUTE);
    g.kind = (enum rbe_grant_kind)1;
    rbe_grant_sign(&p->app, &g, text);
    assert_int_equal(verify(p, text, NOW, &got), RBE_NOROUTE);
    party_free(p);
}

static void test_rotation(void **state)
{
    struct party *old = party_new(1, 2), *both = party_new(0, 2), *new = party_new(0, 1), *other = party_new(2, 3);
    char by_old[RBE_GRANT_TEXT], by_both[RBE_GRANT_TEXT];
    struct rbe_grant got;

    (void)state;
    rbe_grant_sign(&old->app, &sample, by_old);
    rbe_grant_sign(&both->app, &sample, by_both);
    assert_int_equal(verify(both, by_old, NOW, &got), RBE_OK);
    assert_int_equal(verify(both, by_both, NOW, &got), RBE_OK);
    assert_int_equal(verify(new, by_both, NOW, &got), RBE_OK);
    assert_int_equal(verify(new, by_old, NOW, &got), RBE_NOROUTE);
    assert_int_equal(verify(old, by_both, NOW, &got), RBE_NOROUTE);
    assert_int_equal(verify(other, by_both, NOW, &got), RBE_NOROUTE);
    party_free(old);
    party_free(both);
    party_free(new);
    party_free(other);
}

static void test_expiry(void **state)
{
    struct party *p = party_new(0, 1);
    char text[RBE_GRANT_TEXT];
    struct rbe_grant g = sample, got;

    (void)state;
    rbe_grant_sign(&p->app, &g, text);
    assert_int_equal(verify(p, text, g.expires - 1, &got), RBE_OK);
    assert_int_equal(verify(p, text, g.expires, &got), RBE_GONE);
    assert_int_equal(verify(p, text, g.expires + 1, &got), RBE_GONE);
    p->settings.auth.key_skew = 30;
    assert_int_equal(verify(p, text, g.expires + 29, &got), RBE_OK);
    assert_int_equal(verify(p, text, g.expires + 30, &got), RBE_GONE);
    /* only the status of a publish may be asked for ever */
    g.expires = 0;
    rbe_grant_sign(&p->app, &g, text);
    assert_int_equal(verify(p, text, NOW, &got), RBE_GONE);
    g.kind = RBE_GRANT_STATUS;
    g.expires = NOW;
    p->settings.auth.key_skew = 0;
    rbe_grant_sign(&p->app, &g, text);
    assert_int_equal(rbe_grant_verify(&p->app, RBE_GRANT_STATUS, text, NOW, &got, &p->e), RBE_GONE);
    party_free(p);
}

/* From here on any system call but the end kills. */
static void forbid_system_calls(void)
{
    struct sock_filter rules[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    const struct sock_fprog filter = {.len = RBE_COUNT(rules), .filter = rules};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0)
        _exit(77);
}

static void test_no_system_call(void **state)
{
    char text[RBE_GRANT_TEXT];
    int status;

    (void)state;
    if (RBE_SANITIZED || getenv("RBE_WRAP"))
        skip();
    struct party *p = party_new(0, 1);
    rbe_grant_sign(&p->app, &sample, text);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        forbid_system_calls();
        for (int i = 0; i < 10000; i++)
            rbe_grant_sign(&p->app, &sample, text);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    party_free(p);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),     cmocka_unit_test(test_layout),          cmocka_unit_test(test_no_two_are_the_same),
        cmocka_unit_test(test_every_bit),
        cmocka_unit_test(test_every_record_bit), cmocka_unit_test(test_spliced), cmocka_unit_test(test_mangled), cmocka_unit_test(test_kinds_are_apart),
        cmocka_unit_test(test_no_system_call),
        cmocka_unit_test(test_rotation),  cmocka_unit_test(test_expiry),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
