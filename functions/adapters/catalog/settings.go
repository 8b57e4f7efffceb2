package catalog

// Settings say where the catalog is stored. The findings of runs are in the same
// bucket.
type Settings struct {
	Bucket string `env:"ELEVATOR_CATALOG_BUCKET,required"`
}
