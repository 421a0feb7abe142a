/* gguf_layout.h: where a parameter of a Hugging Face model lies in a GGUF: which tensor, and its rows in the order that
 * llama.cpp wants. */
#ifndef EQ_EXPORT_GGUF_LAYOUT_H
#define EQ_EXPORT_GGUF_LAYOUT_H

#include "lib/model/model.h"

/* The name of parameter i's tensor, which the experts of a layer share, added to *name. */
bool eq_gguf_name(const struct eq_model *m, size_t i, struct eq_buffer *name, struct eq_err *err);

/* The row of parameter i that is row `row` of its tensor: rotary pairs as neighbours, queries, keys and values apart.
 * Of a vector its elements are the rows. */
size_t eq_gguf_source_row(const struct eq_model *m, size_t i, size_t row);
/* Whether any row moves. */
bool eq_gguf_moves_rows(const struct eq_model *m, size_t i);

/* What is added to all elements: 1 to Gemma's gains. */
float eq_gguf_shift(const struct eq_model *m, size_t i);

#endif
