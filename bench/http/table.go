//go:build linux

package main

import (
	"slices"
)

func median[F any](fs []F, value func(F) float64) float64 {
	var vs []float64
	for _, f := range fs {
		vs = append(vs, value(f))
	}
	slices.Sort(vs)
	return (vs[(len(vs)-1)/2] + vs[len(vs)/2]) / 2
}
