package main

import (
	"fmt"
)

// rowsOf returns the rows of one job: times, allocations and ratios.
func rowsOf(j job, results map[string]figures) [][]string {
	rows := [][]string{
		{j.name, "ns per " + j.unit},
		{"", "allocations"},
		{"", "ratio"},
	}
	for _, name := range columns {
		f, ok := results[name]
		if !ok {
			for i := range rows {
				rows[i] = append(rows[i], "-")
			}
			continue
		}
		rows[0] = append(rows[0], figure(f.ns))
		rows[1] = append(rows[1], figure(f.allocs))
		rows[2] = append(rows[2], figure(f.ratio))
	}
	return rows
}

// figure formats v with two digits, or without decimals if it is large. Each run
// allocates a little, so less than one in 200 elements counts as 0 per element.
func figure(v float64) string {
	switch {
	case v < 0.005:
		return "0"
	case v < 0.995:
		return fmt.Sprintf("%.2f", v)
	case v < 9.95:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}
