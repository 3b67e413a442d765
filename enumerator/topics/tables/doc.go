// Package tables has tables by name over a [topics.Store]: rows that are put and removed by key, and readers that get all rows and
// then each change.
//
// A table is a topic whose entries have a Row. It outlasts a restart and is shared by many machines if the Store does so.
package tables
