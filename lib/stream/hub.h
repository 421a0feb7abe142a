/* hub.h: hands units of work to workers, and takes the result of each exactly once, however many of them die.
 *
 * It knows neither sockets nor clocks: messages (work.h) and the time come in, and it says what to send and what came
 * of the units; so a test can play any fate in no time. A unit is one record of the input.
 *
 * A worker has at most as many units as its credit, and at most half of its even share of those that wait, so that the
 * last ones are spread. Who says nothing for `expire` seconds is taken for dead: its units are given to others, first
 * in line and each alone, since one of them may be what killed it. When EQ_HUB_TRIES workers were lost with the same
 * unit the hub gives up. Who leaves in order gives its units back, and they go out as before. A result that comes late
 * counts if it is the first of its unit. */
#ifndef EQ_STREAM_HUB_H
#define EQ_STREAM_HUB_H

#include "lib/base/error.h"
#include "lib/stream/record.h"
#include "lib/stream/work.h"

struct eq_hub;

/* EQ_HUB_WINDOW: units between the first that is not done and the last that was taken. EQ_HUB_BYTES: what those may
 * hold, results that wait for their turn too; while these alone are so many, no new unit is handed out. */
enum { EQ_HUB_WINDOW = 65536, EQ_HUB_BYTES = 256 << 20, EQ_HUB_TRIES = 3 };

/* Times in seconds, of any clock that does not go back. */
struct eq_hub_settings {
  const char *where; /* the hub's endpoint, for messages */
  bool ordered;      /* results in the order of their units, else as they come */
  double expire;     /* see above */
  double wait;       /* without any worker, before it gives up; 0: for ever */
  uint64_t session;  /* not 0, and another for each hub, so that a worker knows that its units are of an earlier one */
};

/* What the hub does to the world; false from begin and deliver stops it. */
struct eq_hub_sink {
  void (*send)(void *context, struct eq_str worker, const struct eq_buffer *message);
  bool (*begin)(void *context, struct eq_str prog); /* once, before any result: the output header's "prog" */
  bool (*deliver)(void *context, const struct eq_work_unit *result); /* once for each unit */
  void (*say)(void *context, const char *text);                      /* a remark for people */
  void *context;
};

/* Workers: those alive now. again: units given out more than once. late: results that were not the first. lost: how
 * often one was taken for dead, or left with an error; who does both counts twice. */
struct eq_hub_counts {
  uint64_t taken, done, again, late, lost;
  size_t workers;
};

struct eq_hub *eq_hub_new(struct eq_hub_settings settings, struct eq_hub_sink sink, double now, struct eq_err *err);
void eq_hub_free(struct eq_hub *h);

/* The "prog" array of the input, before the first unit. */
bool eq_hub_header(struct eq_hub *h, struct eq_str prog, struct eq_err *err);
/* Takes a copy of a record as the next unit, unless eq_hub_full. */
bool eq_hub_full(const struct eq_hub *h);
bool eq_hub_add(struct eq_hub *h, struct eq_str record, struct eq_err *err);
/* Says what a worker's HELLO would say, for who knows it and needs no worker. */
bool eq_hub_begin(struct eq_hub *h, struct eq_str output_prog, struct eq_err *err);
/* No more units come. */
void eq_hub_close(struct eq_hub *h);

/* Takes a message of a worker, whom `worker` (16 bytes at most) names; what is none is said and dropped. False when the
 * hub must stop: err says why, or nothing when the sink did it. */
bool eq_hub_take(struct eq_hub *h, struct eq_str worker, struct eq_str message, double now, struct eq_err *err);
/* Buries the dead and hands out what waits: after messages and units came, and at least four times a second. */
bool eq_hub_tick(struct eq_hub *h, double now, struct eq_err *err);

/* Sends all workers away, also those that left and may be coming back: the hub ends before its time. */
void eq_hub_refuse(struct eq_hub *h, struct eq_str why);

/* All units are delivered and every worker has left. */
bool eq_hub_done(const struct eq_hub *h);
struct eq_hub_counts eq_hub_counts(const struct eq_hub *h);

#endif
