/* Asks cuDNN itself, without a card, for the plans of all profiles; test_plans.sh runs it.
 *   ask_plans DEVICE.json [CUDNN_FOLDER]     with ALL_PLANS=1 in the environment all are compiled
 */
#include "profiles.h"

#include "base/file.h"
#include "base/memory.h"
#include "nn/cuda/engines.h"
#include "nn/cuda/execution_plan.h"
#include "nn/cuda/plan_device.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

enum { THREADS_MOST = 16 };

static const char *device_path, *cudnn_folder;
static struct cudnn *cudnn;
static struct plan_device *device;

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

/* ---- many at once ---- */

struct answer {
    int status;
    struct error err;
    char engine[ENGINE_WORDS_SIZE];
    size_t workspace;
    double seconds; /* of a processor, for compiling */
};

struct question {
    const struct fusion_list *list;
    bool compiles;
    struct answer *answers;
    atomic_size_t next;
};

static double processor_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *answer(void *arg)
{
    struct question *question = arg;
    for (;;) {
        const size_t i = atomic_fetch_add(&question->next, 1);
        struct execution_plan *plan = NULL;
        if (i >= question->list->count)
            return NULL;
        struct answer *a = &question->answers[i];
        a->status = execution_plan_new(device, &question->list->fusions[i], &plan, &a->err);
        if (a->status)
            continue;
        if (question->compiles) {
            const double start = processor_time();
            a->status = execution_plan_compile(plan, &a->err);
            a->seconds = processor_time() - start;
        }
        a->workspace = execution_plan_workspace(plan);
        snprintf(a->engine, sizeof a->engine, "%s", execution_plan_engine(plan));
        execution_plan_free(plan);
    }
}

/* Free the answers. */
static struct answer *ask(const struct fusion_list *list, bool compiles)
{
    struct question question = {.list = list, .compiles = compiles};
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    const int threads = processors < THREADS_MOST ? (int)processors : THREADS_MOST;
    pthread_t others[THREADS_MOST];
    question.answers = calloc(list->count, sizeof *question.answers);
    assert_non_null(question.answers);
    for (int i = 0; i < threads; i++)
        assert_int_equal(pthread_create(&others[i], NULL, answer, &question), 0);
    for (int i = 0; i < threads; i++)
        pthread_join(others[i], NULL);
    return question.answers;
}

/* ---- every plan ---- */

static void ask_all(enum dtype dtype, bool compiles)
{
    struct fusion_list list = {0};
    char name[FUSION_NAME_SIZE];
    size_t without = 0, most = 0;
    double seconds = 0.0;
    profiles_list(dtype, &list);
    struct answer *answers = ask(&list, compiles);
    for (size_t i = 0; i < list.count; i++) {
        const struct answer *a = &answers[i];
        fusion_name(&list.fusions[i], name);
        if (a->status)
            print_message("# no plan: %s\n", a->err.message);
        else
            print_message("# %s: %s, %zu bytes, %.2f s\n", name, a->engine, a->workspace,
                          a->seconds);
        without += a->status != 0;
        seconds += a->seconds;
        most = a->workspace > most ? a->workspace : most;
    }
    print_message("# %s: %zu plans of %zu fusions, at most %zu bytes of workspace, %.1f s of a "
                  "processor to compile\n",
                  dtype_name(dtype), list.count - without, list.count, most, seconds);
    free(answers);
    fusion_list_release(&list);
    assert_int_equal(without, 0);
}

static bool compiles_all(void)
{
    return getenv("ALL_PLANS") != NULL;
}

static void every_bf16_fusion_of_every_profile_has_a_plan(void **state)
{
    (void)state;
    ask_all(DTYPE_BF16, compiles_all());
}

static void every_f32_fusion_of_every_profile_has_a_plan(void **state)
{
    (void)state;
    ask_all(DTYPE_F32, compiles_all());
}

/* ---- a few ---- */

#define BF16 DTYPE_BF16
#define F32 DTYPE_F32
/* One of each kind: fused in a prefix, a gradient in f32, one of a kernel that is there already,
 * and one with all that can be fused. */
static const struct fusion few[] = {
    {.kind = FUSION_FORWARD,
     .inference = true,
     .shape = {256, 14, 14, 256, 1024, 1, 1, 1, 0, 0, 0, 0, 1},
     .x = BF16,
     .w = BF16,
     .y = BF16,
     .bias = true,
     .residual = true,
     .activation = ACTIVATION_RELU},
    {.kind = FUSION_BACKWARD_WEIGHTS,
     .shape = {32, 7, 7, 512, 512, 3, 3, 1, 1, 1, 1, 1, 1},
     .x = BF16,
     .w = F32,
     .y = BF16},
    {.kind = FUSION_BACKWARD_DATA,
     .shape = {32, 14, 14, 1024, 512, 1, 1, 2, 0, 0, 0, 0, 1},
     .x = BF16,
     .w = BF16,
     .y = BF16},
    {.kind = FUSION_FORWARD,
     .shape = {32, 7, 7, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1},
     .x = BF16,
     .w = BF16,
     .y = BF16,
     .scale = true,
     .bias = true,
     .residual = true,
     .activation = ACTIVATION_RELU6,
     .keeps_z = true},
};
enum { FEW = sizeof few / sizeof few[0] };

static void same_question_gets_the_same_answer(void **state)
{
    const struct fusion_list list = {(struct fusion *)few, FEW, FEW};
    (void)state;
    struct answer *once = ask(&list, false), *twice = ask(&list, false);
    for (size_t i = 0; i < FEW; i++) {
        ok(once[i].status, &once[i].err);
        ok(twice[i].status, &twice[i].err);
        assert_string_equal(once[i].engine, twice[i].engine);
    }
    free(once);
    free(twice);
}

static struct execution_plan *load(const struct fusion *fusion, const char *bytes, size_t size)
{
    struct execution_plan *plan;
    struct error err = {0};
    ok(execution_plan_load(device, fusion, bytes, size, &plan, &err), &err);
    return plan;
}

/* Any one byte changed, or the end gone, is a miss. */
static void check_damage(const struct fusion *fusion, const struct text *saved)
{
    const size_t at[] = {0, 63, 64, 65, 80, 200, 400, saved->size / 2, saved->size - 1};
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
        assert_true(at[i] < saved->size);
        saved->data[at[i]] ^= 1;
        if (load(fusion, saved->data, saved->size))
            fail_msg("a plan with byte %zu changed is loaded", at[i]);
        saved->data[at[i]] ^= 1;
    }
    for (size_t i = 0; i < sizeof at / sizeof at[0]; i++)
        if (load(fusion, saved->data, at[i]))
            fail_msg("a plan cut to %zu bytes is loaded", at[i]);
}

static void check_round_trip(const struct fusion *fusion, const struct fusion *other)
{
    struct error err = {0};
    struct execution_plan *plan, *again;
    struct text saved = {0}, twice = {0};
    ok(execution_plan_new(device, fusion, &plan, &err), &err);
    const size_t workspace = execution_plan_workspace(plan); /* known before */
    ok(execution_plan_compile(plan, &err), &err);
    assert_int_equal(execution_plan_workspace(plan), workspace);
    ok(execution_plan_save(plan, &saved, &err), &err);
    again = load(fusion, saved.data, saved.size);
    assert_non_null(again);
    assert_string_equal(execution_plan_engine(again), execution_plan_engine(plan));
    assert_int_equal(execution_plan_workspace(again), execution_plan_workspace(plan));
    ok(execution_plan_save(again, &twice, &err), &err);
    assert_int_equal(twice.size, saved.size);
    assert_null(load(other, saved.data, saved.size));
    check_damage(fusion, &saved);
    execution_plan_free(again);
    execution_plan_free(plan);
    text_release(&saved);
    text_release(&twice);
}

static void plans_are_saved_and_loaded_and_damaged_ones_are_not(void **state)
{
    (void)state;
    for (size_t i = 0; i < FEW; i++)
        check_round_trip(&few[i], &few[(i + 1) % FEW]);
}

/* A card that differs in anything, here in the number of its processors, is another. */
static void plan_of_another_card_is_not_loaded(void **state)
{
    struct error err = {0};
    struct execution_plan *plan;
    struct plan_device *card;
    struct text saved = {0};
    char *json = strdup(device->json);
    (void)state;
    char *number = strstr(json, "132");
    assert_non_null(number);
    number[2] = '4';
    ok(plan_device_described(cudnn, json, &card, &err), &err);
    ok(execution_plan_new(device, &few[2], &plan, &err), &err);
    ok(execution_plan_compile(plan, &err), &err);
    ok(execution_plan_save(plan, &saved, &err), &err);
    execution_plan_free(plan);
    ok(execution_plan_load(card, &few[2], saved.data, saved.size, &plan, &err), &err);
    assert_null(plan);
    plan_device_free(card);
    text_release(&saved);
    free(json);
}

/* Every candidate of a fusion can be had by its words: so the table of tuned engines works. */
static void engines_are_found_again_by_their_words(void **state)
{
    (void)state;
    for (size_t f = 0; f < FEW; f++) {
        struct execution_plan *plan, *again;
        struct error err = {0};
        const char *words;
        ok(execution_plan_new(device, &few[f], &plan, &err), &err);
        for (size_t i = 0; (words = execution_plan_candidate(plan, i)); i++) {
            ok(execution_plan_new_with(device, &few[f], words, &again, &err), &err);
            assert_string_equal(execution_plan_engine(again), words);
            assert_null(execution_plan_candidate(again, 1));
            execution_plan_free(again);
        }
        execution_plan_free(plan);
    }
}

static void plan_by_words_is_the_same_plan(void **state)
{
    struct execution_plan *plan, *again;
    struct error err = {0};
    const struct fusion *fusion = &few[2];
    (void)state;
    ok(execution_plan_new(device, fusion, &plan, &err), &err);
    ok(execution_plan_new_with(device, fusion, execution_plan_engine(plan), &again, &err), &err);
    ok(execution_plan_compile(plan, &err), &err);
    ok(execution_plan_compile(again, &err), &err);
    assert_int_equal(execution_plan_workspace(plan), execution_plan_workspace(again));
    execution_plan_free(again);
    execution_plan_free(plan);
}

static void plans_survive_failed_allocations(void **state)
{
    unsigned injected = 0;
    (void)state;
    for (unsigned after = 1;; after++) {
        struct error err = {0};
        struct execution_plan *plan = NULL, *again = NULL;
        struct text saved = {0};
        memory_fail_after(after);
        int status = execution_plan_new(device, &few[2], &plan, &err);
        if (status == 0)
            status = execution_plan_compile(plan, &err);
        if (status == 0)
            status = execution_plan_save(plan, &saved, &err);
        if (status == 0)
            status = execution_plan_load(device, &few[2], saved.data, saved.size, &again, &err);
        const bool failed = memory_fail_after(0) != 0;
        execution_plan_free(again);
        execution_plan_free(plan);
        text_release(&saved);
        assert_int_equal(status, failed ? -1 : 0);
        if (!failed)
            break;
        assert_int_equal(err.kind, ERR_MEMORY);
        injected++;
    }
    assert_true(injected >= 10);
}

/* ---- what must fail ---- */

static void rules_refuse_what_is_not_reproducible_or_not_exact(void **state)
{
    const struct fusion f32 = {.x = F32, .w = F32, .y = F32};
    const struct fusion bf16 = {.x = BF16, .w = BF16, .y = BF16};
    const struct fusion prefix = {.inference = true, .x = BF16, .w = BF16, .y = BF16};
    const cudnnBackendKnobType_t split = (cudnnBackendKnobType_t)17;
    (void)state;
    assert_non_null(engines_refuse_note(&f32, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC));
    assert_non_null(engines_refuse_note(&bf16, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC));
    assert_non_null(engines_refuse_note(&f32, CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
    assert_null(engines_refuse_note(&bf16, CUDNN_NUMERICAL_NOTE_TENSOR_CORE));
    assert_non_null(engines_refuse_note(&f32, CUDNN_NUMERICAL_NOTE_WINOGRAD));
    assert_non_null(engines_refuse_note(&f32, CUDNN_NUMERICAL_NOTE_FFT));
    assert_non_null(engines_refuse_note(&bf16, CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION));
    assert_null(engines_refuse_note(&bf16, CUDNN_NUMERICAL_NOTE_STRICT_NAN_PROP));
    assert_non_null(engines_refuse_knob(&prefix, split, 16));
    assert_null(engines_refuse_knob(&prefix, split, 1));
    assert_null(engines_refuse_knob(&bf16, split, 16));
    assert_non_null(engines_refuse_knob(&prefix, CUDNN_KNOB_TYPE_STREAM_K, 1));
    assert_null(engines_refuse_knob(&prefix, CUDNN_KNOB_TYPE_TILE_SIZE, 5));
}

static void check_refused(const struct fusion *fusion)
{
    struct execution_plan *plan;
    struct error err = {0};
    char name[FUSION_NAME_SIZE];
    assert_int_equal(execution_plan_new(device, fusion, &plan, &err), -1);
    print_message("# %s\n", err.message);
    assert_int_equal(err.kind, ERR_DEVICE);
    assert_non_null(strstr(err.message, "has no engine for"));
    assert_non_null(strstr(err.message, fusion_name(fusion, name)));
}

/* Why pictures have a fourth channel, and depthwise convolutions kernels of our own. */
static void fusion_that_no_engine_computes_is_refused(void **state)
{
    const struct fusion three_channels = {.kind = FUSION_BACKWARD_WEIGHTS,
                                          .shape = {32, 32, 32, 3, 16, 3, 3, 1, 1, 1, 1, 1, 1},
                                          .x = BF16,
                                          .w = F32,
                                          .y = BF16};
    const struct fusion depthwise = {.kind = FUSION_FORWARD,
                                     .inference = true,
                                     .shape = {32, 56, 56, 32, 32, 3, 3, 1, 1, 1, 1, 1, 32},
                                     .x = BF16,
                                     .w = BF16,
                                     .y = BF16,
                                     .bias = true,
                                     .activation = ACTIVATION_RELU};
    (void)state;
    check_refused(&three_channels);
    check_refused(&depthwise);
}

/* Engine 1 of gradients in bf16 by the fallback is nondeterministic; an index of nothing, no words.
 */
static void engines_by_words_obey_the_same_rules(void **state)
{
    static const char *const wrong[] = {"engine 12345", "engine", "", "engine 7 with 24", "x"};
    struct execution_plan *plan;
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct error err = {0};
        assert_int_equal(execution_plan_new_with(device, &few[0], wrong[i], &plan, &err), -1);
        print_message("# %s\n", err.message);
        assert_int_equal(err.kind, ERR_DEVICE);
    }
}

/* The same gradient by engines that cuDNN 9.19 has for it and that sum in no fixed order, or in
 * TF32. */
static void engines_that_are_not_allowed_are_refused_with_the_reason(void **state)
{
    static const struct {
        enum dtype dtype;
        const char *engine, *reason;
    } wrong[] = {{BF16, "engine 25", "nondeterministic"}, {F32, "engine 58", "in TF32"}};
    (void)state;
    if (cudnn->version / 100 != 919)
        skip_because("engines of cudnn 9.19 are named");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct execution_plan *plan;
        struct error err = {0};
        struct fusion fusion = few[2];
        fusion.x = fusion.w = fusion.y = wrong[i].dtype;
        assert_int_equal(execution_plan_new_with(device, &fusion, wrong[i].engine, &plan, &err),
                         -1);
        print_message("# %s\n", err.message);
        assert_non_null(strstr(err.message, wrong[i].reason));
    }
}

static void check_one_line(const struct error *err, const char *word)
{
    print_message("# %s\n", err->message);
    assert_int_equal(err->kind, ERR_DEVICE);
    assert_null(strchr(err->message, '\n'));
    assert_non_null(strstr(err->message, word));
}

static void missing_library_is_told_in_a_line(void **state)
{
    struct cudnn *none;
    struct error err = {0};
    (void)state;
    assert_int_equal(cudnn_open("/nowhere", &none, &err), -1);
    check_one_line(&err, "/nowhere");
}

static void mixed_parts_are_told_with_the_files_they_came_from(void **state)
{
    struct error err = {0};
    (void)state;
    assert_int_equal(
        cudnn_check(cudnn, CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH, "cudnnCreate", &err), -1);
    check_one_line(&err, "libcudnn.so.9");
}

static void description_without_a_number_is_refused(void **state)
{
    struct plan_device *none;
    struct error err = {0};
    (void)state;
    assert_int_equal(plan_device_described(cudnn, "{\"deviceName\": \"x\"}", &none, &err), -1);
    check_one_line(&err, "description");
}

static void card_that_is_not_there_is_told_in_a_line(void **state)
{
    struct plan_device *none;
    struct error err = {0};
    (void)state;
    assert_int_equal(plan_device_of_card(cudnn, 0, &none, &err), -1);
    check_one_line(&err, "description");
}

static int open_all(void **state)
{
    struct error err = {0};
    char *json;
    size_t size;
    (void)state;
    if (cudnn_open(cudnn_folder, &cudnn, &err) ||
        file_read(device_path, 1 << 20, &json, &size, &err) ||
        plan_device_described(cudnn, json, &device, &err)) {
        print_error("%s\n", err.message);
        return -1;
    }
    print_message("# cudnn %zu, '%s'\n", cudnn->version, device->name);
    free(json);
    return 0;
}

static int close_all(void **state)
{
    (void)state;
    plan_device_free(device);
    cudnn_close(cudnn);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_library_is_told_in_a_line),
        cmocka_unit_test(mixed_parts_are_told_with_the_files_they_came_from),
        cmocka_unit_test(description_without_a_number_is_refused),
        cmocka_unit_test(card_that_is_not_there_is_told_in_a_line),
        cmocka_unit_test(rules_refuse_what_is_not_reproducible_or_not_exact),
        cmocka_unit_test(fusion_that_no_engine_computes_is_refused),
        cmocka_unit_test(same_question_gets_the_same_answer),
        cmocka_unit_test(plans_are_saved_and_loaded_and_damaged_ones_are_not),
        cmocka_unit_test(plan_of_another_card_is_not_loaded),
        cmocka_unit_test(engines_are_found_again_by_their_words),
        cmocka_unit_test(plan_by_words_is_the_same_plan),
        cmocka_unit_test(engines_by_words_obey_the_same_rules),
        cmocka_unit_test(engines_that_are_not_allowed_are_refused_with_the_reason),
        cmocka_unit_test(plans_survive_failed_allocations),
        cmocka_unit_test(every_bf16_fusion_of_every_profile_has_a_plan),
        cmocka_unit_test(every_f32_fusion_of_every_profile_has_a_plan),
    };
    if (argc < 2)
        return 2;
    device_path = argv[1];
    cudnn_folder = argc > 2 ? argv[2] : NULL;
    return cmocka_run_group_tests(tests, open_all, close_all);
}
