/* A gRPC engine that costs next to nothing: canned replies, streams paced by timer with the time in each message.
 *
 *   upstream PORT FOLDER [SLOTS SERVICE_US]
 *
 * With SLOTS no more unary calls are served at one time, each for SERVICE_US on average; the others wait in turn.
 *
 * FOLDER holds reply.bin, chunk.bin and final.bin; config.bin, if there, is what ModelConfig answers. A streamed
 * request names its own pace in its text: "bench:MESSAGES:INTERVAL_US;" (0: as fast as they are taken). Trailers
 * carry the hash of every byte sent in DATA, so that the caller can tell whether it got the same.
 *
 * On SIGHUP it reads FOLDER/mood, one word, and treats inference from then on as that says:
 *
 *   slow        unary replies take LATE_NS, streams ten times as long as asked
 *   oversized   every reply is big.bin, or for a stream large.bin
 *   resetting   unary calls are reset, streams after a message
 *   garbage     by turns a message that is none, and bytes that are no HTTP/2
 */
#include <sys/stat.h>

#include "engine.h"

#define LATE_NS 200000000u
#define SLOWER 10

static int epoll;
static Message reply, chunk, final, big, large, config, noise;
static const char *folder;
static volatile sig_atomic_t changed;
static enum { WELL, SLOW, OVERSIZED, RESETTING, GARBAGE } mood;

/* ---- replies */

static const Message *moody(const Message *said);
static void say(Call *call, const Message *said);

static ssize_t body(nghttp2_session *session, int32_t stream, uint8_t *buf, size_t room, uint32_t *flags,
                    nghttp2_data_source *source, void *user) {
    Call *call = source->ptr;
    (void)user;
    if (call->at_once && call->from == call->to)
        while (call->left && call->to < room) say(call, moody(--call->left ? &chunk : &final));
    size_t size = call->to - call->from < room ? call->to - call->from : room;
    if (size) memcpy(buf, (call->lent ? call->lent : call->out) + call->from, size);
    call->from += size;
    if (call->from != call->to) return (ssize_t)size;
    call->from = call->to = 0;
    call->lent = NULL;
    if (call->left) return size ? (ssize_t)size : NGHTTP2_ERR_DEFERRED;
    char told[17];
    snprintf(told, sizeof told, "%016llx", (unsigned long long)call->hash);
    nghttp2_nv trailers[] = {HEADER("grpc-status", "0"), HEADER("x-bench-hash", told)};
    nghttp2_submit_trailer(session, stream, trailers, COUNT(trailers));
    *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
    return (ssize_t)size;
}

static void say(Call *call, const Message *said) {
    if ((said == &big || said == &large) && call->from == call->to) {
        call->lent = said->data;
        call->from = 0;
        call->to = said->size;
        return;
    }
    call->lent = NULL;
    if (call->to + said->size > call->room)
        call->out = realloc(call->out, call->room = 2 * (call->to + said->size));
    uint8_t *at = call->out + call->to;
    memcpy(at, said->data, said->size);
    if (said->hole >= 0) {
        uint64_t time = now_ns();
        for (int i = DIGITS; i--; time /= 10) at[said->hole + i] = (uint8_t)('0' + time % 10);
        call->hash = hash(call->hash, at, said->size);
    } else {
        call->hash = said->hash;
    }
    call->to += said->size;
}

static void respond(Call *call) {
    nghttp2_nv headers[] = {HEADER(":status", "200"), HEADER("content-type", "application/grpc")};
    nghttp2_data_provider provider = {.source = {.ptr = call}, .read_callback = body};
    nghttp2_submit_response(call->conn->link.session, call->stream, headers, COUNT(headers), &provider);
}

/* Break the call or its connection as the mood says; 0 when it is not to be answered any more. */
static int spoilt(Call *call) {
    static int turn;
    if (mood == RESETTING) {
        nghttp2_submit_rst_stream(call->conn->link.session, NGHTTP2_FLAG_NONE, call->stream, NGHTTP2_INTERNAL_ERROR);
        return 0;
    }
    if (mood == GARBAGE && turn++ % 2) {
        send(call->conn->link.fd, noise.data, noise.size, MSG_NOSIGNAL);
        return 0;
    }
    return 1;
}

/* What is said in place of a good message. */
static const Message *moody(const Message *said) {
    if (said == &config) return said;
    return mood == OVERSIZED ? (said == &reply ? &big : &large) : mood == GARBAGE ? &noise : said;
}

static void answer(Call *call) {
    if (call->reply == &reply && !spoilt(call)) return;
    say(call, moody(call->reply));
    respond(call);
}

static void ask(Call *call, const uint8_t *data, size_t size) {
    if (!call->streaming || call->interval) return;
    size_t room = sizeof call->asked - 1 - call->heard;
    memcpy(call->asked + call->heard, data, size < room ? size : room);
    call->heard += size < room ? size : room;
    char *at = memmem(call->asked, call->heard, "bench:", 6);
    if (!at || !memchr(at, ';', (size_t)(call->asked + call->heard - at))) return;
    unsigned long long interval = 0;
    if (sscanf(at, "bench:%ld:%llu;", &call->left, &interval) != 2) return;
    call->interval = (interval * 1000 + 1) * (mood == SLOW ? SLOWER : 1);
    if (!interval && mood == WELL) { /* a mood says its messages one by one */
        call->at_once = 1;
        nghttp2_session_resume_data(call->conn->link.session, call->stream);
        return;
    }
    call->due = now_ns() + call->interval;
    schedule(call);
}

static void pace(int timer) {
    uint64_t now = now_ns(), fired;
    if (read(timer, &fired, sizeof fired) < 0 && errno != EAGAIN) die("timer");
    while (due_count && heap[1]->due <= now) {
        Call *call = heap[1];
        if (!call->streaming) { /* a late one */
            unschedule(call);
            leave(call);
            call->left = 0;
            answer(call);
        } else if (call->said++ && !spoilt(call)) {
            unschedule(call);
        } else {
            if (!--call->left || mood == OVERSIZED) { /* one such message will do */
                call->left = 0;
                unschedule(call);
            } else {
                call->due += call->interval;
                sift(1);
            }
            say(call, moody(call->left ? &chunk : &final));
            nghttp2_session_resume_data(call->conn->link.session, call->stream);
        }
        flush(epoll, &call->conn->link, call->conn); /* a connection that broke is seen when it is read */
    }
}

/* ---- nghttp2's callbacks */

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
    Conn *conn = user;
    Call *call = calloc(1, sizeof *call);
    call->conn = conn;
    call->stream = frame->hd.stream_id;
    call->hash = HASH_SEED;
    call->reply = &reply;
    if ((call->next = conn->calls)) call->next->before = call;
    conn->calls = call;
    return nghttp2_session_set_stream_user_data(session, call->stream, call);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t size,
                     const uint8_t *value, size_t length, uint8_t flags, void *user) {
    (void)flags, (void)user;
    Call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (call && size == 5 && !memcmp(name, ":path", 5))
        call->streaming = length == strlen(STREAM) && !memcmp(value, STREAM, length);
    if (call && config.size && size == 5 && !memcmp(name, ":path", 5) && length > 12 &&
        !memcmp(value + length - 12, "/ModelConfig", 12))
        call->reply = &config;
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *data, size_t size,
                   void *user) {
    (void)flags, (void)user;
    Call *call = nghttp2_session_get_stream_user_data(session, stream);
    if (call) ask(call, data, size);
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
    (void)user;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
    Call *call = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    if (!call) return 0;
    if (call->streaming && frame->hd.type == NGHTTP2_HEADERS) {
        call->left = 1; /* until its pace is known */
        respond(call);
    }
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
    if (!call->streaming && mood == SLOW && call->reply == &reply) {
        call->left = 1;
        call->due = now_ns() + LATE_NS;
        schedule(call);
    } else if (!call->streaming && slots && call->reply == &reply) {
        enter(call);
    } else if (!call->streaming) {
        answer(call);
    } else if (!call->interval) { /* nothing was asked on it: an empty reply */
        call->left = 0;
        nghttp2_session_resume_data(session, call->stream);
    }
    return 0;
}

static void forget(Call *call) {
    unschedule(call);
    leave(call);
    if (call->next) call->next->before = call->before;
    *(call->before ? &call->before->next : &call->conn->calls) = call->next;
    free(call->out);
    free(call);
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t error, void *user) {
    (void)error, (void)user;
    Call *call = nghttp2_session_get_stream_user_data(session, stream);
    if (call) forget(call);
    return 0;
}

/* ---- sockets */

static void drop(Conn *conn) {
    close(conn->link.fd);
    while (conn->calls) forget(conn->calls);
    nghttp2_session_del(conn->link.session);
    free(conn->link.out);
    free(conn);
}

static void take(int listening, nghttp2_session_callbacks *callbacks) {
    int fd = accept(listening, NULL, NULL);
    if (fd < 0) return;
    prepare(fd);
    Conn *conn = calloc(1, sizeof *conn);
    conn->link.fd = fd;
    nghttp2_session_server_new(&conn->link.session, callbacks, conn);
    settle(conn->link.session);
    struct epoll_event event = {EPOLLIN, {conn}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    flush(epoll, &conn->link, conn);
}

/* ---- moods */

static Message optional(const char *name) {
    char path[4096];
    struct stat there;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return stat(path, &there) ? (Message){0} : message(folder, name);
}

static void on_hup(int number) {
    (void)number;
    changed = 1;
}

static void feel(void) {
    const char *moods[] = {"well", "slow", "oversized", "resetting", "garbage"};
    changed = 0; /* first: what is written meanwhile raises it again */
    Message said = optional("mood");
    mood = WELL;
    for (size_t i = 0; i < COUNT(moods); i++)
        if (said.size == strlen(moods[i]) && !memcmp(said.data, moods[i], said.size)) mood = i;
    free(said.data);
    errno = 0;
}

int main(int count, char **words) {
    if (count != 3 && count != 5) return fprintf(stderr, "usage: upstream PORT FOLDER [SLOTS SERVICE_US]\n"), 2;
    if (count == 5) slots = (size_t)atoi(words[3]), service_ns = atof(words[4]) * 1e3;
    signal(SIGPIPE, SIG_IGN);
    folder = words[2];
    reply = message(folder, "reply.bin");
    chunk = message(folder, "chunk.bin");
    final = message(folder, "final.bin");
    config = optional("config.bin");
    big = optional("big.bin");
    large = optional("large.bin");
    noise = optional("noise.bin");
    struct sigaction action = {.sa_handler = on_hup};
    sigaction(SIGHUP, &action, NULL);

    int listening = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in where = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(words[1]))};
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listening, (struct sockaddr *)&where, sizeof where) || listen(listening, 4096)) die("listen");
    prepare(listening);

    nghttp2_session_callbacks *callbacks;
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin);
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_close);

    epoll = epoll_create1(0);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {EPOLLIN, {&listening}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, listening, &event);
    event.data.ptr = &timer;
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
    for (;;) {
        struct epoll_event events[256];
        if (changed) feel();
        if (due_count) arm(timer, heap[1]->due);
        int ready = epoll_wait(epoll, events, COUNT(events), -1);
        for (int i = 0; i < ready; i++) {
            void *what = events[i].data.ptr;
            if (what == &listening)
                take(listening, callbacks);
            else if (what == &timer)
                pace(timer);
            else if (fill(&((Conn *)what)->link) || flush(epoll, &((Conn *)what)->link, what))
                drop(what);
        }
    }
}
