/* Any bytes as an .npz. What is accepted with both parts is a dataset that is written and opens. */
#include "data/npz.h"
#include "fuzz/fuzz_folder.h"

#include <stdlib.h>

static void check_dataset(const struct dataset *dataset, const struct fuzz_folder *folder)
{
    const struct dataset_origin origin = {"arrays.npz", "", false};
    struct error err = {0};
    struct dataset opened = {0};
    ASSERT(dataset->train_images.shape[0] == dataset->train_labels.count);
    ASSERT(dataset->train_images.shape[3] == 3);
    if (dataset->test_images.data == NULL)
        return;
    ASSERT(dataset_write(folder->output, dataset, &origin, &err) == 0);
    ASSERT(dataset_open(folder->output, &opened, &err) == 0);
    dataset_release(&opened);
}

enum fuzz_verdict fuzz_npz(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct fuzz_folder folder;
    struct dataset dataset = {0};
    enum fuzz_verdict verdict = FUZZ_REFUSED;
    fuzz_folder_make(&folder, data, size);
    if (npz_read(folder.input, &dataset, &err) < 0) {
        ASSERT(dataset.classes == NULL && dataset.train_images.data == NULL);
        ASSERT(fuzz_error_is_good(&err) && fuzz_folder_is_clean(&folder));
    } else {
        check_dataset(&dataset, &folder);
        dataset_release(&dataset);
        verdict = FUZZ_ACCEPTED;
    }
    fuzz_folder_remove(&folder);
    return verdict;
}
