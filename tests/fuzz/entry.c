/* What libFuzzer calls. Built by `make fuzz`, once per format. */
#include "fuzz/fuzz.h"

#include <pthread.h>
#include <sys/time.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FUZZ_TARGET(data, size);
    return 0;
}

/* In each process that a target forks. With many a file that a search tries libhdf5 does not come
 * to an end, and the process that reads it (data/confined.h) may take a minute over it. */
static void stop_early(void)
{
    const struct itimerval processor_time = {.it_value = {.tv_usec = 300000}};
    setitimer(ITIMER_PROF, &processor_time, NULL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    return pthread_atfork(NULL, NULL, stop_early);
}
