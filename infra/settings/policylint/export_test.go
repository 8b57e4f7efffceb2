package policylint

// For the tests that read whole files by package settings, which imports this one.
const (
	MostInFull = mostInFull
	MostNamed  = mostNamed
)
