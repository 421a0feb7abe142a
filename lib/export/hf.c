/* hf.c: the values under a recipe as a Hugging Face folder: what is kept in its own type, what is rounded in the type
 * asked for; config and tokenizer beside them. */
#include "lib/export/folder_model.h"

static bool begin(struct eq_export *x, struct eq_err *err) { return eq_folder_model_begin(x, NULL, err); }

const struct eq_export_format eq_export_hf = { "hf", begin, eq_folder_model_write, eq_folder_model_end,
                                               eq_folder_model_discard };
