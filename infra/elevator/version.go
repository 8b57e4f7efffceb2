package main

import "runtime/debug"

// release is the version of the program and of the system that it belongs to. The top
// entry of CHANGELOG.md has the same version.
const release = "0.1.0"

// version returns the text of --version.
func version() string {
	info, _ := debug.ReadBuildInfo()
	return "elevator " + release + " (" + commitOf(info) + ")"
}

// commitLength is how many characters of a commit identify it for people.
const commitLength = 7

// commitOf returns the commit that the program was built from. A "+" after it marks
// uncommitted changes.
func commitOf(info *debug.BuildInfo) string {
	commit, changed := "", ""
	if info != nil {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = s.Value[:min(len(s.Value), commitLength)]
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = "+"
			}
		}
	}
	if commit == "" {
		return "unknown commit: build it with go install ./infra/elevator in a clone of the repository"
	}
	return commit + changed
}
