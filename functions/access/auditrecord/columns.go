package auditrecord

import (
	"fmt"
	"reflect"
	"strings"
)

// Partition is the column by which a table over the records is partitioned: the day
// in the record's key. The Terraform module's table has it under this name, so the
// module's queries work unchanged. It hides the record's own field of that name (in
// milliseconds), but `time` has the same information.
const Partition = "timestamp"

// PartitionFormat is the format of that day in the key, in the notation of
// Athena's partition projection.
const PartitionFormat = "yyyy/MM/dd"

// FirstDay is the day of the module's first records. No bucket has earlier records,
// not even one taken over from the module.
const FirstDay = "2023/05/08"

// Column is one column of a table over the records.
type Column struct {
	Name string // JSON name of the record's field
	Type string // in Athena's notation
}

// lastModuleField is the last field of a Record that the module also has.
const lastModuleField = "secondary_domain_was_used"

// Columns returns the columns of a table over the records, without Partition.
// Those of the module have its type, which is always string.
func Columns() []Column {
	var columns []Column
	isOurs := false
	record := reflect.TypeFor[Record]()
	for i := range record.NumField() {
		field := record.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		kind := "string"
		if isOurs {
			kind = columnType(field.Type)
		}
		if name != Partition {
			columns = append(columns, Column{Name: name, Type: kind})
		}
		isOurs = isOurs || name == lastModuleField
	}
	return columns
}

// columnType returns Athena's type for the JSON of a Go type.
func columnType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int64:
		return "bigint"
	case reflect.Bool:
		return "boolean"
	default:
		panic(fmt.Sprintf("a field of type %s can't be a column", t)) // Record has only scalars, and a test checks that
	}
}
