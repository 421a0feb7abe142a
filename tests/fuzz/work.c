/* Any bytes as a message between hub and worker: its units are within it and made of whole records, and a hub to which
 * a worker sends it, at any stage, hands on only what it gave out. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/stream/hub.h"
#include "lib/stream/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void send_nothing(void *context, struct eq_str worker, const struct eq_buffer *message) {
  struct eq_work m;
  const char *reason;
  (void)context, (void)worker;
  if (!eq_work_read(&m, message->data, message->size, &reason)) abort();
}

static bool begin(void *context, struct eq_str prog) {
  (void)context;
  return prog.n != 0;
}

static bool deliver(void *context, const struct eq_work_unit *result) {
  unsigned *came = context;
  if (result->number >= 8 || *came >> result->number & 1) abort();
  *came |= 1u << result->number;
  return true;
}

static void say(void *context, const char *text) { (void)context, (void)text; }

static void check_units(struct eq_work *m, const uint8_t *bytes, size_t n) {
  struct eq_work_unit u;
  while (eq_work_next(m, &u)) {
    const unsigned char *at = (const unsigned char *)u.records.p, *end = at + u.records.n;
    const char *reason;
    if (at < bytes || end > bytes + n) abort();
    for (uint32_t i = 0; i < u.n; i++) at += eq_msgpack_size(at, (size_t)(end - at), &reason);
    if (at != end) abort();
  }
}

/* The input is messages of a worker, each behind a byte that says how long it is. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
  struct eq_work m;
  const char *reason;
  unsigned came = 0;
  if (eq_work_read(&m, bytes, n, &reason)) check_units(&m, bytes, n);
  struct eq_hub_settings settings = { .where = "fuzz", .ordered = n & 1, .expire = 2, .wait = 0, .session = 7 };
  struct eq_hub *h = eq_hub_new(settings, (struct eq_hub_sink){ send_nothing, begin, deliver, say, &came }, 0, NULL);
  struct eq_err err = { 0 };
  if (!h) abort();
  eq_hub_header(h, (struct eq_str){ "\x90", 1 }, NULL);
  for (int i = 0; i < 8; i++) eq_hub_add(h, (struct eq_str){ "\x81\xa1k\xa1t", 5 }, NULL);
  eq_hub_close(h);
  for (double now = 0; n && !err.code; now += 0.3) {
    size_t k = bytes[0] < n - 1 ? bytes[0] : n - 1;
    const char *who = bytes[0] & 1 ? "one" : "two";
    if (!eq_hub_take(h, eq_str(who), (struct eq_str){ (const char *)bytes + 1, k }, now, &err)) break;
    if (!eq_hub_tick(h, now, &err)) break;
    bytes += k + 1, n -= k + 1;
  }
  eq_hub_free(h);
  return 0;
}
