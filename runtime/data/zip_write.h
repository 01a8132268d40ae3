/* A zip archive whose members are stored as they are, without times: equal members give equal bytes
 * (PKWARE's APPNOTE 4.3; without zip64, so up to 4 GiB).
 *
 *   struct zip_writer zip = {0};
 *   zip_create(&zip, path, err);
 *   zip_add(&zip, "config.json", data, size, err);
 *   zip_commit(&zip, err);          or zip_abandon(&zip)
 */
#ifndef DATA_ZIP_WRITE_H
#define DATA_ZIP_WRITE_H

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

#include <stddef.h>
#include <stdint.h>

struct zip_writer {
    struct file_writer file;
    struct text directory;
    uint64_t size;
    unsigned members;
};

int zip_create(struct zip_writer *zip, const char *path, struct error *err);
int zip_add(struct zip_writer *zip, const char *name, const void *data, size_t size,
            struct error *err);
int zip_commit(struct zip_writer *zip, struct error *err);
void zip_abandon(struct zip_writer *zip);

#endif
