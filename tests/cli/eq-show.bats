# Any stream as text, and back. one.mp was made in Python: tests/golden/streams.py.
# shellcheck disable=SC2154 # bats assigns stderr
bats_require_minimum_version 1.5.0

one=tests/golden/one.mp

@test "each kind gets a table, in the order of its first record; unknown kinds too" {
  run eq-show -i $one
  [ "$status" -eq 0 ]
  diff - <(grep -xE 'text|tokens|surprisal|disparity|of-tomorrow' <<<"$output") <<'END'
text
tokens
surprisal
disparity
of-tomorrow
END
}

@test "a table aligns, joins intervals, says once what is the same" {
  diff - <(eq-show -k surprisal -i $one) <<'END'
lang: en   model: m   recipe: none
id  n_tokens  n_scored  bytes  chars    nll  excluded   vocab  nlls
1          3         2     16     16  2.500               300  (2 f32)
2          0         0                  nan  too short
END
  diff - <(eq-show -k disparity -c recipe,ratio -i $one) <<'END'
recipe                   ratio
int4/g128  0 [-inf, 1.000e+22]
END
}

@test "TSV and CSV have all digits, and escape what would break a row" {
  diff - <(eq-show -f tsv -k of-tomorrow -c big,s -i $one) <<'END'
big	s
9007199254740992	tab\t"\\\x1b
END
  diff - <(eq-show -f csv -k of-tomorrow -c s,big -i $one | tr -d '\r') <<'END'
s,big
"tab	""\\x1b",9007199254740992
END
  [ "$(eq-show -f tsv -k surprisal -c nlls,nll -i $one | sed -n 2p)" = "$(printf '[0.1,2.4]\t2.5')" ]
}

@test "a Markdown table has its rule, and its text cannot break it" {
  printf '{"k":"x","a":"p|q <b>","n":1}\n' | eq-show --from jsonl -f md >"$BATS_TEST_TMPDIR/md"
  diff - "$BATS_TEST_TMPDIR/md" <<'END'
| a          |   n |
| :--------- | --: |
| p\|q \<b\> |   1 |
END
}

@test "wide and combining characters are aligned by the columns they take" {
  printf '{"k":"x","a":"\\u4e2d\\u6587","b":"z"}\n{"k":"x","a":"e\\u0301","b":"w"}\n' |
    eq-show --from jsonl >"$BATS_TEST_TMPDIR/table"
  printf 'a     b\n中文  z\ne\xcc\x81     w\n' | diff - "$BATS_TEST_TMPDIR/table"
}

@test "control characters and turned text never reach a terminal" {
  local bad='\\u001b[31m\\u009b\\u202e\\u007f\\r'
  printf '{"k":"x","a":"%s"}\n{"k":"y%s","b%s":1,"c%s":2}\n' "$bad" "$bad" "$bad" "$bad" >"$BATS_TEST_TMPDIR/in"
  for f in table md tsv csv jsonl; do
    eq-show --from jsonl -f $f -i "$BATS_TEST_TMPDIR/in" | tr -d '\r\n\t' >"$BATS_TEST_TMPDIR/out"
    run env LC_ALL=C grep -aP '[\x00-\x1f\x7f]|\xc2\x9b' "$BATS_TEST_TMPDIR/out"
    [ "$status" -eq 1 ] || { echo "$f" && false; }
  done
}

@test "CSV quotes keys as it quotes values, whatever else is in them" {
  printf '{"k":"x","a,b":"nul \\u0000, comma","c":1}\n' >"$BATS_TEST_TMPDIR/in"
  run bash -c "eq-show --from jsonl -f csv -i '$BATS_TEST_TMPDIR/in' | tr -d '\r'"
  [ "${lines[0]}" = '"a,b",c' ]
  [ "${lines[1]}" = '"nul \x00, comma",1' ]
}

@test "a record of very many keys is no table, and is told so at once" {
  (printf '{"k":"x"' && seq -f ',"c%.0f":1' 100000 | tr -d '\n' && echo '}') >"$BATS_TEST_TMPDIR/in"
  run --separate-stderr timeout 10 eq-show --from jsonl -i "$BATS_TEST_TMPDIR/in"
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-show: records of kind 'x' have more than 1024 keys, too many for a table (-f jsonl has them)" ]
}

@test "maps for keys, deep in one another, do not make a short record a long line" {
  { # {"k": "x", "m": {{{...{["a" x 15]: 1}...}: 1}: 1}}
    printf '\x82\xa6equant\x01\xa4prog\x90\x82\xa1k\xa1x\xa1m'
    printf '\x81%.0s' {1..12} && printf '\x9f' && printf '\xa1a%.0s' {1..15} && printf '\x01%.0s' {1..12}
  } >"$BATS_TEST_TMPDIR/in"
  run --separate-stderr eq-show -f jsonl -i "$BATS_TEST_TMPDIR/in"
  [ "$output" = '{"k":"x","m":{"{}":1}}' ]
}

@test "JSON lines come back byte for byte" {
  eq-show -f jsonl -i $one | eq-show --from jsonl -f stream --bare -o "$BATS_TEST_TMPDIR/back.mp"
  eq-show -f stream --bare -i $one -o "$BATS_TEST_TMPDIR/there.mp"
  cmp "$BATS_TEST_TMPDIR/there.mp" "$BATS_TEST_TMPDIR/back.mp"
}

@test "JSON lines are JSON" {
  eq-show -f jsonl -i $one | python3 -c '
import json, sys
rows = [json.loads(line) for line in sys.stdin]
assert rows[1]["ids"] == [0, 7, 4294967295] and rows[3]["nll"] is None and rows[5]["big"] == 2**53
assert rows[5]["s"] == "tab\t\"\\\x1b" and type(rows[5]["big"]) is int and rows[4]["ratio_lo"] == "-inf"'
}

@test "Python's msgpack reads a stream, header and trailer too" {
  python3 -c 'import msgpack' 2>/dev/null || skip "python3 has no msgpack"
  eq-show -f stream -i $one | python3 -c '
import msgpack, sys
rows = list(msgpack.Unpacker(sys.stdin.buffer))
assert rows[0]["equant"] == 1 and [p["name"] for p in rows[0]["prog"]] == ["streams.py", "eq-show"]
assert rows[-1]["end"] == 6 == len(rows) - 2 and rows[2]["ids"] == msgpack.ExtType(1, bytes([0] * 4 + [7] + [0] * 3 + [255] * 4))'
}

@test "jq can stand in a pipeline" {
  command -v jq || skip "jq is not installed"
  run bash -c "eq-show -f jsonl -i $one | jq -c 'select(.k == \"surprisal\") | .nll = 3' | eq-show --from jsonl -f stream |
    eq-show -f tsv -c id,nll,nlls"
  [ "${lines[1]}" = "$(printf '1\t3\t[0.1,2.4]')" ]
  [ "${lines[2]}" = "$(printf '2\t3\t')" ]
}

@test "lines that are no records are named by their number" {
  refused() {
    run --separate-stderr eq-show --from jsonl -f stream -o "$BATS_TEST_TMPDIR/out.mp" <<<"$1"
    [ "$status" -eq 2 ] && [ ! -e "$BATS_TEST_TMPDIR/out.mp" ] && [ "$stderr" = "eq-show: stdin: line $2" ] || { echo "$stderr" && false; }
  }
  refused $'\n[1]' '2: expected an object with a string "k", the record'\''s kind'
  refused '{"k":1}' '1: expected an object with a string "k", the record'\''s kind'
  refused '{"k":"tokens","ids":[1,-2]}' "1: 'ids' does not fit: expected ext type 1 (u32 array) of at most 64 MiB, 16 levels deep"
  refused '{"k":"tokens","ids":[4294967296]}' "1: 'ids' does not fit: expected ext type 1 (u32 array) of at most 64 MiB, 16 levels deep"
  refused '{"k":"x"' "1, column 8: '}' expected near end of file"
}

@test "sorting is by number, stable, and keeps to a kind" {
  run bash -c "printf '%s\n' '{\"k\":\"x\",\"n\":10}' '{\"k\":\"x\",\"n\":9}' '{\"k\":\"x\",\"n\":null}' '{\"k\":\"x\",\"n\":-1.5}' |
    eq-show --from jsonl -f jsonl -s -n"
  [ "$output" = '{"k":"x","n":10}
{"k":"x","n":9}
{"k":"x","n":-1.5}
{"k":"x","n":null}' ]
}

@test "a kind or a column that no record has is an error" {
  run --separate-stderr eq-show -k nonsense -i $one
  [ "$status" -eq 1 ]
  [ "$stderr" = "eq-show: --kind: none of 6 records is of kind 'nonsense'" ]
  run --separate-stderr eq-show -c nonsense,lang -i $one
  [ "$status" -eq 2 ]
  [ "$stderr" = "eq-show: --columns: no record has 'nonsense': without -c all columns are shown" ]
}

@test "a truncated stream is shown as far as it goes" {
  run --separate-stderr bash -c "head -c 200 $one | eq-show -f jsonl"
  [ "$status" -eq 1 ]
  [ "${#lines[@]}" -eq 2 ]
  [[ "$stderr" == "eq-show: stdin: stream ends after 2 records without its trailer: "* ]]
}

@test "-m says what a model is, as a table of facts or as one record" {
  run -0 eq-show -m corpora/mini
  grep -xE 'family +gpt2 +.*' <<<"$output"
  grep -xE 'parameters +3460864 +.*' <<<"$output"
  grep -E '^types +F16 148 tensors 6921728 bytes ' <<<"$output"
  grep -E '^tokenizer +BPE, 8192 tokens, mini@' <<<"$output"
  run -0 --separate-stderr eq-show -m tests/golden/models/mixtral -f jsonl
  [ "$(jq -c '[.k, .family, .layers, .experts, .experts_a_token, .kv_heads, .window, .parameters, .unused]' <<<"$output")" \
    = '["description","mixtral",2,4,2,2,"5 in 2 of 2 layers",11504,0]' ]
  eq-show -m corpora/mini -f stream | eq-show -f jsonl | cmp - <(eq-show -m corpora/mini -f jsonl)
}

@test "-m reads no weights: one that is not a number is eq-ppl's to find" {
  mkdir "$BATS_TEST_TMPDIR/bad"
  cp corpora/mini/config.json corpora/mini/model.safetensors "$BATS_TEST_TMPDIR/bad"
  local size
  size=$(stat -c %s corpora/mini/model.safetensors)
  printf '\0\176' | dd of="$BATS_TEST_TMPDIR/bad/model.safetensors" bs=1 seek=$((size - 2)) conv=notrunc status=none
  run -0 eq-show -m "$BATS_TEST_TMPDIR/bad" -f jsonl
  [[ $output == *'"tokenizer":"none: '* ]]
  run -2 eq-ppl -m "$BATS_TEST_TMPDIR/bad" </dev/null
  [[ $output == *'NaN or infinite'* ]]
}

@test "-m of what is no model is an error in one line" {
  run -2 --separate-stderr eq-show -m tests/unit
  [ "${#stderr_lines[@]}" = 1 ]
  [[ $stderr == *'has no model.safetensors'* ]]
}
