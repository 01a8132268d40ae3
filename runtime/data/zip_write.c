#include "data/zip_write.h"

#include <string.h>

enum {
    LOCAL_MAGIC = 0x04034b50,
    DIRECTORY_MAGIC = 0x02014b50,
    END_MAGIC = 0x06054b50,
    VERSION = 20,
    UNIX = 3 << 8,
    DATE = 1 << 5 | 1, /* 1980-01-01, the first there is */
};
static const uint64_t size_limit = 0xffffffff;
static const uint32_t mode = (uint32_t)0100644 << 16;

/* CRC-32 of ISO 3309, by half bytes. */
static uint32_t crc_of(const unsigned char *data, size_t size)
{
    uint32_t table[256], crc = 0xffffffff;
    for (uint32_t i = 0; i < 256; i++) {
        table[i] = i;
        for (int k = 0; k < 8; k++)
            table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320 : 0);
    }
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table[(crc ^ data[i]) & 255];
    return ~crc;
}

static void put(struct text *text, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++) {
        const char byte = (char)(value >> (8 * i));
        text_append(text, &byte, 1);
    }
}

/* What the local header and the directory's entry have in common. */
static void put_member(struct text *text, uint32_t crc, uint32_t size, const char *name)
{
    put(text, VERSION, 2);
    put(text, 0, 2); /* flags */
    put(text, 0, 2); /* stored */
    put(text, 0, 2); /* time */
    put(text, DATE, 2);
    put(text, crc, 4);
    put(text, size, 4);
    put(text, size, 4);
    put(text, (uint32_t)strlen(name), 2);
    put(text, 0, 2); /* extra */
}

int zip_create(struct zip_writer *zip, const char *path, struct error *err)
{
    *zip = (struct zip_writer){0};
    return file_create(&zip->file, path, err);
}

static void put_out(struct zip_writer *zip, const void *data, size_t size)
{
    fwrite(data, 1, size, zip->file.stream); /* file_commit asks ferror */
    zip->size += size;
}

int zip_add(struct zip_writer *zip, const char *name, const void *data, size_t size,
            struct error *err)
{
    struct text header = {0};
    if (zip->size + size > size_limit)
        return error_set(err, ERR_FORMAT, "member '%s' makes a zip archive of more than 4 GiB",
                         name);
    const uint32_t crc = crc_of(data, size), at = (uint32_t)zip->size;
    put(&header, LOCAL_MAGIC, 4);
    put_member(&header, crc, (uint32_t)size, name);
    text_add(&header, name);
    put(&zip->directory, DIRECTORY_MAGIC, 4);
    put(&zip->directory, UNIX | VERSION, 2);
    put_member(&zip->directory, crc, (uint32_t)size, name);
    put(&zip->directory, 0, 2); /* comment */
    put(&zip->directory, 0, 2); /* disk */
    put(&zip->directory, 0, 2); /* of bytes, no text */
    put(&zip->directory, mode, 4);
    put(&zip->directory, at, 4);
    text_add(&zip->directory, name);
    int result = text_check(&header, err) < 0 || text_check(&zip->directory, err) < 0 ? -1 : 0;
    if (result == 0) {
        put_out(zip, header.data, header.size);
        put_out(zip, data, size);
        zip->members++;
    }
    text_release(&header);
    return result;
}

int zip_commit(struct zip_writer *zip, struct error *err)
{
    const uint32_t at = (uint32_t)zip->size, size = (uint32_t)zip->directory.size;
    put(&zip->directory, END_MAGIC, 4);
    put(&zip->directory, 0, 4); /* disks */
    put(&zip->directory, zip->members, 2);
    put(&zip->directory, zip->members, 2);
    put(&zip->directory, size, 4);
    put(&zip->directory, at, 4);
    put(&zip->directory, 0, 2); /* comment */
    if (text_check(&zip->directory, err) < 0) {
        zip_abandon(zip);
        return -1;
    }
    put_out(zip, zip->directory.data, zip->directory.size);
    text_release(&zip->directory);
    return file_commit(&zip->file, err);
}

void zip_abandon(struct zip_writer *zip)
{
    text_release(&zip->directory);
    file_abandon(&zip->file);
}
