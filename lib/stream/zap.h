/* zap.h: who may connect to a socket with CURVE: ZeroMQ asks, over a socket of its own, for every connection (RFC 27).
 * Nothing here waits: the caller polls. */
#ifndef EQ_STREAM_ZAP_H
#define EQ_STREAM_ZAP_H

#include <stddef.h>
#include <stdint.h>

#include "lib/base/error.h"

struct eq_zap;

/* Of all CURVE sockets of a ZeroMQ context that are bound from now on; keys: [n][EQ_CURVE_KEY] public keys of those who
 * may, which become its own, also when it fails. */
struct eq_zap *eq_zap_new(void *context, unsigned char *keys, size_t n, struct eq_err *err);
void eq_zap_free(struct eq_zap *z); /* NULL too; before the context ends */

/* The ZeroMQ socket to poll, and what to do when there is something to read: all questions are answered. */
void *eq_zap_socket(const struct eq_zap *z);
void eq_zap_answer(struct eq_zap *z);

/* How many connections were refused. */
uint64_t eq_zap_refused(const struct eq_zap *z);

#endif
