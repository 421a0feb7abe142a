/* Any bytes as a table of constraints: one error, or cuts that ascend, lie in the text and begin characters. */
#include <stdint.h>
#include <stdlib.h>

#include "lib/text/constraints.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const char text[] = "freedom, well-being \xD7\xA9\xD7\x9C e\xCC\x81 \xF0\x9F\x99\x82 b being_ being";

static void cut(const struct eq_constraints *c, const char *lang, const char *id) {
  struct eq_cut_list memory = { 0 };
  struct eq_cuts cuts;
  struct eq_err err = { 0 };
  const struct eq_str s = { text, sizeof text - 1 };
  bool good = eq_constraints_cuts(c, eq_str(lang), eq_str(id), s, &memory, &cuts, &err);
  if (good == (err.code != EQ_OK)) abort();
  for (size_t i = 0; good && i < cuts.n; i++)
    if (!cuts.at[i] || cuts.at[i] >= s.n || ((unsigned char)text[cuts.at[i]] & 0xC0) == 0x80 ||
        (i && cuts.at[i] <= cuts.at[i - 1]))
      abort();
  eq_cut_list_free(&memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct eq_err err = { 0 };
  struct eq_buffer unused = { 0 };
  struct eq_constraints *c = eq_constraints_memory("table", (struct eq_str){ (const char *)bytes, n }, &err);
  if ((c != NULL) == (err.code != EQ_OK)) abort();
  if (c) {
    cut(c, "en", "1");
    cut(c, "de", "2");
    eq_constraints_note(c, eq_str("en"), eq_str("1"));
    eq_constraints_unused(c, &unused);
  }
  eq_buffer_free(&unused);
  eq_constraints_free(c);
  return 0;
}
