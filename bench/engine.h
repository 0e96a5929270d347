/* The calls that an engine has, by the time of their next message and by their turn. */
#ifndef BENCH_ENGINE_H
#define BENCH_ENGINE_H

#include <math.h>

#include "h2.h"

typedef struct Conn {
    Link link;
    struct Call *calls; /* of this connection, to be freed with it */
} Conn;

typedef struct Call {
    Conn *conn;
    struct Call *next, *before;
    int32_t stream;
    int streaming;
    const Message *reply; /* of a unary call */
    char asked[1024]; /* what came of the request, while its pace is not known */
    size_t heard;
    uint64_t due, interval, hash;
    long left, said; /* messages of a stream: to come, and gone */
    size_t place; /* in the heap, from 1; 0: not in it */
    int at_once; /* a stream without a pace: the next message is there when the last was taken */
    int served; /* it has one of the slots */
    struct Call *ahead, *behind; /* in the queue for one */
    uint8_t *out;
    const uint8_t *lent; /* in place of `out`: a message too large to be copied for each call */
    size_t from, to, room;
} Call;

static Call **heap;
static size_t due_count, heap_room;

/* ---- calls by the time of their next message */

static void put(size_t place, Call *call) {
    heap[place] = call;
    call->place = place;
}

static void sift(size_t at) {
    Call *call = heap[at];
    for (; at > 1 && heap[at / 2]->due > call->due; at /= 2) put(at, heap[at / 2]);
    for (size_t child; (child = 2 * at) <= due_count; at = child) {
        if (child < due_count && heap[child + 1]->due < heap[child]->due) child++;
        if (heap[child]->due >= call->due) break;
        put(at, heap[child]);
    }
    put(at, call);
}

static void schedule(Call *call) {
    if (due_count + 2 > heap_room) heap = realloc(heap, (heap_room = 2 * heap_room + 64) * sizeof *heap);
    put(++due_count, call);
    sift(call->place);
}

static void unschedule(Call *call) {
    size_t at = call->place;
    if (!at) return;
    call->place = 0;
    if (at != due_count--) {
        put(at, heap[due_count + 1]);
        sift(at);
    }
}

/* ---- an engine of finite capacity: unary calls take one of its slots for a while, or wait for one in turn */

#define STAGES 4 /* half its mean is its standard deviation */
static size_t slots, taken; /* no slots: it is not finite */
static double service_ns;
static Call *first, *last;

/* How long this call takes: Erlang's distribution, so that calls wait although their number would fit on average. */
static uint64_t drawn(void) {
    static uint64_t state = 88172645463325252u;
    double spent = 0;
    for (int i = 0; i < STAGES; i++) {
        state ^= state << 13, state ^= state >> 7, state ^= state << 17; /* xorshift64 */
        spent -= log(((double)(state >> 11) + 1) / 9007199254740993.0);
    }
    return (uint64_t)(spent / STAGES * service_ns);
}

static void serve(Call *call) {
    call->served = 1;
    taken++;
    call->left = 1;
    call->due = now_ns() + drawn();
    schedule(call);
}

static void enter(Call *call) {
    if (taken < slots) {
        serve(call);
        return;
    }
    call->ahead = last;
    *(last ? &last->behind : &first) = call;
    last = call;
}

/* It is answered, or gone: whoever waited longest has its slot. */
static void leave(Call *call) {
    if (call->served) {
        call->served = 0;
        taken--;
        Call *next = first;
        if (next) {
            if (!(first = next->behind)) last = NULL;
            else first->ahead = NULL;
            next->behind = NULL;
            serve(next);
        }
    } else if (call->ahead || call->behind || first == call) {
        *(call->ahead ? &call->ahead->behind : &first) = call->behind;
        *(call->behind ? &call->behind->ahead : &last) = call->ahead;
        call->ahead = call->behind = NULL;
    }
}

#endif
