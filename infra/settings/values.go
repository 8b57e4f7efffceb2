package settings

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"sso-elevator/functions/access"
)

// Kinds of values that only one setting has.

const (
	namePrefixPattern = `^[a-z](-?[a-z0-9]){0,39}$` // maxNamePrefix is checked separately, because hyphens count
	domainPattern     = `^@?[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)+$`
)

var (
	validEmail         = regexp.MustCompile(emailPattern).MatchString
	validAccount       = regexp.MustCompile(accountPattern).MatchString
	validPermissionSet = regexp.MustCompile(permissionSetPattern).MatchString
	validGroup         = regexp.MustCompile(groupPattern).MatchString
)

// domain is an email domain, with or without a leading "@".
func domain() kind[string] {
	return convertKind(text(domainPattern, "an email domain like example.com"), func(s string) string {
		return strings.ToLower(strings.TrimPrefix(s, "@"))
	})
}

// textOrEmpty is a text that may also be empty. Empty is the default of many of the
// Terraform module's inputs, and the same as leaving the setting out.
func textOrEmpty(pattern, expected string) kind[string] { return text(`^$|`+pattern, expected) }

// namePrefix is the beginning of names.
func namePrefix() kind[string] {
	k := text(namePrefixPattern, "up to 40 lowercase letters, digits and single hyphens; the first character is a letter, the last is not a hyphen")
	k.schema["maxLength"] = maxNamePrefix
	read := k.read
	k.read = func(r *reader, n *yaml.Node, path string) (string, bool) {
		v, ok := read(r, n, path)
		if ok && len(v) > maxNamePrefix {
			r.mistake(n.Line, path, "has %d characters; the maximum is %d, because longer names would exceed AWS's limits", len(v), maxNamePrefix)
			return "", false
		}
		return v, ok
	}
	return k
}

// toSlogLevel converts Python's name of a level to log/slog's.
func toSlogLevel(s string) string {
	switch s {
	case "WARNING":
		return "WARN"
	case "CRITICAL":
		return "ERROR"
	}
	return s
}

func trimSlash(s string) string { return strings.TrimSuffix(s, "/") }

// choice is one entry of the list of durations: "hh:mm" as in the Terraform module, or a
// duration as everywhere else.
func choice() kind[time.Duration] {
	expected := `a duration as "hh:mm" or like "90s", "5m", "2h", up to ` + access.FormatDuration(maxAccessDuration)
	is := schema{"anyOf": []any{schema{"type": "string", "pattern": access.ClockPattern}, schema{"type": "string", "pattern": access.DurationPattern}}}
	return kind[time.Duration]{is, expected, func(r *reader, n *yaml.Node, path string) (time.Duration, bool) {
		if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!str" {
			d, err := access.ParseClock(n.Value)
			if err != nil {
				d, err = access.ParseDuration(n.Value)
			}
			if err == nil && d >= time.Second && d <= maxAccessDuration {
				return d, true
			}
		}
		r.mistake(n.Line, path, "must be %s, not %s", expected, describe(n))
		return 0, false
	}}
}

// choices is the list of offered durations, without duplicates.
func choices() kind[[]time.Duration] {
	k := list(choice(), 0, maxDurations)
	read := k.read
	k.read = func(r *reader, n *yaml.Node, path string) ([]time.Duration, bool) {
		all, ok := read(r, n, path)
		if !ok {
			return nil, false
		}
		for i, d := range all {
			if j := slices.Index(all, d); j < i {
				r.mistake(resolveAlias(n.Content[i]).Line, path+"["+strconv.Itoa(i)+"]", "is the same as item %d: %s; remove one of them", j, access.FormatDuration(d))
				ok = false
			}
		}
		return all, ok
	}
	return k
}

// Limits of tags. AWS allows 50 for a resource, and CloudFormation and the app need
// some of them. Keys have up to 128 characters and values up to 256.
const (
	maxTags         = 40
	tagKeyPattern   = `^[A-Za-z0-9 _.:/=+@-]{1,128}$`
	tagValuePattern = `^[A-Za-z0-9 _.:/=+@-]{0,256}$`
)

// tags is a mapping of strings. A value that YAML reads as a number or a boolean
// keeps its text from the file.
func tags() kind[map[string]string] {
	const expected = "a mapping of tags to their values"
	validKey, validValue := regexp.MustCompile(tagKeyPattern), regexp.MustCompile(tagValuePattern)
	is := schema{
		"type":          "object",
		"maxProperties": maxTags,
		"propertyNames": schema{"pattern": tagKeyPattern},
		"additionalProperties": schema{"anyOf": []any{
			schema{"type": "string", "pattern": tagValuePattern}, schema{"type": []any{"number", "boolean"}},
		}},
	}
	return kind[map[string]string]{is, expected, func(r *reader, n *yaml.Node, path string) (map[string]string, bool) {
		before := len(r.mistakes)
		given, ok := r.readMapping(n, path, expected)
		if !ok {
			return nil, false
		}
		if len(given) > maxTags {
			r.mistake(n.Line, path, "has %d tags; the maximum is %d", len(given), maxTags)
		}
		all := map[string]string{}
		for _, key := range slices.Sorted(maps.Keys(given)) {
			e := given[key]
			at := join(path, key)
			switch {
			case !validKey.MatchString(key) || strings.HasPrefix(strings.ToLower(key), "aws:"):
				r.mistake(e.line, at, `a tag key must have 1 to 128 letters, digits, spaces and _.:/=+@-, and must not begin with "aws:"`)
			case e.value.Kind != yaml.ScalarNode || isNull(e.value) || !validValue.MatchString(e.value.Value):
				r.mistake(e.value.Line, at, "must be up to 256 letters, digits, spaces and _.:/=+@-, not %s", describe(e.value))
			}
			all[key] = e.value.Value
		}
		return all, len(r.mistakes) == before
	}}
}

// objectLock says how long records are locked. It is nested like the same setting of
// the Terraform module.
type objectLock struct{ Rule struct{ Retention retention } }

type retention struct {
	mode        string
	days, years int // exactly one is set
}

// lockConfiguration limits days and years to 100 years, the longest retention in S3.
var lockConfiguration = object("a mapping with rule, as in the S3 API", nil,
	prop("rule", object("a mapping with default_retention", nil,
		prop("default_retention", object("a mapping with mode, and days or years", nil,
			prop("mode", oneOf("GOVERNANCE", "COMPLIANCE"), func(r *retention) *string { return &r.mode },
				"GOVERNANCE: people with a special permission can still delete records. COMPLIANCE: nobody can, not even the root user.").require(),
			prop("days", whole(1, 36500), func(r *retention) *int { return &r.days }, "How many days a record is locked. Set this or years."),
			prop("years", whole(1, 100), func(r *retention) *int { return &r.years }, "How many years a record is locked. Set this or days."),
		), func(r *struct{ Retention retention }) *retention { return &r.Retention }, "The lock of every new record.").require(),
	), func(l *objectLock) *struct{ Retention retention } { return &l.Rule }, "The lock's rule.").require(),
)
