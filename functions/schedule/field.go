package schedule

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// field is one of the six fields of a cron expression.
type field struct {
	name        string
	least, most int
	names       []string // of the values from least on; nil: numbers only
}

var (
	minuteField = field{name: "minutes", least: 0, most: 59}
	hourField   = field{name: "hours", least: 0, most: 23}
	dayField    = field{name: "day-of-month", least: 1, most: 31}
	monthField  = field{name: "month", least: 1, most: 12, names: []string{"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"}}
	weekField   = field{name: "day-of-week", least: 1, most: 7, names: []string{"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"}}
	yearField   = field{name: "year", least: 1970, most: 2199}
)

// fields are all fields, in the order of the expression.
var fields = []field{minuteField, hourField, dayField, monthField, weekField, yearField}

// set is the values that a field names.
type set map[int]bool

// parse parses a list of values, ranges and steps with commas between them: "*",
// "5", "1-5", "0/15", "1-30/5".
func (f field) parse(text string) (set, error) {
	all := set{}
	for item := range strings.SplitSeq(text, ",") {
		first, last, step, err := f.parseItem(item)
		if err != nil {
			return nil, err
		}
		for v := first; v <= last; v += step {
			all[v] = true
		}
	}
	return all, nil
}

// parseItem parses one item of a list.
func (f field) parseItem(text string) (first, last, step int, err error) {
	values, by, stepped := strings.Cut(text, "/")
	from, to, ranged := strings.Cut(values, "-")
	step = 1
	switch {
	case values == "*":
		first, last = f.least, f.most
	case ranged:
		if first, err = f.parseValue(from); err == nil {
			last, err = f.parseValue(to)
		}
		if err == nil && first > last {
			err = f.wrong(text, "a range must begin with the smaller value; write two ranges, separated by a comma")
		}
	default:
		if first, err = f.parseValue(values); err == nil {
			last = first
			if stepped {
				last = f.most
			}
		}
	}
	if err != nil || !stepped {
		return first, last, step, err
	}
	if step, err = parseNumber(by); err != nil || step < 1 || step > f.most {
		return 0, 0, 0, f.wrong(text, fmt.Sprintf("a step is a whole number from 1 to %d", f.most))
	}
	return first, last, step, nil
}

// parseValue parses one value: a number, or a name in upper or lower case.
func (f field) parseValue(text string) (int, error) {
	if i := slices.Index(f.names, strings.ToUpper(text)); i >= 0 {
		return f.least + i, nil
	}
	v, err := parseNumber(text)
	if err != nil || v < f.least || v > f.most {
		return 0, f.wrong(text, f.describeValues())
	}
	return v, nil
}

// describeValues says which values the field takes.
func (f field) describeValues() string {
	s := fmt.Sprintf("a value is from %d to %d", f.least, f.most)
	if f.names != nil {
		s += fmt.Sprintf(", or from %s to %s", f.names[0], f.names[len(f.names)-1])
	}
	return s
}

func (f field) wrong(text, right string) error {
	return fmt.Errorf("%s: %q is not valid: %s", f.name, text, right)
}

// parseNumber parses digits, and nothing else.
func parseNumber(text string) (int, error) {
	if text == "" || strings.Trim(text, "0123456789") != "" {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return strconv.Atoi(text)
}
