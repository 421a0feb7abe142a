#include "lib/recipe/grid.h"

#include <stdlib.h>
#include <string.h>

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static struct eq_str trim(struct eq_str s) {
  while (s.n && is_blank(s.p[0])) s.p++, s.n--;
  while (s.n && is_blank(s.p[s.n - 1])) s.n--;
  return s;
}

/* Adds a piece: what stands between the braces, or plain text, which may hold a '|' of its own. */
static bool add_piece(struct eq_grid *g, struct eq_str text, bool braced, struct eq_err *err) {
  struct eq_grid_piece *grown = eq_array_grow(g->pieces, g->n, &g->capacity, sizeof *grown), piece = { .n = 1 };
  if (grown) g->pieces = grown;
  for (size_t i = 0; braced && i < text.n; i++) piece.n += text.p[i] == '|';
  piece.alternatives = grown ? eq_array(piece.n, sizeof *piece.alternatives) : NULL;
  if (!piece.alternatives) return eq_fail_memory(err, piece.n * sizeof *piece.alternatives, "a grid");
  for (size_t i = 0; i < piece.n; i++) piece.alternatives[i] = braced ? eq_str_cut(&text, '|') : text;
  g->pieces[g->n++] = piece;
  bool overflows = g->combinations > UINT64_MAX / piece.n;
  g->combinations = overflows ? UINT64_MAX : g->combinations * piece.n;
  return true;
}

static bool add_line(struct eq_grid *g, const char *name, size_t number, struct eq_str line, struct eq_err *err) {
  while (line.n) {
    size_t plain = 0, end;
    while (plain < line.n && line.p[plain] != '{' && line.p[plain] != '}') plain++;
    if (plain && !add_piece(g, (struct eq_str){ line.p, plain }, false, err)) return false;
    line.p += plain, line.n -= plain;
    if (!line.n) break;
    for (end = 1; end < line.n && line.p[end] != '{' && line.p[end] != '}';) end++;
    if (line.p[0] == '}') return eq_fail(err, EQ_BAD, "%s:%zu: a '}' without its '{'", name, number);
    if (end == line.n) return eq_fail(err, EQ_BAD, "%s:%zu: a '{' without its '}'", name, number);
    if (line.p[end] == '{') return eq_fail(err, EQ_BAD, "%s:%zu: a '{' within braces: they do not nest", name, number);
    if (!add_piece(g, (struct eq_str){ line.p + 1, end - 1 }, true, err)) return false;
    line.p += end + 1, line.n -= end + 1;
  }
  g->pieces[g->n - 1].ends_line = true;
  return true;
}

bool eq_grid_read(struct eq_grid *g, const char *name, struct eq_str text, struct eq_err *err) {
  if (text.n && memchr(text.p, 0, text.n)) return eq_fail(err, EQ_BAD, "%s: has a NUL byte, expected text", name);
  *g = (struct eq_grid){ .combinations = 1, .text = eq_copy_string(text.n ? text.p : "", text.n) };
  if (!g->text) return eq_fail_memory(err, text.n, "a grid");
  struct eq_str rest = { g->text, text.n };
  for (size_t number = 1; rest.n; number++) {
    struct eq_str line = trim(eq_str_cut(&rest, '\n'));
    if (line.n && line.p[0] != '#' && !add_line(g, name, number, line, err)) return false;
  }
  return g->n || eq_fail(err, EQ_BAD, "%s: holds no line of a grid", name);
}

/* The line that ends in `out` begins at byte `at`: nothing of it but blanks, nothing of it at all. */
static void end_line(struct eq_buffer *out, size_t at) {
  struct eq_str line = trim((struct eq_str){ out->data + at, out->size - at });
  if (line.n == 0)
    out->size = at;
  else
    eq_buffer_string(out, ";");
}

char *eq_grid_recipe(const struct eq_grid *g, uint64_t i) {
  struct eq_buffer out = { 0 };
  uint64_t after = g->combinations; /* how many combinations the pieces from here on have */
  size_t line = 0;
  eq_buffer_reserve(&out, 1);
  for (size_t k = 0; k < g->n && !out.failed; k++) {
    const struct eq_grid_piece *p = &g->pieces[k];
    after /= p->n;
    struct eq_str chosen = p->alternatives[i / after % p->n];
    eq_buffer_add(&out, chosen.p, chosen.n);
    if (!p->ends_line || out.failed) continue;
    end_line(&out, line);
    line = out.size;
  }
  if (out.size)
    out.data[--out.size] = 0; /* the last ';' */
  else
    eq_buffer_string(&out, "none");
  if (out.failed) eq_buffer_free(&out);
  return out.data;
}

void eq_grid_free(struct eq_grid *g) {
  for (size_t i = 0; i < g->n; i++) free(g->pieces[i].alternatives);
  free(g->pieces);
  free(g->text);
  *g = (struct eq_grid){ 0 };
}
