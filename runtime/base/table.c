#include "base/table.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_SLOTS = 64 };

/* FNV-1a (Fowler, Noll, Vo), with its high bits folded in. */
static uint64_t hash_of(const char *key, size_t length)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)key[i]) * 0x100000001b3u;
    return hash ^ hash >> 32;
}

static struct table_slot *slot_for(const struct table *table, const char *key, size_t length,
                                   uint64_t hash)
{
    for (size_t at = hash & (table->slot_count - 1);; at = (at + 1) & (table->slot_count - 1)) {
        struct table_slot *slot = &table->slots[at];
        if (slot->key == NULL ||
            (slot->hash == hash && slot->length == length && memcmp(slot->key, key, length) == 0))
            return slot;
    }
}

void *table_find(const struct table *table, const char *key, size_t length)
{
    if (table->count == 0)
        return NULL;
    return slot_for(table, key, length, hash_of(key, length))->value;
}

static int grow(struct table *table, size_t slot_count, struct error *err)
{
    struct table grown = {.slot_count = slot_count, .count = table->count};
    if ((grown.slots = memory_new(grown.slot_count, sizeof(*grown.slots), err)) == NULL)
        return -1;
    for (size_t i = 0; i < table->slot_count; i++) {
        const struct table_slot *slot = &table->slots[i];
        if (slot->key != NULL)
            *slot_for(&grown, slot->key, slot->length, slot->hash) = *slot;
    }
    free(table->slots);
    *table = grown;
    return 0;
}

int table_reserve(struct table *table, size_t count, struct error *err)
{
    size_t slots = table->slot_count < FIRST_SLOTS ? FIRST_SLOTS : table->slot_count;
    while (slots / 2 < count)
        slots *= 2;
    return slots == table->slot_count ? 0 : grow(table, slots, err);
}

int table_set(struct table *table, const char *key, size_t length, void *value, struct error *err)
{
    if (table_reserve(table, table->count + 1, err) < 0)
        return -1;
    uint64_t hash = hash_of(key, length);
    struct table_slot *slot = slot_for(table, key, length, hash);
    table->count += slot->key == NULL;
    *slot = (struct table_slot){.key = key, .hash = hash, .length = length, .value = value};
    return 0;
}

void table_release(struct table *table)
{
    free(table->slots);
    *table = (struct table){0};
}
