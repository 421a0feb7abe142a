/* provenance.h: where an exported file comes from, as its metadata says it. */
#ifndef EQ_EXPORT_PROVENANCE_H
#define EQ_EXPORT_PROVENANCE_H

#include "lib/export/export.h"
#include "lib/tensor/safetensors_writer.h"

#define EQ_NOTE_RECIPE   "equant.recipe"
#define EQ_NOTE_MODEL    "equant.model"
#define EQ_NOTE_PROGRAMS "equant.prog"

/* For __metadata__; "format" is what transformers asks for. */
enum { EQ_EXPORT_NOTES = 4 };
static inline void eq_export_notes(const struct eq_export *x, struct eq_safetensors_note notes[EQ_EXPORT_NOTES]) {
  notes[0] = (struct eq_safetensors_note){ "format", "pt" };
  notes[1] = (struct eq_safetensors_note){ EQ_NOTE_RECIPE, x->recipe };
  notes[2] = (struct eq_safetensors_note){ EQ_NOTE_MODEL, x->patch ? x->patch_model : x->model->name };
  notes[3] = (struct eq_safetensors_note){ EQ_NOTE_PROGRAMS, x->programs };
}

/* A note of a safetensors file, to free(); NULL when it has none of that name. */
char *eq_export_note(const struct eq_safetensors *s, const char *key);

#endif
