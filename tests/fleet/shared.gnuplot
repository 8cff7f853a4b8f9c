# With and without a store: gnuplot -e "curves='DIRECTORY'" shared.gnuplot >fleet-shared.svg
set terminal svg size 960,720 font "sans-serif,13" background "white"
set multiplot layout 2,2 title "100,000 brokers with one key, with and without a store that they share"
set xlabel "minutes after the event"
set ylabel "exchanges per second"
set logscale y
set yrange [0.05:20000]
set xrange [-20:180]
set grid y
set key top right
do for [story in "start hour crowd down"] {
        set title story." (".(story eq "start" ? "all start within one second" : \
                  story eq "hour" ? "the upstream is down for an hour" : \
                  story eq "crowd" ? "a start that the store cannot serve" : \
                  "the store is down for two hours").")"
        plot curves."/shared-".story."-none.tsv" using 1:($2 > 0 ? $2 : 0.01) with lines lw 1 title "without", \
             curves."/shared-".story."-store.tsv" using 1:($2 > 0 ? $2 : 0.01) with points pt 7 ps 0.3 title "with a store"
}
unset multiplot
