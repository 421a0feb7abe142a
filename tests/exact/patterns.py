#!/usr/bin/env python3
"""Regular expressions of tokenizer.json beside Oniguruma's, as Hugging Face tokenizers runs them.

    patterns.py [PATTERN...]      these, else every set of characters that has a name, and what is hard to translate

Sets are asked about every code point, other patterns about short texts. Prints what differs, and what eq-token refuses
though Oniguruma takes it; exits with 1 when anything differs. Needs what exact.py needs."""
import itertools
import random
import sys
import tempfile

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from compare import minimized, ours, spelled, theirs

CATEGORIES = ("L Lu Ll Lt Lm Lo LC M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf Co Cn Letter "
              "Uppercase_Letter Other_Punctuation Unassigned Other Nonspacing_Mark").split()
POSIX = "alnum alpha ascii blank cntrl digit graph lower print punct space upper xdigit word".split()
NAMES = ("Any Assigned Alpha Alphabetic Alnum Upper Uppercase Lower Lowercase Digit XDigit ASCII Space White_Space Blank Cntrl Punct "
         "PosixPunct Graph Print Word Emoji Emoji_Presentation Emoji_Modifier Emoji_Modifier_Base Emoji_Component "
         "Extended_Pictographic Regional_Indicator Variation_Selector Join_Control Bidi_Control Quotation_Mark").split()
SCRIPTS = ("Adlam Ahom Anatolian_Hieroglyphs Arab Arabic Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo "
           "Brahmi Braille Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Chorasmian Common Coptic "
           "Cuneiform Cypriot Cypro_Minoan Cyrillic Deseret Devanagari Dives_Akuru Dogra Duployan Egyptian_Hieroglyphs Elbasan Elymaic "
           "Ethiopic Garay Georgian Glagolitic Gothic Grantha Greek Gujarati Gunjala_Gondi Gurmukhi Gurung_Khema Han Hani Hangul "
           "Hanifi_Rohingya Hanunoo Hatran Hebrew Hiragana Imperial_Aramaic Inherited Inscriptional_Pahlavi Inscriptional_Parthian "
           "Javanese Kaithi Kannada Katakana Kawi Kayah_Li Kharoshthi Khitan_Small_Script Khmer Khojki Khudawadi Kirat_Rai Lao Latin "
           "Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Makasar Malayalam Mandaic Manichaean Marchen Masaram_Gondi "
           "Medefaidrin Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar "
           "Nabataean Nag_Mundari Nandinagari New_Tai_Lue Newa Nko Nushu Nyiakeng_Puachue_Hmong Ogham Ol_Chiki Ol_Onal Old_Hungarian "
           "Old_Italic Old_North_Arabian Old_Permic Old_Persian Old_Sogdian Old_South_Arabian Old_Turkic Old_Uyghur Oriya Osage "
           "Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada "
           "Shavian Siddham SignWriting Sinhala Sogdian Sora_Sompeng Soyombo Sundanese Sunuwar Syloti_Nagri Syriac Tagalog Tagbanwa "
           "Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangsa Tangut Telugu Thaana Thai Tibetan Tifinagh Tirhuta Todhri Toto Tulu_Tigalari "
           "Ugaritic Vai Vithkuqi Wancho Warang_Citi Yezidi Yi Zanabazar_Square").split()
SETS = [rf"\p{{{name}}}" for name in CATEGORIES + NAMES + SCRIPTS]
SETS += [rf"[\p{{{name}}}]" for name in CATEGORIES[:8] + NAMES] + [rf"[^\p{{{name}}}]" for name in CATEGORIES]
SETS += [f"[[:{name}:]]" for name in POSIX] + [f"[[:^{name}:]]" for name in POSIX] + [r"\P{L}", r"\P{Mn}", r"\p{^Cn}", r"\P{^Graph}", r"[\P{C}]"]
SETS += [rf"\{letter}" for letter in "wWdDsShH"] + [rf"[\{letter}]" for letter in "wWdDsShH"] + [rf"[^\{letter}]" for letter in "wWdDsShH"]
SETS += ["(?i)[a-z]", "(?i)[^a-z]", "(?i)k", "(?i:S)", "(?i)[k-s&&[^l]]", r"[\p{L}&&\p{Lu}]", r"[\p{L}&&[^\p{Han}\p{Latin}]]", r"[^\p{L}&&[^a-z]]",
         r"[\w&&[^\d_]]", r"[[^\p{L}][a-f]]", r"[^\s\p{L}\p{N}]", r"[\S\n]", r"[^\S\n]", r"[\s\S]", r"[\p{P}\p{S}&&[^\p{Pc}]]", "(?m).", ".", r"\N",
         r"\O", r"\R", r"[\n-\r]", r"[^[:punct:]]", r"[[:alpha:]_&&[^a]]", r"(?i)\p{Lu}", r"(?i)\w", r"[一-龥]", r"[\u0600-\u06ff]", r"[!-/:-~、。]"]

PATTERNS = [
    "", "b*", "^", "$", "^$", "a*", "(?=a)", "(?<=a)", "(?<!a)", "(?!a)", r"\b", r"\B", r"\A", r"\z", r"\Z", r"\G", r"\Ga", r"x\Ka", r"a\K", r"\Ka", "|a", "a|", "()",
    "a(?i)b|c", "(?i)a(?-i)b|c", "((?i)a|b)c", "(?i:a(?-i:b)c)", "(?-i)a", "(?m:.)a", "(?m).*", "(?x) a b # c\n c", "(?x)[ a] +", "(?x: a )b", "(?i-x: a)",
    "a{1,2}+", "a{2}?", "a{2,}?", "a{,2}", "a{,2}?", "a{2}{2}", "a{,}", "a{", "a{x}", "a**", "a+?", "a++a", "a*+a", "a?+a", "a??b", "a+*", "(?:ab){2}+", "a{0}", "a{1,3}?b", "a*?+", "{a}", "a{1",
    r"\R+", r"\R\n", r"\v", r"\e", r"[\b]", r"\x41", r"\x{e9}", r"\u00e9", r"\101", r"\o{101}", r"\0", r"\cA", r"\C-a", r"\t|\n|\r|\f|\a", r"\q\j\Q\E", r"\pL", r"\-\_\/\é\ ",
    "[a-c-e]", "[-a]", "[a-]", "[]a]", "[^]a]", "[--/]", "[+--]", r"[a\-c]", r"[\w-]", r"[a-c&&b]", "[a&&]", "[&&a]", "[a&b]", "[^[^b]]", "[^a[^b]]", "[a[bc]&&[^c]]", "[a-z&&[^aeiou]&&[a-m]]",
    r"[\x{61}-\x{63}]", r"[\cA\e]", r"[\R\X\K\A\z]", r"[\101\0]", "[[:alpha]]", "[a^]", "[$^.*+?(){}|]", "]", "}", "a]b", "[ab]{2}", "[^a]b",
    r"(a)\1", r"(?<n>a)\k<n>", "(?'n'a)b", "(?<n>a)(b)", "(?i)(a)\\1", "(?:a|ab)(?:c|bc)", "(?>a|ab)c", "(?:|a)+", "(?:a*)*", "(?:a?)*?b", "(?:a|b)*?c", "(a|b)*", "(?=a)ab", "(?<=a|bc)c", "(?<![a-c])b",
    "a(?#comment)*", "(?#x)a", "(?i)'s|'t|'RE", "(?i)the", "(?<=\\s)a", r"\s+(?!\S)|\s+", r"\s+$", r"^\s+", r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{N}{1,3}(?=(?:\p{N}{3})*)",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"(?:\r?\n)+(?!\r?\n)", r"[\p{P}\p{S}]+", r"\d{1,3}(?=(\d{3})*\b)",
    r" ?[^(\s|[.,!?…。，、।۔،])]+", r"[一-龥぀-ゟ゠-ヿ]+", r"'(?:[sdmt]|ll|ve|re)", r"[A-Za-z]+|[0-9]{1,3}", r"(?i)[k-s]+", r"\h+", r"\w+|[^\w\s]+", r"\W", r"[\p{L}\p{M}\p{N}]+", r"\p{Emoji_Presentation}",
    # refused by both, or by eq-token with its reason
    r"\X", r"\y", "(?~ab)", r"\g<0>", "(*FAIL)", "(?i)ss", "(?i)ß", "(?i)[ß]", "(?i)é", r"\p{Age=6.0}", r"\p{Foo}", "[a-\\d]", r"[\d-a]", "[z-a]", "(", ")", "[", "[]", "*a", "^*", r"\8", "a{3,1}", "(?<=a+)", "(?s)a", "(?P<n>a)", "(?W)a",
]
ALPHABET = "aabbcABxé \n\r\t.,'{}[]-^&0134_\u0301ßſK中。"


def tokenizer(pattern, behavior):
    """Each piece that the pattern cuts is an unknown word, so that spans show the pieces."""
    t = Tokenizer(models.WordLevel({"<unk>": 0}, unk_token="<unk>"))
    t.pre_tokenizer = pre_tokenizers.Split(Regex(pattern), behavior)
    return t


def refused_by_oniguruma(pattern):
    try:
        Regex(pattern)
    except Exception:
        return True
    return False


def texts_for(pattern):
    draw = random.Random(pattern)
    yield from ["", "a", "aa", "ab\n", "\na\n\nb", "abcabc", "aaaaab", "AB ab the THE 'S 're 1234567", "x\r\n\r\ny  z ", "Ünïcödé тест 中文 한국어 عربي 12.5% (a|b) <x>"]
    letters = pattern + ALPHABET
    for n in [1, 2, 3, 4, 6, 9, 20] * 40:
        yield "".join(draw.choice(letters) for _ in range(n))


def main():
    everything = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    everything = ["".join(everything[i:i + 4000]) for i in range(0, len(everything), 4000)]
    asked = [(p, 2) for p in sys.argv[1:]] or [*((p, 1) for p in SETS), *((p, 0) for p in PATTERNS)]
    bad, refused, both = 0, 0, 0
    for pattern, full in asked:
        if refused_by_oniguruma(pattern):
            both += 1
            continue
        texts = list(itertools.chain(texts_for(pattern) if full != 1 else [], everything if full else []))
        for behavior in ["removed"] if full == 1 else ["removed", "isolated"]:
            t = tokenizer(pattern, behavior)
            with tempfile.TemporaryDirectory() as folder:
                t.save(folder + "/tokenizer.json")
                try:
                    mine = ours(folder, texts)
                except RuntimeError as e:
                    refused += 1
                    print(f"{pattern}: refused: {str(e).split(': ')[-1]}", flush=True)
                    break
                different = [x for x, a, b in zip(texts, mine, theirs(t, texts)) if a != b]
                if different:
                    bad += 1
                    text = minimized(folder, t, min(different, key=len), lambda a, b: a != b)
                    print(f"{pattern}: {behavior}: {len(different)} of {len(texts)} texts differ\n    {spelled(text)}\n    ours  ",
                          *ours(folder, [text])[0], "\n    theirs", *theirs(t, [text])[0], flush=True)
                    break
    print(f"{len(asked)} patterns: {bad} differ, {refused} only we refuse, {both} Oniguruma refuses")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
