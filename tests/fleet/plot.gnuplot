# The fleet's curves as one picture: gnuplot -e "curves='DIRECTORY'" plot.gnuplot >fleet.svg
set terminal svg size 960,720 font "sans-serif,13" background "white"
set multiplot layout 2,2 title "100,000 brokers, an upstream that grants 500 exchanges a second"
set xlabel "minutes after the event"
set ylabel "exchanges per second"
set logscale y
set yrange [1:20000]
set xrange [-20:180]
set grid y
set key top right
do for [story in "start outage dated silent"] {
        set title story." (".(story eq "start" ? "all start within one second" : \
                  story eq "outage" ? "an hour of refused connections" : \
                  story eq "dated" ? "an hour of 503, the same Retry-After date for all" : \
                  "an hour of silence").")"
        event = story eq "start" ? 0 : 27
        plot curves."/".story.".tsv" using (($1 - event) * 60):($2 > 0 ? $2 : 0.1) with lines lw 1 title "sent", \
             curves."/".story.".tsv" using (($1 - event) * 60):($3 > 0 ? $3 : 0.1) with lines lw 2 title "granted"
}
unset multiplot
