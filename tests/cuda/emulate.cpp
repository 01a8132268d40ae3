#include "emulate.h"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <ucontext.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define FORGET_FRAMES(bottom, size) __asan_unpoison_memory_region(bottom, size)
#define SWITCH_BEGIN(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define SWITCH_END(saved, bottom, size) __sanitizer_finish_switch_fiber(saved, bottom, size)
#else
#define FORGET_FRAMES(bottom, size) ((void)0)
#define SWITCH_BEGIN(save, bottom, size) ((void)0)
#define SWITCH_END(saved, bottom, size) ((void)0)
#endif

/* swapcontext() asks the kernel for the mask of signals each time, which would be half of all that
 * the tests do: where this is known for a processor, the registers that a call keeps are enough. */
#if defined(__x86_64__)
struct context {
    void *stack;
};
extern "C" void emulate_switch(struct context *from, const struct context *to);
asm(R"(
    .text
    .globl emulate_switch
    .type emulate_switch, @function
emulate_switch:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp, (%rdi)
    movq (%rsi), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
    .size emulate_switch, .-emulate_switch
)");

static void begin_context(struct context *made, char *stack, size_t bytes, void (*enter)())
{
    void **top =
        (void **)(stack + bytes) - 8; /* 6 registers, where to go, what it would return to */
    memset(top, 0, 8 * sizeof *top);
    top[6] = (void *)enter;
    made->stack = top;
}
#else
struct context {
    ucontext_t registers;
};

static void emulate_switch(struct context *from, const struct context *to)
{
    swapcontext(&from->registers, &to->registers);
}

static void begin_context(struct context *made, char *stack, size_t bytes, void (*enter)())
{
    getcontext(&made->registers);
    made->registers.uc_stack.ss_sp = stack;
    made->registers.uc_stack.ss_size = bytes;
    made->registers.uc_link = nullptr;
    makecontext(&made->registers, enter, 0);
}
#endif

namespace emulate
{
place thread, block;
dim3 grid_size, block_size;

enum state { NEW, READY, BARRIER, WARP, DONE };
enum { STACK_BYTES = 32 * 1024, LANES = 32 };

/* seen and voted are value and vote as the warp released them, apart from those of the next
 * shuffle. */
struct fiber {
    struct context context;
    std::unique_ptr<char[]> stack;
    place id;
    state at;
    const char *where;
    unsigned mask;
    uint64_t value, seen;
    bool vote, voted;
    void *fake_stack;
};

/* Of a block the first `threads`; the others keep their stacks for larger blocks. */
static std::vector<fiber> fibers;
static size_t threads;
static fiber *now;
static size_t turn; /* of the fiber that runs, in the order in which they are taken up */
static bool reverse;
static struct context scheduler;
static const std::function<void()> *body;
static std::map<const void *, std::unique_ptr<char[]>> shared_arrays;
static std::unique_ptr<char[]> dynamic_bytes;
static size_t static_bytes, shared_limit = 48 * 1024;
static const void *main_stack;
static size_t main_bytes;

[[noreturn]] static void fail(const char *what, const char *where)
{
    fprintf(stderr, "kernel error: %s at %s, block (%u,%u,%u) thread (%u,%u,%u)\n", what,
            where ? where : "?", block.x, block.y, block.z, thread.x, thread.y, thread.z);
    abort();
}

/* ---- shared memory ---- */

static char *nans(size_t bytes)
{
    char *memory = new char[bytes]; /* operator new aligns to 16 */
    for (size_t i = 0; i < bytes; i++)
        memory[i] = (i & 3) == 3 ? 0x7f : (i & 3) == 2 ? (char)0xa0 : 0x5a;
    return memory;
}

void *shared_static(const void *key, size_t bytes)
{
    auto &array = shared_arrays[key];
    if (!array) {
        array.reset(nans(bytes));
        static_bytes += bytes;
        if (static_bytes > 48 * 1024)
            fail("more than 48 KiB of static shared memory", "SHARED");
    }
    return array.get();
}

void *shared_dynamic()
{
    return dynamic_bytes.get();
}

void allow_shared(size_t bytes)
{
    shared_limit = bytes;
}

/* ---- fibers ---- */

static void leave(state at, const char *where)
{
    fiber *self = now;
    self->at = at;
    self->where = where;
    SWITCH_BEGIN(at == DONE ? nullptr : &self->fake_stack, main_stack, main_bytes);
    emulate_switch(&self->context, &scheduler);
    SWITCH_END(self->fake_stack, &main_stack, &main_bytes);
}

static fiber &in_turn(size_t k)
{
    return fibers[reverse ? threads - 1 - k : k];
}

/* Few kernels wait in a thread: where one ends without having waited, the next begins on its stack,
 * and what could be a switch for each thread is one for all. */
static void enter()
{
    SWITCH_END(nullptr, &main_stack, &main_bytes);
    for (;;) {
        (*body)();
        if (turn + 1 == threads || in_turn(turn + 1).at != NEW)
            leave(DONE, nullptr);
        fiber &next = in_turn(++turn);
        now->at = DONE;
        std::swap(now->stack, next.stack);
        now = &next;
        thread = next.id;
        next.at = READY;
    }
}

static void resume(fiber &f)
{
    void *main_fake = nullptr;
    (void)main_fake;
    if (f.at == NEW) {
        FORGET_FRAMES(f.stack.get(), STACK_BYTES); /* of the thread before, which never returned */
        begin_context(&f.context, f.stack.get(), STACK_BYTES, enter);
    }
    now = &f;
    thread = f.id;
    f.at = READY;
    SWITCH_BEGIN(&main_fake, f.stack.get(), STACK_BYTES);
    emulate_switch(&scheduler, &f.context);
    SWITCH_END(main_fake, nullptr, nullptr);
}

void barrier(const char *where)
{
    leave(BARRIER, where);
}

static unsigned number(const fiber &f)
{
    return f.id.x + block_size.x * (f.id.y + block_size.y * f.id.z);
}

uint64_t exchange(unsigned mask, uint64_t value, int source, const char *where)
{
    fiber *self = now;
    const unsigned me = number(*self);
    if (!(mask >> me % LANES & 1))
        fail("a lane not in its own mask", where);
    if (!(mask >> (source & 31) & 1))
        fail("shuffle from a lane outside the mask", where);
    self->mask = mask;
    self->value = value;
    leave(WARP, where);
    return fibers[me / LANES * LANES + (unsigned)(source & 31)].seen;
}

unsigned ballot(unsigned mask, bool on, const char *where)
{
    fiber *self = now;
    const unsigned base = number(*self) / LANES * LANES;
    unsigned votes = 0;
    self->mask = mask;
    self->vote = on;
    leave(WARP, where);
    for (unsigned i = 0; i < LANES && base + i < threads; i++)
        if (mask >> i & 1 && fibers[base + i].voted)
            votes |= 1u << i;
    return votes;
}

/* ---- a block ---- */

static void begin_block()
{
    for (unsigned i = 0; i < threads; i++) {
        fibers[i].id = {i % block_size.x, i / block_size.x % block_size.y,
                        i / block_size.x / block_size.y};
        fibers[i].at = NEW;
    }
}

/* Whether the lanes that the fiber's mask names wait at its shuffle, too. */
static void check_lanes(const fiber &f, size_t first, size_t end)
{
    thread = f.id;
    for (size_t j = first; j < first + LANES; j++) {
        if (!(f.mask >> (j - first) & 1))
            continue;
        if (j >= end) {
            if (f.mask != 0xffffffffu)
                fail("mask names a lane that does not exist", f.where);
            continue;
        }
        if (fibers[j].at == DONE)
            fail("mask names a lane that has left", f.where);
        if (fibers[j].at == BARRIER)
            fail("mask names a lane that waits at a barrier", f.where);
        if (fibers[j].where != f.where)
            fail("lanes meet at different shuffles", f.where);
    }
}

static bool release_warps()
{
    bool moved = false;
    for (size_t first = 0; first < threads; first += LANES) {
        const size_t end = first + LANES < threads ? first + LANES : threads;
        for (size_t i = first; i < end; i++)
            if (fibers[i].at == WARP)
                check_lanes(fibers[i], first, end);
        for (size_t i = first; i < end; i++) {
            fiber &f = fibers[i];
            if (f.at != WARP)
                continue;
            f.at = READY;
            f.seen = f.value;
            f.voted = f.vote;
            moved = true;
        }
    }
    return moved;
}

static void release_barrier()
{
    const char *where = fibers[0].where;
    for (size_t i = 0; i < threads; i++) {
        fiber &f = fibers[i];
        thread = f.id;
        if (f.where != where)
            fail("threads wait at different barriers", f.where);
        f.at = READY;
    }
}

static void run_block()
{
    const char *order = getenv("EMULATE_ORDER");
    reverse = order && *order == 'r';
    begin_block();
    for (;;) {
        size_t done = 0, waiting = 0;
        for (turn = 0; turn < threads; turn++)
            if (in_turn(turn).at == NEW || in_turn(turn).at == READY)
                resume(in_turn(turn));
        const bool moved = release_warps();
        for (size_t i = 0; i < threads; i++) {
            done += fibers[i].at == DONE;
            waiting += fibers[i].at == BARRIER;
        }
        if (done == threads)
            return;
        if (moved)
            continue;
        for (size_t i = 0; i < threads && done; i++)
            if (fibers[i].at == BARRIER) {
                thread = fibers[i].id;
                fail("a barrier that some threads never reach", fibers[i].where);
            }
        if (waiting == threads)
            release_barrier();
    }
}

/* ---- launches ---- */

static std::set<std::string> names;
static bool capturing;
static std::vector<std::function<void()>> recorded;

const std::set<std::string> &launched()
{
    return names;
}

void capture_begin()
{
    capturing = true;
}

std::vector<std::function<void()>> capture_end()
{
    capturing = false;
    return std::move(recorded);
}

static void check_launch(dim3 grid, dim3 size, size_t shared)
{
    if (!grid.x || !grid.y || !grid.z || grid.x > 0x7fffffff || grid.y > 0xffff || grid.z > 0xffff)
        fail("grid outside the limits", "launch");
    if (!size.x || size.x * size.y * size.z > 1024 || size.z > 64)
        fail("block outside the limits", "launch");
    if (shared > 227 * 1024 || shared > shared_limit)
        fail("more shared memory than a block may have", "launch");
}

static void run_grid(dim3 grid, dim3 size, size_t shared, const std::function<void()> &work)
{
    grid_size = grid;
    block_size = size;
    body = &work;
    threads = size.x * size.y * size.z;
    while (fibers.size() < threads) {
        fibers.emplace_back();
        fibers.back().stack.reset(new char[STACK_BYTES]);
    }
    for (unsigned z = 0; z < grid.z; z++)
        for (unsigned y = 0; y < grid.y; y++)
            for (unsigned x = 0; x < grid.x; x++) {
                block = {x, y, z};
                shared_arrays.clear();
                static_bytes = 0;
                dynamic_bytes.reset(nans(shared));
                run_block();
            }
}

std::function<void(void *stream, std::function<void()> work)> put;

void launch(void *stream, const char *kernel, dim3 grid, dim3 size, size_t shared,
            const std::function<void()> &work)
{
    std::string name(kernel);
    name.erase(0, name.find_first_not_of("("));
    names.insert(name.substr(0, name.find_first_of("<)")));
    check_launch(grid, size, shared);
    shared_limit = 48 * 1024;
    const auto run = [=] { run_grid(grid, size, shared, work); };
    if (capturing)
        recorded.push_back(run);
    else if (put)
        put(stream, run);
    else
        run();
}
} // namespace emulate
