#!/usr/bin/env python3
"""Writes corpora/languages.tsv, a row for each variety of corpora/udhr.

    python3 corpora/languages.py GLOTTOLOG LANG2TAX >corpora/languages.tsv

GLOTTOLOG is cldf/languages.csv of Glottolog 5.1 (github.com/glottolog/glottolog-cldf, CC BY 4.0): the family is the
top-level family there, or the language's own name when it is an isolate. LANG2TAX is the list of Joshi et al. 2020, "The
State and Fate of Linguistic Diversity and Inclusion in the NLP World" (ACL, section 3), a "name,class" a line:
microsoft.github.io/linguisticdiversity/assets/lang2tax.txt. The rest comes from corpora/udhr/languages.tsv and from the
tables below. Varieties of one language stand together, the default one first: an ISO 639-3 code means the first.
"""
import csv
import re
import sys
from pathlib import Path

# File of corpora/udhr -> its BCP 47 tag, where the upstream tag is not a tag, is shared by varieties, or names a
# macrolanguage. A tag is unique; the plain tag of a language goes to its default variety; x- is for private use.
TAGS = {
    "008": "pov-x-008", "009": "kmb-x-009", "011": "umb-x-011", "030": "ktu-x-030", "041": "lv-x-041",
    "013": "und-x-mijisa", "014": "und-x-maiunan", "016": "und-x-minjiang-spoken", "017": "und-x-minjiang-written",
    "021": "und-x-muzzi", "022": "und-x-klau", "023": "und-x-jinan", "025": "und-x-bizisa", "026": "und-x-yeonbyeo",
    "050": "und-x-batakn", "042": "es-x-042", "048": "min-x-048", "053": "ha-x-053", "054": "ca-x-054",
    "058": "so-x-marka", "059": "se-x-059", "062": "sw-x-chimwini", "063": "sw-x-kibajuni", "067": "fi-x-067",
    "068": "fr-x-welche", "069": "mi-x-069", "acu_1": "acu-x-1", "auv": "oc-auvern", "lnc": "oc-lengadoc",
    "aka_akuapem": "tw-akuapem", "aka_asante": "tw", "aka_fante": "fat", "als": "sq", "azj_latn": "az",
    "bcl": "bcl", "bos_latn": "bs", "ccx": "zyb", "chr_uppercase": "chr-x-upper", "cjk_AO": "cjk-AO",
    "cmn_hans_beijing": "zh-x-beijing", "cmn_hans_guiyang": "zh-x-guiyang", "cmn_hans_harbin": "zh-x-harbin",
    "cmn_hans_nanjing": "zh-x-nanjing", "cmn_hans_tianjin": "zh-x-tianjin", "deu_1996": "de", "ell_monotonic": "el",
    "ell_polytonic": "el-polyton", "emk": "emk", "fuv2": "fuv-x-2", "hat_popular": "ht-x-popular", "hea": "hea",
    "hsf": "hus-x-otontepe", "hva": "hus-x-potosi", "jpn_osaka": "ja-x-osaka", "jpn_tokyo": "ja-x-tokyo",
    "khk": "mn", "lat_1": "la-x-1", "lin_tones": "ln-x-tones", "mal_chillus": "ml-x-chillus", "mly_latn": "ms",
    "mly_arab": "ms-Arab", "nya_chinyanja": "ny-x-chinyanj", "oci_1": "frp-x-fribourg", "oci_2": "frp",
    "oci_3": "frp-x-vaud", "oci_4": "frp-x-valais", "pnb": "pnb", "por_BR": "pt", "qud": "qu", "quz": "quz",
    "rmn_1": "rmn-x-1", "ron_1953": "ro-x-1953", "ron_1993": "ro-x-1993", "ron_2006": "ro", "srp_cyrl": "sr",
    "tha2": "th-x-2", "tso_MZ": "ts", "tso_ZW": "ts-ZW", "tuk_latn": "tk", "uig_arab": "ug", "urd_2": "ur-x-2",
    "uzn_latn": "uz", "ven2": "ve-x-2", "fuf": "fuf",
}

# Tag -> other names that people use for it: macrolanguages (ISO 639-3), fuller tags, withdrawn codes.
ALSO = {
    "ar": "ara", "ay": "aym", "az": "az-Latn aze", "bcl": "bik", "bs": "bs-Latn", "de": "de-1996", "el": "el-monoton gre",
    "emk": "man", "fa": "fas", "gn": "grn", "he": "iw", "hea": "hmn", "id": "in", "ja": "ja-Jpan", "ko": "ko-Hang",
    "ku": "kur", "lv": "lvs", "mg": "mlg", "mn": "mn-Cyrl mon", "ms": "zlm-Latn msa may", "ms-Arab": "zlm-Arab",
    "nb": "no nor", "om": "orm", "pnb": "lah", "ps": "pus", "pt": "pt-BR", "sq": "sqi", "sr": "sr-Cyrl",
    "sw": "swa", "tk": "tk-Latn", "tl": "fil", "ts": "ts-MZ", "tw": "ak aka tw-asante", "ug": "ug-Arab",
    "uz": "uz-Latn uzb", "yi": "yid ji", "zh": "zh-Hans zh-CN zho cmn-Hans", "zh-Hant": "zh-TW cmn-Hant", "zyb": "za zha",
}

# The groups of the public disparity experiments.
GROUPS = {"high": "en de fr es", "medium": "zh", "low": "ar he ru ja ko"}

# ISO 639-3 -> name in LANG2TAX where the two spell it differently. Names equal to Glottolog's or UDHR's count as they are;
# what is in neither has no class here.
JOSHI = {
    "abk": "abkhazian", "ace": "acehnese", "als": "albanian", "arb": "arabic", "ayr": "aymara", "azb": "southern azerbaijani",
    "azj": "azerbaijani", "bam": "bambara", "bel": "belarusian", "bcl": "central bicolano", "bod": "tibetan", "bos": "bosnian",
    "bug": "buginese", "ckb": "kurdish (sorani)", "cmn": "mandarin", "div": "divehi", "ekk": "estonian", "ell": "greek",
    "frp": "franco-provençal", "fry": "west frisian", "gan": "gan", "gaz": "oromo", "gla": "scottish gaelic", "gle": "irish",
    "gsw": "alemannic", "gug": "guarani", "hak": "hakka", "hat": "haitian", "heb": "hebrew", "hrv": "croatian",
    "hye": "armenian", "ilo": "ilocano", "jam": "jamaican patois", "kaa": "karakalpak", "kal": "greenlandic",
    "kbp": "kabiye", "khk": "mongolian", "khm": "khmer", "kin": "kinyarwanda", "kir": "kirghiz", "kmr": "kurdish (kurmanji)",
    "kng": "kongo", "ltz": "luxembourgish", "lug": "luganda", "lvs": "latvian", "nan": "min nan", "nno": "norwegian (nynorsk)",
    "nob": "norwegian (bokmål)", "npi": "nepali", "nso": "northern sotho", "nya": "chichewa", "oss": "ossetian",
    "pam": "kapampangan", "pan": "eastern punjabi", "pap": "papiamentu", "pbu": "pashto", "pes": "persian", "plt": "malagasy",
    "pnb": "western punjabi", "que": "quechua", "roh": "romansh", "rup": "aromanian", "sah": "sakha", "sin": "sinhalese",
    "sme": "northern sami", "sot": "sesotho", "srp": "serbian", "sun": "sundanese", "swh": "swahili", "tet": "tetum",
    "tgk": "tajik", "tgl": "tagalog", "tir": "tigrinya", "ton": "tongan", "tyv": "tuvan", "uig": "uyghur", "uzn": "uzbek",
    "vep": "vepsian", "war": "waray", "wuu": "wu", "ydd": "yiddish", "yue": "cantonese", "zlm": "malay", "run": "kirundi",
    "ind": "indonesian", "nav": "navajo", "hsb": "upper sorbian", "src": "sardinian", "fur": "friulian", "bis": "bislama",
}

# Names in LANG2TAX that two languages share (Aja of Benin and of Sudan, say): no class.
HOMONYMS = {"ajg", "ban", "koo", "mor", "nbl", "toi"}

COLUMNS = ["tag", "iso639_3", "name", "script", "direction", "family", "joshi", "group", "udhr", "also"]


def families(path):
    """ISO 639-3 code -> (top-level family, Glottolog's name)."""
    rows = list(csv.DictReader(open(path, encoding="utf-8")))
    names = {r["ID"]: r["Name"] for r in rows}
    found = {r["ISO639P3code"]: (names.get(r["Family_ID"], r["Name"]), r["Name"]) for r in rows if r["ISO639P3code"]}
    found["que"] = ("Quechuan", "Quechua")
    return found


def classes(path):
    pairs = (line.rstrip("\n").rsplit(",", 1) for line in open(path, encoding="utf-8") if line.strip())
    return {name: digit for name, digit in pairs}


def main(glottolog, lang2tax):
    udhr = Path(__file__).parent / "udhr" / "languages.tsv"
    varieties = list(csv.DictReader(open(udhr, encoding="utf-8"), delimiter="\t", quoting=csv.QUOTE_NONE))
    family, joshi = families(glottolog), classes(lang2tax)
    group_of = {tag: group for group, tags in GROUPS.items() for tag in tags.split()}
    rows = []
    for v in varieties:
        iso = v["iso639_3"]
        tag = TAGS.get(v["file"], v["bcp47"])
        lineage, other_name = family.get(iso, ("", ""))
        plain = re.sub(r" \(.*\)", "", v["name"]).lower()
        known = [] if iso in HOMONYMS else [n for n in (JOSHI.get(iso), other_name.lower(), plain) if n in joshi]
        rows.append([tag, iso, v["name"], v["script"], v["direction"], lineage, joshi[known[0]] if known else "",
                     group_of.get(tag, ""), v["file"], ALSO.get(tag, "")])
    rows.sort(key=lambda r: ("" if r[1] == "und" else r[1], len(r[0].split("-")), r[0]))
    check(rows)
    print("\t".join(COLUMNS))
    for r in rows:
        print("\t".join(r))


def check(rows):
    """Every name means one row, and tags have the form of BCP 47."""
    owner = {}
    for r in rows:
        form = r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?(-([a-z]{5,8}|[0-9]{4}))*(-x(-[a-z0-9]{1,8})+)?"
        if not re.fullmatch(form, r[0]):
            sys.exit(f"{r[0]}: not a BCP 47 tag")
        for name in {r[0].lower(), r[8].lower(), *r[9].lower().split()}:
            if owner.setdefault(name, r) is not r:
                sys.exit(f"{name}: both {owner[name][0]} ({owner[name][8]}) and {r[0]} ({r[8]})")
    unused = set(TAGS) - {r[8] for r in rows} | set(ALSO) - {r[0] for r in rows} | set(JOSHI) - {r[1] for r in rows}
    if unused:
        sys.exit(f"unused entries: {sorted(unused)}")
    for r in rows:  # an ISO code that is also another row's name would be ambiguous
        if owner.get(r[1], r)[1] != r[1]:
            print(f"note: {r[1]} of {r[0]} means {owner[r[1]][0]} ({owner[r[1]][8]})", file=sys.stderr)


main(*sys.argv[1:])
