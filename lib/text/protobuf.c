#include "lib/text/protobuf.h"

#include <string.h>

static bool fail(struct eq_protobuf *b, const char *message) {
  eq_fail(b->err, EQ_BAD, "%s: byte %zu: %s", b->where, (size_t)(b->p - b->begin), message);
  b->p = b->end;
  return false;
}

static bool read_varint(struct eq_protobuf *b, uint64_t *value) {
  *value = 0;
  for (unsigned shift = 0; shift < 70; shift += 7) {
    if (b->p == b->end) return fail(b, "the message ends inside a number (cut off?)");
    unsigned char byte = (unsigned char)*b->p++;
    if (shift == 63 && byte > 1) break;
    *value |= (uint64_t)(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return fail(b, "a number of more than 64 bits: not a protobuf message?");
}

static bool read_fixed(struct eq_protobuf *b, size_t n, uint64_t *value) {
  *value = 0;
  if ((size_t)(b->end - b->p) < n) return fail(b, "the message ends inside a number (cut off?)");
  for (size_t i = 0; i < n; i++) *value |= (uint64_t)(unsigned char)b->p[i] << 8 * i;
  b->p += n;
  return true;
}

static bool read_bytes(struct eq_protobuf *b, struct eq_str *bytes) {
  uint64_t n;
  if (!read_varint(b, &n)) return false;
  if (n > (size_t)(b->end - b->p)) return fail(b, "a field is longer than what is left of the message (cut off?)");
  *bytes = (struct eq_str){ b->p, (size_t)n };
  b->p += n;
  return true;
}

bool eq_protobuf_next(struct eq_protobuf *b, struct eq_protobuf_field *f) {
  uint64_t tag;
  if (b->p == b->end || !read_varint(b, &tag)) return false;
  *f = (struct eq_protobuf_field){ .number = (uint32_t)(tag >> 3), .wire = (enum eq_wire)(tag & 7) };
  if (tag < 8 || tag > UINT32_MAX) return fail(b, "a field without a proper number: not a protobuf message?");
  switch (tag & 7) {
  case EQ_WIRE_VARINT: return read_varint(b, &f->value);
  case EQ_WIRE_FIXED64: return read_fixed(b, 8, &f->value);
  case EQ_WIRE_FIXED32: return read_fixed(b, 4, &f->value);
  case EQ_WIRE_BYTES: return read_bytes(b, &f->bytes);
  default: return fail(b, "a field of an unknown kind: not a protobuf message?");
  }
}

struct eq_protobuf eq_protobuf_open(const struct eq_protobuf *outer, struct eq_str bytes) {
  return (struct eq_protobuf){ outer->where, outer->begin, bytes.p, bytes.p + bytes.n, outer->err };
}

float eq_protobuf_float(const struct eq_protobuf_field *f) {
  uint32_t bits = (uint32_t)f->value;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}
