/* The delimiter is CRLF "--" boundary. A CR stands only at its head, so a match that breaks off can begin again nowhere
 * within itself: what had matched is data, and of it nothing has to be kept but its length.
 */
#include "lib/web/multipart.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "lib/base/codec.h"
#include "lib/base/str.h"
#include "lib/base/utf8.h"

enum { BOUNDARY_MAX = 70, DELIMITER_MAX = BOUNDARY_MAX + 4, PADDING_MAX = 256 };

enum state { PREAMBLE, AFTER_DELIMITER, HEADERS, DATA, EPILOGUE, FAILED };

struct rbe_multipart {
    struct rbe_multipart_events ev;
    enum state state;
    char delimiter[DELIMITER_MAX + 1];
    size_t delimiter_len;
    size_t matched;              /* bytes of the delimiter seen so far */
    size_t ghost;                /* of these, bytes that were seen but are no data (the CRLF before a body) */
    char tail[2];                /* what follows a delimiter on its line, but white space */
    size_t tail_len, padding;
    struct rbe_str headers;      /* of the part that begins */
    size_t parts;
};

/* "; name=value": name points into the text, value is unescaped. */
struct param {
    const char *name;
    size_t name_len;
    struct rbe_str value;
};

static void rbe_param_release(struct param *p)
{
    rbe_str_release(&p->value);
}

static const char *skip_space(const char *s)
{
    return s + strspn(s, " \t");
}

static bool is_token(char c)
{
    return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

static size_t token_len(const char *s)
{
    size_t n = 0;

    while (s[n] && is_token(s[n]))
        n++;
    return n;
}

/* Only \" and \\ are escapes: some browsers send the backslashes of a Windows path as they are. */
static const char *quoted(const char *s, struct rbe_str *to)
{
    for (s++; *s && *s != '"'; s++) {
        if (s[0] == '\\' && (s[1] == '"' || s[1] == '\\'))
            s++;
        rbe_str_putc(to, *s);
    }
    return *s ? s + 1 : NULL;
}

/* Takes the next parameter off *s: 1 when there was one, 0 at the end, -1 when the text is malformed. */
static int next_param(const char **s, struct param *ret)
{
    const char *p = skip_space(*s);

    if (!*p)
        return 0;
    if (*p != ';')
        return -1;
    p = skip_space(p + 1);
    if (!*p) {
        *s = p;
        return 0;
    }
    ret->name = p;
    ret->name_len = token_len(p);
    p = skip_space(p + ret->name_len);
    if (ret->name_len == 0 || *p != '=')
        return -1;
    p = skip_space(p + 1);
    rbe_str_reset(&ret->value);
    if (*p == '"') {
        p = quoted(p, &ret->value);
        if (!p)
            return -1;
    } else {
        size_t n = token_len(p);

        if (n == 0)
            return -1;
        rbe_str_put(&ret->value, p, n);
        p += n;
    }
    *s = p;
    return 1;
}

static bool param_is(const struct param *p, const char *name)
{
    return p->name_len == strlen(name) && strncasecmp(p->name, name, p->name_len) == 0;
}

static bool good_boundary(const struct rbe_str *b)
{
    static const char marks[] = "'()+_,-./:=? ";

    if (b->len < 1 || b->len > BOUNDARY_MAX || b->s[b->len - 1] == ' ')
        return false;
    for (size_t i = 0; i < b->len; i++) {
        char c = b->s[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c && strchr(marks, c))))
            return false;
    }
    return true;
}

static bool find_boundary(const char *content_type, struct rbe_str *to)
{
    static const char type[] = "multipart/form-data";
    rbe_auto(param) struct param p = {0};
    bool found = false;
    int more = -1;

    content_type = skip_space(content_type ? content_type : "");
    if (strncasecmp(content_type, type, sizeof(type) - 1) == 0) {
        const char *s = content_type + sizeof(type) - 1;

        while ((more = next_param(&s, &p)) > 0) {
            if (!param_is(&p, "boundary"))
                continue;
            if (found) {
                more = -1;
                break;
            }
            found = true;
            rbe_str_put(to, p.value.s, p.value.len);
        }
    }
    return more == 0 && found && good_boundary(to);
}

enum rbe_code rbe_multipart_new(const char *content_type, const struct rbe_multipart_events *ev,
                                struct rbe_multipart **ret, struct rbe_err *e)
{
    rbe_auto(str) struct rbe_str boundary = {0};

    if (!find_boundary(content_type, &boundary))
        return rbe_invalid(e, "Content-Type", "format",
                           "must be multipart/form-data with a boundary of 1 to 70 characters");
    struct rbe_multipart *m = rbe_alloc(sizeof(*m));
    m->ev = *ev;
    memcpy(m->delimiter, "\r\n--", 4);
    memcpy(m->delimiter + 4, boundary.s, boundary.len + 1);
    m->delimiter_len = boundary.len + 4;
    /* The first delimiter may stand at the very beginning, without a CRLF before it. */
    m->matched = m->ghost = 2;
    *ret = m;
    return RBE_OK;
}

void rbe_multipart_free(struct rbe_multipart *m)
{
    if (!m)
        return;
    rbe_str_release(&m->headers);
    free(m);
}

/* What the headers of a part say; the strings are owned. */
struct disposition {
    struct rbe_str name, file_name;
    bool seen, named, is_file, extended;
};

static void rbe_disposition_release(struct disposition *d)
{
    rbe_str_release(&d->name);
    rbe_str_release(&d->file_name);
}

/* Browsers and curl write a quote and line ends in a name as %22, %0D and %0A, and nothing else so. */
static void put_form_name(struct rbe_str *to, const struct rbe_str *from)
{
    for (size_t i = 0; i < from->len; i++) {
        const char *s = from->s + i;

        if (strncmp(s, "%22", 3) == 0)
            rbe_str_putc(to, '"');
        else if (strncasecmp(s, "%0D", 3) == 0)
            rbe_str_putc(to, '\r');
        else if (strncasecmp(s, "%0A", 3) == 0)
            rbe_str_putc(to, '\n');
        else {
            rbe_str_putc(to, *s);
            continue;
        }
        i += 2;
    }
}

static void put_last_component(struct rbe_str *to, const struct rbe_str *from)
{
    const char *text = rbe_str_text(from);
    size_t at = from->len;

    while (at > 0 && text[at - 1] != '/' && text[at - 1] != '\\')
        at--;
    rbe_str_reset(to);
    rbe_str_put(to, text + at, from->len - at);
}

/* charset'language'percent-encoded (RFC 8187); other charsets than UTF-8 are left to the plain filename. */
static bool take_extended(struct disposition *d, struct rbe_str *value)
{
    rbe_auto(str) struct rbe_str decoded = {0};
    const char *text = value->len ? strchr(value->s, '\'') : NULL;

    text = text ? strchr(text + 1, '\'') : NULL;
    if (!text)
        return false;
    if (strncasecmp(value->s, "UTF-8'", 6) != 0)
        return true;
    rbe_str_puts(&decoded, text + 1);
    ptrdiff_t n = rbe_percent_decode(decoded.s, decoded.len, false);
    if (n < 0)
        return false;
    decoded.len = (size_t)n;
    put_last_component(&d->file_name, &decoded);
    d->extended = true;
    return true;
}

static bool take_disposition_param(struct disposition *d, struct param *p)
{
    rbe_auto(str) struct rbe_str plain = {0};

    if (param_is(p, "name")) {
        if (d->named)
            return false;
        d->named = true;
        put_form_name(&d->name, &p->value);
    } else if (param_is(p, "filename")) {
        d->is_file = true;
        put_form_name(&plain, &p->value);
        if (!d->extended)
            put_last_component(&d->file_name, &plain);
    } else if (param_is(p, "filename*")) {
        d->is_file = true;
        return take_extended(d, &p->value);
    }
    return true;
}

static bool take_disposition(struct disposition *d, const char *text)
{
    static const char type[] = "form-data";
    rbe_auto(param) struct param p = {0};
    int more;

    if (d->seen || strncasecmp(text, type, sizeof(type) - 1) != 0)
        return false;
    d->seen = true;
    text += sizeof(type) - 1;
    while ((more = next_param(&text, &p)) > 0)
        if (!take_disposition_param(d, &p)) {
            more = -1;
            break;
        }
    return more == 0;
}

static bool is_identity(const char *encoding)
{
    static const char *const names[] = {"binary", "8bit", "7bit"};

    for (size_t i = 0; i < RBE_COUNT(names); i++)
        if (strcasecmp(encoding, names[i]) == 0)
            return true;
    return false;
}

/* One unfolded line. NULL when it is good, else what is wrong. */
static const char *take_header(struct disposition *d, char *line)
{
    char *colon = strchr(line, ':');

    if (!colon || colon == line || token_len(line) != (size_t)(colon - line))
        return "a part has a malformed header line";
    const char *value = skip_space(colon + 1);
    *colon = '\0';
    if (strcasecmp(line, "Content-Disposition") == 0 && !take_disposition(d, value))
        return "a part has a malformed Content-Disposition";
    if (strcasecmp(line, "Content-Transfer-Encoding") == 0 && !is_identity(value))
        return "a part has a Content-Transfer-Encoding, which form data must not have";
    return NULL;
}

/* Takes the header block apart in place: lines end in CRLF, one that begins with white space goes on. */
static const char *take_headers(struct disposition *d, struct rbe_str *block)
{
    char *s = block->s, *end = block->s + block->len;

    if (memchr(s, '\0', block->len))
        return "a part's headers hold a NUL";
    while (s < end) {
        char *line = s, *stop;

        for (;;) {
            stop = memchr(s, '\r', (size_t)(end - s));
            if (!stop || stop + 1 == end || stop[1] != '\n')
                return "a part's header line does not end in CRLF";
            s = stop + 2;
            if (s == end || (*s != ' ' && *s != '\t'))
                break;
            stop[0] = stop[1] = ' ';
        }
        while (stop > line && (stop[-1] == ' ' || stop[-1] == '\t'))
            stop--;
        *stop = '\0';
        if (strchr(line, '\n'))
            return "a part's header line does not end in CRLF";
        const char *wrong = take_header(d, line);
        if (wrong)
            return wrong;
    }
    return NULL;
}

static bool good_name(const struct rbe_str *name)
{
    return rbe_utf8_valid(rbe_str_text(name), name->len) && !rbe_utf8_has_control(rbe_str_text(name), name->len);
}

static enum rbe_code begin_part(struct rbe_multipart *m, struct rbe_err *e)
{
    rbe_auto(disposition) struct disposition d = {0};

    m->headers.len -= 2;         /* the empty line */
    const char *wrong = take_headers(&d, &m->headers);
    if (wrong)
        return rbe_invalid(e, "body", "format", "%s", wrong);
    if (!d.named || d.name.len == 0)
        return rbe_invalid(e, "body", "required", "a part has no name");
    if (!good_name(&d.name) || !good_name(&d.file_name))
        return rbe_invalid(e, "body", "format", "a part's name is not UTF-8 or holds a control character");
    if (++m->parts > RBE_MULTIPART_PARTS_MAX)
        return rbe_invalid(e, "body", "max_count", "more than %d parts", RBE_MULTIPART_PARTS_MAX);
    struct rbe_multipart_part part = {.name = rbe_str_text(&d.name)};
    if (d.is_file)
        part.file_name = rbe_str_text(&d.file_name);
    m->state = DATA;
    /* A part without a body ends its headers with the very CRLF that begins the delimiter. */
    m->matched = m->ghost = 2;
    return m->ev.begin(m->ev.arg, &part, e);
}

static enum rbe_code put_headers(struct rbe_multipart *m, const char *p, size_t n, size_t *ret_used, struct rbe_err *e)
{
    struct rbe_str *h = &m->headers;

    for (size_t i = 0; i < n;) {
        if (h->len == RBE_MULTIPART_HEADERS_MAX)
            return rbe_invalid(e, "body", "max_length", "a part has more than %d bytes of headers",
                               RBE_MULTIPART_HEADERS_MAX);
        rbe_str_putc(h, p[i++]);
        if (h->s[h->len - 1] == '\n' &&
            (strcmp(h->s, "\r\n") == 0 || (h->len >= 4 && memcmp(h->s + h->len - 4, "\r\n\r\n", 4) == 0))) {
            *ret_used = i;
            return begin_part(m, e);
        }
    }
    *ret_used = n;
    return RBE_OK;
}

static enum rbe_code emit(struct rbe_multipart *m, const char *p, size_t n, struct rbe_err *e)
{
    return n && m->state == DATA ? m->ev.data(m->ev.arg, p, n, e) : RBE_OK;
}

/* Preamble and data: everything up to the next delimiter. */
static enum rbe_code put_until_delimiter(struct rbe_multipart *m, const char *p, size_t n, size_t *ret_used,
                                         struct rbe_err *e)
{
    size_t i = 0, before = m->matched;   /* matched in earlier pieces */

    for (;;) {
        if (m->matched == 0) {
            const char *cr = memchr(p + i, '\r', n - i);
            i = cr ? (size_t)(cr - p) : n;
        }
        while (i < n && m->matched < m->delimiter_len && p[i] == m->delimiter[m->matched]) {
            i++;
            m->matched++;
        }
        if (i == n || m->matched == m->delimiter_len)
            break;
        RBE_TRY(emit(m, m->delimiter + m->ghost, before - m->ghost, e));
        m->matched = m->ghost = before = 0;
    }
    *ret_used = i;
    RBE_TRY(emit(m, p, i - (m->matched - before), e));
    if (m->matched < m->delimiter_len)
        return RBE_OK;
    if (m->state == DATA)
        RBE_TRY(m->ev.end(m->ev.arg, e));
    m->matched = m->ghost = 0;
    m->tail_len = m->padding = 0;
    m->state = AFTER_DELIMITER;
    return RBE_OK;
}

/* The rest of a delimiter's line: "--" for the last one, white space, CRLF. */
static enum rbe_code put_tail(struct rbe_multipart *m, const char *p, size_t n, size_t *ret_used, struct rbe_err *e)
{
    size_t i = 0;

    while (i < n && m->state == AFTER_DELIMITER) {
        char c = p[i++];

        if ((c == ' ' || c == '\t') && m->tail_len == 0 && m->padding++ < PADDING_MAX)
            continue;
        bool closing = c == '-' && m->padding == 0 && (m->tail_len == 0 || m->tail[0] == '-');
        bool ending = m->tail_len == 0 ? c == '\r' : m->tail[0] == '\r' && c == '\n';
        if (!closing && !ending)
            return rbe_invalid(e, "body", "format", "a boundary is followed by other bytes");
        m->tail[m->tail_len++] = c;
        if (m->tail_len < 2)
            continue;
        m->state = closing ? EPILOGUE : HEADERS;
        rbe_str_reset(&m->headers);
    }
    *ret_used = i;
    return RBE_OK;
}

static enum rbe_code put_some(struct rbe_multipart *m, const char *p, size_t n, size_t *ret_used, struct rbe_err *e)
{
    switch (m->state) {
    case PREAMBLE:
    case DATA:
        return put_until_delimiter(m, p, n, ret_used, e);
    case AFTER_DELIMITER:
        return put_tail(m, p, n, ret_used, e);
    case HEADERS:
        return put_headers(m, p, n, ret_used, e);
    case EPILOGUE:
        *ret_used = n;
        return RBE_OK;
    case FAILED:
        break;
    }
    return rbe_invalid(e, "body", "format", "the body was given up before");
}

enum rbe_code rbe_multipart_put(struct rbe_multipart *m, const void *p, size_t n, struct rbe_err *e)
{
    const char *s = p;

    while (n > 0) {
        size_t used = 0;
        enum rbe_code code = put_some(m, s, n, &used, e);

        if (code != RBE_OK) {
            m->state = FAILED;
            return code;
        }
        s += used;
        n -= used;
    }
    return RBE_OK;
}

enum rbe_code rbe_multipart_end(struct rbe_multipart *m, struct rbe_err *e)
{
    if (m->state != EPILOGUE)
        return rbe_invalid(e, "body", "format", "the body ends before its closing boundary");
    return RBE_OK;
}
