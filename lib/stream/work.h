/* work.h: the messages between a hub, which hands out units of work, and its workers.
 *
 * A message is one ZeroMQ frame: magic "EQW1", u32 type, u64 session of the hub (0 from who does not know it yet), then
 * what the type says; all numbers little-endian. A unit is a u64 number, u32 how many records, u32 how many bytes, and
 * the records; many travel in a message. Each is at most 64 MiB as it goes out, and 256 MiB as it comes back.
 *
 * A worker says to its hub:
 *
 * - JOIN, once it is there, and when it is told WHO
 *
 * - HELLO, when its command has started: u32 credit (units it takes at a time), then the "prog" array of the command's
 * output header
 *
 * - RESULTS: units
 *
 * - BEAT, every second
 *
 * - LEAVE: why, empty when all went well, or when it was told to stop; what it has not given results of comes back
 *
 * A hub says to a worker:
 *
 * - HEADER, to JOIN: the "prog" array of the hub's input
 *
 * - UNITS: units
 *
 * - WHO: I do not know you, join
 *
 * - END: no more units come; end the command and leave
 *
 * - REFUSE: why */
#ifndef EQ_STREAM_WORK_H
#define EQ_STREAM_WORK_H

#include "lib/base/buffer.h"

enum eq_work_type {
  EQ_WORK_JOIN = 1,
  EQ_WORK_HELLO,
  EQ_WORK_RESULTS,
  EQ_WORK_BEAT,
  EQ_WORK_LEAVE,
  EQ_WORK_HEADER,
  EQ_WORK_UNITS,
  EQ_WORK_WHO,
  EQ_WORK_END,
  EQ_WORK_REFUSE,
};

/* EQ_WORK_BATCH: a message takes no further unit once it has so many bytes. */
enum { EQ_WORK_MESSAGE_MAX = (256 << 20) + (1 << 20), EQ_WORK_BATCH = 64 << 10 };

/* n whole records behind each other; borrowed. */
struct eq_work_unit {
  uint64_t number;
  uint32_t n;
  struct eq_str records;
};

/* What a message says; borrowed from its bytes. */
struct eq_work {
  enum eq_work_type type;
  uint64_t session;
  uint32_t credit;     /* of HELLO */
  struct eq_str text;  /* the "prog" array, msgpack; or why */
  struct eq_str units; /* for eq_work_next */
};

/* Reads a message. All of it is checked: sizes, and that each record is a whole msgpack map of a kind, and no mark,
 * each "prog" one array. False when it is none, and then *reason says what is wrong. */
bool eq_work_read(struct eq_work *m, const void *bytes, size_t n, const char **reason);
/* Takes the next unit from m->units; false when there is none. */
bool eq_work_next(struct eq_work *m, struct eq_work_unit *u);

/* Makes `b` a message, without what the type has behind its head... */
void eq_work_begin(struct eq_buffer *b, enum eq_work_type type, uint64_t session);
/* ...which is added: units, to UNITS and RESULTS; */
void eq_work_add_unit(struct eq_buffer *b, const struct eq_work_unit *u);
/* a "prog" array or a text, to the others. */
void eq_work_hello(struct eq_buffer *b, uint64_t session, uint32_t credit, struct eq_str prog);
void eq_work_text(struct eq_buffer *b, enum eq_work_type type, uint64_t session, struct eq_str text);

/* The type's name, for messages to people. */
const char *eq_work_name(enum eq_work_type type);

#endif
