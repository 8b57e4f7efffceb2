package policydiff

// Sentence returns a change of r as one line of its text. Long lists are cut.
func (r *Result) Sentence(c *Change) string {
	w := writer{Result: r}
	return w.sentence(c)
}
