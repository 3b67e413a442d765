// Package style has the style sheet and the icon of all example pages.
package style

import "embed"

// Files are style.css and icon.svg.
//
//go:embed style.css icon.svg
var Files embed.FS
