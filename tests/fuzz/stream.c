/* Any bytes as a stream: every record handed on is whole, shows as JSON, survives being written and read again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stream/jsonl.h"
#include "lib/stream/reader.h"
#include "lib/stream/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* A record of a known kind from its struct, in memory of just its size; of another, or one that lacks fields, as it is.
 */
static void pass_on_record(struct eq_writer *w, const struct eq_record *r) {
  const struct eq_kind *kind = eq_kind_find(r->kind);
  void *fields = kind && kind->n_fields ? calloc(1, kind->size) : NULL;
  if (fields && eq_record_get(r, kind, fields, NULL))
    eq_write_kind(w, kind, fields, r);
  else
    eq_write(w, r);
  free(fields);
}

/* Reads the n bytes and writes what comes to `out`: records of known kinds from their structs, others as they are. */
static uint64_t pass_on(const void *bytes, size_t n, struct eq_buffer *out, enum eq_code *code) {
  struct eq_reader *in = eq_reader_memory(bytes, n, "fuzz", NULL);
  struct eq_writer *w = eq_writer_memory(out, NULL);
  struct eq_buffer json = { 0 };
  struct eq_record r;
  uint64_t records = 0;
  const char *reason;
  if (!in || !w) abort();
  while (eq_read(in, &r)) {
    if (records++ == 0) eq_write_header(w, eq_reader_chain(in), "fuzz", "1", NULL, 0);
    if (eq_msgpack_size((const unsigned char *)r.raw.p, r.raw.n, &reason) != r.raw.n) abort();
    eq_json_add(&json, r.map);
    json.size = 0;
    pass_on_record(w, &r);
  }
  *code = eq_reader_error(in)->code;
  if (records == 0) eq_write_header(w, (struct eq_str){ "", 0 }, "fuzz", "1", NULL, 0);
  if (!eq_writer_finish(w, EQ_COMPLETE, NULL)) abort();
  eq_buffer_free(&json);
  eq_reader_free(in);
  return records;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct eq_buffer once = { 0 }, twice = { 0 };
  enum eq_code code;
  uint64_t records = pass_on(bytes, n, &once, &code);
  if (pass_on(once.data, once.size, &twice, &code) != records || code != EQ_OK) abort();
  eq_buffer_free(&once);
  eq_buffer_free(&twice);
  return 0;
}
