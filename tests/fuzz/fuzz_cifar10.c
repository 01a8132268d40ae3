/* Any bytes as an archive in CIFAR-10's layout. What is accepted is a dataset
 * that is written and opens. */
#include "data/cifar10.h"
#include "fuzz/fuzz_folder.h"

#include <stdlib.h>

static void check_dataset(const struct dataset *dataset, const struct fuzz_folder *folder)
{
    const struct dataset_origin origin = {"archive.tar", "", true};
    struct error err = {0};
    struct dataset opened = {0};
    ASSERT(dataset->class_count == CIFAR10_CLASSES);
    ASSERT(dataset->train_images.count ==
           dataset->train_labels.count * CIFAR10_SIDE * CIFAR10_SIDE * 3);
    ASSERT(dataset_write(folder->output, dataset, &origin, &err) == 0);
    ASSERT(dataset_open(folder->output, &opened, &err) == 0);
    ASSERT(opened.has_boxes == dataset->has_boxes);
    dataset_release(&opened);
}

enum fuzz_verdict fuzz_cifar10(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct fuzz_folder folder;
    struct dataset dataset = {0};
    enum fuzz_verdict verdict = FUZZ_REFUSED;
    fuzz_folder_make(&folder, data, size);
    if (cifar10_read(folder.input, &dataset, &err) < 0) {
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
