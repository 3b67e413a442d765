// Package items has adapters of the Items of a hub, and merges several sources of Items into one.
//
// The adapters call their functions with messages only. Notices, such as gaps, resets and bookmarks, pass
// through them. So a client behind an adapter learns what it has missed, and where to resume.
package items
