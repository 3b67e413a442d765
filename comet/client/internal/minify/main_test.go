package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestMinifiedScriptsAreUpToDate(t *testing.T) {
	for _, name := range []string{"halley", "table"} {
		want, err := minify(filepath.Join(folder, name+".js"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join(folder, name+".min.js"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(want, got) {
			t.Errorf("%s.min.js is out of date: run go generate ./comet/client", name)
		}
	}
}

func TestErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "wrong.js")
	if err := os.WriteFile(file, []byte("(function () {\n  let x = ;\n})();"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, err := minify(file); err == nil {
		t.Error("no error")
	}
	if _, err := minify(file + ".not"); !os.IsNotExist(err) {
		t.Error(err)
	}
}
