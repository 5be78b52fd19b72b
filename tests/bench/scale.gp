# SPDX-License-Identifier: ISC
# Nanoseconds of one uniform look-up against the size of the store. Needs data, out and title.
set terminal svg size 760,380 font 'sans-serif,12' background rgb 'white'
set output out
set title title." (nanoseconds a look-up, uniform)"
set logscale x
set xlabel 'tokens'
set yrange [0:*]
set format x '10^{%L}'
set grid
set key top left
plot "< grep floor ".data using 2:3 with linespoints lw 2 lc rgb '#999999' title 'liblmdb floor', \
     "< grep validate ".data using 2:3 with linespoints lw 2 lc rgb '#3b6ea5' title 'validate'
