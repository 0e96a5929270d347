/* What the upstream and the load generator share: sockets, an nghttp2 session on one of them, clocks, hashes. */
#ifndef BENCH_H2_H
#define BENCH_H2_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>
#ifdef BENCH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
#endif

#define UNARY "/inference.GRPCInferenceService/ModelInfer"
#define STREAM "/inference.GRPCInferenceService/ModelStreamInfer"
#define DIGITS 20 /* Of a timestamp in a message: decimal nanoseconds of CLOCK_MONOTONIC. */
#define HOLE "@@@@@@@@@@@@@@@@@@@@"
#define WINDOW (1 << 30)
#define HEADER(name, value) \
    { (uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), NGHTTP2_NV_FLAG_NONE }
#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, errno ? strerror(errno) : "failed");
    exit(1);
}

static inline uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* FNV-1a, 64 bits. */
#define HASH_SEED 0xcbf29ce484222325u
static inline uint64_t hash(uint64_t h, const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) h = (h ^ data[i]) * 0x100000001b3u;
    return h;
}

/* A whole file: a gRPC message with its 5 byte prefix, and where its timestamp goes (-1: nowhere). */
typedef struct {
    uint8_t *data;
    size_t size;
    long hole;
    uint64_t hash;
} Message;

static inline Message message(const char *folder, const char *name) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) die(path);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    Message m = {malloc((size_t)size + 1), 0, -1, 0};
    m.size = fread(m.data, 1, (size_t)size, file);
    fclose(file);
    m.hash = hash(HASH_SEED, m.data, m.size);
    uint8_t *at = memmem(m.data, m.size, HOLE, DIGITS);
    if (at) m.hole = at - m.data;
    return m;
}

/* A session on a non-blocking socket. What it wants to write waits in `out` until the socket takes it. */
typedef struct {
    int fd;
#ifdef BENCH_TLS
    SSL *tls; /* NULL: plain */
#endif
    nghttp2_session *session;
    uint8_t *out;
    size_t from, to, room;
    int polled; /* EPOLLOUT asked for */
} Link;

static inline void prepare(int fd) {
    int one = 1;
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

#ifdef BENCH_TLS
/* As recv and send do: -1 with EAGAIN when it has to wait, whatever for. */
static inline ssize_t told(SSL *tls, int result) {
    if (result > 0) return result;
    int why = SSL_get_error(tls, result);
    if (why == SSL_ERROR_ZERO_RETURN) return 0;
    errno = why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? EAGAIN : ECONNRESET;
    ERR_clear_error(); /* or the next call on another connection would stumble over it */
    return -1;
}
#endif

static inline ssize_t take_in(Link *link, uint8_t *data, size_t room) {
#ifdef BENCH_TLS
    if (link->tls) return told(link->tls, SSL_read(link->tls, data, (int)room));
#endif
    return recv(link->fd, data, room, 0);
}

static inline ssize_t give_out(Link *link, const uint8_t *data, size_t size) {
#ifdef BENCH_TLS
    if (link->tls) return told(link->tls, SSL_write(link->tls, data, (int)size));
#endif
    return send(link->fd, data, size, MSG_NOSIGNAL);
}

/* Whether a short read may leave something to read: TLS gives a record at a time. */
static inline int piecemeal(const Link *link) {
#ifdef BENCH_TLS
    if (link->tls) return 1;
#endif
    (void)link;
    return 0;
}

/* Write all that can be written; 0, or -1 when the connection is gone. */
static inline int flush(int epoll, Link *link, void *tag) {
    for (;;) {
        const uint8_t *data;
        ssize_t size;
        while (link->to - link->from < 65536 && (size = nghttp2_session_mem_send(link->session, &data)) > 0) {
            if (link->to + (size_t)size > link->room) {
                if (link->from) memmove(link->out, link->out + link->from, link->to - link->from);
                link->to -= link->from;
                link->from = 0;
                if (link->to + (size_t)size > link->room)
                    link->out = realloc(link->out, link->room = 2 * (link->to + (size_t)size));
            }
            memcpy(link->out + link->to, data, (size_t)size);
            link->to += (size_t)size;
        }
        if (link->from == link->to) break;
        ssize_t sent = give_out(link, link->out + link->from, link->to - link->from);
        if (sent < 0 && errno != EAGAIN) return -1;
        if (sent < 0) break;
        link->from += (size_t)sent;
    }
    if (link->from == link->to) link->from = link->to = 0;
    int want = link->from != link->to;
    if (want != link->polled) {
        struct epoll_event event = {EPOLLIN | (want ? EPOLLOUT : 0), {tag}};
        epoll_ctl(epoll, EPOLL_CTL_MOD, link->fd, &event);
        link->polled = want;
    }
    return nghttp2_session_want_read(link->session) || nghttp2_session_want_write(link->session) ? 0 : -1;
}

/* Read and parse; 0, or -1 when the connection is gone. */
static inline int fill(Link *link) {
    static uint8_t data[1 << 18];
    for (;;) {
        ssize_t size = take_in(link, data, sizeof data);
        if (size == 0 || (size < 0 && errno != EAGAIN)) return -1;
        if (size < 0) return 0;
        if (nghttp2_session_mem_recv(link->session, data, (size_t)size) < 0) return -1;
        if ((size_t)size < sizeof data && !piecemeal(link)) return 0;
    }
}

/* Settings that let neither flow control nor the count of streams limit a run. */
static inline void settle(nghttp2_session *session) {
    nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
                                         {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100000}};
    nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, COUNT(settings));
    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, WINDOW);
}

static inline void arm(int timer, uint64_t at_ns) {
    struct itimerspec when = {{0, 0}, {(time_t)(at_ns / 1000000000u), (long)(at_ns % 1000000000u)}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
}

#endif
