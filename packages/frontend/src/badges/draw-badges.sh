#!/bin/sh
# Redraws the badge images; requires chromium. Run it in this folder after changing the text or a color.
set -eu
draw() { # name, text, color, width of the part with the text
  width=$((40 + $4))
  cat > "images/$1.svg" <<SVG
<svg xmlns="http://www.w3.org/2000/svg" width="$width" height="20" viewBox="0 0 $width 20" role="img" aria-label="copr build: $2"><title>copr build: $2</title><clipPath id="r"><rect width="$width" height="20" rx="3"/></clipPath><g clip-path="url(#r)"><rect width="40" height="20" fill="#444548"/><rect x="40" width="$4" height="20" fill="$3"/></g><g fill="#fff" font-family="DejaVu Sans,Verdana,sans-serif" font-size="11" text-anchor="middle"><text x="20" y="14">copr</text><text x="$((40 + $4 / 2))" y="14">$2</text></g></svg>
SVG
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --default-background-color=00000000 \
    --force-device-scale-factor=1 --window-size="$width,20" --user-data-dir="${TMPDIR:-/tmp}/draw-badges" \
    --screenshot="images/$1.png" "file://$PWD/images/$1.svg" 2>/dev/null
}
draw succeeded succeeded '#3d7317' 72
draw failed failed '#b1380b' 48
draw in-progress 'in progress' '#0066cc' 78
draw unknown unknown '#707070' 64
draw bad-url 'bad URL' '#707070' 58
