// Package style has the style sheet and the icon of all example pages, and the script that shows a raw stream.
package style

import "embed"

// Files are style.css, icon.svg and raw.js.
//
//go:embed style.css icon.svg raw.js
var Files embed.FS
