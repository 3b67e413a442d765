// Package table prints the tables of the benchmarks.
package table

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// Write writes rows, of which the first is the head, in columns or as Markdown. In Markdown, all columns but the first are
// aligned to the right.
func Write(w io.Writer, rows [][]string, markdown bool) {
	if markdown {
		for i, row := range rows {
			fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
			if i == 0 {
				fmt.Fprintf(w, "|---%s|\n", strings.Repeat("|--:", len(row)-1))
			}
		}
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range rows {
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	t.Flush()
}
