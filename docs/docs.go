// Package docs has the pages of this folder, which the gallery of the examples serves.
package docs

import "embed"

// Files are the pages and their pictures. The tests beside them are in it too, because a pattern for each kind of picture
// and each folder would have to be kept in step with the pages.
//
//go:embed *
var Files embed.FS
