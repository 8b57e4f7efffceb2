package auditrecord

import (
	"fmt"
	"reflect"
	"strings"
)

// Partition is the column by which a table over the records is partitioned: the
// day in the record's key. The table of the Terraform module has it under this
// name, so that its queries work as they are; it hides the record's field
// of the same name, the milliseconds, of which `time` says the same.
const Partition = "timestamp"

// PartitionFormat is that day in the key, as Athena's partition projection
// writes it.
const PartitionFormat = "yyyy/MM/dd"

// FirstDay is the day of the module's first records. There are none before it,
// in a bucket that has been taken over neither.
const FirstDay = "2023/05/08"

// Column is one column of a table over the records.
type Column struct {
	Name string // of the record's field
	Type string // as Athena writes it
}

// lastOfTheModule is the last field of a Record that the module has as well.
const lastModuleField = "secondary_domain_was_used"

// Columns are the columns of a table over the records, without Partition. Those
// of the module have its type, which is string for all of them.
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

// columnType is Athena's type for what encoding/json writes of a Go type.
func columnType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int64:
		return "bigint"
	case reflect.Bool:
		return "boolean"
	default:
		panic(fmt.Sprintf("a field of type %s can't be a column", t)) // Record has scalars only, and a test reads it
	}
}
