/* pool.h: a few threads that share the items of one job.
 *
 * Which thread takes which item is not fixed, so an item must write only what is its own; reductions are done by the
 * caller afterwards, in the order of the items. That keeps results independent of the number of threads. */
#ifndef EQ_BASE_POOL_H
#define EQ_BASE_POOL_H

#include <stddef.h>

#include "lib/base/error.h"

struct eq_pool;

enum { EQ_THREADS_MAX = 1024 };

/* n_threads counts the caller; 0 means as many as the process may run on. NULL and err when threads can't start. */
struct eq_pool *eq_pool_new(size_t n_threads, struct eq_err *err);
void eq_pool_free(struct eq_pool *pool);
size_t eq_pool_threads(const struct eq_pool *pool);

/* work(context, item, thread) for every item in 0..n-1, thread in 0..threads-1 (for scratch memory); returns when all
 * are done. One job at a time; a work function must not start another. */
void eq_pool_run(struct eq_pool *pool, size_t n, void (*work)(void *context, size_t item, size_t thread),
                 void *context);

#endif
