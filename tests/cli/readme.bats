# What the README shows is what happens.

# block LANGUAGE: the first block of the README fenced as ```LANGUAGE.
block() {
  awk -v fence="\`\`\`$1" '$0 == fence { on = 1; next } /^```/ && on { exit } on' README.md
}

@test "the README's pipeline runs and prints the table that stands there" {
  bash -euo pipefail -c "$(block sh)" >"$BATS_TEST_TMPDIR/table"
  diff <(block text) "$BATS_TEST_TMPDIR/table"
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
