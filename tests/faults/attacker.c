/* attacker NAME WORDS...: one attack of attacks.h. Says "came through", "was refused" with the
 * reason, or "impossible", and exits accordingly. Without arguments: their names. */
#include "attacks.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const struct attack *const tables[] = {attacks_on_files, attacks_on_processes,
                                              attacks_by_sockets, attacks_on_the_kernel};
enum { TABLES = sizeof(tables) / sizeof(tables[0]) };

enum attack_result attack_judge(long returned)
{
    if (returned >= 0)
        return ATTACK_CAME_THROUGH;
    return errno == ENOSYS || errno == EAFNOSUPPORT || errno == EPROTONOSUPPORT
               ? ATTACK_IMPOSSIBLE
               : ATTACK_WAS_REFUSED;
}

static const struct attack *find(const char *name)
{
    for (size_t i = 0; i < TABLES; i++)
        for (const struct attack *attack = tables[i]; attack->name != NULL; attack++)
            if (strcmp(attack->name, name) == 0)
                return attack;
    return NULL;
}

static int list(void)
{
    for (size_t i = 0; i < TABLES; i++)
        for (const struct attack *attack = tables[i]; attack->name != NULL; attack++)
            puts(attack->name);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 1)
        return list();
    const struct attack *attack = find(argv[1]);
    if (attack == NULL || argc - 2 != attack->words) {
        fprintf(stderr, "attacker: no attack '%s' of %d words\n", argv[1], argc - 2);
        return 2;
    }
    errno = 0;
    enum attack_result result = attack->run(argv + 2);
    const char *why = strerror(errno);
    if (result == ATTACK_CAME_THROUGH)
        puts("came through");
    else
        printf("%s: %s\n", result == ATTACK_IMPOSSIBLE ? "impossible" : "was refused", why);
    return result;
}
