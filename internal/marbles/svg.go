package marbles

import (
	"fmt"
	"html"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The measures of a picture, in pixels.
const (
	unit   = 13 // the width of a unit of time
	radius = 12 // of a marble
	row    = 40 // the height of a timeline
	stack  = 27 // the height of a further element at the same time
	box    = 34 // the height of the operator
	margin = 12
)

// A picture has a background of its own, because a page may be dark where the reader's system is light.
const style = `
.back { fill: #fff; stroke: #d0d7de }
.line { stroke: #57606a; stroke-width: 2; fill: none }
.never { opacity: .35 }
.dash { stroke-dasharray: 3 4 }
.bad { stroke: #cf222e; stroke-width: 3; fill: none }
.box { fill: #f6f8fa; stroke: #57606a }
.marble { stroke: #24292f; stroke-width: 1.2 }
.name, .code { fill: #24292f }
.label { fill: #1f2328 }
text { font: 13px ui-monospace, "SF Mono", Menlo, Consolas, monospace; text-anchor: middle; dominant-baseline: central }
.name { text-anchor: start; font-family: system-ui, sans-serif }
@media (prefers-color-scheme: dark) {
.back { fill: #0d1117; stroke: #30363d }
.line { stroke: #9da7b3 }
.bad { stroke: #ff7b72 }
.box { fill: #161b22; stroke: #9da7b3 }
.marble { stroke: #e6edf3 }
.name, .code { fill: #e6edf3 }
}`

// The colors are light, because the labels on them are dark in each scheme.
var colors = []string{"#9ecbff", "#ffd8a8", "#b2f2bb", "#fcc2d7", "#d0bfff", "#ffec99", "#99e9f2", "#e9ecef"}

// color returns the color of a label. Labels with the same first letter or digit have the same color, so an element has
// the color of the element from which it was made.
func color(label string) string {
	for _, r := range label {
		switch {
		case unicode.IsDigit(r):
			return colors[int(r-'0')%len(colors)]
		case unicode.IsLetter(r):
			return colors[int(unicode.ToLower(r))%len(colors)]
		}
	}
	return colors[len(colors)-1]
}

// SVG returns the picture of d. title is for readers who cannot see the picture.
func SVG(title string, d Diagram) []byte {
	names, length := 0, 0
	for _, line := range d.Lines {
		names, length = max(names, len(line.Name)), max(length, line.Length)
	}
	p := picture{left: 2*margin + 8*names + radius, length: length}
	width := p.left + length*unit + 3*radius
	// The operator needs room too.
	width = max(width, 2*margin+9*utf8.RuneCountInString(d.Operator)+2*margin)

	y := margin
	for i, line := range d.Lines {
		if i == d.Before {
			y = p.operator(d.Operator, y, width)
		}
		y = p.line(line, y)
	}
	if d.Before == len(d.Lines) {
		y = p.operator(d.Operator, y, width)
	}
	height := y + margin

	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d" role="img" aria-label="%s">`+"\n",
		width, height, width, height, html.EscapeString(title))
	fmt.Fprintf(&out, "<title>%s</title>\n<style>%s\n</style>\n", html.EscapeString(title), style)
	fmt.Fprintf(&out, `<rect class="back" x=".5" y=".5" width="%d" height="%d" rx="8"/>`+"\n", width-1, height-1)
	out.WriteString(p.out.String())
	out.WriteString("</svg>\n")
	return []byte(out.String())
}

type picture struct {
	out    strings.Builder
	left   int // the x of time 0
	length int
}

func (p *picture) x(at int) int { return p.left + at*unit }

func (p *picture) draw(format string, args ...any) {
	fmt.Fprintf(&p.out, format+"\n", args...)
}

func (p *picture) operator(text string, y, width int) int {
	p.draw(`<rect class="box" x="%d" y="%d" width="%d" height="%d" rx="6"/>`, margin, y+2, width-2*margin, box)
	p.draw(`<text class="code" x="%d" y="%d">%s</text>`, width/2, y+2+box/2, html.EscapeString(text))
	return y + box + 8
}

// line draws a timeline below top, and returns its lower end.
func (p *picture) line(line Line, top int) int {
	y := top + row/2
	p.draw(`<text class="name" x="%d" y="%d">%s</text>`, margin, y, html.EscapeString(line.Name))
	from, end, stop := p.x(line.Start), p.x(line.Length), -1
	for _, e := range line.Events {
		switch e.Kind {
		case End, Failure:
			end = p.x(e.At)
		case Stop:
			stop = p.x(e.At)
		}
	}
	switch {
	case line.Name == "result":
		p.draw(`<path class="line dash" d="M%d %dH%d"/>`, from, y, end)
	case stop >= 0:
		p.draw(`<path class="line" d="M%d %dH%d"/>`, from, y, stop)
		p.draw(`<path class="line dash never" d="M%d %dH%d"/>`, stop, y, end)
	default:
		p.draw(`<path class="line" d="M%d %dH%d"/>`, from, y, end)
	}
	if line.Name != "result" && line.IsOpen() {
		p.draw(`<path class="line" d="M%d %dl8 5-8 5"/>`, end-8, y-5)
	}

	depth, stacked, last := 0, 0, -1
	for _, e := range line.Events {
		if e.At != last || e.Kind != Element {
			stacked = 0
		} else {
			stacked++
		}
		last, depth = e.At, max(depth, stacked)
		x, never := p.x(e.At), ""
		if stop >= 0 && p.x(e.At) > stop {
			never = ` class="never"`
		}
		// A mark at the time of an element stands to the right of the element.
		beside := x
		if e.Kind != Element {
			for _, other := range line.Events {
				if other.At == e.At && other.Kind == Element {
					beside = max(beside, x+half(other.Label)+4)
				}
			}
		}
		switch e.Kind {
		case Element:
			p.marble(e, x, y+stacked*stack, never, line.Name == "result")
		case End:
			p.draw(`<path class="line" d="M%d %dV%d"/>`, beside, y-13, y+13)
		case Failure:
			p.draw(`<path class="bad" d="M%d %dl16 16m0-16l-16 16"/>`, beside-8, y-8)
		case Stop:
			p.draw(`<path class="bad" d="M%d %dV%dM%d %dH%d"/>`, beside, y-13, y+13, beside-5, y-13, beside+5)
		}
	}
	return top + row + depth*stack
}

// half returns half the width of a marble.
func half(label string) int {
	return max(radius, (8*utf8.RuneCountInString(label)+11)/2)
}

func (p *picture) marble(e Event, x, y int, never string, square bool) {
	p.draw(`<g%s>`, never)
	if e.Wait > 0 {
		p.draw(`<path d="M%d %dH%d" stroke="%s" stroke-width="10"/>`, x, y, p.x(e.At+e.Wait), color(e.Label))
	}
	w, corner := half(e.Label), radius
	if square {
		corner = 3
	}
	p.draw(`<rect class="marble" x="%d" y="%d" width="%d" height="%d" rx="%d" fill="%s"/>`, x-w, y-radius, 2*w, 2*radius, corner, color(e.Label))
	p.draw(`<text class="label" x="%d" y="%d">%s</text></g>`, x, y, html.EscapeString(e.Label))
}
