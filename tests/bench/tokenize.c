/* Speed of tokenization, one thread: MB/s over UDHR in each script with a tokenizer that has seen nothing yet, best of
 * 5; and seconds for 1 MB of the worst texts. Promised: 20 MB/s in every script, a second for each worst text.
 *
 *   tokenize [FOLDER...]      (corpora/mini)  */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/progress.h"
#include "lib/text/corpus.h"
#include "lib/text/tokenizer.h"

enum { RUNS = 5, SCRIPTS_MAX = 64, WORST_BYTES = 1000000 };

/* Texts of one script, one after the other. */
struct script {
  struct eq_str name;
  struct eq_buffer text;
  size_t *ends, n, capacity;
};

struct corpus {
  struct eq_languages languages;
  struct script scripts[SCRIPTS_MAX];
  size_t n_scripts;
};

static struct script *script_of(struct corpus *c, struct eq_str lang) {
  const struct eq_language *row = eq_languages_find(&c->languages, lang);
  size_t i = 0;
  while (i < c->n_scripts && !eq_str_equal(c->scripts[i].name, row->script)) i++;
  if (i == SCRIPTS_MAX) return NULL;
  if (i == c->n_scripts) c->scripts[c->n_scripts++].name = row->script;
  return &c->scripts[i];
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
  while (corpus && eq_corpus_next(corpus, &s, err)) {
    struct script *script = script_of(c, s.lang);
    size_t *ends = script ? eq_array_grow(script->ends, script->n, &script->capacity, sizeof *ends) : NULL;
    if (!ends) return eq_fail_memory(err, s.text.n, "the corpus");
    script->ends = ends;
    eq_buffer_add(&script->text, s.text.p, s.text.n);
    ends[script->n++] = script->text.size;
  }
  eq_corpus_close(corpus);
  return err->code == EQ_OK;
}

/* Seconds for the texts of a script, with fresh scratch. */
static double once(const struct eq_tokenizer *t, const struct script *s, struct eq_err *err) {
  struct eq_token_list out = { 0 };
  struct eq_token_scratch *scratch = eq_token_scratch_new(err);
  double began = eq_clock();
  for (size_t i = 0, at = 0; scratch && i < s->n; at = s->ends[i++])
    eq_tokenize(t, scratch, s->text.data + at, s->ends[i] - at, &out, err);
  double took = eq_clock() - began;
  eq_token_scratch_free(scratch);
  eq_token_list_free(&out);
  return took;
}

static double best(const struct eq_tokenizer *t, const struct script *s, struct eq_err *err) {
  double least = once(t, s, err);
  for (int i = 1; i < RUNS; i++) {
    double took = once(t, s, err);
    if (took < least) least = took;
  }
  return least;
}

static void worst_texts(const struct eq_tokenizer *t, struct eq_err *err) {
  static const char *const pieces[] = { "a", " ", "\xF0\x9F\x99\x82", "ab", "\xCC\x81\xCC\xA3" };
  static const char *const names[] = { "one letter", "spaces", "one emoji", "two letters", "combining marks" };
  for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
    struct script s = { .n = 1 };
    while (s.text.size + strlen(pieces[i]) <= WORST_BYTES) eq_buffer_string(&s.text, pieces[i]);
    s.ends = &s.text.size;
    printf("  1 MB, %-16s %6.3f s\n", names[i], once(t, &s, err));
    eq_buffer_free(&s.text);
  }
}

static bool measure(const char *folder, const struct corpus *c, struct eq_err *err) {
  struct eq_tokenizer *t = eq_tokenizer_open(folder, err);
  if (!t) return false;
  double seconds = 0, slowest = 0;
  size_t bytes = 0, which = 0;
  printf("%s\n", eq_tokenizer_name(t));
  for (size_t i = 0; i < c->n_scripts; i++) {
    double took = best(t, &c->scripts[i], err), a_byte = took / (double)c->scripts[i].text.size;
    printf("  %.*s %8zu bytes %7.1f MB/s\n", EQ_STR(c->scripts[i].name), c->scripts[i].text.size, 1e-6 / a_byte);
    seconds += took;
    bytes += c->scripts[i].text.size;
    if (a_byte > slowest) {
      slowest = a_byte;
      which = i;
    }
  }
  printf("  all  %8zu bytes %7.1f MB/s; slowest %.*s\n", bytes, 1e-6 * (double)bytes / seconds,
         EQ_STR(c->scripts[which].name));
  worst_texts(t, err);
  eq_tokenizer_free(t);
  return err->code == EQ_OK;
}

int main(int argc, char **argv) {
  static struct corpus c;
  struct eq_err err = { 0 };
  bool good = load(&c, &err);
  for (int i = 1; good && i < argc; i++) good = measure(argv[i], &c, &err);
  if (good && argc == 1) good = measure("corpora/mini", &c, &err);
  if (!good) fprintf(stderr, "tokenize: %s\n", err.text);
  for (size_t i = 0; i < c.n_scripts; i++) {
    eq_buffer_free(&c.scripts[i].text);
    free(c.scripts[i].ends);
  }
  eq_languages_free(&c.languages);
  return good ? 0 : 2;
}
