package host

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// ReadSettings fills the struct that dst points to from the environment. lookup is
// usually os.Getenv. A field's tag names its variable:
//
//	Table   string        `env:"ELEVATOR_TABLE,required"`
//	SendDM  bool          `env:"ELEVATOR_SEND_DM,default=true"`
//	Expires time.Duration `env:"ELEVATOR_REQUEST_EXPIRATION_SECONDS,default=0"`
//
// If a variable is missing or empty, the default is used: the rest of the tag after
// "default=", including commas. A required variable must not be empty. The types are
// string, bool, integers, float64, time.Duration (whole seconds, not negative) and
// slog.Level. Slices of string and of time.Duration are separated by commas.
// ReadSettings also fills the fields of structs and of pointers to structs. It ignores
// other fields without a tag.
//
// The error reports all mistakes, each with the variable's name and never with its
// value. ReadSettings panics if a field of dst has another type.
func ReadSettings(dst any, lookup func(string) string) error {
	var mistakes []error
	for v := range variables(reflect.ValueOf(dst).Elem()) {
		text := lookup(v.name)
		if text == "" {
			text, _ = strings.CutPrefix(v.option, "default=")
			if v.option == required {
				mistakes = append(mistakes, fmt.Errorf("%s is not set", v.name))
				continue
			}
		}
		if err := setField(v.field, text); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", v.name, err))
		}
	}
	return errors.Join(mistakes...)
}

// Environment returns the variables from which ReadSettings reads src, by name. The
// stack sets them. Empty values are left out.
func Environment(src any) map[string]string {
	environment := map[string]string{}
	for v := range variables(reflect.ValueOf(src)) {
		if text := textOf(v.field); text != "" {
			environment[v.name] = text
		}
	}
	return environment
}

// Variables returns the names of the variables from which ReadSettings reads
// settings, a struct or a pointer to one, and those that must not be empty.
func Variables(settings any) (all, needed []string) {
	for v := range variables(reflect.Indirect(reflect.ValueOf(settings))) {
		all = append(all, v.name)
		if v.option == required {
			needed = append(needed, v.name)
		}
	}
	return all, needed
}

// required is the option of a variable that must not be empty.
const required = "required"

// variable is a field that ReadSettings fills.
type variable struct {
	name, option string
	field        reflect.Value
}

// variables yields the tagged fields of a struct and of the structs in it.
func variables(v reflect.Value) iter.Seq[variable] {
	return func(yield func(variable) bool) {
		for i := range v.NumField() {
			field := v.Field(i)
			tag, ok := v.Type().Field(i).Tag.Lookup("env")
			if !ok {
				if field.Kind() == reflect.Pointer {
					field = field.Elem()
				}
				if field.Kind() == reflect.Struct {
					for inner := range variables(field) {
						if !yield(inner) {
							return
						}
					}
				}
				continue
			}
			name, option, _ := strings.Cut(tag, ",")
			if !yield(variable{name, option, field}) {
				return
			}
		}
	}
}

// textOf returns the variable's value from which setField sets the field.
func textOf(field reflect.Value) string {
	switch value := field.Interface().(type) {
	case string:
		return value
	case slog.Level:
		return value.String()
	case time.Duration:
		return strconv.FormatInt(int64(value/time.Second), 10)
	case []string:
		return strings.Join(value, ",")
	case []time.Duration:
		texts := make([]string, len(value))
		for i, d := range value {
			texts[i] = textOf(reflect.ValueOf(d))
		}
		return strings.Join(texts, ",")
	case float64:
		return strconv.FormatFloat(value, 'g', -1, 64)
	}
	return fmt.Sprint(field.Interface())
}

func setField(field reflect.Value, text string) error {
	switch dst := field.Addr().Interface().(type) {
	case *slog.Level:
		if text == "" {
			return nil
		}
		if dst.UnmarshalText([]byte(text)) != nil {
			return errors.New("must be DEBUG, INFO, WARN or ERROR")
		}
		return nil
	case *time.Duration:
		d, err := parseSeconds(text)
		*dst = d
		return err
	case *[]string:
		*dst = splitList(text)
		return nil
	case *[]time.Duration:
		var durations []time.Duration
		for _, one := range splitList(text) {
			d, err := parseSeconds(one)
			if err != nil {
				return err
			}
			durations = append(durations, d)
		}
		*dst = durations
		return nil
	}
	switch field.Kind() {
	case reflect.String:
		field.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(orZero(text))
		if err != nil {
			return errors.New("must be true or false")
		}
		field.SetBool(b)
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(orZero(text), 10, field.Type().Bits())
		if err != nil {
			return errors.New("must be a whole number")
		}
		field.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(orZero(text), 64)
		if err != nil {
			return errors.New("must be a number")
		}
		field.SetFloat(f)
	default:
		panic("host: can't read a setting of type " + field.Type().String())
	}
	return nil
}

func parseSeconds(text string) (time.Duration, error) {
	const most = int64(1<<63-1) / int64(time.Second)
	n, err := strconv.ParseInt(orZero(text), 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, errors.New("must be a whole number of seconds, 0 or more")
	}
	return time.Duration(n) * time.Second, nil
}

func orZero(text string) string {
	if text == "" {
		return "0"
	}
	return text
}

func splitList(text string) []string {
	var out []string
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}
