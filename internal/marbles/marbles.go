// Package marbles draws marble diagrams. The tests of this package hold the diagrams of the documentation as text. They
// compare each diagram with the operator that it shows, and write its picture.
//
// A diagram is a text. Each of its lines is a name and a timeline, or ">" and the operator:
//
//	in    -1---2---3---|
//	> Take(2)
//	out   -1---2|
//
// Time runs from left to right. A character takes one unit of time:
//
//   - time passes
//     a       the element a. An element can have several characters, and happens at the first of them
//     [a b]   one element: between brackets, spaces and commas belong to the element
//     a,b     two elements at the same time
//     =       after an element: the answer to it has not come yet. The source waits, or the consumer is busy
//     |       the end of the stream, which can also stand directly after an element: a|
//     #       a failure, likewise
//     !       the source was stopped, likewise. The elements after it were never made
//
// Spaces before a timeline say that it begins later. A timeline without an end goes on. In a timeline named "result",
// the element is the result of a consumer.
package marbles

import (
	"fmt"
	"slices"
	"strings"
)

// A Diagram is an operator between timelines.
type Diagram struct {
	Lines    []Line // from top to bottom
	Operator string
	Before   int // the number of Lines above the operator
}

// A Line is a timeline.
type Line struct {
	Name   string
	Start  int // the time of its first character
	Length int // the time after its last character
	Events []Event
}

// A Kind says what an event is.
type Kind byte

const (
	Element Kind = 'e'
	End     Kind = '|'
	Failure Kind = '#'
	Stop    Kind = '!'
)

// An Event is something that happens in a timeline.
type Event struct {
	At    int
	Kind  Kind
	Label string // of an Element
	Wait  int    // the time until the answer to an Element
}

// Parse parses the text of a diagram.
func Parse(text string) (Diagram, error) {
	var d Diagram
	origin := -1 // the column of time 0
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimRight(line, " ")
		if line == "" {
			continue
		}
		if operator, ok := strings.CutPrefix(line, "> "); ok {
			if d.Operator != "" {
				return Diagram{}, fmt.Errorf("line %d: a second operator", i+1)
			}
			d.Operator, d.Before = operator, len(d.Lines)
			continue
		}
		name, rest, ok := strings.Cut(line, " ")
		rest = strings.TrimLeft(rest, " ")
		if !ok || name == "" || rest == "" {
			return Diagram{}, fmt.Errorf("line %d: neither a name and a timeline, nor > and an operator", i+1)
		}
		column := len(line) - len(rest)
		if origin < 0 {
			origin = column
		}
		if column < origin {
			return Diagram{}, fmt.Errorf("line %d: the timeline begins before the first one", i+1)
		}
		timeline, err := parseLine(name, rest, column-origin)
		if err != nil {
			return Diagram{}, fmt.Errorf("line %d: %w", i+1, err)
		}
		d.Lines = append(d.Lines, timeline)
	}
	if d.Operator == "" || len(d.Lines) == 0 {
		return Diagram{}, fmt.Errorf("a diagram needs timelines and an operator")
	}
	return d, nil
}

func parseLine(name, text string, start int) (Line, error) {
	line := Line{Name: name, Start: start, Length: start + len(text)}
	ended, stopped := false, false
	for i := 0; i < len(text); {
		at := start + i
		if ended {
			return Line{}, fmt.Errorf("the timeline %s goes on after its end", name)
		}
		switch text[i] {
		case '-':
			i++
			continue
		case ' ':
			return Line{}, fmt.Errorf("a space within the timeline %s", name)
		case '=':
			last := len(line.Events) - 1
			if last < 0 || line.Events[last].Kind != Element || text[i-1] == '-' {
				return Line{}, fmt.Errorf("= without an element before it in the timeline %s", name)
			}
			for ; i < len(text) && text[i] == '='; i++ {
			}
			line.Events[last].Wait = start + i - line.Events[last].At
			continue
		}
		labels, mark, length, err := parseToken(text[i:])
		if err != nil {
			return Line{}, fmt.Errorf("the timeline %s: %w", name, err)
		}
		i += length
		for _, label := range labels {
			line.Events = append(line.Events, Event{At: at, Kind: Element, Label: label})
		}
		if mark != 0 {
			if mark == Stop && stopped {
				return Line{}, fmt.Errorf("the timeline %s is stopped twice", name)
			}
			stopped = stopped || mark == Stop
			ended = mark != Stop
			line.Events = append(line.Events, Event{At: at, Kind: mark})
		}
	}
	return line, nil
}

// parseToken splits the elements and the mark at the start of text, and returns how long they are.
func parseToken(text string) (labels []string, mark Kind, length int, err error) {
	depth, label := 0, ""
	add := func() {
		if label != "" {
			labels = append(labels, label)
		}
		label = ""
	}
	for i, r := range text {
		length = i + len(string(r))
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case depth > 0:
		case r == ',':
			add()
			continue
		case r == '-', r == '=', r == ' ':
			add()
			return labels, 0, i, nil
		case r == rune(End), r == rune(Failure), r == rune(Stop):
			add()
			return labels, Kind(r), length, nil
		}
		label += string(r)
	}
	if depth != 0 {
		return nil, 0, 0, fmt.Errorf("the brackets of %q do not match", text)
	}
	add()
	return labels, 0, length, nil
}

// Line returns the line with that name.
func (d Diagram) Line(name string) (Line, bool) {
	i := slices.IndexFunc(d.Lines, func(l Line) bool { return l.Name == name })
	if i < 0 {
		return Line{}, false
	}
	return d.Lines[i], true
}

// Happens returns the events that happen: those up to a stop.
func (l Line) Happens() []Event {
	if i := slices.IndexFunc(l.Events, func(e Event) bool { return e.Kind == Stop }); i >= 0 {
		return l.Events[:i+1]
	}
	return l.Events
}

// IsOpen reports whether the timeline has no end.
func (l Line) IsOpen() bool {
	return !slices.ContainsFunc(l.Events, func(e Event) bool { return e.Kind != Element })
}

// Format returns events as the text of a timeline. If there is not enough space, elements follow their time.
func Format(events []Event) string {
	var text strings.Builder
	wait, last := 0, -1 // the time until which the last element waits, and its time
	for _, e := range events {
		if e.At == last && wait <= e.At {
			if e.Kind == Element {
				text.WriteByte(',')
			}
		} else {
			for text.Len() < wait {
				text.WriteByte('=')
			}
			for text.Len() < e.At {
				text.WriteByte('-')
			}
		}
		if e.Kind == Element {
			text.WriteString(e.Label)
			wait = e.At + e.Wait
		} else {
			text.WriteByte(byte(e.Kind))
		}
		last = e.At
	}
	for text.Len() < wait {
		text.WriteByte('=')
	}
	return text.String()
}
