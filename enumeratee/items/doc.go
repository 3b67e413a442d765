// Package items adapts and merges streams of Items, such as those of a hub.
//
// The adapters call their functions with messages only. Notices, such as gaps, resets and bookmarks, pass
// through them. So a client behind an adapter learns what it has missed, and where to resume.
package items
