package table

// Settings say which table a function uses.
type Settings struct {
	Name string `env:"ELEVATOR_TABLE,required"`
}
