/* Any bytes as an archive in one of the layouts of data/cifar_files.h. What is accepted is a
 * dataset that is written and opens. */
#include "data/cifar_files.h"
#include "fuzz/fuzz_folder.h"

#include <stdlib.h>

static bool read_one(const struct fuzz_folder *folder, enum cifar_layout layout, bool coarse)
{
    const struct cifar_request request = {layout, coarse};
    const struct dataset_origin origin = {"archive.tar", "", false};
    struct dataset dataset = {0}, opened = {0};
    struct error err = {0};
    if (cifar_files_read(folder->input, &request, &dataset, &err) < 0) {
        ASSERT(dataset.classes == NULL && dataset.train_images.data == NULL);
        ASSERT(fuzz_error_is_good(&err) && fuzz_folder_is_clean(folder));
        return false;
    }
    ASSERT(dataset_write(folder->output, &dataset, &origin, &err) == 0);
    ASSERT(dataset_open(folder->output, &opened, &err) == 0);
    dataset_release(&opened);
    dataset_release(&dataset);
    return true;
}

enum fuzz_verdict fuzz_cifar_files(const uint8_t *data, size_t size)
{
    struct fuzz_folder folder;
    fuzz_folder_make(&folder, data, size);
    const bool accepted = read_one(&folder, CIFAR10_PYTHON, false) ||
                          read_one(&folder, CIFAR100_BINARY, false) ||
                          read_one(&folder, CIFAR100_PYTHON, true);
    fuzz_folder_remove(&folder);
    return accepted ? FUZZ_ACCEPTED : FUZZ_REFUSED;
}
