# eq-text: corpora to text records. What the records hold is read back with eq-show.

bats_require_minimum_version 1.5.0

setup() { cd "$BATS_TEST_TMPDIR" && ln -s "$OLDPWD/corpora" corpora; }

# ids of a language, or of all records
ids() { eq-show -f jsonl | jq -r "${1:+select(.lang == \"$1\") |} .id"; }

# refuses MESSAGE ARGUMENT...: status 2, this one line, nothing on stdout
refuses() {
  local message=$1
  shift
  run --separate-stderr eq-text "$@"
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-text: $message" ]
  [ -z "$output" ]
}

@test "languages come as asked for, segments as in the file, texts byte for byte" {
  eq-text -c corpora/udhr -l he,en,sw | eq-show -f jsonl >all.jsonl
  [ "$(jq -r .lang all.jsonl | uniq | tr '\n' ' ')" = 'he en sw ' ]
  for pair in he=heb en=eng sw=swh; do
    jq -r "select(.lang == \"${pair%=*}\") | [.id, .text] | join(\"\t\")" all.jsonl | cmp - corpora/udhr/${pair#*=}.tsv
  done
}

@test "all varieties of UDHR are readable, and each has its own tag" {
  eq-text -c corpora/udhr -l all | eq-show -f jsonl | jq -r .lang | uniq >tags
  [ "$(wc -l <tags)" -eq 521 ]
  [ "$(sort -u tags | wc -l)" -eq 521 ]
}

@test "a name in any form gives the tag" {
  [ "$(eq-text -c corpora/udhr -l EN,deu,cmn_hans,iw -n 1 | eq-show -f jsonl | jq -r .lang | xargs)" = 'en de zh he' ]
}

@test "one file of one language" {
  eq-text -c corpora/udhr/fra.tsv -l fr >one.mp
  eq-text -c corpora/udhr -l fr >two.mp
  cmp <(eq-show -f jsonl <one.mp) <(eq-show -f jsonl <two.mp)
  refuses 'corpora/udhr/fra.tsv: the file does not say its language: name one with -l (found 0)' -c corpora/udhr/fra.tsv
}

@test "lines are numbered, and an empty one is a segment" {
  printf 'one\n\nthree' >x.txt
  [ "$(eq-text -c x.txt -l en | eq-show -f jsonl | jq -c '[.id, .text]' | xargs)" = '[1,one] [2,] [3,three]' ]
}

@test "JSON lines: any text, ids of both kinds, languages inside" {
  cat >x.jsonl <<'END'
{"id": 7, "text": "a\nb\t\u00e9\ud83d\ude42", "lang": "eng", "more": {"x": [1, null]}}
{"text": "", "lang": "de", "id": "b"}
{"text": "c", "lang": "en", "id": "b"}
END
  eq-text -c x.jsonl | eq-show -f jsonl | jq -c '[.lang, .id, .text]' >got
  printf '%s\n' '["en","7","a\nb\té🙂"]' '["en","b","c"]' '["de","b",""]' | cmp - got
  [ "$(eq-text -c x.jsonl -l de,en | eq-show -f jsonl | jq -r .lang | xargs)" = 'de en en' ]
  [ "$(eq-text -c x.jsonl -l de | ids)" = b ]
  refuses "x.jsonl: no segment of language 'fr' in the file" -c x.jsonl -l fr
}

@test "JSON lines in many languages, mixed: each language's segments in the order of the file" {
  jq -nc 'range(3000) | {id: ., lang: ["en", "deu", "he"][. * . % 3 + . % 2], text: "t"}' >x.jsonl
  eq-text -c x.jsonl | eq-show -f jsonl | jq -r '[.lang, .id] | join(" ")' >got
  for lang in en deu he; do
    jq -r "select(.lang == \"$lang\") | [.lang, .id] | join(\" \")" x.jsonl | sed s/deu/de/
  done >wanted
  cmp <(sort wanted) <(sort got)
  for lang in en de he; do cmp <(grep "^$lang" wanted) <(grep "^$lang" got); done
  [ "$(eq-text -c x.jsonl -n 2 -l he,en | ids | xargs)" = "$(grep ^he wanted | head -n 2 | cut -d' ' -f2 | xargs) $(grep ^en wanted | head -n 2 | cut -d' ' -f2 | xargs)" ]
}

@test "a file of very many languages is refused at once, not searched for them" {
  seq 100000 | sed 's/.*/{"id":&,"lang":"x-&","text":"t"}/' >x.jsonl
  run --separate-stderr timeout 10 eq-text -c x.jsonl -l all
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-text: x.jsonl: more than 4096 languages, 'x-4097' is the next" ]
}

@test "the format is told by extension, by content, or by --format" {
  printf '1\tone\n' >tabbed
  printf '{"id":"1","text":"one"}\n' >objects
  printf 'one\n' >lines
  for f in tabbed objects lines; do eq-text -c $f -l en | eq-show -f jsonl | jq -c '[.id, .text]'; done | uniq >got
  [ "$(cat got)" = '["1","one"]' ]
  [ "$(eq-text -c tabbed -f lines -l en | eq-show -f jsonl | jq -r .text)" = "$(printf '1\tone')" ]
}

@test "a byte order mark and CRLF are no part of a segment" {
  printf '\xef\xbb\xbfa\tone\r\nb\ttwo\r\n' >x.tsv
  [ "$(eq-text -c x.tsv -l en | eq-show -f jsonl | jq -c '[.id, .text]' | xargs)" = '[a,one] [b,two]' ]
}

@test "further tabs belong to the text, which may be empty" {
  printf 'a\tx\ty\nb\t\n' >x.tsv
  [ "$(eq-text -c x.tsv -l en | eq-show -f jsonl | jq -r '.text | @json' | xargs -0)" = '"x\ty"
""' ]
}

@test "--limit keeps the first segments of each language" {
  [ "$(eq-text -c corpora/udhr -l en,de -n 2 | ids | xargs)" = 'pre.01 pre.02 pre.01 pre.02' ]
}

@test "a sample has the same ids in every language, in the order of the file" {
  eq-text -q -c corpora/udhr -l en,de,zh,he -s 12@5 | eq-show -f jsonl >s.jsonl
  for lang in en de zh he; do jq -r "select(.lang == \"$lang\") | .id" s.jsonl >$lang.ids; done
  [ "$(wc -l <en.ids)" -eq 12 ]
  for lang in de zh he; do cmp en.ids $lang.ids; done
  grep -Fxf en.ids <(cut -f 1 corpora/udhr/eng.tsv) | cmp - en.ids
}

@test "the seed changes the sample; a larger sample holds a smaller one; more languages with the same ids change nothing" {
  eq-text -q -c corpora/udhr -l en -s 10@1 | ids | sort >ten
  eq-text -q -c corpora/udhr -l en -s 20@1 | ids | sort >twenty
  eq-text -q -c corpora/udhr -l en -s 10@2 | ids | sort >other
  [ "$(comm -12 ten twenty | wc -l)" -eq 10 ]
  ! cmp -s ten other || false
  cp corpora/udhr/eng.tsv a.tsv; mkdir two; cp a.tsv two/en.tsv; cp a.tsv two/fr.tsv
  eq-text -c two -l en,fr -s 10@1 | ids fr | sort | cmp - ten
}

@test "an id that some language lacks is never drawn, and is counted" {
  mkdir two
  seq -f '%g	t' 1 10 >two/en.tsv
  seq -f '%g	t' 3 12 >two/de.tsv
  run --separate-stderr eq-text -c two -l en,de -s 8@1 -o out.mp
  [ "$status" -eq 0 ]
  [ "$stderr" = 'eq-text: --sample: 4 ids are not in every language and were not drawn' ]
  [ "$(ids en <out.mp | xargs)" = '3 4 5 6 7 8 9 10' ]
}

@test "a sample larger than what the languages share is status 1, and nothing is written" {
  printf '1\tone\n' >x.tsv
  run --separate-stderr eq-text -c x.tsv -l en -s 2@1 -o out.mp
  [ "$status" -eq 1 ]
  [ "$stderr" = 'eq-text: x.tsv: a sample of 2 ids was asked for, but only 1 are in every language (0 are not)' ]
}

@test "--nfc composes" {
  printf '1\te\xcc\x81\n' >x.tsv
  [ "$(eq-text -c x.tsv -l fr --nfc | eq-show -f jsonl | jq -r .text)" = "$(printf '\xc3\xa9')" ]
  [ "$(eq-text -c x.tsv -l fr | eq-show -f jsonl | jq -r .text)" = "$(printf 'e\xcc\x81')" ]
}

@test "bad files are named with their line" {
  printf '1\tone\n2\ttw\xff\n' >utf8.tsv
  refuses 'utf8.tsv:2: byte 5 of the line (0xff) is not UTF-8; convert the file, or remove the line' -c utf8.tsv -l en -o o
  printf '1\to\0ne\n' >nul.tsv
  refuses 'nul.tsv:1: byte 4 of the line is NUL; is this a text file?' -c nul.tsv -l en -o o
  printf '1\tone\n1\ttwo\n' >twice.tsv
  refuses "twice.tsv:2: id '1' was used before in language en; ids must differ" -c twice.tsv -l en -o o
  printf '1\tone\ntwo\n' >tab.tsv
  refuses "tab.tsv:2: no tab in the line, expected 'id<TAB>text'" -c tab.tsv -l en -o o
  printf '\tone\n' >id.tsv
  refuses 'id.tsv:1: the id is empty' -c id.tsv -l en -o o
  : >empty.tsv
  refuses 'empty.tsv: the file is empty, expected at least one segment' -c empty.tsv -l en -o o
  printf '{"id":"a"}\n' >text.jsonl
  refuses "text.jsonl:1: the object has no 'text'" -c text.jsonl -l en -o o
  printf '{"id":"a","text":"b","lang":"en"}\n{"id":"b","text":"c"}\n' >lang.jsonl
  refuses "lang.jsonl:2: the object has no 'lang', unlike those before it" -c lang.jsonl -o o
  printf '{"id":"a","text":"b"\n' >json.jsonl
  refuses "json.jsonl:1: byte 20: expected ',' or '}'" -c json.jsonl -l en -o o
  [ ! -e o ]
}

@test "a missing language, an unknown one and one asked for twice are errors" {
  refuses "corpora/udhr: no file for language 'xx', which corpora/languages.tsv does not list either (expected a BCP 47 tag such as en or sr-Latn)" -c corpora/udhr -l en,xx -o o
  mkdir few && cp corpora/udhr/eng.tsv few
  refuses "few: no file for language 'de' (expected its tag, ISO 639-3 code or UDHR name, with .tsv, .jsonl or .txt)" -c few -l en,de -o o
  refuses "corpora/udhr: 'eng' asks for language en twice" -c corpora/udhr -l en,eng -o o
  refuses 'corpora/udhr is a folder: name the languages with -l en,de,..., or -l all' -c corpora/udhr -o o
}

@test "bad options are named" {
  refuses '-c is missing: name a corpus, as in -c corpora/udhr -l en,de' -l en -o o
  refuses '--sample 5@: expected N@SEED, two whole numbers, as in 100@1' -c corpora/udhr -l en -s 5@ -o o
  refuses '--format csv: expected tsv, lines or jsonl' -c corpora/udhr -l en -f csv -o o
  refuses 'nowhere: open: No such file or directory' -c nowhere -l en -o o
}

@test "memory does not grow with the corpus" {
  seq -f '%g	a text of some length, so that the file is much larger than what may be held of it, again and again' 1 400000 >big.tsv
  eq-text -v -c big.tsv -l en -o /dev/null 2>peak
  awk '{ for (i = 1; i < NF; i++) if ($(i + 1) == "MiB") { exit !($i < 128) } exit 1 }' peak # the ids take 25 MiB, the mapped file 41
}

@test "--join makes one segment of a language, with what was asked for between" {
  printf 'a\t1\nb\t\nc\t3\n' >"$BATS_TEST_TMPDIR/en.tsv"
  printf 'a\tx\n' >"$BATS_TEST_TMPDIR/de.tsv"
  joined() { eq-text -c "$BATS_TEST_TMPDIR" -l en,de "$@" | eq-show -f jsonl; }
  [ "$(joined --join newline)" = '{"k":"text","lang":"en","id":"all","text":"1\n\n3"}
{"k":"text","lang":"de","id":"all","text":"x"}' ]
  joined -j blank-line | grep -qF '"1\n\n\n\n3"'
  joined -j space | grep -qF '"1  3"'
  joined -j nothing | grep -qF '"13"'
  joined -j newline --limit 2 | grep -qF '"1\n"'
  joined -j newline --sample 1@3 | grep -qF '"text":"1"'
  run --separate-stderr eq-text -c "$BATS_TEST_TMPDIR" -l en --join tab
  [ "$status" = 2 ]
  [ "$stderr" = "eq-text: --join tab: expected newline, blank-line, space or nothing" ]
}

@test "lines joined by newline are the file without its last newline" {
  printf 'a\n\n b \n\n' >"$BATS_TEST_TMPDIR/file.txt"
  eq-text -c "$BATS_TEST_TMPDIR/file.txt" -l en -j newline | eq-show -f jsonl | grep -qF '"text":"a\n\n b \n"'
}

@test "joined texts that would not fit in a record are refused" {
  python3 -c 'for i in range(5): print(i, "x" * (7 << 20), sep="\t")' >"$BATS_TEST_TMPDIR/en.tsv"
  run --separate-stderr bash -c "eq-text -c '$BATS_TEST_TMPDIR' -l en -j newline >/dev/null"
  [ "$status" = 2 ]
  [[ $stderr == *"the segments of en joined are longer than 32 MiB: take fewer, with --limit" ]]
}
