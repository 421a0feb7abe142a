/* Speed of tokenization over UDHR, for each script and for two texts drawn from it that no cache holds: MB/s of one
 * thread with a tokenizer that has seen nothing yet and with one that has seen the text, best of 5; what two threads
 * gain; and seconds for 1 MB of the worst texts. Times but those of two threads are the thread's own, so that a busy
 * machine disturbs them little. Promised: 45 MB/s warm over all scripts and over both texts, 1.8 times as much with two
 * threads, a second for each worst text.
 *
 *   tokenize [--scripts] [FOLDER...]      (corpora/mini)  --scripts: without the large texts  */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/base/pool.h"
#include "lib/base/progress.h"
#include "lib/base/random.h"
#include "lib/text/corpus.h"
#include "lib/text/tokenizer.h"

enum { RUNS = 5, LARGE_RUNS = 2, SCRIPTS_MAX = 64, WORST_BYTES = 1000000, LARGE_BYTES = 100000000 };

/* Texts one after the other. */
struct texts {
  struct eq_str name;
  struct eq_buffer text;
  size_t *ends, n, capacity;
};

struct corpus {
  struct eq_languages languages;
  struct texts scripts[SCRIPTS_MAX];
  size_t n_scripts;
  struct texts all, english;
};

static struct texts *script_of(struct corpus *c, struct eq_str lang) {
  const struct eq_language *row = eq_languages_find(&c->languages, lang);
  size_t i = 0;
  while (i < c->n_scripts && !eq_str_equal(c->scripts[i].name, row->script)) i++;
  if (i == SCRIPTS_MAX) return NULL;
  if (i == c->n_scripts) c->scripts[c->n_scripts++].name = row->script;
  return &c->scripts[i];
}

static bool add(struct texts *to, const char *text, size_t n) {
  size_t *ends = to ? eq_array_grow(to->ends, to->n, &to->capacity, sizeof *ends) : NULL;
  if (!ends) return false;
  to->ends = ends;
  eq_buffer_add(&to->text, text, n);
  ends[to->n++] = to->text.size;
  return !to->text.failed;
}

static bool load(struct corpus *c, struct eq_err *err) {
  if (!eq_languages_open(&c->languages, err)) return false;
  struct eq_corpus_request request = { .path = "corpora/udhr",
                                       .languages = &c->languages,
                                       .langs = eq_str("all"),
                                       .limit = UINT64_MAX,
                                       .sample = UINT64_MAX };
  struct eq_corpus *corpus = eq_corpus_open(&request, err);
  struct eq_segment s;
  while (corpus && eq_corpus_next(corpus, &s, err))
    if (!add(script_of(c, s.lang), s.text.p, s.text.n) || !add(&c->all, s.text.p, s.text.n) ||
        (eq_str_is(s.lang, "en") && !add(&c->english, s.text.p, s.text.n)))
      return eq_fail_memory(err, s.text.n, "the corpus");
  eq_corpus_close(corpus);
  return err->code == EQ_OK;
}

static size_t begin_of(const struct texts *t, size_t i) { return i ? t->ends[i - 1] : 0; }

/* A large text of segments drawn from `from`. */
static bool draw(struct texts *large, const char *name, const struct texts *from) {
  large->name = eq_str(name);
  for (uint64_t i = 0; large->text.size < LARGE_BYTES; i++) {
    size_t which = (size_t)eq_random_below(1, 0, i, from->n), begin = begin_of(from, which);
    if (!add(large, from->text.data + begin, from->ends[which] - begin)) return false;
  }
  return true;
}

/* Seconds of this thread. */
static double thread_clock(void) {
  struct timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double once(const struct eq_tokenizer *t, struct eq_token_scratch *scratch, const struct texts *s,
                   struct eq_err *err) {
  struct eq_token_list out = { 0 };
  double began = thread_clock();
  for (size_t i = 0; i < s->n; i++)
    eq_tokenize(t, scratch, s->text.data + begin_of(s, i), s->ends[i] - begin_of(s, i), &out, err);
  double took = thread_clock() - began;
  eq_token_list_free(&out);
  return took;
}

/* Seconds for the texts with fresh scratch and with one that has seen them: the least of some runs. */
struct times {
  double fresh, warm;
};

static struct times best(const struct eq_tokenizer *t, const struct texts *s, int runs, struct eq_err *err) {
  struct times least = { 1e9, 1e9 };
  for (int i = 0; i < runs; i++) {
    struct eq_token_scratch *scratch = eq_token_scratch_new(err);
    if (!scratch) break;
    double fresh = once(t, scratch, s, err), warm = once(t, scratch, s, err);
    if (fresh < least.fresh) least.fresh = fresh;
    if (warm < least.warm) least.warm = warm;
    eq_token_scratch_free(scratch);
  }
  return least;
}

static void print_speed(struct eq_str name, size_t bytes, struct times took) {
  printf("  %-7.*s %9zu bytes %7.1f MB/s, warm %7.1f\n", EQ_STR(name), bytes, 1e-6 * (double)bytes / took.fresh,
         1e-6 * (double)bytes / took.warm);
}

static void worst_texts(const struct eq_tokenizer *t, struct eq_err *err) {
  static const char *const pieces[] = { "a", " ", "\n", "\xF0\x9F\x99\x82", "ab", "7", "\xCC\x81\xCC\xA3", "'s" };
  static const char *const names[] = { "one letter",  "spaces", "line breaks",     "one emoji",
                                       "two letters", "digits", "combining marks", "contractions" };
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    struct texts s = { .n = 1 };
    struct eq_token_scratch *scratch = eq_token_scratch_new(err);
    while (s.text.size + strlen(pieces[i]) <= WORST_BYTES) eq_buffer_string(&s.text, pieces[i]);
    s.ends = &s.text.size;
    printf("  1 MB, %-16s %6.3f s\n", names[i], scratch ? once(t, scratch, &s, err) : 0.0);
    eq_token_scratch_free(scratch);
    eq_buffer_free(&s.text);
  }
}

/* Texts that two threads share, some at a time. */
struct shared {
  const struct eq_tokenizer *t;
  const struct texts *texts;
  struct eq_token_scratch *scratch[2];
  struct eq_token_list out[2];
};
enum { SHARE = 256 };

static void share(void *context, size_t item, size_t thread) {
  struct shared *s = context;
  struct eq_err err = { 0 };
  for (size_t i = item * SHARE; i < (item + 1) * SHARE && i < s->texts->n; i++)
    eq_tokenize(s->t, s->scratch[thread], s->texts->text.data + begin_of(s->texts, i),
                s->texts->ends[i] - begin_of(s->texts, i), &s->out[thread], &err);
}

/* Seconds by the clock on the wall. */
static double with_threads(struct shared *s, size_t n, struct eq_err *err) {
  struct eq_pool *pool = eq_pool_new(n, err);
  double began = eq_clock();
  if (pool) eq_pool_run(pool, (s->texts->n + SHARE - 1) / SHARE, share, s);
  eq_pool_free(pool);
  return eq_clock() - began;
}

static void two_threads(const struct eq_tokenizer *t, const struct texts *texts, struct eq_err *err) {
  struct shared s = { .t = t, .texts = texts, .scratch = { eq_token_scratch_new(err), eq_token_scratch_new(err) } };
  double one = 1e9, two = 1e9;
  for (int i = 0; s.scratch[0] && s.scratch[1] && i < RUNS; i++) {
    double a = with_threads(&s, 1, err), b = with_threads(&s, 2, err);
    if (a < one) one = a;
    if (b < two) two = b;
  }
  printf("  two threads, %.*s: %.1f and %.1f MB/s, %.2f times as much\n", EQ_STR(texts->name),
         1e-6 * (double)texts->text.size / one, 1e-6 * (double)texts->text.size / two, one / two);
  for (size_t i = 0; i < 2; i++) {
    eq_token_scratch_free(s.scratch[i]);
    eq_token_list_free(&s.out[i]);
  }
}

static bool measure(const char *folder, const struct corpus *c, const struct texts large[2], struct eq_err *err) {
  struct eq_tokenizer *t = eq_tokenizer_open(folder, err);
  if (!t) return false;
  struct times sum = { 0, 0 };
  double slowest = 0;
  size_t which = 0;
  printf("%s\n", eq_tokenizer_name(t));
  for (size_t i = 0; i < c->n_scripts; i++) {
    struct times took = best(t, &c->scripts[i], RUNS, err);
    double a_byte = took.warm / (double)c->scripts[i].text.size;
    print_speed(c->scripts[i].name, c->scripts[i].text.size, took);
    sum.fresh += took.fresh;
    sum.warm += took.warm;
    if (a_byte > slowest) {
      slowest = a_byte;
      which = i;
    }
  }
  print_speed(eq_str("scripts"), c->all.text.size, sum);
  printf("  slowest %.*s\n", EQ_STR(c->scripts[which].name));
  print_speed(eq_str("all"), c->all.text.size, best(t, &c->all, RUNS, err));
  for (size_t i = 0; large[0].n && i < 2; i++)
    print_speed(large[i].name, large[i].text.size, best(t, &large[i], LARGE_RUNS, err));
  if (large[0].n) two_threads(t, &large[1], err);
  worst_texts(t, err);
  eq_tokenizer_free(t);
  return err->code == EQ_OK;
}

static void texts_free(struct texts *t) {
  eq_buffer_free(&t->text);
  free(t->ends);
}

int main(int argc, char **argv) {
  static struct corpus c;
  struct texts large[2] = { 0 };
  struct eq_err err = { 0 };
  bool good = load(&c, &err), scripts = argc > 1 && !strcmp(argv[1], "--scripts");
  int first = scripts ? 2 : 1;
  if (good && !scripts && (!draw(&large[0], "English", &c.english) || !draw(&large[1], "mixed", &c.all)))
    good = eq_fail_memory(&err, LARGE_BYTES, "a large text");
  for (int i = first; good && i < argc; i++) good = measure(argv[i], &c, large, &err);
  if (good && argc == first) good = measure("corpora/mini", &c, large, &err);
  if (!good) fprintf(stderr, "tokenize: %s\n", err.text);
  for (size_t i = 0; i < c.n_scripts; i++) texts_free(&c.scripts[i]);
  for (size_t i = 0; i < 2; i++) texts_free(&large[i]);
  texts_free(&c.all);
  texts_free(&c.english);
  eq_languages_free(&c.languages);
  return good ? 0 : 2;
}
