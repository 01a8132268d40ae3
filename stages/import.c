/* A person's own pictures as a data set.
 *
 * dep pictures: a folder of class folders, of train/test folders of those, or of a table (CSV or
 * JSON lines) and its pictures; such a table; an archive of such a folder; CIFAR-10 or -100, or an
 * .npz; out dataset (data/dataset.h). Parameters as in own_params.h, of which each may be left out.
 */
#include "own_data.h"
#include "own_params.h"

#include <string.h>

static int read_options(struct stage *stage, struct own_options *options, struct error *err)
{
    *options = own_defaults;
    return own_params_read(stage, "", options, err) < 0 ? -1 : stage_params_done(stage, err);
}

static int check(struct stage *stage, struct error *err)
{
    struct own_options options;
    return read_options(stage, &options, err);
}

static int run(struct stage *stage, struct error *err)
{
    struct own_options options;
    const char *pictures = stage_dep(stage, "pictures", err);
    const char *folder = pictures != NULL ? stage_out(stage, "dataset", err) : NULL;
    if (folder == NULL || read_options(stage, &options, err) < 0)
        return -1;
    const char *slash = strrchr(pictures, '/');
    options.source = slash != NULL ? slash + 1 : pictures;
    options.sha256 = "";
    return own_data_write(stage, pictures, &options, folder, err);
}

int main(int argc, char **argv)
{
    static const struct stage_kind kind = {
        .name = "import",
        .summary = "your own pictures as a data set",
        .run = run,
        .check = check,
        .fingerprint = own_data_fingerprint,
        .deps = "pictures",
        .outs = "dataset",
    };
    return stage_main(argc, argv, &kind);
}
