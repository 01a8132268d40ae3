#include "command/run_line.h"

#include "base/json.h"
#include "command/print.h"

#include <string.h>

static size_t count_state(const json_t *record, const char *state)
{
    size_t count = 0, index;
    json_t *stage;
    json_array_foreach (json_object_get(record, "stages"), index, stage)
        count += strcmp(json_text(stage, "state"), state) == 0;
    return count;
}

/* The last stage's that has one, as evaluation comes after training. */
static const json_t *accuracy_of(const json_t *record)
{
    static const char *const names[] = {"test_accuracy", "accuracy", "val_accuracy"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const json_t *stages = json_object_get(record, "stages");
        for (size_t s = json_array_size(stages); s-- > 0;) {
            const json_t *metrics = json_object_get(json_array_get(stages, s), "metrics");
            if (json_object_get(metrics, names[i]) != NULL)
                return json_object_get(metrics, names[i]);
        }
    }
    return NULL;
}

void run_line_add(const json_t *record, struct text *text)
{
    const json_t *accuracy = accuracy_of(record);
    text_addf(text, "%s  %s  %-11s  %-12s  ", json_text(record, "id"), json_text(record, "started"),
              json_text(record, "outcome"), json_text(record, "profile"));
    if (accuracy != NULL)
        text_addf(text, "accuracy %.4f, ", json_number_value(accuracy));
    text_addf(text, "%zu executed, %zu cached, %.1f s  %s", count_state(record, "executed"),
              count_state(record, "cached"), json_number_value(json_object_get(record, "seconds")),
              json_text(record, "host"));
    print_add_sets(text, "  ", json_object_get(record, "sets"));
    text_add(text, "\n");
}
