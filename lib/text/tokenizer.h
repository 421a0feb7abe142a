/* tokenizer.h: from a text to the token ids that Hugging Face tokenizers gives, with the bytes that each token covers.
 *
 * A tokenizer is read from a model's folder and then only read: threads share it, each with a scratch of its own. */
#ifndef EQ_TEXT_TOKENIZER_H
#define EQ_TEXT_TOKENIZER_H

#include "lib/text/added_tokens.h"
#include "lib/text/constraints.h"
#include "lib/text/decoder.h"
#include "lib/text/normalizer.h"
#include "lib/text/piece_list.h"
#include "lib/text/pretokenizer.h"
#include "lib/text/sentencepiece.h"
#include "lib/text/tiktoken.h"
#include "lib/text/token_model.h"
#include "lib/text/vocabulary.h"

enum { EQ_STAGES_MAX = 16 };

/* A pre-tokenizer may rewrite the pieces that another has cut, so the two take turns: each stage rewrites a piece and
 * then cuts what came of it. The first rewrites by the normalizer; after it added tokens are found. */
struct eq_stage {
  struct eq_normalizer rewrite;
  struct eq_pretokenizer cuts;
};

/* Token ids that a post-processor puts around a text. */
struct eq_frame {
  uint32_t *before, *after;
  size_t n_before, n_after;
};

/* What a token is for. */
enum eq_token_kind {
  EQ_TOKEN_UNUSED,  /* no token has the id, or one that texts never become */
  EQ_TOKEN_NORMAL,  /* made by the model */
  EQ_TOKEN_BYTE,    /* one byte of a character that the model has no token for: byte fallback */
  EQ_TOKEN_ADDED,   /* found in a text as it stands: an added token, a user-defined symbol */
  EQ_TOKEN_SPECIAL, /* the same, but its spelling in a text may be text: <|endoftext|>, a control symbol */
  EQ_TOKEN_UNKNOWN, /* stands for what the vocabulary cannot spell */
  EQ_TOKEN_KINDS
};

/* How llama.cpp joins the tokens of a GGUF to a text; of other files all false. */
struct eq_joining {
  bool here;
  bool alphabet;     /* normal tokens are spelled in GPT-2's alphabet; else U+2581 is a space */
  bool trim_first;   /* the first token loses a space at its start */
  bool clean_spaces; /* English punctuation and contractions lose the space before them */
};

/* What tokenizer_file.c fills in. */
struct eq_tokenizer {
  char *name;  /* "folder@digest of its files", 16 hexadecimal digits */
  char *shown; /* what eq_tokenizer_name says: the name, and how it was made to differ */
  struct eq_unicode unicode;
  struct eq_stage stages[EQ_STAGES_MAX];
  size_t n_stages;                   /* at least 1 */
  struct eq_added_tokens verbatim;   /* found in the text as given */
  struct eq_added_tokens normalized; /* found after normalisation */
  struct eq_token_model model;
  struct eq_frame frame;
  size_t vocab;               /* one above the largest id, special tokens included */
  struct eq_vocabulary added; /* the contents of tokens that stand outside the model's vocabulary, or again in it */
  unsigned char *kinds;       /* [kinds_capacity] of an id 1 + enum eq_token_kind, 0 where the model says it */
  size_t kinds_capacity;
  bool find_special, put_frame, drops;
  struct eq_dropout dropout;                /* with drops */
  const struct eq_constraints *constraints; /* borrowed, or NULL */
  const char *no_frame;                     /* why there is no frame; NULL: there is one, which may be empty */
  /* The way back, detokenizer.h. */
  struct eq_decoder decoder;
  struct eq_err undecodable;      /* why the file's decoder cannot be used, if so */
  struct eq_piece_list respelled; /* added tokens whose normalized spelling is another */
  struct eq_joining joining;
  /* When one of these is there it does all but the frame and the tokens that are found verbatim. */
  struct eq_sentencepiece *sentencepiece;
  struct eq_tiktoken *tiktoken;
};

/* Reads the tokenizer of a folder: tokenizer.json; or vocab.json and merges.txt (then tokenizer_config.json may name
 * the class, and without it they are GPT-2's); or the file of a whole vocabulary that is there. `path` may also be such
 * a file: see vocabulary_file.h. Messages name the file, what was found and what was expected. */
struct eq_tokenizer *eq_tokenizer_open(const char *path, struct eq_err *err);
void eq_tokenizer_free(struct eq_tokenizer *t);  /* NULL too */
void eq_tokenizer_close(struct eq_tokenizer *t); /* what it holds, but not its unicode nor itself */

/* What is asked of a tokenizer; all off at first. Not while threads use it. False when it cannot do that: tiktoken has
 * no frame, and only a BPE knows dropout. */
struct eq_tokenizer_options {
  bool special; /* special tokens (<|endoftext|>) that stand in a text are tokens; else they are text */
  bool frame;   /* the post-processor's tokens are put around each text; they cover no bytes */
  const struct eq_dropout *dropout;         /* NULL: none */
  const struct eq_constraints *constraints; /* borrowed while the tokenizer is used; NULL: none */
};
bool eq_tokenizer_set(struct eq_tokenizer *t, struct eq_tokenizer_options options, struct eq_err *err);

/* For who fills in a tokenizer: says what kind of token an id is; and where an added token is spelled. Of two with one
 * spelling or one id the first counts. What is asked of a token afterwards: token_facts.h. */
bool eq_tokenizer_set_kind(struct eq_tokenizer *t, uint32_t id, enum eq_token_kind kind, struct eq_err *err);
bool eq_tokenizer_add_content(struct eq_tokenizer *t, uint32_t id, struct eq_str content, enum eq_token_kind kind,
                              struct eq_err *err);

/* "folder@digest", and where they were asked for "+dropout=0.1@7" and "+constrain=digest", so that ids which were made
 * differently are not taken for the same. */
const char *eq_tokenizer_name(const struct eq_tokenizer *t);
/* Whether tokens are of this vocabulary, by the name of the tokenizer that made them: the digest in it, or all of it.
 */
bool eq_tokenizer_is(const struct eq_tokenizer *t, struct eq_str name);
/* Every id is below this. A model must have at least so many embeddings, or its texts' largest id must be checked. */
size_t eq_tokenizer_vocab(const struct eq_tokenizer *t);

/* A thread's own memory, for one tokenizer. */
struct eq_token_scratch;
struct eq_token_scratch *eq_token_scratch_new(struct eq_err *err);
void eq_token_scratch_free(struct eq_token_scratch *s); /* NULL too */

/* Replaces `out` by the tokens of text[0..n). Starts and ends are bytes of the text as given. Where nothing was
 * rewritten or dropped each token begins where the one before it ends, inside a code point perhaps; where a character
 * was rewritten, what came of it covers the character (aligned.h). False when the text is not UTF-8, longer than 1 GB,
 * runs a pattern past its limit or has a word that the model has no token for. The same ids whatever was tokenized
 * before. */
bool eq_tokenize(const struct eq_tokenizer *t, struct eq_token_scratch *s, const char *text, size_t n,
                 struct eq_token_list *out, struct eq_err *err);

/* The same for the segment with this language and id, to which dropout and constraints go by; eq_tokenize has both
 * empty. False too when a constraint does not fit the text. */
bool eq_tokenize_segment(const struct eq_tokenizer *t, struct eq_token_scratch *s, struct eq_str lang, struct eq_str id,
                         struct eq_str text, struct eq_token_list *out, struct eq_err *err);

#endif
