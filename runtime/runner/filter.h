/* Words of the programs that seccomp takes, for those who write one. */
#ifndef RUNNER_FILTER_H
#define RUNNER_FILTER_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
enum { FILTER_ARCHITECTURE = (int)AUDIT_ARCH_X86_64 };
#elif defined(__aarch64__)
enum { FILTER_ARCHITECTURE = (int)AUDIT_ARCH_AARCH64 };
#else
#error "seccomp's name of this architecture is missing here"
#endif

#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define ANSWER(action) BPF_STMT(BPF_RET | BPF_K, (action))
#define REFUSE(why) ANSWER(SECCOMP_RET_ERRNO | (why))
#define ALLOW ANSWER(SECCOMP_RET_ALLOW)
#define IF_NOT(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, (skipped))
#define IF(value, skipped) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), (skipped), 0)
#define REFUSE_CALL(number, why) IF_NOT(number, 1), REFUSE(why)

#endif
