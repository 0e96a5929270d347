/* The load generator: gRPC calls, and how long what came back took. Prints one line of JSON.
 *
 *   load PORT FOLDER MODE SECONDS CONNECTIONS AMOUNT [INTERVAL_US [tls] [varied]]
 *
 *   closed   AMOUNT unary calls open at all times
 *   open     AMOUNT unary calls a second, each timed from when it was due
 *   streams  AMOUNT streams with a message every INTERVAL_US, each message timed from the stamp it carries
 *   unpaced  AMOUNT streams open at all times, each of RUN messages as fast as they come
 *   idle     AMOUNT streams opened and held; says {"held": n}, then waits for the end of its input
 *
 * With `tls` each connection is TLS 1.3 with one cipher, so that every path has the same work; FOLDER/ca.pem is whom
 * it trusts. With `varied` each request has a header with a value of its own.
 *
 * FOLDER holds request.bin and stream.bin (its pace a HOLE to fill in) and the upstream's messages. The first
 * WARM_S of a run are not timed. Every byte received is hashed and held against the hash in the trailers.
 */
#define BENCH_TLS
#include "h2.h"

#define RUN 200 /* messages: slow paths still end theirs in time */
#define WARM_S 0.3
#define DRAIN_S 2.0
#define MOST_OPEN 50000
#define STEPS 64 /* buckets per octave: 1.1 % wide */

typedef struct {
    Link link;
    int alive;
} Conn;

typedef struct {
    uint64_t began, hash, told;
    size_t sent, got, due; /* bytes of the request sent; of the message in hand; of it altogether */
    int status;
    uint8_t in[4096];
} Call;

static int epoll, timer;
static enum { CLOSED, OPEN, STREAMS, UNPACED, IDLE } mode;
static int secure, varied;
static Conn *conns;
static size_t conn_count, turn;
static Message request, chunk, final;
static uint64_t timed_from, ends;
static uint64_t sent, done, errors, mismatched, unsent, bytes, messages, samples, held;
static uint64_t counts[64 * STEPS], worst;

/* ---- latencies */

static void note(uint64_t from) {
    uint64_t now = now_ns();
    if (from < timed_from || from > ends) return;
    uint64_t ns = now > from ? now - from : 1;
    int octave = 63 - __builtin_clzll(ns);
    uint64_t step = octave >= 6 ? (ns >> (octave - 6)) & (STEPS - 1) : 0;
    counts[(uint64_t)octave * STEPS + step]++;
    samples++;
    if (ns > worst) worst = ns;
}

static double micros(size_t bucket) {
    return (double)(1ull << (bucket / STEPS)) * (1 + ((double)(bucket % STEPS) + 0.5) / STEPS) / 1e3;
}

static double quantile(double share) {
    double seen = 0, want = share * (double)samples;
    for (size_t i = 0; i < COUNT(counts); i++)
        if ((seen += (double)counts[i]) >= want && counts[i]) return micros(i);
    return 0;
}

/* ---- calls */

static ssize_t ask(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t room, uint32_t *flags,
                   nghttp2_data_source *source, void *user) {
    (void)session, (void)stream, (void)user;
    Call *call = source->ptr;
    if (mode == IDLE) return NGHTTP2_ERR_DEFERRED;
    size_t size = request.size - call->sent < room ? request.size - call->sent : room;
    memcpy(buf, request.data + call->sent, size);
    if ((call->sent += size) == request.size) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)size;
}

/* Well-mixed bits (splitmix64), so that no two values share a prefix. */
static unsigned long long mixed(uint64_t x) {
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void start(Conn *conn, uint64_t when) {
    Call *call = calloc(1, sizeof *call);
    call->began = when;
    call->hash = HASH_SEED;
    call->status = -1;
    char id[33];
    if (varied) snprintf(id, sizeof id, "%016llx%016llx", mixed(sent), mixed(sent ^ when));
    else strcpy(id, "");
    nghttp2_nv headers[] = {HEADER(":method", "POST"),
                            HEADER(":scheme", secure ? "https" : "http"),
                            HEADER(":path", mode >= STREAMS ? STREAM : UNARY),
                            HEADER(":authority", "bench"),
                            HEADER("te", "trailers"),
                            HEADER("content-type", "application/grpc"),
                            HEADER("user-agent", "understudy-bench"),
                            HEADER("x-request-id", id)};
    nghttp2_data_provider provider = {.source = {.ptr = call}, .read_callback = ask};
    if (nghttp2_submit_request(conn->link.session, NULL, headers, COUNT(headers) - !varied, &provider, call) < 0) {
        errors++;
        free(call);
        return;
    }
    sent++;
}

/* The next connection in turn that is alive. */
static Conn *next(void) {
    for (size_t i = 0; i < conn_count; i++) {
        Conn *conn = &conns[turn++ % conn_count];
        if (conn->alive) return conn;
    }
    errno = 0;
    die("every connection was closed");
    return NULL;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t size,
                     const uint8_t *value, size_t length, uint8_t flags, void *user) {
    (void)flags, (void)user;
    Call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!call || length > 32) return 0;
    char text[33] = {0};
    memcpy(text, value, length);
    if (size == 11 && !memcmp(name, "grpc-status", 11)) call->status = atoi(text);
    if (size == 12 && !memcmp(name, "x-bench-hash", 12)) call->told = strtoull(text, NULL, 16);
    if (mode == IDLE && size == 7 && !memcmp(name, ":status", 7)) held++;
    return 0;
}

/* A whole message of a stream: when was it sent? */
static void heard(Call *call) {
    const Message *as = call->due == chunk.size ? &chunk : call->due == final.size ? &final : NULL;
    messages++;
    if (!as || mode == UNPACED) return;
    char stamp[DIGITS + 1] = {0};
    memcpy(stamp, call->in + as->hole, DIGITS);
    note(strtoull(stamp, NULL, 10));
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t size,
                   void *user) {
    (void)flags, (void)user;
    Call *call = nghttp2_session_get_stream_user_data(session, stream);
    if (!call) return 0;
    bytes += size;
    call->hash = hash(call->hash, data, size);
    if (mode != STREAMS && mode != UNPACED) return 0;
    while (size) {
        size_t want = (call->got < 5 ? 5 : call->due) - call->got, part = size < want ? size : want;
        memcpy(call->in + call->got, data, part);
        call->got += part, data += part, size -= part;
        if (call->got == 5) {
            uint32_t length;
            memcpy(&length, call->in + 1, 4);
            call->due = 5 + ntohl(length);
            if (call->due > sizeof call->in) return NGHTTP2_ERR_CALLBACK_FAILURE;
        }
        if (call->got >= 5 && call->got == call->due) {
            heard(call);
            call->got = 0;
        }
    }
    return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *user) {
    Call *call = nghttp2_session_get_stream_user_data(session, stream);
    if (!call) return 0;
    done++;
    if (error || call->status != 0)
        errors++;
    else if (call->hash != call->told)
        mismatched++;
    if (mode != STREAMS) note(call->began);
    free(call);
    if ((mode == CLOSED || mode == UNPACED) && now_ns() < ends) start(user, now_ns());
    return 0;
}

/* ---- a run */

/* One version and one cipher: a path that chose better ones would otherwise be measured for its choice. */
static SSL_CTX *trust(const char *folder) {
    char path[4096];
    snprintf(path, sizeof path, "%s/ca.pem", folder);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
    SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_alpn_protos(context, (const uint8_t *)"\2h2", 3);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    errno = 0;
    if (!SSL_CTX_load_verify_locations(context, path, NULL)) die(path);
    return context;
}

static SSL *greet(SSL_CTX *context, int fd) {
    SSL *tls = SSL_new(context);
    const uint8_t *agreed;
    unsigned length;
    SSL_set_fd(tls, fd);
    SSL_set1_host(tls, "localhost");
    errno = 0;
    if (SSL_connect(tls) != 1) die("TLS");
    SSL_get0_alpn_selected(tls, &agreed, &length);
    if (length != 2 || memcmp(agreed, "h2", 2)) die("ALPN");
    return tls;
}

static void dial(const char *port, const char *folder, nghttp2_session_callbacks *callbacks) {
    SSL_CTX *context = secure ? trust(folder) : NULL;
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    conns = calloc(conn_count, sizeof *conns);
    for (size_t i = 0; i < conn_count; i++) {
        Conn *conn = &conns[i];
        conn->alive = 1;
        conn->link.fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(conn->link.fd, (struct sockaddr *)&where, sizeof where)) die("connect");
        if (secure) conn->link.tls = greet(context, conn->link.fd);
        prepare(conn->link.fd);
        nghttp2_session_client_new(&conn->link.session, callbacks, conn);
        settle(conn->link.session);
        struct epoll_event event = {EPOLLIN, {conn}};
        epoll_ctl(epoll, EPOLL_CTL_ADD, conn->link.fd, &event);
        flush(epoll, &conn->link, conn);
    }
}

static void pump(int wait_ms) {
    struct epoll_event events[256];
    int ready = epoll_wait(epoll, events, COUNT(events), wait_ms);
    for (int i = 0; i < ready; i++) {
        Conn *conn = events[i].data.ptr;
        uint64_t fired;
        if (!conn) {
            if (read(0, &fired, 1) <= 0) ends = 0; /* idle: the end of our input */
        } else if ((void *)conn == (void *)&timer) {
            if (read(timer, &fired, sizeof fired) < 0 && errno != EAGAIN) die("timer");
        } else if (conn->alive && (fill(&conn->link) || flush(epoll, &conn->link, conn))) {
            conn->alive = 0;
            epoll_ctl(epoll, EPOLL_CTL_DEL, conn->link.fd, NULL);
        }
    }
}

static void run(double seconds, double amount, uint64_t interval, uint64_t began) {
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {EPOLLIN, {&timer}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
    /* Streams start spread over one interval, so that their messages are. */
    double gap = mode == OPEN ? 1e9 / amount : mode == STREAMS ? (double)interval * 1e3 / amount : 0;
    uint64_t last = mode == OPEN ? (uint64_t)(amount * seconds) : (uint64_t)amount, issued = 0;
    while (now_ns() < ends || ((done < sent || issued < last) && now_ns() < ends + (uint64_t)(DRAIN_S * 1e9))) {
        uint64_t now = now_ns(), due;
        while (issued < last && (due = began + (uint64_t)(gap * (double)issued)) <= now) {
            issued++;
            if (sent - done >= MOST_OPEN)
                unsent++;
            else
                start(next(), mode == OPEN ? due : now);
        }
        for (size_t i = 0; i < conn_count; i++)
            if (conns[i].alive && nghttp2_session_want_write(conns[i].link.session))
                flush(epoll, &conns[i].link, &conns[i]);
        if (issued < last) arm(timer, began + (uint64_t)(gap * (double)issued)); /* the past fires at once */
        pump(20);
    }
    if (mode == OPEN) unsent += last - issued;
}

static void hold(size_t amount) {
    struct epoll_event event = {EPOLLIN, {NULL}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &event);
    for (size_t i = 0; i < amount; i++) start(next(), now_ns());
    for (size_t i = 0; i < conn_count; i++) flush(epoll, &conns[i].link, &conns[i]);
    for (uint64_t until = now_ns() + 10000000000u; held < amount && now_ns() < until;) pump(20);
    printf("{\"held\": %llu}\n", (unsigned long long)held);
    fflush(stdout);
    while (ends) pump(100);
}

int main(int count, char **words) {
    const char *modes[] = {"closed", "open", "streams", "unpaced", "idle"};
    if (count < 7) return fprintf(stderr, "usage: load PORT FOLDER MODE SECONDS CONNECTIONS AMOUNT [INTERVAL_US [tls] [varied]]\n"), 2;
    signal(SIGPIPE, SIG_IGN);
    for (mode = CLOSED; mode < IDLE && strcmp(modes[mode], words[3]); mode++) continue;
    double seconds = atof(words[4]), amount = atof(words[6]);
    uint64_t interval = count > 7 ? strtoull(words[7], NULL, 10) : 0;
    for (int i = 8; i < count; i++) {
        secure |= !strcmp(words[i], "tls");
        varied |= !strcmp(words[i], "varied");
    }
    conn_count = (size_t)atoi(words[5]);
    chunk = message(words[2], "chunk.bin");
    final = message(words[2], "final.bin");
    request = message(words[2], mode == STREAMS || mode == UNPACED ? "stream.bin" : "request.bin");
    if (mode == STREAMS || mode == UNPACED) { /* the pace, padded to the length of the hole */
        char pace[DIGITS + 2];
        unsigned long total = mode == UNPACED ? RUN : interval ? (unsigned long)(seconds * 1e6 / (double)interval) : 1;
        int size = snprintf(pace, sizeof pace, "bench:%lu:%lu;", total ? total : 1, (unsigned long)interval);
        if (size > DIGITS || request.hole < 0) return fprintf(stderr, "load: no room for the pace %s\n", pace), 2;
        memset(request.data + request.hole, ' ', DIGITS);
        memcpy(request.data + request.hole, pace, (size_t)size);
    }

    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);
    epoll = epoll_create1(0);
    dial(words[1], words[2], callbacks);
    for (int i = 0; i < 5; i++) pump(10); /* settings are exchanged */

    uint64_t began = now_ns();
    timed_from = began + (uint64_t)(WARM_S * 1e9);
    ends = began + (uint64_t)(seconds * 1e9) + 1;
    if (mode == IDLE) return hold((size_t)amount), 0;
    run(seconds, amount, interval, began);

    double spent = (double)(now_ns() - began) / 1e9;
    printf("{\"sent\": %llu, \"done\": %llu, \"errors\": %llu, \"mismatched\": %llu, \"unsent\": %llu, "
           "\"messages\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"samples\": %llu, \"p50_us\": %.2f, "
           "\"p90_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.2f, \"histogram\": [",
           (unsigned long long)sent, (unsigned long long)done, (unsigned long long)errors,
           (unsigned long long)mismatched, (unsigned long long)unsent, (unsigned long long)messages,
           (unsigned long long)bytes, spent, (unsigned long long)samples, quantile(.5), quantile(.9), quantile(.99),
           quantile(.999), (double)worst / 1e3);
    const char *comma = "";
    for (size_t i = 0; i < COUNT(counts); i++)
        if (counts[i]) printf("%s[%.2f, %llu]", comma, micros(i), (unsigned long long)counts[i]), comma = ", ";
    printf("]}\n");
    return 0;
}
