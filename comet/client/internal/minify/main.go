// Minify makes halley.min.js of halley.js and table.min.js of table.js, in the same folder.
package main

import (
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/evanw/esbuild/pkg/api"
)

// folder contains the files. It is relative to the folder of this program.
const folder = "../.."

func main() {
	log.SetFlags(0)
	for _, name := range []string{"halley", "table"} {
		script, err := minify(filepath.Join(folder, name+".js"))
		if err == nil {
			err = os.WriteFile(filepath.Join(folder, name+".min.js"), script, 0o666)
		}
		if err != nil {
			log.Fatal(err)
		}
	}
}

// minify returns the minified script of file, for browsers of 2017. Syntax that cannot be
// converted for them is an error.
func minify(file string) ([]byte, error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	result := api.Transform(string(source), api.TransformOptions{
		Banner:            "/* Halley's client: github.com/halley-go/halley, comet/client/" + filepath.Base(file) + " */",
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Charset:           api.CharsetASCII,
		Target:            api.ES2017,
		Sourcefile:        file,
	})
	for _, m := range append(result.Errors, result.Warnings...) {
		err = errors.Join(err, fmt.Errorf("%s:%d: %s", file, m.Location.Line, m.Text))
	}
	return result.Code, err
}
