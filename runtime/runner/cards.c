#include "runner/cards.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdlib.h>
#include <string.h>

static int add(struct cards *cards, const char *name, size_t length, struct error *err)
{
    char *copy;
    if (cards->count == CARDS_MOST)
        return 0;
    if (cards->names == NULL &&
        (cards->names = memory_new(CARDS_MOST, sizeof(*cards->names), err)) == NULL)
        return -1;
    if ((copy = memory_new(length + 1, 1, err)) == NULL)
        return -1;
    memcpy(copy, name, length);
    cards->names[cards->count++] = copy;
    return 0;
}

/* As CUDA reads it: up to the first that is no name of a card. */
static int add_visible(struct cards *cards, const char *list, struct error *err)
{
    while (*list != '\0' && *list != '-') {
        const size_t blanks = strspn(list, " "), length = strcspn(list + blanks, " ,");
        if (length == 0)
            return 0;
        if (add(cards, list + blanks, length, err) < 0)
            return -1;
        list += blanks + length;
        list += strspn(list, " ");
        list += *list == ',';
    }
    return 0;
}

static int add_all(struct cards *cards, struct error *err)
{
    for (int i = 0; i < CARDS_MOST; i++) {
        char path[32];
        snprintf(path, sizeof(path), "/dev/nvidia%d", i);
        if (!file_exists(path))
            return 0;
        if (add(cards, path + strlen("/dev/nvidia"), strlen(path) - strlen("/dev/nvidia"), err) < 0)
            return -1;
    }
    return 0;
}

int cards_find(struct cards *cards, struct error *err)
{
    const char *visible = getenv("CUDA_VISIBLE_DEVICES");
    *cards = (struct cards){0};
    if ((visible != NULL ? add_visible(cards, visible, err) : add_all(cards, err)) < 0) {
        cards_release(cards);
        return -1;
    }
    if (cards->count == 0)
        cards->count = 1;
    return 0;
}

void cards_release(struct cards *cards)
{
    for (int i = 0; cards->names != NULL && i < cards->count; i++)
        free(cards->names[i]);
    free(cards->names);
    *cards = (struct cards){0};
}

bool cards_are_free(const struct cards *cards, int wanted)
{
    int free_ones = 0;
    for (int i = 0; i < cards->count; i++)
        free_ones += (cards->taken >> i & 1) == 0;
    return free_ones >= (wanted < cards->count ? wanted : cards->count);
}

uint64_t cards_take(struct cards *cards, int wanted)
{
    uint64_t taken = 0;
    ASSERT(cards_are_free(cards, wanted));
    for (int i = 0; i < cards->count && wanted > 0; i++)
        if ((cards->taken >> i & 1) == 0) {
            taken |= (uint64_t)1 << i;
            wanted--;
        }
    cards->taken |= taken;
    return taken;
}

void cards_give_back(struct cards *cards, uint64_t taken)
{
    cards->taken &= ~taken;
}

int cards_words(const struct cards *cards, uint64_t taken, char **words, struct error *err)
{
    struct text text = {0};
    *words = NULL;
    if (cards->names == NULL || taken == 0)
        return 0;
    for (int i = 0; i < cards->count; i++)
        if ((taken >> i & 1) != 0)
            text_addf(&text, "%s%s", text.size > 0 ? "," : "", cards->names[i]);
    if (text_check(&text, err) < 0) {
        text_release(&text);
        return -1;
    }
    *words = text.data;
    return 0;
}
