/* Vector code without intrinsics.
 *
 * VECTORISE makes the compiler emit a function several times, for AVX-512,
 * AVX2 and the baseline, and the loader pick one. The build forbids
 * contraction into fused multiply-adds and reassociation, and the functions
 * that use it fix the order of their sums in the source, so all clones compute
 * the same bits.
 *
 * Compilers turn a loop of constant length over `restrict` pointers into
 * vector instructions at -O2, but not one of unknown length: so loops run over
 * strips of STRIP or WIDE elements, then over what is left.
 */
#ifndef NN_VECTOR_H
#define NN_VECTOR_H

#include <stddef.h>
#include <stdint.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define VECTOR_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VECTOR_SANITIZED 1
#endif

/* The function that picks a clone runs before a sanitizer's runtime is ready. */
#if defined(__x86_64__) && !defined(VECTOR_SANITIZED)
#define VECTORISE __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define VECTORISE
#endif

/* Stands before a loop over a strip. GCC at -O3 would replace a loop of 16 by 16 scalar statements
 * before it thinks of vectors. */
#if defined(__GNUC__) && !defined(__clang__)
#define STRIP_LOOP _Pragma("GCC unroll 1")
#else
#define STRIP_LOOP
#endif

/* For the bodies that clones share. */
#define VECTOR_INLINE static inline __attribute__((always_inline))

enum { STRIP = 16, WIDE = 64 };

#endif
