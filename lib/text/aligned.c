#include "lib/text/aligned.h"

#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"

void eq_view_to_original(const struct eq_view *v, uint32_t *start, uint32_t *end) {
  if (!v->from || !v->text.n) return;
  bool empty = *end <= *start;
  uint32_t last = (uint32_t)v->text.n - 1, from = *start < last ? *start : last, to = *end - 1 < last ? *end - 1 : last;
  *start = *start > last ? v->to[last] : v->from[from];
  *end = empty ? *start : v->to[to];
}

void eq_aligned_free(struct eq_aligned *a) {
  eq_buffer_free(&a->text);
  free(a->from);
  free(a->to);
  *a = (struct eq_aligned){ 0 };
}

static bool room(struct eq_rewriting *r, size_t more) {
  struct eq_aligned *a = r->out;
  size_t need = a->text.size + more;
  if (r->failed) return false;
  if (need <= a->capacity) return true;
  size_t capacity = need + need / 2 + 64;
  uint32_t *from = realloc(a->from, capacity * sizeof *from);
  if (from) a->from = from;
  uint32_t *to = realloc(a->to, capacity * sizeof *to);
  if (to) a->to = to;
  if (!from || !to || !eq_buffer_reserve(&a->text, capacity - a->text.size)) {
    r->failed = true;
    return false;
  }
  a->capacity = capacity;
  return true;
}

/* Copies what stayed since the last change, and where it came from. */
static void catch_up(struct eq_rewriting *r) {
  const size_t start = r->copied, n = r->at - start;
  r->copied = r->at;
  if (!n || !room(r, n)) return;
  uint32_t *from = r->out->from + r->out->text.size, *to = r->out->to + r->out->text.size;
  if (r->in.from) {
    memcpy(from, r->in.from + start, n * sizeof *from);
    memcpy(to, r->in.to + start, n * sizeof *to);
  } else
    for (size_t i = 0; i < n; i++) {
      from[i] = (uint32_t)(start + i);
      to[i] = (uint32_t)(start + i + 1);
    }
  eq_buffer_add(&r->out->text, r->in.text.p + start, n);
}

/* The next n bytes are not copied. */
static void pass_over(struct eq_rewriting *r, size_t n) {
  r->at += n;
  r->copied = r->at;
}

static void add(struct eq_rewriting *r, struct eq_str text, uint32_t from, uint32_t to) {
  catch_up(r);
  r->changed = true;
  if (!room(r, text.n)) return;
  for (size_t i = 0; i < text.n; i++) {
    r->out->from[r->out->text.size + i] = from;
    r->out->to[r->out->text.size + i] = to;
  }
  eq_buffer_add(&r->out->text, text.p, text.n);
}

/* Where the bytes [start, end) of in.text came from, as a whole. */
static uint32_t from_of(const struct eq_rewriting *r, size_t start) {
  return r->in.from ? r->in.from[start] : (uint32_t)start;
}
static uint32_t to_of(const struct eq_rewriting *r, size_t end) { return r->in.to ? r->in.to[end - 1] : (uint32_t)end; }

static struct eq_str encode(uint32_t c, char bytes[4]) {
  const size_t n = eq_utf8_encode(c, bytes);
  return (struct eq_str){ bytes, n };
}

void eq_rewrite_begin(struct eq_rewriting *r, struct eq_view in, struct eq_aligned *out) {
  *r = (struct eq_rewriting){ .in = in, .out = out };
  out->text.size = 0;
}

void eq_rewrite_drop(struct eq_rewriting *r, size_t n) {
  if (!n) return;
  catch_up(r);
  r->changed = true;
  pass_over(r, n);
}

static bool stands_there(const struct eq_rewriting *r, struct eq_str text, size_t n) {
  const char *there = r->in.text.p + r->at;
  size_t i = 0;
  while (i < n && i < text.n && there[i] == text.p[i]) i++;
  return i == n && i == text.n;
}

void eq_rewrite_replace(struct eq_rewriting *r, size_t n, uint32_t c) {
  char bytes[4];
  struct eq_str text = encode(c, bytes);
  if (stands_there(r, text, n)) {
    eq_rewrite_keep(r, n);
    return;
  }
  add(r, text, from_of(r, r->at), to_of(r, r->at + n));
  pass_over(r, n);
}

void eq_rewrite_insert(struct eq_rewriting *r, uint32_t c) {
  char bytes[4];
  size_t start = r->at;
  while (start > 0 && ((unsigned char)r->in.text.p[--start] & 0xC0) == 0x80) {}
  add(r, encode(c, bytes), r->at ? from_of(r, start) : 0, r->at ? to_of(r, r->at) : 0);
}

void eq_rewrite_prepend(struct eq_rewriting *r, struct eq_str text) {
  size_t n = eq_utf8_length(r->in.text.p + r->at, r->in.text.n - r->at);
  if (n) add(r, text, from_of(r, r->at), to_of(r, r->at + n));
}

bool eq_rewrite_end(struct eq_rewriting *r, struct eq_view *result) {
  eq_rewrite_keep(r, r->in.text.n - r->at);
  *result = r->in;
  if (r->changed) catch_up(r);
  if (r->changed)
    *result =
        (struct eq_view){ { r->out->text.size ? r->out->text.data : "", r->out->text.size }, r->out->from, r->out->to };
  return !r->failed && !r->out->text.failed;
}
