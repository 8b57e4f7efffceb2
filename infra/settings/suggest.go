package settings

import "strings"

// didYouMean is "; did you mean …?" with the known word that is nearest to
// word, or nothing where none is near. Case, "_" and "-" don't count.
func didYouMean(word string, known []string) string {
	best, distance := "", max(2, len(word)/4)+1
	for _, k := range known {
		if d := editDistance(normalizeWord(word), normalizeWord(k)); d < distance {
			best, distance = k, d
		}
	}
	if best == "" || distance >= len(normalizeWord(word)) {
		return ""
	}
	return "; did you mean " + best + "?"
}

func normalizeWord(s string) string {
	return strings.NewReplacer("_", "", "-", "").Replace(strings.ToLower(shorten(s)))
}

// editDistance counts the bytes to insert, delete, replace, or swap with their
// neighbour, to make b of a.
func editDistance(a, b string) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			next[j] = min(row[j]+1, next[j-1]+1, row[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], before[j-2]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
