/* The checksum of RFC 3720, section 12.1 (CRC-32C, Castagnoli), of some bytes. */
#ifndef DATA_CRC32C_H
#define DATA_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(const void *bytes, size_t size);

#endif
