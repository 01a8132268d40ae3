#include "curves/curves_content.h"

#include "base/json.h"
#include "base/memory.h"

#include <stdlib.h>

static const struct {
    const char *id, *dep, *title;
} known_phases[CURVES_PHASES] = {
    {"pretrain", "pretrain_history", "Pretraining of the base"},
    {"phase1", "phase1_history", "Phase 1: the head on the base"},
    {"phase2", "phase2_history", "Phase 2: fine-tuning"},
};

static int read_phase(struct stage *stage, const char *dep, struct history *history,
                      struct error *err)
{
    if (!stage_has_dep(stage, dep))
        return 0;
    const char *path = stage_dep(stage, dep, err);
    if (path == NULL || history_read_json(path, history, NULL, err) < 0)
        return -1;
    return history->count > 0 ? 0 : error_set(err, ERR_FORMAT, "'%s' has no epochs", dep);
}

static int take_matrix(struct curves_content *content, struct error *err)
{
    const json_t *names = json_object_get(content->metrics, "classes");
    const json_t *rows = json_object_get(content->metrics, "confusion");
    const size_t n = json_array_size(names);
    if ((content->names = memory_new(n, sizeof(char *), err)) == NULL ||
        (content->counts = memory_new(n * n, sizeof(int64_t), err)) == NULL)
        return -1;
    bool good = n > 0 && json_array_size(rows) == n;
    for (size_t i = 0; good && i < n; i++) {
        const json_t *row = json_array_get(rows, i);
        content->names[i] = json_string_value(json_array_get(names, i));
        good = content->names[i] != NULL && json_array_size(row) == n;
        for (size_t j = 0; good && j < n; j++) {
            content->counts[i * n + j] = json_integer_value(json_array_get(row, j));
            good = json_is_integer(json_array_get(row, j)) && content->counts[i * n + j] >= 0;
        }
    }
    content->classes = n;
    return good ? 0
                : error_set(err, ERR_FORMAT, "dep 'metrics' lacks classes, or confusion of them");
}

static int read_metrics(struct stage *stage, struct curves_content *content, struct error *err)
{
    if (!stage_has_dep(stage, "metrics"))
        return 0;
    const char *path = stage_dep(stage, "metrics", err);
    if (path == NULL || json_read(path, &content->metrics, err) < 0)
        return -1;
    return take_matrix(content, err);
}

int curves_content_read(struct stage *stage, struct curves_content *content, struct error *err)
{
    int result = 0;
    *content = (struct curves_content){0};
    for (size_t i = 0; result == 0 && i < CURVES_PHASES; i++) {
        struct curves_phase *phase = &content->phases[i];
        phase->id = known_phases[i].id;
        phase->title = known_phases[i].title;
        result = read_phase(stage, known_phases[i].dep, &phase->history, err);
    }
    if (result == 0)
        result = read_metrics(stage, content, err);
    if (result < 0)
        curves_content_release(content);
    return result;
}

void curves_content_release(struct curves_content *content)
{
    for (size_t i = 0; i < CURVES_PHASES; i++)
        history_release(&content->phases[i].history);
    free(content->counts);
    free(content->names);
    json_decref(content->metrics);
    *content = (struct curves_content){0};
}
