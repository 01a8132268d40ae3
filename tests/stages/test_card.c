/* The model's card of the stage report. */
#include "stage_run.h"

#include "base/json.h"
#include "base/text.h"
#include "page/page_numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

#define FIXTURES "tests/stages/report/"

static void init_run(struct stage_run *run)
{
    stage_run_init(run, "report");
    stage_run_param(run, "title", json_string("Ten \"classes\"\n---\n# of: [it]"));
    stage_run_param(run, "target", json_real(0.5));
    stage_run_dep(run, "metrics", FIXTURES "metrics.json");
    stage_run_dep(run, "lineage", FIXTURES "lineage.json");
    stage_run_dep(run, "phase1_history", FIXTURES "phase1_history.json");
    stage_run_dep(run, "phase2_history", FIXTURES "phase2_history.json");
    stage_run_dep(run, "dataset", FIXTURES "dataset");
    stage_run_dep(run, "splits", FIXTURES "splits");
    stage_run_out(run, "report", "report");
    stage_run_out(run, "card", "card.md");
}

static char *execute(struct stage_run *run)
{
    size_t size;
    if (stage_run_execute(run) != 0)
        fail_msg("%s", run->messages);
    return stage_run_read(run, "card.md", &size);
}

static void expect_parts(const char *card, const char *const *parts)
{
    for (; *parts != NULL; parts++)
        if (strstr(card, *parts) == NULL)
            fail_msg("the card lacks '%s':\n%s", *parts, card);
}

static void card_has_a_head_that_a_hub_reads(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "\ntags:\n- image-classification\n- \"resnet8\"\n- safetensors\nmodel-index:\n- name: "
        "\"Ten \\\"classes\\\"\xef\xbf\xbd---\xef\xbf\xbd# of: [it]\"\n",
        "\n    dataset:\n      name: \"sample:objects\"\n      type: \"sample:objects\"\n",
        "\n    - type: accuracy\n      name: Accuracy\n      value: 0.929000\n",
        "\n    - type: f1\n      name: F1, mean of the classes\n      value: 0.928867\n", NULL};
    struct stage_run run;
    init_run(&run);
    char *card = execute(&run);
    assert_memory_equal(card, "---\nlibrary_name: reprise\n", 26);
    assert_null(strstr(card, "license"));
    assert_null(strstr(card, "datasets:"));
    expect_parts(card, parts);
    free(card);
    stage_run_release(&run);
}

static void card_says_model_limits_training_and_how_to_use_it(void **state)
{
    (void)state;
    static const char *const parts[] = {
        "- Architecture: resnet8\n",
        "RGB pictures, resized to 32 x 32 (bilinear)",
        "- File: `model.safetensors`, SHA-256 5f7570fef70a750ba5d43587fa5aa514",
        "the probabilities of 10 classes: airplane, automobile,",
        "- Test accuracy: 92.90%, 95% interval 91.7% to 93.9%\n",
        "| airplane | 94.63% | 92.38% | 97.00% | 93.6% to 98.6% | 200 |\n",
        "- Its most frequent mistake: truck taken for automobile, 7.00% of that class.\n",
        "### Phase 2\n",
        "- Trained: the head, conv3, conv4\n",
        "- Learning rate: 0.001\n",
        "    reprise predict model.safetensors PICTURE...\n",
        "    make pipeline PROFILE=sample\n",
        "| phase2 | 4d4de6e6ac6dd59b58b2fae56ce4e68f",
        "SHA-256 of the data: e4cd302972b0cf4e227de8277f328e7631b1cd98655ebf610b401514d47338f7\n",
        "4,000 to train on, 1,000 to validate on (split with seed 42), 2,000 to test on\n",
        NULL};
    struct stage_run run;
    init_run(&run);
    char *card = execute(&run);
    expect_parts(card, parts);
    assert_null(strstr(card, "```python"));
    free(card);
    stage_run_release(&run);
}

static void card_says_what_people_said(void **state)
{
    (void)state;
    static const char *const parts[] = {"\nlicense: \"mit\"\ndatasets:\n- \"a/b\"\n- \"c\"\n",
                                        "\n- License: mit\n",
                                        "\nTo sort \\*photos\\*.\n",
                                        "\nNot at night.\n",
                                        "\n      name: \"a/b\"\n",
                                        NULL};
    struct stage_run run;
    init_run(&run);
    stage_run_param(&run, "card",
                    json_pack("{s:s, s:[s, s], s:s, s:s}", "license", "mit", "datasets", "a/b", "c",
                              "intended_use", "To sort *photos*.", "limitations", "Not at night."));
    char *card = execute(&run);
    expect_parts(card, parts);
    free(card);
    json_object_del(json_object_get(run.description, "outs"), "card");
    assert_int_equal(stage_run_check(&run), 2);
    assert_non_null(strstr(run.messages, "there is no out 'card' for it"));
    stage_run_release(&run);
}

static void card_of_metrics_alone_has_what_they_say(void **state)
{
    (void)state;
    struct stage_run run;
    init_run(&run);
    static const char *const deps[] = {"lineage", "phase1_history", "phase2_history", "dataset",
                                       "splits"};
    for (size_t i = 0; i < sizeof(deps) / sizeof(deps[0]); i++)
        stage_run_dep(&run, deps[i], NULL);
    char *card = execute(&run);
    expect_parts(card, (const char *const[]){"name: \"the test images\"", "## Results\n", NULL});
    assert_null(strstr(card, "## How to"));
    free(card);
    stage_run_release(&run);
}

/* statsmodels' proportion_confint, method "wilson". */
static void intervals_are_wilsons(void **state)
{
    (void)state;
    static const struct {
        double hits, count;
        const char *text;
    } known[] = {{882, 1000, "86.1% to 90.1%"},
                 {0, 10, "0.0% to 27.8%"},
                 {10, 10, "72.2% to 100.0%"},
                 {1, 3, "6.1% to 79.2%"},
                 {0, 0, "\xe2\x80\x93"}};
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        struct text text = {0};
        page_interval(&text, known[i].hits, known[i].count);
        assert_string_equal(text_string(&text), known[i].text);
        text_release(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(card_has_a_head_that_a_hub_reads),
        cmocka_unit_test(card_says_model_limits_training_and_how_to_use_it),
        cmocka_unit_test(card_says_what_people_said),
        cmocka_unit_test(card_of_metrics_alone_has_what_they_say),
        cmocka_unit_test(intervals_are_wilsons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
