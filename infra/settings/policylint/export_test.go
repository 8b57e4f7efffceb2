package policylint

// For tests that read files with package settings, which imports this package.
const (
	MostInFull = mostInFull
	MostNamed  = mostNamed
)
