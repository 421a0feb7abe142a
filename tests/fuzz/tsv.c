/* Any bytes as a corpus file in each format: every segment is UTF-8 without NUL and has an id, or there is one error.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"
#include "lib/text/segments.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(struct eq_str s) {
  if (s.n && (eq_utf8_invalid(s.p, s.n) != s.n || memchr(s.p, 0, s.n))) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  for (int format = EQ_CORPUS_AUTO; format <= EQ_CORPUS_JSONL; format++) {
    struct eq_segments s;
    struct eq_segment segment;
    struct eq_err err = { 0 };
    uint64_t line = 0;
    bool open = eq_segments_memory(&s, "corpus", (struct eq_str){ (const char *)bytes, n },
                                   (enum eq_corpus_format)format, &err);
    if (open == (err.code != EQ_OK)) abort();
    while (open && eq_segments_next(&s, &segment, &err)) {
      check(segment.lang);
      check(segment.id);
      check(segment.text);
      if (!segment.id.n || s.line <= line) abort();
      line = s.line;
    }
    eq_segments_close(&s);
  }
  return 0;
}
