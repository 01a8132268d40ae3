/* Files of /proc and of control groups, by which the kernel is told. */
#ifndef RUNNER_KERNEL_FILE_H
#define RUNNER_KERNEL_FILE_H

/* All of the text in one write, as these files want it; `path` from `folder`, as openat has it.
 * Between fork and exec: allocates nothing. -1 with errno. */
int kernel_file_write(int folder, const char *path, const char *text);

#endif
