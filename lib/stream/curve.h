/* curve.h: keys of CURVE, which encrypts what a hub and its workers say to each other over tcp, and shows each who the
 * other is (ZeroMQ's RFC 26, after Bernstein's CurveCP).
 *
 * A key is a pair. Its file is the secret: two lines, "equant-public-key KEY" and "equant-secret-key KEY", in Z85, and
 * nobody but its owner may read it. FILE.pub has the first line only. A hub knows its own pair and the public keys of
 * those who may work for it; a worker knows its own pair and the hub's public key. Where nothing else is said all share
 * one pair: who can read its file belongs to them. */
#ifndef EQ_STREAM_CURVE_H
#define EQ_STREAM_CURVE_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* Bytes of a key, and of its text with the 0 behind it. */
enum { EQ_CURVE_KEY = 32, EQ_CURVE_TEXT = 41 };

struct eq_curve_pair {
  char public_key[EQ_CURVE_TEXT], secret_key[EQ_CURVE_TEXT];
};

/* Makes a pair: the secret in `path`, mode 0600, and `path`.pub. Neither may be there yet. */
bool eq_curve_make(const char *path, struct eq_err *err);

/* Reads a pair; fails when others may read the file, and when its two keys are not of one pair. */
bool eq_curve_read(const char *path, struct eq_curve_pair *pair, struct eq_err *err);

/* Reads public keys, a line each, of which secret ones are refused: files FILE.pub, or some behind each other. *keys:
 * [n][EQ_CURVE_KEY], to free(). */
bool eq_curve_read_public(const char *path, unsigned char **keys, size_t *n, struct eq_err *err);

/* Both, of the text of such a file; path is for messages. */
bool eq_curve_parse(const char *path, struct eq_str text, struct eq_curve_pair *pair, struct eq_err *err);
bool eq_curve_parse_public(const char *path, struct eq_str text, unsigned char **keys, size_t *n, struct eq_err *err);

#endif
