#include "lib/text/properties.h"

#include <string.h>

#include "lib/text/scripts.h"

/* What Unicode 16 has and 14 had not, and 1171E, which was Mn. */
static const struct added {
  uint32_t first, last;
  char category[3];
} added[] = {
  { 0x897, 0x897, "Mn" },     { 0xCF3, 0xCF3, "Mc" },     { 0xECE, 0xECE, "Mn" },     { 0x1B4E, 0x1B4F, "Po" },
  { 0x1B7F, 0x1B7F, "Po" },   { 0x1C89, 0x1C89, "Lu" },   { 0x1C8A, 0x1C8A, "Ll" },   { 0x2427, 0x2429, "So" },
  { 0x2FFC, 0x2FFF, "So" },   { 0x31E4, 0x31E5, "So" },   { 0x31EF, 0x31EF, "So" },   { 0xA7CB, 0xA7CC, "Lu" },
  { 0xA7CD, 0xA7CD, "Ll" },   { 0xA7DA, 0xA7DA, "Lu" },   { 0xA7DB, 0xA7DB, "Ll" },   { 0xA7DC, 0xA7DC, "Lu" },
  { 0x105C0, 0x105F3, "Lo" }, { 0x10D40, 0x10D49, "Nd" }, { 0x10D4A, 0x10D4D, "Lo" }, { 0x10D4E, 0x10D4E, "Lm" },
  { 0x10D4F, 0x10D4F, "Lo" }, { 0x10D50, 0x10D65, "Lu" }, { 0x10D69, 0x10D6D, "Mn" }, { 0x10D6E, 0x10D6E, "Pd" },
  { 0x10D6F, 0x10D6F, "Lm" }, { 0x10D70, 0x10D85, "Ll" }, { 0x10D8E, 0x10D8F, "Sm" }, { 0x10EC2, 0x10EC4, "Lo" },
  { 0x10EFC, 0x10EFF, "Mn" }, { 0x1123F, 0x11240, "Lo" }, { 0x11241, 0x11241, "Mn" }, { 0x11380, 0x11389, "Lo" },
  { 0x1138B, 0x1138B, "Lo" }, { 0x1138E, 0x1138E, "Lo" }, { 0x11390, 0x113B5, "Lo" }, { 0x113B7, 0x113B7, "Lo" },
  { 0x113B8, 0x113BA, "Mc" }, { 0x113BB, 0x113C0, "Mn" }, { 0x113C2, 0x113C2, "Mc" }, { 0x113C5, 0x113C5, "Mc" },
  { 0x113C7, 0x113CA, "Mc" }, { 0x113CC, 0x113CD, "Mc" }, { 0x113CE, 0x113CE, "Mn" }, { 0x113CF, 0x113CF, "Mc" },
  { 0x113D0, 0x113D0, "Mn" }, { 0x113D1, 0x113D1, "Lo" }, { 0x113D2, 0x113D2, "Mn" }, { 0x113D3, 0x113D3, "Lo" },
  { 0x113D4, 0x113D5, "Po" }, { 0x113D7, 0x113D8, "Po" }, { 0x113E1, 0x113E2, "Mn" }, { 0x116D0, 0x116E3, "Nd" },
  { 0x1171E, 0x1171E, "Mc" }, { 0x11B00, 0x11B09, "Po" }, { 0x11BC0, 0x11BE0, "Lo" }, { 0x11BE1, 0x11BE1, "Po" },
  { 0x11BF0, 0x11BF9, "Nd" }, { 0x11F00, 0x11F01, "Mn" }, { 0x11F02, 0x11F02, "Lo" }, { 0x11F03, 0x11F03, "Mc" },
  { 0x11F04, 0x11F10, "Lo" }, { 0x11F12, 0x11F33, "Lo" }, { 0x11F34, 0x11F35, "Mc" }, { 0x11F36, 0x11F3A, "Mn" },
  { 0x11F3E, 0x11F3F, "Mc" }, { 0x11F40, 0x11F40, "Mn" }, { 0x11F41, 0x11F41, "Mc" }, { 0x11F42, 0x11F42, "Mn" },
  { 0x11F43, 0x11F4F, "Po" }, { 0x11F50, 0x11F59, "Nd" }, { 0x11F5A, 0x11F5A, "Mn" }, { 0x1342F, 0x1342F, "Lo" },
  { 0x13439, 0x1343F, "Cf" }, { 0x13440, 0x13440, "Mn" }, { 0x13441, 0x13446, "Lo" }, { 0x13447, 0x13455, "Mn" },
  { 0x13460, 0x143FA, "Lo" }, { 0x16100, 0x1611D, "Lo" }, { 0x1611E, 0x16129, "Mn" }, { 0x1612A, 0x1612C, "Mc" },
  { 0x1612D, 0x1612F, "Mn" }, { 0x16130, 0x16139, "Nd" }, { 0x16D40, 0x16D42, "Lm" }, { 0x16D43, 0x16D6A, "Lo" },
  { 0x16D6B, 0x16D6C, "Lm" }, { 0x16D6D, 0x16D6F, "Po" }, { 0x16D70, 0x16D79, "Nd" }, { 0x18CFF, 0x18CFF, "Lo" },
  { 0x1B132, 0x1B132, "Lo" }, { 0x1B155, 0x1B155, "Lo" }, { 0x1CC00, 0x1CCEF, "So" }, { 0x1CCF0, 0x1CCF9, "Nd" },
  { 0x1CD00, 0x1CEB3, "So" }, { 0x1D2C0, 0x1D2D3, "No" }, { 0x1DF25, 0x1DF2A, "Ll" }, { 0x1E030, 0x1E06D, "Lm" },
  { 0x1E08F, 0x1E08F, "Mn" }, { 0x1E4D0, 0x1E4EA, "Lo" }, { 0x1E4EB, 0x1E4EB, "Lm" }, { 0x1E4EC, 0x1E4EF, "Mn" },
  { 0x1E4F0, 0x1E4F9, "Nd" }, { 0x1E5D0, 0x1E5ED, "Lo" }, { 0x1E5EE, 0x1E5EF, "Mn" }, { 0x1E5F0, 0x1E5F0, "Lo" },
  { 0x1E5F1, 0x1E5FA, "Nd" }, { 0x1E5FF, 0x1E5FF, "Po" }, { 0x1F6DC, 0x1F6DC, "So" }, { 0x1F774, 0x1F776, "So" },
  { 0x1F77B, 0x1F77F, "So" }, { 0x1F7D9, 0x1F7D9, "So" }, { 0x1F8B2, 0x1F8BB, "So" }, { 0x1F8C0, 0x1F8C1, "So" },
  { 0x1FA75, 0x1FA77, "So" }, { 0x1FA87, 0x1FA89, "So" }, { 0x1FA8F, 0x1FA8F, "So" }, { 0x1FAAD, 0x1FAAF, "So" },
  { 0x1FABB, 0x1FABF, "So" }, { 0x1FAC6, 0x1FAC6, "So" }, { 0x1FACE, 0x1FACF, "So" }, { 0x1FADA, 0x1FADC, "So" },
  { 0x1FADF, 0x1FADF, "So" }, { 0x1FAE8, 0x1FAE9, "So" }, { 0x1FAF7, 0x1FAF8, "So" }, { 0x1FBCB, 0x1FBEF, "So" },
  { 0x2B739, 0x2B739, "Lo" }, { 0x2EBF0, 0x2EE5D, "Lo" }, { 0x31350, 0x323AF, "Lo" }
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))
#define EMOJI                                                                                                \
  "\\x{1f6dc}\\x{1fa75}-\\x{1fa77}\\x{1fa87}-\\x{1fa89}\\x{1fa8f}\\x{1faad}-\\x{1faaf}\\x{1fabb}-\\x{1fabf}" \
  "\\x{1fac6}\\x{1face}-\\x{1facf}\\x{1fada}-\\x{1fadc}\\x{1fadf}\\x{1fae8}-\\x{1fae9}\\x{1faf7}-\\x{1faf8}"
/* Marks that are alphabetic, since Unicode 14. */
#define ALPHABETIC                                                                                               \
  "\\x{363}-\\x{36f}\\x{897}\\x{c04}\\x{cf3}\\x{f82}-\\x{f83}\\x{1dd3}-\\x{1de6}\\x{10d69}\\x{10efc}\\x{11080}-" \
  "\\x{11081}\\x{11241}\\x{113b8}-\\x{113c0}\\x{113c2}\\x{113c5}\\x{113c7}-\\x{113ca}\\x{113cc}-\\x{113cd}"      \
  "\\x{11f00}-\\x{11f01}\\x{11f03}\\x{11f34}-\\x{11f3a}\\x{11f3e}-\\x{11f40}\\x{1611e}-\\x{1612e}\\x{1e08f}"
/* White_Space; PCRE2's \s has U+180E too. */
#define SPACES \
  "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}"
/* Letters in circles and squares, which \w has. */
#define SHAPES "\\x{24b6}-\\x{24e9}\\x{1f130}-\\x{1f149}\\x{1f150}-\\x{1f169}\\x{1f170}-\\x{1f189}"
/* Numbers of Latin-1 that are words where they stand alone, but not in a class. */
#define WORDS_ALONE "\\x{b2}\\x{b3}\\x{b9}\\x{bc}-\\x{be}"
#define ASSIGNED    "L M N P S Z Cf" /* of what was added */

/* To add a property: a row here. */
struct property {
  const char *name;       /* without spaces, hyphens and underscores, in small letters */
  const char *members;    /* PCRE2's, and single ones that were added */
  const char *categories; /* those of `added` that belong to it */
  const char *except;     /* those of `added` that PCRE2 takes for members and that are none */
  bool inverted;
};
static const struct property properties[] = {
  { "any", "\\x{0}-\\x{10ffff}", "", "", false },
  { "assigned", "\\p{Cn}", "", ASSIGNED, true },
  { "alpha", "\\p{Alphabetic}" ALPHABETIC, "L Nl", "", false },
  { "alphabetic", "\\p{Alphabetic}" ALPHABETIC, "L Nl", "", false },
  { "alnum", "\\p{Alphabetic}\\p{Nd}" ALPHABETIC, "L Nl Nd", "", false },
  { "upper", "\\p{Uppercase}", "Lu", "", false },
  { "uppercase", "\\p{Uppercase}", "Lu", "", false },
  { "lower", "\\p{Lowercase}\\x{10fc}\\x{a7f2}-\\x{a7f4}\\x{ab69}\\x{1e030}-\\x{1e06d}", "Ll", "", false },
  { "lowercase", "\\p{Lowercase}\\x{10fc}\\x{a7f2}-\\x{a7f4}\\x{ab69}\\x{1e030}-\\x{1e06d}", "Ll", "", false },
  { "digit", "\\p{Nd}", "Nd", "", false },
  { "xdigit", "0-9A-Fa-f", "", "", false },
  { "ascii", "\\x{0}-\\x{7f}", "", "", false },
  { "space", SPACES, "", "", false },
  { "whitespace", SPACES, "", "", false },
  { "blank", "\\x{9}\\p{Zs}", "", "", false },
  { "cntrl", "\\p{Cc}", "", "", false },
  { "punct", "\\p{P}", "P", "", false },
  { "posixpunct", "\\p{P}\\p{S}", "P S", "", false },
  { "graph", SPACES "\\p{Cc}\\p{Cn}", "", ASSIGNED, true },
  { "print", "\\p{Cc}\\p{Cn}\\x{2028}\\x{2029}", "", ASSIGNED, true },
  { "word", "\\p{L}\\p{M}\\p{Nd}\\p{Nl}\\p{Pc}" SHAPES, "L M Nd Nl Pc", "", false },
  { "emoji", "\\p{Emoji}" EMOJI, "", "", false },
  { "emojipresentation", "\\p{Emoji_Presentation}" EMOJI, "", "", false },
  { "emojimodifier", "\\p{Emoji_Modifier}", "", "", false },
  { "emojimodifierbase", "\\p{Emoji_Modifier_Base}\\x{1faf7}-\\x{1faf8}", "", "", false },
  { "emojicomponent", "\\p{Emoji_Component}", "", "", false },
  { "extendedpictographic", "\\p{Extended_Pictographic}", "", "", false },
  { "regionalindicator", "\\p{Regional_Indicator}", "", "", false },
  { "variationselector", "\\p{Variation_Selector}", "", "", false },
  { "joincontrol", "\\p{Join_Control}", "", "", false },
  { "bidicontrol", "\\p{Bidi_Control}", "", "", false },
  { "quotationmark", "\\p{Quotation_Mark}", "", "", false },
};

/* General categories; C and Cn have fewer members than in Unicode 14, and 1171E is Mc now. */
static const struct {
  const char *name, *category, *except;
} categories[] = {
  { "letter", "L", "" },
  { "casedletter", "LC", "" },
  { "uppercaseletter", "Lu", "" },
  { "lowercaseletter", "Ll", "" },
  { "titlecaseletter", "Lt", "" },
  { "modifierletter", "Lm", "" },
  { "otherletter", "Lo", "" },
  { "mark", "M", "" },
  { "combiningmark", "M", "" },
  { "nonspacingmark", "Mn", "" },
  { "spacingmark", "Mc", "" },
  { "enclosingmark", "Me", "" },
  { "number", "N", "" },
  { "decimalnumber", "Nd", "" },
  { "letternumber", "Nl", "" },
  { "othernumber", "No", "" },
  { "punctuation", "P", "" },
  { "connectorpunctuation", "Pc", "" },
  { "dashpunctuation", "Pd", "" },
  { "openpunctuation", "Ps", "" },
  { "closepunctuation", "Pe", "" },
  { "initialpunctuation", "Pi", "" },
  { "finalpunctuation", "Pf", "" },
  { "otherpunctuation", "Po", "" },
  { "symbol", "S", "" },
  { "mathsymbol", "Sm", "" },
  { "currencysymbol", "Sc", "" },
  { "modifiersymbol", "Sk", "" },
  { "othersymbol", "So", "" },
  { "separator", "Z", "" },
  { "spaceseparator", "Zs", "" },
  { "lineseparator", "Zl", "" },
  { "paragraphseparator", "Zp", "" },
  { "other", "C", "L M N P S Z" },
  { "control", "Cc", "" },
  { "format", "Cf", "" },
  { "privateuse", "Co", "" },
  { "unassigned", "Cn", ASSIGNED },
};

/* Scripts that have grown, and those that are new. */
static const struct {
  const char *name, *code;
  bool is_new;
} scripts[] = {
  { "arabic", "Arab", false },     { "balinese", "Bali", false },
  { "common", "Zyyy", false },     { "cyrillic", "Cyrl", false },
  { "devanagari", "Deva", false }, { "egyptianhieroglyphs", "Egyp", false },
  { "garay", "Gara", true },       { "gurungkhema", "Gukh", true },
  { "han", "Hani", false },        { "hiragana", "Hira", false },
  { "kannada", "Knda", false },    { "katakana", "Kana", false },
  { "kawi", "Kawi", true },        { "khitansmallscript", "Kits", false },
  { "khojki", "Khoj", false },     { "kiratrai", "Krai", true },
  { "lao", "Laoo", false },        { "latin", "Latn", false },
  { "myanmar", "Mymr", false },    { "nagmundari", "Nagm", true },
  { "olonal", "Onao", true },      { "sunuwar", "Sunu", true },
  { "todhri", "Todr", true },      { "tulutigalari", "Tutg", true },
};

void eq_named_set_free(struct eq_named_set *s) {
  eq_buffer_free(&s->members);
  eq_buffer_free(&s->except);
}

/* ---- names ---- */

enum { NAME_MAX = 64 };

/* The name without what does not count; false when it is too long or has other characters than names have. */
static bool plain(struct eq_str name, char out[NAME_MAX]) {
  size_t n = 0;
  for (size_t i = 0; i < name.n; i++) {
    char c = name.p[i];
    if (c == ' ' || c == '-' || c == '_') continue;
    c = c >= 'A' && c <= 'Z' ? (char)(c + 0x20) : c;
    if (n + 1 == NAME_MAX || !((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'))) return false;
    out[n++] = c;
  }
  out[n] = 0;
  return n;
}

/* ---- what was added ---- */

static bool is_listed(const char *list, const char *category) {
  for (const char *p = list; *p; p += strcspn(p, " "), p += *p == ' ') {
    size_t n = strcspn(p, " ");
    if (!strncmp(p, category, n)) return true;
  }
  return false;
}

static void write_range(struct eq_buffer *out, uint32_t first, uint32_t last) {
  if (first <= last) eq_buffer_format(out, first == last ? "\\x{%x}" : "\\x{%x}-\\x{%x}", first, last);
}

static void write_categories(struct eq_buffer *out, const char *list) {
  uint32_t first = 1, last = 0; /* a range that may grow */
  for (size_t i = 0; i < LENGTH(added); i++) {
    if (!is_listed(list, added[i].category)) continue;
    if (first > last || added[i].first != last + 1) {
      write_range(out, first, last);
      first = added[i].first;
    }
    last = added[i].last;
  }
  write_range(out, first, last);
}

static void write_script(struct eq_buffer *out, const char *code) {
  for (size_t i = 0; i < LENGTH(added); i++)
    for (uint32_t c = added[i].first, end; c <= added[i].last; c = end) {
      unsigned script = eq_script(c);
      for (end = c + 1; end <= added[i].last && eq_script(end) == script;) end++;
      if (!strcmp(eq_script_name(script), code)) write_range(out, c, end - 1);
    }
}

/* ---- sets ---- */

static bool find_listed(const char *name, enum eq_set_place place, struct eq_named_set *s) {
  for (size_t i = 0; i < LENGTH(properties); i++) {
    const struct property *p = &properties[i];
    if (strcmp(name, p->name) != 0) continue;
    eq_buffer_string(&s->members, p->members);
    if (!strcmp(name, "word") && place == EQ_SET_ALONE) eq_buffer_string(&s->members, WORDS_ALONE);
    write_categories(&s->members, p->categories);
    write_categories(&s->except, p->except);
    s->inverted = p->inverted;
    return true;
  }
  return false;
}

static bool find_category(const char *name, struct eq_named_set *s) {
  for (size_t i = 0; i < LENGTH(categories); i++) {
    const char *c = categories[i].category;
    char small[3] = { (char)(c[0] | 0x20), c[1] ? (char)(c[1] | 0x20) : 0, 0 };
    if (strcmp(name, categories[i].name) != 0 && strcmp(name, small) != 0) continue;
    bool cased = !strcmp(c, "LC");
    eq_buffer_format(&s->members, cased ? "\\p{Lu}\\p{Ll}\\p{Lt}" : "\\p{%s}", c);
    write_categories(&s->members, cased ? "Lu Ll Lt" : c);
    write_categories(&s->except, categories[i].except);
    if (!strcmp(c, "Mn")) eq_buffer_string(&s->except, "\\x{1171e}");
    return true;
  }
  return false;
}

static void find_script(const char *name, struct eq_named_set *s) {
  for (size_t i = 0; i < LENGTH(scripts); i++) {
    const char *c = scripts[i].code;
    const char small[5] = { (char)(c[0] | 0x20), c[1], c[2], c[3], 0 };
    if (strcmp(name, scripts[i].name) != 0 && strcmp(name, small) != 0) continue;
    write_script(&s->members, c);
    if (scripts[i].is_new) return;
    break;
  }
  eq_buffer_format(&s->members, "\\p{sc:%s}", name); /* without sc PCRE2 takes script extensions too */
}

bool eq_named_set_property(struct eq_str name, enum eq_set_place place, struct eq_named_set *s) {
  char known[NAME_MAX];
  if (!plain(name, known)) return false;
  if (!find_listed(known, place, s) && !find_category(known, s)) find_script(known, s);
  return true;
}

bool eq_named_set_posix(struct eq_str name, struct eq_named_set *s) {
  static const char *const names[] = { "alnum", "alpha", "ascii", "blank", "cntrl", "digit",  "graph",
                                       "lower", "print", "punct", "space", "upper", "xdigit", "word" };
  for (size_t i = 0; i < LENGTH(names); i++)
    if (eq_str_is(name, names[i]))
      return find_listed(strcmp(names[i], "punct") != 0 ? names[i] : "posixpunct", EQ_SET_IN_CLASS, s);
  return false;
}
