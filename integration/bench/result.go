//go:build linux

package main

import (
	"slices"
)

// result is a row with its figures.
type result struct {
	row
	all    map[string][]float64 // every sample, by contender
	rounds map[string][]float64 // the median of each round
}

func newResults(rows []row) []*result {
	results := make([]*result, len(rows))
	for i, r := range rows {
		results[i] = &result{row: r, all: map[string][]float64{}, rounds: map[string][]float64{}}
	}
	return results
}

func (r *result) add(contender string, samples []float64) {
	r.all[contender] = append(r.all[contender], samples...)
	r.rounds[contender] = append(r.rounds[contender], quantile(samples, 0.5))
}

// median answers the median of all samples, and false for a contender that took no part.
func (r *result) median(contender string) (float64, bool) {
	s := r.all[contender]
	return quantile(s, 0.5), len(s) > 0
}

// tail answers the 99th percentile of how bad it gets: the slow end, which of rates is the low one.
func (r *result) tail(contender string) float64 {
	if r.higher {
		return quantile(r.all[contender], 0.01)
	}
	return quantile(r.all[contender], 0.99)
}

// ratio is the median over rounds of a's figure over b's in the same round: what slows the machine down for a while
// slows both.
func (r *result) ratio(a, b string) (float64, bool) {
	of, over := r.rounds[a], r.rounds[b]
	ratios := make([]float64, 0, len(of))
	for i := range min(len(of), len(over)) {
		ratios = append(ratios, of[i]/over[i])
	}
	return quantile(ratios, 0.5), len(ratios) > 0
}

// reached tells whether shmfs met the target; ok is false if the row has none, or who is compared took no part.
func (r *result) reached() (met, ok bool) {
	t := r.target
	ratio, measured := r.ratio(shmfs, t.against)
	if t.limit == 0 || !measured {
		return false, false
	}
	met = ratio <= t.limit
	if r.higher {
		met = ratio >= t.limit
	}
	if t.p99 > 0 && r.tail(shmfs) > t.p99 {
		met = false
	}
	return met, true
}

// quantile answers the sample below which the share q of all lies; 0 without samples.
func quantile(samples []float64, q float64) float64 {
	if len(samples) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(samples))
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
