extern "C" {
#include "twin.h"

#include "base/text.h"
#include "nn/cuda/card.h"
#include "nn/cuda/cuda_device.h"
#include "twin_loops.h"
}

#include "emulate.h"

#include <sanitizer/asan_interface.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <mutex>
#include <vector>

using work = std::function<void()>;

namespace
{
/* put counts what was ever put in, done what has run. */
struct stream {
    std::deque<work> queue;
    size_t put = 0, done = 0;
    std::vector<work> *captured = nullptr;
};

struct event {
    stream *of = nullptr;
    size_t position = 0;
};

struct captured_graph {
    std::vector<work> list;
};

size_t memory_bytes = (size_t)1 << 32, memory_used;
std::map<void *, size_t> memories, pinned;
size_t streams, events, graphs;
size_t calls, call_to_fail, pieces, piece_to_fail;
std::atomic<size_t> compiled;
std::mutex mutex;
bool lost;

int refuse(const char *call, struct error *err)
{
    return error_set(err, ERR_DEVICE, "CUDA: %s: the device was lost (injected)", call);
}

/* At the begin of each call that can fail. */
bool fails(const char *call, struct error *err)
{
    const std::lock_guard<std::mutex> lock(mutex);
    if (++calls == call_to_fail)
        lost = true;
    if (lost)
        refuse(call, err);
    return lost;
}

void run(const work &piece)
{
    if (++pieces == piece_to_fail)
        lost = true;
    if (!lost)
        piece();
}

void run_until(stream *s, size_t position)
{
    while (s->done < position) {
        const work piece = s->queue.front();
        s->queue.pop_front();
        s->done++;
        run(piece);
    }
}

void put(void *to, const work &piece)
{
    stream *s = (stream *)to;
    if (s->captured) {
        s->captured->push_back(piece);
        return;
    }
    s->queue.push_back(piece);
    s->put++;
}

[[noreturn]] void misuse(const char *what)
{
    fprintf(stderr, "the twin's caller: %s\n", what);
    abort();
}
} // namespace

struct card {
    struct card_facts facts;
};

extern "C" {

void twin_set_memory(size_t bytes)
{
    memory_bytes = bytes;
}

size_t twin_fail_at(size_t k)
{
    const size_t made = calls;
    calls = 0;
    call_to_fail = k;
    lost = false;
    return made;
}

size_t twin_lose_at(size_t k)
{
    const size_t made = pieces;
    pieces = 0;
    piece_to_fail = k;
    lost = false;
    return made;
}

size_t twin_held(void)
{
    return memories.size() + pinned.size() + streams + events + graphs;
}

size_t twin_compiled(void)
{
    return compiled.exchange(0);
}

int twin_open(int64_t inference_batch, struct device **device, struct error *err)
{
    struct card *card;
    return card_open(NULL, &card, err) || cuda_device_on(card, inference_batch, device, err) ? -1
                                                                                             : 0;
}

/* ---- the card ---- */

int card_look(const char *, struct card_facts *facts, struct error *err)
{
    *facts = {};
    return fails("cudaGetDeviceCount", err) ? -1 : 0;
}

int card_open(const char *, struct card **card, struct error *err)
{
    if (fails("cudaSetDevice", err))
        return -1;
    *card = new struct card();
    snprintf((*card)->facts.name, sizeof(*card)->facts.name, "twin");
    (*card)->facts.major = 9;
    (*card)->facts.driver = (*card)->facts.runtime = 13000;
    (*card)->facts.cudnn = 91900;
    (*card)->facts.memory = memory_bytes;
    emulate::put = put;
    return 0;
}

void card_close(struct card *card)
{
    delete card;
}

const struct card_facts *card_facts(const struct card *card)
{
    return &card->facts;
}

const struct plan_device *card_plan_device(const struct card *card)
{
    return (const struct plan_device *)card;
}

/* ---- memory ---- */

int card_memory_left(struct card *, size_t *bytes, struct error *err)
{
    *bytes = memory_bytes - memory_used;
    return fails("cudaMemGetInfo", err) ? -1 : 0;
}

static void *nans(size_t bytes)
{
    const uint32_t nan = 0x7fa05a5au;
    void *memory = aligned_alloc(256, (bytes + 255) / 256 * 256);
    if (!memory)
        abort();
    for (size_t i = 0; i + 4 <= bytes; i += 4)
        memcpy((char *)memory + i, &nan, 4);
    return memory;
}

int card_memory_new(struct card *, size_t bytes, void **memory, struct error *err)
{
    if (fails("cudaMalloc", err))
        return -1;
    if (bytes > memory_bytes - memory_used)
        return error_set(err, ERR_MEMORY, "CUDA: cudaMalloc: out of memory");
    *memory = nans(bytes ? bytes : 1);
    memories[*memory] = bytes;
    memory_used += bytes;
    return 0;
}

void card_memory_free(struct card *, void *memory)
{
    const auto found = memories.find(memory);
    if (found == memories.end())
        misuse("frees what is no memory of the card");
    memory_used -= found->second;
    memories.erase(found);
    free(memory);
}

int card_pinned_new(struct card *, size_t bytes, void **memory, struct error *err)
{
    if (fails("cudaHostAlloc", err))
        return -1;
    *memory = nans(bytes ? bytes : 1);
    pinned[*memory] = bytes;
    return 0;
}

void card_pinned_free(struct card *, void *memory)
{
    if (!pinned.erase(memory))
        misuse("frees what is no pinned memory");
    free(memory);
}

/* ---- streams ---- */

int card_stream_new(struct card *, enum card_priority, void **made, struct error *err)
{
    if (fails("cudaStreamCreateWithPriority", err))
        return -1;
    *made = new stream();
    streams++;
    return 0;
}

void card_stream_free(struct card *, void *s)
{
    if (s)
        streams--;
    delete (stream *)s;
}

int card_wait(struct card *, void *s, struct error *err)
{
    run_until((stream *)s, ((stream *)s)->put);
    return fails("cudaStreamSynchronize", err) ? -1 : 0;
}

int card_event_new(struct card *, void **made, struct error *err)
{
    if (fails("cudaEventCreateWithFlags", err))
        return -1;
    *made = new event();
    events++;
    return 0;
}

void card_event_free(struct card *, void *e)
{
    if (e)
        events--;
    delete (event *)e;
}

int card_event_record(struct card *, void *e, void *s, struct error *err)
{
    *(event *)e = {(stream *)s, ((stream *)s)->put};
    return fails("cudaEventRecord", err) ? -1 : 0;
}

int card_event_follow(struct card *, void *s, void *e, struct error *err)
{
    const event recorded = *(event *)e;
    if (fails("cudaStreamWaitEvent", err))
        return -1;
    if (recorded.of)
        put(s, [recorded] { run_until(recorded.of, recorded.position); });
    return 0;
}

static int copy(void *s, void *to, const void *from, size_t bytes, struct error *err)
{
    if (fails("cudaMemcpyAsync", err))
        return -1;
    if (bytes > 0)
        put(s, [=] { memcpy(to, from, bytes); });
    return 0;
}

int card_upload(struct card *, void *s, void *to, const void *host, size_t bytes, struct error *err)
{
    return copy(s, to, host, bytes, err);
}

int card_download(struct card *, void *s, void *host, const void *from, size_t bytes,
                  struct error *err)
{
    return copy(s, host, from, bytes, err);
}

int card_copy(struct card *, void *s, void *to, const void *from, size_t bytes, struct error *err)
{
    return copy(s, to, from, bytes, err);
}

int card_zero(struct card *, void *s, void *to, size_t bytes, struct error *err)
{
    if (fails("cudaMemsetAsync", err))
        return -1;
    put(s, [=] { memset(to, 0, bytes); });
    return 0;
}

int card_launched(struct card *, const char *what, struct error *err)
{
    return fails(what, err) ? -1 : 0;
}

/* ---- graphs ---- */

int card_capture_begin(struct card *, void *s, struct error *err)
{
    if (fails("cudaStreamBeginCapture", err))
        return -1;
    ((stream *)s)->captured = new std::vector<work>();
    return 0;
}

int card_capture_end(struct card *, void *s, void **made, struct error *err)
{
    std::vector<work> *captured = ((stream *)s)->captured;
    ((stream *)s)->captured = nullptr;
    *made = nullptr;
    if (!captured)
        misuse("ends a capture that was not begun");
    if (!fails("cudaGraphInstantiate", err)) {
        *made = new captured_graph{*captured};
        graphs++;
    }
    delete captured;
    return *made ? 0 : -1;
}

void card_graph_free(struct card *, void *g)
{
    if (g)
        graphs--;
    delete (captured_graph *)g;
}

int card_replay(struct card *, void *g, void *s, struct error *err)
{
    if (fails("cudaGraphLaunch", err))
        return -1;
    for (const work &piece : ((captured_graph *)g)->list)
        put(s, piece);
    return 0;
}

} /* extern "C" */

/* ---- execution plans ---- */

struct execution_plan {
    struct fusion fusion;
    bool ready;
};

namespace
{
/* Less for more images: a short last batch wants more than the others. */
size_t workspace_of(const struct fusion &fusion)
{
    return 512 + 8192 / (size_t)fusion.shape.n;
}

/* Elements of an operand. */
int64_t elements(const struct fusion &fusion, enum operand operand)
{
    const struct conv_shape &s = fusion.shape;
    switch (operand) {
    case OPERAND_X: return s.n * s.h * s.w * s.c;
    case OPERAND_W: return s.k * s.r * s.s * (s.c / s.groups);
    case OPERAND_SCALE:
    case OPERAND_BIAS: return s.k;
    default:
        return fusion.kind == FUSION_BACKWARD_DATA && operand != OPERAND_Y
                   ? s.n * s.h * s.w * s.c
                   : s.n * conv_out_height(&s) * conv_out_width(&s) * s.k;
    }
}

enum dtype dtype_of(const struct fusion &fusion, enum operand operand)
{
    switch (operand) {
    case OPERAND_X: return fusion.x;
    case OPERAND_W: return fusion.w;
    case OPERAND_SCALE:
    case OPERAND_BIAS: return DTYPE_F32;
    default:
        return fusion.kind == FUSION_BACKWARD_DATA && operand != OPERAND_Y ? fusion.x : fusion.y;
    }
}

/* The loops themselves are not watched by the sanitizer. */
void check_reachable(const void *tensor, int64_t count, enum dtype dtype)
{
    if (__asan_region_is_poisoned((void *)tensor, (size_t)count * dtype_size(dtype)))
        misuse("an operand is not the card's from begin to end");
}
} // namespace

extern "C" {

int card_run(struct card *, void *s, const struct execution_plan *plan,
             void *const memory[OPERAND_END], void *workspace, struct error *err)
{
    const struct fusion fusion = plan->fusion;
    std::vector<void *> operands(memory, memory + OPERAND_END);
    if (fails("cudnnBackendExecute", err))
        return -1;
    if (!plan->ready || !workspace)
        misuse("runs a plan that is not ready, or without a workspace");
    for (int i = OPERAND_X; i < OPERAND_END; i++)
        if (fusion_has(&fusion, (enum operand)i) && (!memory[i] || (uintptr_t)memory[i] % 16 != 0))
            misuse("an operand is missing or not aligned");
    put(s, [=] {
        for (int i = OPERAND_X; i < OPERAND_END; i++)
            if (fusion_has(&fusion, (enum operand)i))
                check_reachable(operands[(size_t)i], elements(fusion, (enum operand)i),
                                dtype_of(fusion, (enum operand)i));
        memset(workspace, 0xa5, workspace_of(fusion));
        twin_compute(&fusion, operands.data());
    });
    return 0;
}

int execution_plan_new(const struct plan_device *, const struct fusion *fusion,
                       struct execution_plan **plan, struct error *err)
{
    if (fails("cudnnBackendFinalize of engine", err))
        return -1;
    *plan = new ::execution_plan{*fusion, false};
    return 0;
}

void execution_plan_free(struct execution_plan *plan)
{
    delete plan;
}

int execution_plan_compile(struct execution_plan *plan, struct error *err)
{
    if (fails("cudnnBackendFinalize of execution plan", err))
        return -1;
    compiled++;
    plan->ready = true;
    return 0;
}

/* A saved plan is its fusion's name. */
int execution_plan_load(const struct plan_device *, const struct fusion *fusion, const void *bytes,
                        size_t size, struct execution_plan **plan, struct error *)
{
    char name[FUSION_NAME_SIZE];
    fusion_name(fusion, name);
    const bool good = size == strlen(name) && memcmp(bytes, name, size) == 0;
    *plan = good ? new ::execution_plan{*fusion, true} : nullptr;
    return 0;
}

int execution_plan_save(const struct execution_plan *plan, struct text *bytes, struct error *err)
{
    char name[FUSION_NAME_SIZE];
    text_add(bytes, fusion_name(&plan->fusion, name));
    return text_check(bytes, err);
}

void execution_plan_identity(const struct plan_device *, const struct fusion *fusion,
                             struct text *words)
{
    char name[FUSION_NAME_SIZE];
    text_addf(words, "twin\nfusion %s\n", fusion_name(fusion, name));
}

const char *execution_plan_engine(const struct execution_plan *)
{
    return "loops";
}

size_t execution_plan_workspace(const struct execution_plan *plan)
{
    return workspace_of(plan->fusion);
}

} /* extern "C" */
