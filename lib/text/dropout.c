/* Of the pairs that could be merged only the first that is not left out matters. In their order it is preceded by k
 * that are left out with probability p^k (1 - p), and all n are left out with probability p^n: so one number decides a
 * step, k, drawn from the geometric distribution, and merging ends when k >= n. That is algorithm 1, to its
 * distribution; the k-th pair comes from a tree that counts, so that a step costs O(log n) however large p is. */
#include "lib/text/dropout.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "lib/base/number.h"
#include "lib/base/random.h"

#define NONE EQ_NO_MERGE

/* ---- the rule ---- */

struct eq_dropout eq_dropout_of(double p, uint64_t seed) {
  struct eq_dropout d = { .p = p, .seed = seed };
  for (size_t i = 0; i < EQ_DROPOUT_POWERS; i++, p *= p) d.powers[i] = p;
  return d;
}

bool eq_dropout_parse(const char *text, struct eq_dropout *dropout, struct eq_err *err) {
  const char *at = strchr(text, '@');
  struct eq_str p = { text, at ? (size_t)(at - text) : strlen(text) };
  double value;
  uint64_t seed;
  if (!eq_parse_f64(p, &value) || !(value >= 0 && value <= 1))
    return eq_fail_at(err, "dropout", text, 0, "expected a probability from 0 to 1 and a seed, as in 0.1@7");
  if (!at || !eq_parse_u64(eq_str(at + 1), &seed))
    return eq_fail_at(err, "dropout", text, at ? p.n + 1 : p.n, "expected %sa seed, a whole number, as in 0.1@7",
                      at ? "" : "@ and ");
  *dropout = eq_dropout_of(value == 0 ? 0 : value, seed); /* -0 is 0 */
  return true;
}

void eq_dropping_begin(struct eq_dropping *d, const struct eq_dropout *dropout, struct eq_str lang, struct eq_str id) {
  d->dropout = dropout;
  d->stream = XXH64(id.p, id.n, XXH64(lang.p, lang.n, 0));
  d->index = 0;
}

/* How many pairs are left out before one is not: the largest k with u < p^k, for u uniform in [0, 1). By squarings of p
 * and not by logarithms, whose last bit differs from machine to machine; UINT32_MAX stands for all that are larger. */
static uint32_t draw(struct eq_dropping *d) {
  const double u = eq_random_f64(d->dropout->seed, d->stream, d->index++);
  uint32_t k = 0;
  double power = 1;
  if (u >= d->dropout->p) return 0;
  for (unsigned i = EQ_DROPOUT_POWERS; i-- > 0;)
    if (u < power * d->dropout->powers[i]) {
      power *= d->dropout->powers[i];
      k |= (uint32_t)1 << i;
    }
  return k;
}

/* ---- the pairs in their order: a treap, with the place of a pair as its node (Seidel and Aragon 1996) ---- */

struct eq_dropping_pair {
  uint32_t previous, next; /* the neighbours of the symbol at this place */
  uint32_t rank;           /* of its pair with the next one; NONE: not in the tree */
  uint32_t left, right, size;
};

void eq_dropping_free(struct eq_dropping *d) {
  free(d->pairs);
  *d = (struct eq_dropping){ 0 };
}

static uint32_t size_of(const struct eq_dropping *d, uint32_t node) { return node == NONE ? 0 : d->pairs[node].size; }

static void count(struct eq_dropping *d, uint32_t node) {
  struct eq_dropping_pair *p = &d->pairs[node];
  p->size = 1 + size_of(d, p->left) + size_of(d, p->right);
}

static bool is_before(const struct eq_dropping *d, uint32_t a, uint32_t b) {
  uint32_t x = d->pairs[a].rank, y = d->pairs[b].rank;
  return x != y ? x < y : a < b;
}

/* The heap's order: that of a mixed place, which no vocabulary knows of. The finalizer of MurmurHash3 (Appleby). */
static uint32_t mixed(uint32_t place) {
  place = (place ^ place >> 16) * 0x85EBCA6B;
  place = (place ^ place >> 13) * 0xC2B2AE35;
  return place ^ place >> 16;
}

/* The tree of two, all of a before all of b. */
static uint32_t join(struct eq_dropping *d, uint32_t a, uint32_t b) {
  if (a == NONE || b == NONE) return a == NONE ? b : a;
  bool a_on_top = mixed(a) > mixed(b);
  if (a_on_top)
    d->pairs[a].right = join(d, d->pairs[a].right, b);
  else
    d->pairs[b].left = join(d, a, d->pairs[b].left);
  count(d, a_on_top ? a : b);
  return a_on_top ? a : b;
}

/* Cuts a tree into what comes before a pair and what comes after it. */
static void split(struct eq_dropping *d, uint32_t tree, uint32_t pair, uint32_t *before, uint32_t *after) {
  if (tree == NONE) {
    *before = *after = NONE;
    return;
  }
  struct eq_dropping_pair *p = &d->pairs[tree];
  if (is_before(d, tree, pair)) {
    *before = tree;
    split(d, p->right, pair, &p->right, after);
  } else {
    *after = tree;
    split(d, p->left, pair, before, &p->left);
  }
  count(d, tree);
}

static void put_in(struct eq_dropping *d, uint32_t pair) {
  uint32_t *link = &d->root;
  while (*link != NONE && mixed(*link) > mixed(pair)) {
    struct eq_dropping_pair *p = &d->pairs[*link];
    p->size++;
    link = is_before(d, *link, pair) ? &p->right : &p->left;
  }
  uint32_t rest = *link;
  *link = pair;
  split(d, rest, pair, &d->pairs[pair].left, &d->pairs[pair].right);
  count(d, pair);
}

static void take_out(struct eq_dropping *d, uint32_t pair) {
  uint32_t *link = &d->root;
  if (d->pairs[pair].rank == NONE) return;
  while (*link != pair) {
    struct eq_dropping_pair *p = &d->pairs[*link];
    p->size--;
    link = is_before(d, *link, pair) ? &p->right : &p->left;
  }
  *link = join(d, d->pairs[pair].left, d->pairs[pair].right);
  d->pairs[pair].rank = NONE;
}

/* The k-th pair from 0, k < size. */
static uint32_t pick(const struct eq_dropping *d, uint32_t k) {
  uint32_t node = d->root;
  for (uint32_t before; (before = size_of(d, d->pairs[node].left)) != k;)
    if (k < before)
      node = d->pairs[node].left;
    else {
      k -= before + 1;
      node = d->pairs[node].right;
    }
  return node;
}

/* ---- merging ---- */

static void look_up(struct eq_dropping *d, const struct eq_merging *m, uint32_t place) {
  struct eq_dropping_pair *p = &d->pairs[place];
  take_out(d, place);
  if (p->next != NONE) p->rank = m->rank(m->context, place, p->next);
  if (p->rank != NONE) put_in(d, place);
}

static bool room(struct eq_dropping *d, size_t n) {
  if (n <= d->capacity) return true;
  free(d->pairs);
  d->capacity = 0;
  d->pairs = eq_array(n + n / 2, sizeof *d->pairs);
  if (d->pairs) d->capacity = n + n / 2;
  return d->pairs;
}

/* Merges the symbols [start, end). */
static void merge_word(struct eq_dropping *d, uint32_t start, uint32_t end, const struct eq_merging *m) {
  d->root = NONE;
  for (uint32_t i = start; i < end; i++)
    d->pairs[i] =
        (struct eq_dropping_pair){ i > start ? i - 1 : NONE, i + 1 < end ? i + 1 : NONE, NONE, NONE, NONE, 0 };
  for (uint32_t i = start; i < end; i++) look_up(d, m, i);
  for (uint32_t k; d->root != NONE && (k = draw(d)) < size_of(d, d->root);) {
    uint32_t left = pick(d, k), right = d->pairs[left].next;
    take_out(d, left);
    take_out(d, right);
    m->merge(m->context, left, right);
    uint32_t next = d->pairs[left].next = d->pairs[right].next;
    if (next != NONE) d->pairs[next].previous = left;
    look_up(d, m, left);
    if (d->pairs[left].previous != NONE) look_up(d, m, d->pairs[left].previous);
  }
}

bool eq_merge_dropping(struct eq_dropping *d, size_t n, const struct eq_merging *m) {
  if (n >= NONE || !room(d, n)) return false;
  uint32_t start = 0;
  for (uint32_t i = 1; m->begins && i < n; i++)
    if (m->begins(m->context, i)) {
      merge_word(d, start, i, m);
      start = i;
    }
  merge_word(d, start, (uint32_t)n, m);
  return true;
}

bool eq_dropping_is_space(struct eq_str character) {
  return eq_str_is(character, " ") || eq_str_is(character, "\xE2\x96\x81");
}
