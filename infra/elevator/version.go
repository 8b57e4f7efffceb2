package main

import "runtime/debug"

// version returns the commit that the program was built from. A "+" after it marks
// uncommitted changes.
func version() string {
	info, _ := debug.ReadBuildInfo()
	return commitOf(info)
}

func commitOf(info *debug.BuildInfo) string {
	commit, changed := "", ""
	if info != nil {
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision":
				commit = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				changed = "+"
			}
		}
	}
	if commit == "" {
		return "unknown commit: build the program with go build in a clone of the repository"
	}
	return commit + changed
}
