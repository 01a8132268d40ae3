#include <stdio.h>
#include <stdlib.h>
#include <string.h>
int main(int argc, char **argv)
{
    char word[256];
    int count = 0;
    FILE *text = argc == 4 ? fopen(argv[1], "r") : NULL, *out = text ? fopen(argv[2], "w") : NULL;
    if (out == NULL)
        return 1;
    while (fscanf(text, "%255s", word) == 1)
        count += strlen(word) >= strtoul(argv[3], NULL, 10);
    fprintf(out, "{\"words\": %d}\n", count);
    return fclose(out) != 0;
}
