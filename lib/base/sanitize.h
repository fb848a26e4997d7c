/* Whether this build carries a sanitizer that reserves terabytes of address space and traces its own process: limits on memory
 * and rights that such a process needs are then left alone. */
#ifndef RBE_BASE_SANITIZE_H
#define RBE_BASE_SANITIZE_H

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define RBE_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define RBE_SANITIZED 1
#endif
#endif
#ifndef RBE_SANITIZED
#define RBE_SANITIZED 0
#endif

#endif
