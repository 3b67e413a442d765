// Package tables keeps tables in a [topics.Store]. Rows are put and removed by key. A reader gets all rows and then
// each change.
//
// A table is a topic whose entries have a Row. A table survives a restart if the Store does. Machines that share the
// Store share its tables.
package tables
