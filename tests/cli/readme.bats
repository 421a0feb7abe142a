# What the README shows is what happens.

# block LANGUAGE: the first block of the README fenced as ```LANGUAGE.
block() {
  awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } /^```/ && on { exit } on' README.md
}

# same_table A B: word by word; numbers may differ by 1 % or 0.005, for processors differ in the last bits of a sum.
same_table() {
  paste -d '\n' <(tr -s ' [],' '\n' <"$1") <(tr -s ' [],' '\n' <"$2") |
    awk 'NR % 2 { a = $0; next }
      function size(x) { return x < 0 ? -x : x }
      function number(x) { return x ~ /^-?[0-9.]+$/ }
      a != $0 && !(number(a) && number($0) && size(a - $0) <= 0.005 + 0.01 * size(a)) { print a " is now " $0; bad = 1 }
      END { exit bad }'
}

@test "the README's pipeline runs and prints the table that stands there" {
  bash -euo pipefail -c "$(block sh)" >"$BATS_TEST_TMPDIR/table"
  block text >"$BATS_TEST_TMPDIR/shown"
  [ -s "$BATS_TEST_TMPDIR/shown" ]
  same_table "$BATS_TEST_TMPDIR/shown" "$BATS_TEST_TMPDIR/table"
}

@test "the README lists every tool, and none that is not there" {
  diff <(sed -n 's/^| `\(eq[a-z-]*\)` |.*/\1/p' README.md | sort) \
    <(for source in tools/eq*.c; do basename "$source" .c; done | sort)
}

@test "the pictures and pages that the README links are there" {
  mapfile -t links < <(grep -oE '\]\([^)#:]+\)' README.md | sed 's/^](//; s/)$//')
  [ "${#links[@]}" -gt 0 ]
  for link in "${links[@]}"; do
    echo "$link"
    [ -e "$link" ]
  done
}
