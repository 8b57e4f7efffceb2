// Package env reads a function's settings from its environment, once, before
// the first request.
package env

import (
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// Read fills the struct that dst points to from the environment that lookup
// gives (os.LookupEnv). A field says where its value comes from:
//
//	Table   string        `env:"ELEVATOR_TABLE,required"`
//	SendDM  bool          `env:"ELEVATOR_SEND_DM,default=true"`
//	Expires time.Duration `env:"ELEVATOR_REQUEST_EXPIRATION_SECONDS,default=0"`
//
// A variable that is not set or empty takes the default, which is the rest of
// the tag after "default=", commas included; a required one must not be empty.
// Types are string, bool, integers, float64, time.Duration (whole seconds, not
// negative), slog.Level, and slices of string and of time.Duration, separated
// by commas. Fields without the tag are left alone.
//
// All mistakes are reported in one error, each with its variable's name and
// never with its value. Read panics where dst itself is a mistake.
func Read(dst any, lookup func(string) (string, bool)) error {
	v := reflect.ValueOf(dst).Elem()
	var mistakes []error
	for i := range v.NumField() {
		tag, ok := v.Type().Field(i).Tag.Lookup("env")
		if !ok {
			continue
		}
		name, option, _ := strings.Cut(tag, ",")
		text, _ := lookup(name)
		if text == "" {
			text, _ = strings.CutPrefix(option, "default=")
			if option == "required" {
				mistakes = append(mistakes, fmt.Errorf("%s is not set", name))
				continue
			}
		}
		if err := set(v.Field(i), text); err != nil {
			mistakes = append(mistakes, fmt.Errorf("%s: %w", name, err))
		}
	}
	return errors.Join(mistakes...)
}

func set(field reflect.Value, text string) error {
	switch dst := field.Addr().Interface().(type) {
	case *slog.Level:
		if text == "" {
			return nil
		}
		if dst.UnmarshalText([]byte(text)) != nil {
			return errors.New("want a log level: DEBUG, INFO, WARN or ERROR")
		}
		return nil
	case *time.Duration:
		d, err := seconds(text)
		*dst = d
		return err
	case *[]string:
		*dst = list(text)
		return nil
	case *[]time.Duration:
		var durations []time.Duration
		for _, one := range list(text) {
			d, err := seconds(one)
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
			return errors.New("want true or false")
		}
		field.SetBool(b)
	case reflect.Int, reflect.Int32, reflect.Int64:
		n, err := strconv.ParseInt(orZero(text), 10, field.Type().Bits())
		if err != nil {
			return errors.New("want a whole number")
		}
		field.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(orZero(text), 64)
		if err != nil {
			return errors.New("want a number")
		}
		field.SetFloat(f)
	default:
		panic("env: no way to read a " + field.Type().String())
	}
	return nil
}

func seconds(text string) (time.Duration, error) {
	const most = int64(1<<63-1) / int64(time.Second)
	n, err := strconv.ParseInt(orZero(text), 10, 64)
	if err != nil || n < 0 || n > most {
		return 0, errors.New("want a whole number of seconds, not negative")
	}
	return time.Duration(n) * time.Second, nil
}

func orZero(text string) string {
	if text == "" {
		return "0"
	}
	return text
}

func list(text string) []string {
	var out []string
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one != "" {
			out = append(out, one)
		}
	}
	return out
}
