#include "lib/base/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/utf8.h"

struct eq_str eq_str(const char *terminated) {
  return (struct eq_str){ terminated, strlen(terminated) };
}

bool eq_str_equal(struct eq_str a, struct eq_str b) { return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0); }

bool eq_str_is(struct eq_str a, const char *terminated) { return eq_str_equal(a, eq_str(terminated)); }

int eq_str_compare(struct eq_str a, struct eq_str b) {
  size_t n = a.n < b.n ? a.n : b.n;
  int order = n ? memcmp(a.p, b.p, n) : 0;
  return order ? order : (a.n > b.n) - (a.n < b.n);
}

struct eq_str eq_str_cut(struct eq_str *rest, char end) {
  const char *p = rest->n ? memchr(rest->p, end, rest->n) : NULL;
  struct eq_str piece = { rest->p, p ? (size_t)(p - rest->p) : rest->n };
  size_t used = piece.n + (p ? 1 : 0);
  *rest = (struct eq_str){ used ? rest->p + used : rest->p, rest->n - used };
  return piece;
}

bool eq_str_listed(struct eq_str item, struct eq_str list) {
  while (list.n)
    if (eq_str_equal(eq_str_cut(&list, ','), item)) return true;
  return false;
}

bool eq_buffer_reserve(struct eq_buffer *b, size_t more) {
  if (b->failed) return false;
  if (more < b->capacity - b->size) return true; /* one byte stays for the final 0 */
  size_t need = b->size + more + 1;
  size_t capacity = b->capacity ? b->capacity : 64;
  while (capacity < need && capacity <= SIZE_MAX / 2) capacity *= 2;
  char *data = need <= b->size || capacity < need ? NULL : realloc(b->data, capacity);
  if (!data) return !(b->failed = true);
  b->data = data;
  b->capacity = capacity;
  return true;
}

void eq_buffer_add(struct eq_buffer *b, const void *bytes, size_t n) {
  if ((b->failed || n >= b->capacity - b->size) && !eq_buffer_reserve(b, n)) return;
  if (n) memcpy(b->data + b->size, bytes, n);
  b->size += n;
  b->data[b->size] = 0;
}

static void add_text(struct eq_buffer *b, const char *s, size_t n, size_t (*replaced)(const char *s, size_t n)) {
  while (n) {
    size_t good = eq_utf8_invalid(s, n);
    eq_buffer_add(b, s, good);
    if (good < n) {
      eq_buffer_add(b, "\xef\xbf\xbd", 3);
      good += replaced(s + good, n - good);
    }
    s += good;
    n -= good;
  }
}

static size_t one_byte(const char *s, size_t n) {
  (void)s;
  return n ? 1 : 0;
}

void eq_buffer_text(struct eq_buffer *b, const char *s, size_t n) { add_text(b, s, n, one_byte); }

void eq_buffer_lossy(struct eq_buffer *b, const char *s, size_t n) { add_text(b, s, n, eq_utf8_broken); }

void eq_buffer_string(struct eq_buffer *b, const char *terminated) { eq_buffer_add(b, terminated, strlen(terminated)); }

void eq_buffer_format(struct eq_buffer *b, const char *format, ...) {
  va_list args, again;
  va_start(args, format);
  va_copy(again, args);
  int n = vsnprintf(NULL, 0, format, args);
  va_end(args);
  if (n < 0)
    b->failed = true;
  else if (eq_buffer_reserve(b, (size_t)n)) {
    vsnprintf(b->data + b->size, (size_t)n + 1, format, again);
    b->size += (size_t)n;
  }
  va_end(again);
}

void eq_buffer_free(struct eq_buffer *b) {
  free(b->data);
  *b = (struct eq_buffer){ 0 };
}

void *eq_array(size_t n, size_t size) {
  if (size && n > SIZE_MAX / size) return NULL; /* calloc checks too, but a sanitizer's calloc ends the program */
  return calloc(n ? n : 1, size);
}

void *eq_array_grow(void *items, size_t n, size_t *capacity, size_t size) {
  if (n < *capacity) return items;
  size_t more = *capacity ? *capacity * 2 : 8;
  if (more < *capacity || more > SIZE_MAX / size) return NULL;
  void *moved = realloc(items, more * size);
  if (moved) *capacity = more;
  return moved;
}

char *eq_copy_string(const char *s, size_t n) {
  char *copy = malloc(n + 1);
  if (!copy) return NULL;
  if (n) memcpy(copy, s, n);
  copy[n] = 0;
  return copy;
}
