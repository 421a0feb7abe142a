# Scripts are code too.

@test "shellcheck finds nothing in our scripts" {
  mapfile -t scripts < <(find . -path ./build -prune -o -type f \( -name '*.sh' -o -name '*.bats' -o -name '*.sbatch' \) -print)
  # SC2016: $ between single quotes are awk's or sed's
  shellcheck -e SC2016 .ci/run tests/floors tests/fuzz/run "${scripts[@]}"
}
