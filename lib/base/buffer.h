/* buffer.h: string views, growable byte buffers, arrays whose size is checked. */
#ifndef EQ_BASE_BUFFER_H
#define EQ_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that somebody else owns; not terminated by 0. Print with "%.*s", EQ_STR(v). */
struct eq_str {
  const char *p;
  size_t n;
};
#define EQ_STR(v) (int)(v).n, (v).p

struct eq_str eq_str(const char *terminated);
bool eq_str_equal(struct eq_str a, struct eq_str b);
bool eq_str_is(struct eq_str a, const char *terminated);
/* Order of bytes (which for UTF-8 is the order of code points), a prefix first: <0, 0, >0. */
int eq_str_compare(struct eq_str a, struct eq_str b);
/* Takes from *rest its piece before the first `end`, which is dropped, or all of it: the pieces of "a,b" in a loop. */
struct eq_str eq_str_cut(struct eq_str *rest, char end);
/* Whether an item stands in a comma list. */
bool eq_str_listed(struct eq_str item, struct eq_str list);

/* Grows by doubling. Start from {0}; the owner calls eq_buffer_free. A failed allocation sets `failed`, which stays,
 * and later adds do nothing: check once, at the end. data is followed by a 0 byte once anything was added. */
struct eq_buffer {
  char *data;
  size_t size, capacity;
  bool failed;
};
/* Room for `more` bytes after size; false when there is none. */
bool eq_buffer_reserve(struct eq_buffer *b, size_t more);
void eq_buffer_add(struct eq_buffer *b, const void *bytes, size_t n);
/* Bytes that are not well-formed UTF-8 become U+FFFD, one each: for names that go where text is promised. */
void eq_buffer_text(struct eq_buffer *b, const char *s, size_t n);
/* The same as Rust's from_utf8_lossy and Python's errors="replace" do it, where tokens' bytes become text: a stretch
 * that could begin a character is one U+FFFD (eq_utf8_broken). */
void eq_buffer_lossy(struct eq_buffer *b, const char *s, size_t n);
void eq_buffer_string(struct eq_buffer *b, const char *terminated);
void eq_buffer_format(struct eq_buffer *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
void eq_buffer_free(struct eq_buffer *b);

/* n * size bytes of zeros, NULL when the product overflows or memory is out; free() it. n may be 0. */
void *eq_array(size_t n, size_t size);

/* Room for one more in an array that grows by doubling: `items` (element size `size`, *capacity of them allocated, n
 * in use). Returns the array, moved perhaps, or NULL (then the old one is still there). */
void *eq_array_grow(void *items, size_t n, size_t *capacity, size_t size);

/* A copy of s[0..n) that ends in 0, NULL when memory is out; free() it. */
char *eq_copy_string(const char *s, size_t n);

#endif
