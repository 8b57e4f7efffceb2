package doctor

import (
	"fmt"
	"strings"

	"sso-elevator/functions/access"
)

// usesOf returns the names in the statements, except "*", each with the indices of
// the statements that have it.
func usesOf(statements []access.Statement, names func(access.Statement) []string) map[string][]int {
	uses := map[string][]int{}
	for i, s := range statements {
		for _, name := range names(s) {
			if last := uses[name]; name != "*" && (len(last) == 0 || last[len(last)-1] != i) {
				uses[name] = append(uses[name], i)
			}
		}
	}
	return uses
}

// all reports whether any statement names "*".
func all(statements []access.Statement, names func(access.Statement) []string) bool {
	for _, s := range statements {
		for _, name := range names(s) {
			if name == "*" {
				return true
			}
		}
	}
	return false
}

// path returns where in the settings something is, in the form of the settings'
// mistakes: config[2].Resource. With several indices it is a list.
func path(key string, indices []int, field string) string {
	texts := make([]string, len(indices))
	for n, i := range indices {
		texts[n] = fmt.Sprintf("%s[%d].%s", key, i, field)
	}
	return strings.Join(texts, ", ")
}
