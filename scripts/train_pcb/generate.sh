#!/bin/sh
# Makes the procedural part of the training data: ./generate.sh FOLDER [DIVISOR]
# Seeds below 100000 are never used here: those are for tests and demonstrations.
# With a DIVISOR the counts are that much smaller, for trials.
set -eu
folder=$1
less=${2:-1}
here=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$folder"
tool=$folder/make_boards
sources=""
for part in board board_canvas board_layout board_router board_defects board_line; do
  sources="$sources $here/src/source/$part.cpp"
done
# shellcheck disable=SC2086
g++ -std=c++20 -O2 -I"$here/src" $sources "$here/tools/make_boards.cpp" -o "$tool"

# One folder for each call that runs beside others.
# FOLDER KIND SIZE DEFECTS SEED COUNT [OPTION]: writes one batch of stills
stills() {
  mkdir -p "$folder/$1"
  "$tool" --out "$folder/$1" --kind "$2" --size "$3" --defects "$4" --seed "$5" \
    --count $(($6 / less)) ${7:-}
}
lines() {
  mkdir -p "$folder/$1"
  seed=$2
  while [ "$seed" -lt $(($2 + $3 / less)) ]; do
    "$tool" --out "$folder/$1" --kind line --size 1280x720 --defects 10 --seed "$seed" --count 12 --step 67
    seed=$((seed + 1))
  done
}
for n in 0 5 10 15; do stills colour$n colour 640x640 $n $((100000 + n * 1000)) 600 & done
for n in 0 6 12 18; do stills whole$n colour 960x720 $n $((200000 + n * 1000)) 250 --whole & done
for n in 6 12; do stills binary$n binary 640x640 $n $((300000 + n * 1000)) 600 & done
for n in 0 1 2 3; do lines line$n $((400000 + n * 1000)) 36 & done
stills check_colour colour 640x640 8 500000 96 &
lines check_line 600000 8 &
wait
