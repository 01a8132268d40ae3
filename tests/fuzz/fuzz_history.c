/* Any bytes as history.json. */
#include "fuzz/fuzz_folder.h"
#include "nn/history.h"

static int rewrite(const char *from, const char *to, struct error *err)
{
    struct history history = {0};
    struct history_summary summary;
    if (history_read_json(from, &history, &summary, err) < 0) {
        ASSERT(history.epochs == NULL);
        return -1;
    }
    ASSERT(history.best_epoch >= -1 && history.best_epoch < (int64_t)history.count);
    ASSERT(history.checkpoint_epoch >= -1 && history.checkpoint_epoch < (int64_t)history.count);
    ASSERT(history_write_json(to, &history, &summary, err) == 0);
    history_release(&history);
    return 0;
}

enum fuzz_verdict fuzz_history(const uint8_t *data, size_t size)
{
    return fuzz_rewrite(data, size, rewrite, rewrite);
}
