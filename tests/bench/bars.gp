# SPDX-License-Identifier: ISC
# Nanoseconds of one look-up, on a logarithmic axis. Needs data, out and title.
set terminal svg size 760,300 font 'sans-serif,12' background rgb 'white'
set output out
set title title." (nanoseconds a look-up)"
set logscale x
set xrange [50:500000]
set grid x
set ytics nomirror
set yrange [*:*] reverse
set style fill solid 0.8 noborder
set boxwidth 0.6
unset key
plot data using (0.5*($2+50)):0:(50):2:($0-0.3):($0+0.3):ytic(1) with boxxyerror lc rgb '#3b6ea5', \
     data using 2:0:(sprintf("  %.0f", $2)) with labels left
