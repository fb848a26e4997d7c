/* What is used of libcurl's interface is declared here: its names and numbers are fixed for ever (libcurl.so.4 is from
 * 2006), and so the build needs no headers of it. Options that came later than the oldest library we meet are left
 * alone.
 */
#include "lib/wrap/net.h"

#include <dlfcn.h>
#include <string.h>
#include <strings.h>

#include "lib/base/clock.h"
#include "lib/base/codec.h"
#include "lib/base/linkage.h"
#include "lib/base/quote.h"
#include "lib/base/utf8.h"

#define LIBRARY "libcurl.so.4"
#define AGENT "rbe/" RBE_VERSION

enum { GLOBAL_ALL = 3, HTTP = 1, HTTPS = 2, ERROR_SIZE = 256, HEADERS_MAX = 32 * 1024, WAIT_MAX = 365 * 86400 };

enum option {
    OPT_LOW_SPEED_LIMIT = 19, OPT_LOW_SPEED_TIME = 20, OPT_NOPROGRESS = 43, OPT_NOBODY = 44, OPT_POST = 47,
    OPT_FOLLOWLOCATION = 52, OPT_MAXREDIRS = 68, OPT_HTTPGET = 80, OPT_NOSIGNAL = 99,
    OPT_TIMEOUT_MS = 155, OPT_CONNECTTIMEOUT_MS = 156, OPT_PROTOCOLS = 181, OPT_REDIR_PROTOCOLS = 182,
    OPT_WRITEDATA = 10001, OPT_URL = 10002, OPT_ERRORBUFFER = 10010, OPT_POSTFIELDS = 10015, OPT_USERAGENT = 10018,
    OPT_HTTPHEADER = 10023, OPT_HEADERDATA = 10029, OPT_XFERINFODATA = 10057, OPT_WRITEFUNCTION = 20011,
    OPT_HEADERFUNCTION = 20079, OPT_XFERINFOFUNCTION = 20219, OPT_POSTFIELDSIZE_LARGE = 30120,
};
enum info { INFO_RESPONSE_CODE = 0x200002, INFO_CONTENT_LENGTH = 0x60000f };
enum outcome { CURL_OK = 0, CURL_PROTOCOL = 1, CURL_URL = 3 };

struct rbe_net {
    void *library;
    int (*global_init)(long flags);
    void (*global_cleanup)(void);
    void *(*easy_init)(void);
    int (*easy_setopt)(void *curl, int option, ...);
    int (*easy_perform)(void *curl);
    int (*easy_getinfo)(void *curl, int info, ...);
    const char *(*easy_strerror)(int outcome);
    void (*easy_reset)(void *curl);
    void (*easy_cleanup)(void *curl);
    void *(*slist_append)(void *list, const char *text);
    void (*slist_free_all)(void *list);
    void *curl;
};

/* One request on its way. */
struct exchange {
    const struct rbe_net_request *request;
    struct rbe_net_answer *answer;
    size_t taken;                /* bytes of body */
    bool over, stopped;
    struct rbe_err failed;       /* the sink's */
    char reason[ERROR_SIZE];
};

void rbe_net_answer_release(struct rbe_net_answer *a)
{
    rbe_str_release(&a->body);
    rbe_str_release(&a->headers);
}

bool rbe_net_header(const struct rbe_net_answer *a, const char *name, struct rbe_str *ret)
{
    size_t len = strlen(name);

    rbe_str_reset(ret);
    for (const char *line = rbe_str_text(&a->headers); *line; line += strcspn(line, "\n"), line += *line == '\n') {
        if (strncasecmp(line, name, len) != 0 || line[len] != ':')
            continue;
        const char *value = line + len + 1 + strspn(line + len + 1, " \t");
        size_t n = strcspn(value, "\r\n");

        while (n > 0 && (value[n - 1] == ' ' || value[n - 1] == '\t'))
            n--;
        rbe_str_put(ret, value, n);
        return true;
    }
    return false;
}

int64_t rbe_net_retry_after(const struct rbe_net_answer *a)
{
    rbe_auto(str) struct rbe_str value = {0}, date = {0};
    int64_t seconds, now;

    if (!rbe_net_header(a, "Retry-After", &value))
        return 0;
    if (rbe_int_parse(rbe_str_text(&value), 0, INT64_MAX, &seconds))
        return seconds < WAIT_MAX ? seconds : WAIT_MAX;
    if (!rbe_clock_parse_http(rbe_str_text(&value), &seconds))
        return 0;
    /* by the server's clock, where it says what that shows */
    if (!rbe_net_header(a, "Date", &date) || !rbe_clock_parse_http(rbe_str_text(&date), &now))
        now = rbe_clock_now();
    return seconds <= now ? 0 : seconds - now < WAIT_MAX ? seconds - now : WAIT_MAX;
}

struct rbe_net *rbe_net_new(void)
{
    return rbe_alloc(sizeof(struct rbe_net));
}

/* The library itself stays loaded: what it brought along has set up things that end with the process. */
void rbe_net_free(struct rbe_net *n)
{
    if (!n)
        return;
    if (n->curl) {
        n->easy_cleanup(n->curl);
        n->global_cleanup();
    }
    free(n);
}

static enum rbe_code load(struct rbe_net *n, struct rbe_err *e)
{
    static const struct {
        const char *name;
        size_t offset;
    } symbols[] = {
        {"curl_global_init", offsetof(struct rbe_net, global_init)},
        {"curl_global_cleanup", offsetof(struct rbe_net, global_cleanup)},
        {"curl_easy_init", offsetof(struct rbe_net, easy_init)},
        {"curl_easy_setopt", offsetof(struct rbe_net, easy_setopt)},
        {"curl_easy_perform", offsetof(struct rbe_net, easy_perform)},
        {"curl_easy_getinfo", offsetof(struct rbe_net, easy_getinfo)},
        {"curl_easy_strerror", offsetof(struct rbe_net, easy_strerror)},
        {"curl_easy_reset", offsetof(struct rbe_net, easy_reset)},
        {"curl_easy_cleanup", offsetof(struct rbe_net, easy_cleanup)},
        {"curl_slist_append", offsetof(struct rbe_net, slist_append)},
        {"curl_slist_free_all", offsetof(struct rbe_net, slist_free_all)},
    };

    n->library = RBE_LOADS ? dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!n->library)
        return rbe_fail(e, RBE_UNAVAILABLE, "HTTP requests need libcurl (Debian: libcurl4): %s",
                        RBE_LOADS ? dlerror() : "this rbe is linked statically and loads none");
    for (size_t i = 0; i < RBE_COUNT(symbols); i++) {
        void *symbol = dlsym(n->library, symbols[i].name);

        if (!symbol)
            return rbe_fail(e, RBE_UNAVAILABLE, LIBRARY " has no %s", symbols[i].name);
        memcpy((char *)n + symbols[i].offset, &symbol, sizeof(symbol));
    }
    if (n->global_init(GLOBAL_ALL) != CURL_OK)
        return rbe_fail(e, RBE_UNAVAILABLE, LIBRARY " does not start");
    n->curl = n->easy_init();
    if (!n->curl)
        abort();
    return RBE_OK;
}

enum rbe_code rbe_net_ready(struct rbe_net *n, struct rbe_err *e)
{
    return n->curl ? RBE_OK : load(n, e);
}

static size_t take(const char *p, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    const struct rbe_net_request *q = x->request;
    size_t n = size * count;

    x->over = x->over || n > q->max - x->taken;
    if (x->over)
        return 0;
    x->taken += n;
    if (!q->sink)
        rbe_str_put(&x->answer->body, p, n);
    else if (x->failed.code == RBE_OK && x->answer->status / 100 != 3)
        x->failed.code = q->sink(q->arg, x->answer, p, n, &x->failed);
    return x->failed.code == RBE_OK ? n : 0;
}

/* "HTTP/1.1 206 Partial Content", "HTTP/2 200": the number; 0 for any other line. */
static int status_of(const char *line, size_t n)
{
    const char *space = n > 5 && memcmp(line, "HTTP/", 5) == 0 ? memchr(line, ' ', n) : NULL;
    int status = 0;

    if (!space || space + 4 > line + n)
        return 0;
    for (int i = 1; i <= 3; i++) {
        if (space[i] < '0' || space[i] > '9')
            return 0;
        status = 10 * status + (space[i] - '0');
    }
    return status;
}

/* Each answer, be it a redirect or a proxy's, begins anew. */
static size_t take_header(const char *p, size_t size, size_t count, void *arg)
{
    struct exchange *x = arg;
    size_t n = size * count;
    int status = status_of(p, n);

    if (status) {
        x->answer->status = status;
        rbe_str_reset(&x->answer->headers);
    } else if (n <= HEADERS_MAX - x->answer->headers.len) {
        rbe_str_put(&x->answer->headers, p, n);
    }
    return n;
}

static int watch(void *arg, int64_t down_total, int64_t down, int64_t up_total, int64_t up)
{
    struct exchange *x = arg;

    (void)down_total, (void)down, (void)up_total, (void)up;
    x->stopped = x->stopped || (x->request->stop && x->request->stop(x->request->arg));
    return x->stopped;
}

static void set_up(const struct rbe_net *n, const struct rbe_net_request *q, void *headers, struct exchange *x)
{
    bool post = q->method == RBE_NET_POST;
    long back = strncasecmp(q->url, "https:", 6) == 0 ? HTTPS : HTTP | HTTPS;
    const struct {
        enum option option;
        long value;
    } numbers[] = {
        {OPT_NOSIGNAL, 1}, {OPT_PROTOCOLS, HTTP | HTTPS}, {OPT_REDIR_PROTOCOLS, back},
        {OPT_FOLLOWLOCATION, q->redirects > 0 && !post}, {OPT_MAXREDIRS, (long)q->redirects},
        {OPT_TIMEOUT_MS, (long)q->timeout_ms},
        {OPT_CONNECTTIMEOUT_MS, (long)(q->connect_ms ? q->connect_ms : q->timeout_ms)},
        {OPT_LOW_SPEED_LIMIT, q->stall_s > 0}, {OPT_LOW_SPEED_TIME, (long)q->stall_s}, {OPT_NOPROGRESS, !q->stop},
    };

    n->easy_reset(n->curl);
    for (size_t i = 0; i < RBE_COUNT(numbers); i++)
        (void)n->easy_setopt(n->curl, (int)numbers[i].option, numbers[i].value);
    (void)n->easy_setopt(n->curl, OPT_URL, q->url);
    (void)n->easy_setopt(n->curl, OPT_USERAGENT, AGENT);
    (void)n->easy_setopt(n->curl, OPT_HTTPHEADER, headers);
    (void)n->easy_setopt(n->curl, OPT_ERRORBUFFER, x->reason);
    (void)n->easy_setopt(n->curl, OPT_WRITEFUNCTION, take);
    (void)n->easy_setopt(n->curl, OPT_WRITEDATA, x);
    (void)n->easy_setopt(n->curl, OPT_HEADERFUNCTION, take_header);
    (void)n->easy_setopt(n->curl, OPT_HEADERDATA, x);
    (void)n->easy_setopt(n->curl, OPT_XFERINFOFUNCTION, watch);
    (void)n->easy_setopt(n->curl, OPT_XFERINFODATA, x);
    (void)n->easy_setopt(n->curl, post ? OPT_POST : q->method == RBE_NET_HEAD ? OPT_NOBODY : OPT_HTTPGET, 1L);
    if (post) {
        (void)n->easy_setopt(n->curl, OPT_POSTFIELDSIZE_LARGE, (int64_t)q->len);
        (void)n->easy_setopt(n->curl, OPT_POSTFIELDS, q->len ? q->body : (const void *)"");
    }
}

static enum rbe_code refuse(const struct rbe_net *n, const struct rbe_net_request *q, int outcome,
                            const struct exchange *x, struct rbe_err *e)
{
    size_t shown = strcspn(q->url, "?#");
    enum rbe_code code = outcome == CURL_URL || outcome == CURL_PROTOCOL ? RBE_REFUSED : RBE_UNAVAILABLE;

    if (x->failed.code != RBE_OK) {
        if (e)
            *e = x->failed;
        return x->failed.code;
    }
    if (x->stopped)
        return rbe_fail(e, RBE_UNAVAILABLE, "%.*s: stopped", (int)shown, q->url);
    if (x->over)
        return rbe_fail(e, RBE_TOOLARGE, "%.*s: the answer is over %zu bytes", (int)shown, q->url, q->max);
    return rbe_fail(e, code, "%.*s: %s", (int)shown, q->url, x->reason[0] ? x->reason : n->easy_strerror(outcome));
}

/* What names no scheme libcurl would take for http, and what is in it would stand in messages. */
static enum rbe_code judge_url(const char *url, struct rbe_err *e)
{
    bool known = strncasecmp(url, "http://", 7) == 0 || strncasecmp(url, "https://", 8) == 0;

    if (known && !rbe_utf8_has_control(url, strlen(url)))
        return RBE_OK;
    return rbe_fail(e, RBE_REFUSED, "%s is no URL of http or https", rbe_quote(url, strcspn(url, "?#")).text);
}

enum rbe_code rbe_net_do(struct rbe_net *n, const struct rbe_net_request *q, struct rbe_net_answer *ret,
                         struct rbe_err *e)
{
    struct exchange x = {.request = q, .answer = ret};
    void *headers = NULL;
    long status = 0;

    rbe_str_reset(&ret->body);
    rbe_str_reset(&ret->headers);
    ret->status = 0;
    RBE_TRY(judge_url(q->url, e));
    RBE_TRY(rbe_net_ready(n, e));
    for (const char *const *h = q->headers; h && *h; h++)
        headers = n->slist_append(headers, *h);
    set_up(n, q, headers, &x);
    int outcome = n->easy_perform(n->curl);
    (void)n->easy_setopt(n->curl, OPT_ERRORBUFFER, (char *)NULL);
    n->slist_free_all(headers);
    if (outcome != CURL_OK)
        return refuse(n, q, outcome, &x, e);
    (void)n->easy_getinfo(n->curl, INFO_RESPONSE_CODE, &status);
    (void)n->easy_getinfo(n->curl, INFO_CONTENT_LENGTH, &ret->length);
    ret->status = (int)status;
    return RBE_OK;
}
