#include "lib/base/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "lib/base/buffer.h"

struct worker {
  struct eq_pool *pool;
  size_t number;
  pthread_t thread;
};

struct eq_pool {
  size_t n_threads, started;
  struct worker *workers; /* [n_threads]; the caller is number 0 and has no thread */
  pthread_mutex_t lock;
  pthread_cond_t begin, end;
  size_t job, busy; /* job counts the calls of eq_pool_run; busy the workers still in it */
  bool stop;
  void (*work)(void *, size_t, size_t);
  void *context;
  size_t n_items;
  atomic_size_t next;
};

static void take_items(struct eq_pool *p, size_t thread) {
  for (size_t i; (i = atomic_fetch_add(&p->next, 1)) < p->n_items;) p->work(p->context, i, thread);
}

static void *worker_main(void *argument) {
  struct worker *w = argument;
  struct eq_pool *p = w->pool;
  size_t done = 0;
  pthread_mutex_lock(&p->lock);
  for (;;) {
    while (!p->stop && p->job == done) pthread_cond_wait(&p->begin, &p->lock);
    if (p->stop) break;
    done = p->job;
    pthread_mutex_unlock(&p->lock);
    take_items(p, w->number);
    pthread_mutex_lock(&p->lock);
    if (--p->busy == 0) pthread_cond_signal(&p->end);
  }
  pthread_mutex_unlock(&p->lock);
  return NULL;
}

static size_t processors(void) {
  cpu_set_t set;
  int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
  return n > 0 ? (size_t)n : 1;
}

struct eq_pool *eq_pool_new(size_t n_threads, struct eq_err *err) {
  if (n_threads > EQ_THREADS_MAX) {
    eq_fail(err, EQ_BAD, "--threads: %zu, expected at most %d", n_threads, EQ_THREADS_MAX);
    return NULL;
  }
  struct eq_pool *p = eq_array(1, sizeof *p);
  if (!p) return eq_fail_memory(err, sizeof *p, "the thread pool"), NULL;
  p->n_threads = n_threads ? n_threads : processors();
  p->workers = eq_array(p->n_threads, sizeof *p->workers);
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->begin, NULL);
  pthread_cond_init(&p->end, NULL);
  p->started = 1;
  while (p->workers && p->started < p->n_threads) {
    struct worker *w = &p->workers[p->started];
    *w = (struct worker){ .pool = p, .number = p->started };
    if (pthread_create(&w->thread, NULL, worker_main, w)) break;
    p->started++;
  }
  if (!p->workers || p->started < p->n_threads) {
    eq_fail(err, EQ_BAD, "--threads: %zu threads asked for, %zu could be started", p->n_threads, p->started);
    eq_pool_free(p);
    return NULL;
  }
  return p;
}

void eq_pool_free(struct eq_pool *p) {
  if (!p) return;
  pthread_mutex_lock(&p->lock);
  p->stop = true;
  pthread_cond_broadcast(&p->begin);
  pthread_mutex_unlock(&p->lock);
  for (size_t i = 1; i < p->started; i++) pthread_join(p->workers[i].thread, NULL);
  pthread_mutex_destroy(&p->lock);
  pthread_cond_destroy(&p->begin);
  pthread_cond_destroy(&p->end);
  free(p->workers);
  free(p);
}

size_t eq_pool_threads(const struct eq_pool *p) { return p->n_threads; }

void eq_pool_run(struct eq_pool *p, size_t n, void (*work)(void *, size_t, size_t), void *context) {
  if (p->n_threads == 1 || n <= 1) {
    for (size_t i = 0; i < n; i++) work(context, i, 0);
    return;
  }
  pthread_mutex_lock(&p->lock);
  p->work = work;
  p->context = context;
  p->n_items = n;
  atomic_store(&p->next, 0);
  p->busy = p->n_threads - 1;
  p->job++;
  pthread_cond_broadcast(&p->begin);
  pthread_mutex_unlock(&p->lock);
  take_items(p, 0);
  pthread_mutex_lock(&p->lock);
  while (p->busy) pthread_cond_wait(&p->end, &p->lock);
  pthread_mutex_unlock(&p->lock);
}
