/* protobuf.h: the fields of a Protocol Buffers message, one after the other; nothing is copied or allocated.
 * https://protobuf.dev/programming-guides/encoding */
#ifndef EQ_TEXT_PROTOBUF_H
#define EQ_TEXT_PROTOBUF_H

#include <stdint.h>

#include "lib/base/buffer.h"
#include "lib/base/error.h"

enum eq_wire { EQ_WIRE_VARINT = 0, EQ_WIRE_FIXED64 = 1, EQ_WIRE_BYTES = 2, EQ_WIRE_FIXED32 = 5 };

struct eq_protobuf {
  const char *where; /* for messages */
  const char *begin, *p, *end;
  struct eq_err *err;
};

struct eq_protobuf_field {
  uint32_t number; /* 1 to 2^29 - 1 */
  enum eq_wire wire;
  uint64_t value;      /* of a varint or a fixed one */
  struct eq_str bytes; /* of EQ_WIRE_BYTES; inside the message, never longer than what is there */
};

/* The next field; false at the end or at an error (err set), after which p is at the end. Groups, which nobody writes
 * any more, are refused. */
bool eq_protobuf_next(struct eq_protobuf *b, struct eq_protobuf_field *f);
/* A message inside one. */
struct eq_protobuf eq_protobuf_open(const struct eq_protobuf *outer, struct eq_str bytes);

float eq_protobuf_float(const struct eq_protobuf_field *f); /* of EQ_WIRE_FIXED32 */

#endif
