# Prints cargo's configuration for %cargo_prep. Usage: cargo-config.sh DIR (the directory with the crates), or
# cargo-config.sh none (crates.io is not replaced).
cat <<'CONFIG'
[build]
rustc = "/usr/bin/rustc"
rustdoc = "/usr/bin/rustdoc"

[profile.rpm]
inherits = "release"
opt-level = 3
codegen-units = 1
debug = 2
strip = "none"

[term]
verbose = true
CONFIG
[ "$1" = none ] && exit
cat <<CONFIG

[net]
offline = true

[source.local]
directory = "$1"

[source.crates-io]
replace-with = "local"
CONFIG
