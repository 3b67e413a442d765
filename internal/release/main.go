// The program release makes the commit and the tags of a release:
//
//	go run ./internal/release v0.3.0
//
// It moves the entries of the changelog's section "Unreleased" to a section of the version, makes the nested modules
// that programs import require the version, and commits this. It tags the root module and these nested modules with the
// version. It prints how the API differs from the last release. It pushes nothing: check the commit, then run one of
// the two commands that it prints.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const module = "github.com/halley-go/halley"

// nested are the folders of the modules that are released together with the root module. All other nested modules
// are for this repository only.
var nested = []string{"enumerator/topics/jetstream", "httpadapter/otel", "httpadapter/prometheus"}

func main() {
	log.SetFlags(0)
	log.SetPrefix("release: ")
	if len(os.Args) != 2 {
		log.Fatal("usage: go run ./internal/release vX.Y.Z")
	}
	if err := release(".", os.Args[1], time.Now()); err != nil {
		log.Fatal(err)
	}
}

// release makes the release of the repository in the folder dir.
func release(dir, version string, now time.Time) error {
	git := func(args ...string) (string, error) { return run(dir, "git", args...) }
	if !regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$`).MatchString(version) {
		return fmt.Errorf("%q is not a version such as v0.3.0", version)
	}
	if changes, err := git("status", "--porcelain"); err != nil || changes != "" {
		return errors.Join(errors.New("the work tree has changes: commit them first"), err)
	}
	if tag, err := git("tag", "--list", version); err != nil || tag != "" {
		return errors.Join(fmt.Errorf("the tag %s exists", version), err)
	}
	file := filepath.Join(dir, "CHANGELOG.md")
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changelog, err := name(string(text), version, now)
	if err != nil {
		return err
	}
	difference, err := differenceOf(dir, version)
	if err != nil {
		return err
	}
	// Nothing has been changed so far.
	if err := os.WriteFile(file, []byte(changelog), 0o644); err != nil {
		return err
	}
	tags := []string{version}
	for _, folder := range nested {
		if _, err := run(filepath.Join(dir, folder), "go", "mod", "edit", "-require="+module+"@"+version); err != nil {
			return err
		}
		tags = append(tags, path.Join(folder, version))
	}
	if _, err := git("commit", "--all", "--quiet", "--message", "Release "+version); err != nil {
		return err
	}
	for _, tag := range tags {
		if _, err := git("tag", "--annotate", "--message", tag, tag); err != nil {
			return err
		}
	}
	fmt.Printf("%s\nNext: git push --atomic origin HEAD %[2]s\nOr undo it: git reset --hard HEAD~1 && git tag --delete %[2]s\n", difference, strings.Join(tags, " "))
	return nil
}

// name gives the unreleased entries of the changelog a section of the version.
func name(changelog, version string, now time.Time) (string, error) {
	const unreleased = "## Unreleased\n"
	before, after, found := strings.Cut(changelog, unreleased)
	entries, _, _ := strings.Cut(after, "\n## ")
	if !found || !strings.Contains(entries, "\n- ") {
		return "", errors.New("CHANGELOG.md has no entries under Unreleased")
	}
	return before + unreleased + "\n## " + version + ", " + now.Format(time.DateOnly) + "\n" + after, nil
}

// differenceOf returns how the API differs from the last release. An incompatible difference in a patch release is an
// error.
func differenceOf(dir, version string) (string, error) {
	last, err := run(dir, "git", "describe", "--tags", "--abbrev=0", "--match", "v*")
	if err != nil {
		return "No tag of an earlier release is known here, so the API was not compared. If this is not the first release, undo it, run git fetch --tags, and begin again.", nil
	}
	temp, err := os.MkdirTemp("", "release-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	old := filepath.Join(temp, "old")
	if _, err := run(dir, "git", "worktree", "add", "--detach", "--quiet", old, last); err != nil {
		return "", err
	}
	defer run(dir, "git", "worktree", "remove", "--force", old)
	tools, err := filepath.Abs(filepath.Join(dir, "internal", "tools", "go.mod"))
	if err != nil {
		return "", err
	}
	apidiff := func(dir string, args ...string) (string, error) {
		return run(dir, "go", append([]string{"tool", "-modfile=" + tools, "apidiff", "-m"}, args...)...)
	}
	export := filepath.Join(temp, "old.export")
	if _, err := apidiff(old, "-w", export, module); err != nil {
		return "", err
	}
	incompatible, err := apidiff(dir, "-incompatible", export, module)
	if err != nil {
		return "", err
	}
	if incompatible != "" && !strings.HasSuffix(version, ".0") {
		return "", fmt.Errorf("a patch release must not change the API since %s:\n%s", last, incompatible)
	}
	all, err := apidiff(dir, export, module)
	return "API since " + last + ":\n" + all, err
}

// run runs a program in the folder dir and returns its output.
func run(dir, program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", cmd, err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(output)), nil
}
