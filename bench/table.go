package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
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

func table(w io.Writer, columns []string, rows [][]string, markdown bool) {
	head := append([]string{"job", "per element"}, columns...)
	if markdown {
		rule := []string{"---", "---"}
		for range columns {
			rule = append(rule, "--:")
		}
		for _, row := range append([][]string{head, rule}, rows...) {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
		}
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{head}, rows...) {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	t.Flush()
}
