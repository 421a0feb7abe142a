/* grid.h: a text from which many recipes come: lines with alternatives, all combinations of them.
 *
 *   # bits, granularity, and what is protected: 3 x 2 x 3 recipes
 *   int{8|4|3}/{row|g128}
 *   {|L0=keep|L0,L-1=keep}
 *
 * {a|b|c} stands for each of its alternatives in turn; one may be empty. The lines, joined by ';', are a recipe; a line
 * of which nothing is left is left out, and where none is left the recipe is none. The last alternatives vary fastest.
 * Blank lines and lines that begin with '#' don't count. Braces do not nest, and there is no escape: in a name:GLOB ?
 * matches one. */
#ifndef EQ_RECIPE_GRID_H
#define EQ_RECIPE_GRID_H

#include "lib/base/buffer.h"
#include "lib/base/error.h"

/* Start from {0}; the owner calls eq_grid_free. */
struct eq_grid {
  struct eq_grid_piece {
    struct eq_str *alternatives; /* [n]; of plain text one */
    size_t n;
    bool ends_line;
  } * pieces;
  size_t n, capacity;
  uint64_t combinations; /* UINT64_MAX: that many, or more */
  char *text;
};

/* Errors name the file (`name`, for messages) and the line. */
bool eq_grid_read(struct eq_grid *g, const char *name, struct eq_str text, struct eq_err *err);

/* Combination i, from 0; to free(). NULL when memory is out. */
char *eq_grid_recipe(const struct eq_grid *g, uint64_t i);

void eq_grid_free(struct eq_grid *g);

#endif
