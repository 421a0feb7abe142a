#include <string.h>

#include "lib/base/number.h"
#include "lib/text/corpus.h"
#include "lib/tool/tool.h"

struct args {
  const char *corpus, *langs, *format, *sample, *join;
  uint64_t limit;
  bool nfc;
};

static const struct eq_option options[] = {
  { 0, NULL, EQ_HEADING, 0, NULL, "what to read", false },
  { 'c', "corpus", EQ_TEXT, offsetof(struct args, corpus), "PATH", "a folder of <language>.tsv files, or one file",
    false },
  { 'l', "langs", EQ_TEXT, offsetof(struct args, langs), "LIST", "languages between commas (en,de,zh-Hant), or all",
    false },
  { 'f', "format", EQ_TEXT, offsetof(struct args, format), "NAME", "tsv, lines or jsonl (by extension and content)",
    false },
  { 0, NULL, EQ_HEADING, 0, NULL, "what to keep", false },
  { 'n', "limit", EQ_UINT, offsetof(struct args, limit), "N", "the first N segments of each language (all)", false },
  { 's', "sample", EQ_TEXT, offsetof(struct args, sample), "N@SEED",
    "N ids drawn at random, the same in every language", false },
  { 'j', "join", EQ_TEXT, offsetof(struct args, join), "WITH",
    "one segment a language: newline, blank-line, space, nothing", false },
  { 0, "nfc", EQ_FLAG, offsetof(struct args, nfc), NULL, "texts in Unicode normal form C", false },
  { 0 },
};

static const struct eq_command command = {
  .name = "eq-text",
  .summary = "read corpora in many languages and write their segments",
  .usage = "-c PATH [-l LIST] [-f NAME] [-n N] [-s N@SEED] [-j WITH] [--nfc] [-o PORT]",
  .options = options,
  .examples = "eq-text -c corpora/udhr -l en,de,he | eq-show | head\n"
              "eq-text -c corpora/udhr -l sw,zh-Hant --sample 20@7 -o twenty.mp",
  .see_also = "eq-token(1), eq-show(1), eq(1)",
  .streams = EQ_WRITES,
};

/* "N@SEED", or "N" with seed 0. */
static bool parse_sample(const char *given, struct eq_corpus_request *request, struct eq_err *err) {
  if (!given) return true;
  const char *at = strchr(given, '@');
  struct eq_str n = { given, at ? (size_t)(at - given) : strlen(given) };
  if (!eq_parse_u64(n, &request->sample) || request->sample == UINT64_MAX ||
      (at && !eq_parse_u64(eq_str(at + 1), &request->seed)))
    return eq_fail(err, EQ_BAD, "--sample %s: expected N@SEED, two whole numbers, as in 100@1", given);
  return true;
}

static bool parse_join(const char *given, struct eq_corpus_request *request, struct eq_err *err) {
  static const struct {
    const char *name, *text;
  } joins[] = { { "newline", "\n" }, { "blank-line", "\n\n" }, { "space", " " }, { "nothing", "" } };
  for (size_t i = 0; given && i < sizeof joins / sizeof *joins; i++)
    if (strcmp(given, joins[i].name) == 0) request->join = joins[i].text;
  return !given || request->join ||
         eq_fail(err, EQ_BAD, "--join %s: expected newline, blank-line, space or nothing", given);
}

static bool request_of(const struct args *a, struct eq_corpus_request *request, struct eq_err *err) {
  if (!a->corpus) return eq_fail(err, EQ_BAD, "-c is missing: name a corpus, as in -c corpora/udhr -l en,de");
  request->path = a->corpus;
  request->limit = a->limit;
  request->sample = UINT64_MAX;
  request->nfc = a->nfc;
  if (a->langs) request->langs = eq_str(a->langs);
  if (a->format && !eq_corpus_format_find(a->format, &request->format))
    return eq_fail(err, EQ_BAD, "--format %s: expected tsv, lines or jsonl", a->format);
  return parse_sample(a->sample, request, err) && parse_join(a->join, request, err);
}

static void write_corpus(struct eq_tool *t, const struct eq_corpus_request *request) {
  struct eq_segment s;
  struct eq_progress progress;
  struct eq_corpus *corpus = eq_corpus_open(request, &t->err);
  if (!corpus) return;
  if (eq_corpus_left_out(corpus))
    eq_tool_say(t, "--sample: %llu ids are not in every language and were not drawn",
                (unsigned long long)eq_corpus_left_out(corpus));
  eq_tool_header(t);
  eq_progress_begin(&progress, "reading", "segments", 0, t->draw);
  while (!eq_writer_failed(t->out) && eq_corpus_next(corpus, &s, &t->err)) {
    struct eq_text text = { .lang = s.lang, .id = s.id, .text = s.text };
    eq_write_kind(t->out, &eq_kind_text, &text, NULL);
    eq_progress_add(&progress, 1);
  }
  eq_progress_end(&progress);
  eq_corpus_close(corpus);
}

int main(int argc, char **argv) {
  struct args a = { .limit = UINT64_MAX };
  struct eq_tool t;
  struct eq_languages languages = { 0 };
  struct eq_corpus_request request = { .languages = &languages };
  if (!eq_tool_begin(&t, &command, argc, argv, &a)) return eq_tool_end(&t);
  if (request_of(&a, &request, &t.err) && eq_languages_open(&languages, &t.err)) write_corpus(&t, &request);
  eq_languages_free(&languages);
  return eq_tool_end(&t);
}
