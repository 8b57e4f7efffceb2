package schedule_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/schedule"
)

func parse(t *testing.T, text string) schedule.Expression {
	t.Helper()
	e, err := schedule.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return e
}

const layout = "Mon 2006-01-02 15:04"

// These are the examples on AWS's pages ("Schedule types in EventBridge Scheduler",
// "Setting a schedule pattern for scheduled rules"), and what the pages say about L, W
// and #. Without another time, they start on Wednesday, 2026-07-01, at 12:00.
func TestNext(t *testing.T) {
	for _, tt := range []struct {
		text, from string
		want       string // the next times, separated by commas
	}{
		{text: "cron(0 10 * * ? *)", want: "Thu 2026-07-02 10:00,Fri 2026-07-03 10:00"},
		{text: "cron(15 12 * * ? *)", want: "Wed 2026-07-01 12:15,Thu 2026-07-02 12:15"},
		{text: "cron(0 18 ? * MON-FRI *)", want: "Wed 2026-07-01 18:00,Thu 2026-07-02 18:00,Fri 2026-07-03 18:00,Mon 2026-07-06 18:00"},
		{text: "cron(0 8 1 * ? *)", want: "Sat 2026-08-01 08:00,Tue 2026-09-01 08:00"},
		{text: "cron(0/15 * * * ? *)", want: "Wed 2026-07-01 12:15,Wed 2026-07-01 12:30,Wed 2026-07-01 12:45,Wed 2026-07-01 13:00"},
		{text: "cron(0/10 * ? * MON-FRI *)", from: "2026-07-03 23:45", want: "Fri 2026-07-03 23:50,Mon 2026-07-06 00:00"},
		{text: "cron(0/5 8-17 ? * MON-FRI *)", from: "2026-07-03 17:50", want: "Fri 2026-07-03 17:55,Mon 2026-07-06 08:00"},
		{text: "cron(0/30 20-23 ? * MON-FRI *)", from: "2026-07-03 23:10", want: "Fri 2026-07-03 23:30,Mon 2026-07-06 20:00"},
		{text: "cron(0 9 ? * 2#1 *)", want: "Mon 2026-07-06 09:00,Mon 2026-08-03 09:00,Mon 2026-09-07 09:00"},
		{text: "cron(15 10 ? * 6L 2022-2023)", from: "2022-12-01 00:00", want: "Fri 2022-12-30 10:15,Fri 2023-01-27 10:15"},
		{text: "cron(15 10 ? * 6L 2019-2022)", from: "2022-12-30 10:15", want: "never"},
		{text: "cron(1/10 * * * ? *)", want: "Wed 2026-07-01 12:01,Wed 2026-07-01 12:11,Wed 2026-07-01 12:21"},
		{text: "cron(0 0 ? * 3#2 *)", want: "Tue 2026-07-14 00:00,Tue 2026-08-11 00:00"},
		{text: "cron(0 0 3W * ? *)", want: "Fri 2026-07-03 00:00,Mon 2026-08-03 00:00,Thu 2026-09-03 00:00,Fri 2026-10-02 00:00"},
		{text: "cron(0 0 1W * ? *)", want: "Mon 2026-08-03 00:00,Tue 2026-09-01 00:00,Thu 2026-10-01 00:00,Mon 2026-11-02 00:00"},
		{text: "cron(0 0 31W * ? *)", want: "Fri 2026-07-31 00:00,Mon 2026-08-31 00:00,Fri 2026-10-30 00:00"},
		{text: "cron(0 0 L * ? *)", from: "2028-01-31 00:00", want: "Tue 2028-02-29 00:00,Fri 2028-03-31 00:00"},
		{text: "cron(0 0 LW * ? *)", want: "Fri 2026-07-31 00:00,Mon 2026-08-31 00:00,Wed 2026-09-30 00:00,Fri 2026-10-30 00:00"},
		{text: "cron(0 0 ? * L *)", want: "Sat 2026-07-04 00:00,Sat 2026-07-11 00:00"},
		{text: "cron(0 0 ? * fri#5 *)", want: "Fri 2026-07-31 00:00,Fri 2026-10-30 00:00"},
		{text: "cron(0 0 ? * FRIL *)", want: "Fri 2026-07-31 00:00"},
		{text: "cron(0 23 * * ? *)", from: "2026-07-01 23:00", want: "Thu 2026-07-02 23:00"}, // never the time itself
		{text: "cron(0 0 1 JAN,MAR,may ? *)", want: "Fri 2027-01-01 00:00,Mon 2027-03-01 00:00,Sat 2027-05-01 00:00,Sat 2028-01-01 00:00"},
		{text: "cron(10-30/10,59 * * * ? *)", want: "Wed 2026-07-01 12:10,Wed 2026-07-01 12:20,Wed 2026-07-01 12:30,Wed 2026-07-01 12:59"},
		{text: "cron(0 0 29 2 ? *)", want: "Tue 2028-02-29 00:00,Sun 2032-02-29 00:00"},
		{text: "cron(0 0 29 2 ? *)", from: "2096-02-29 00:00", want: "Fri 2104-02-29 00:00"}, // 2100 is not a leap year
		{text: "cron(0  5  ?  *  1,7  2026/2)", from: "2026-12-27 05:00", want: "Sat 2028-01-01 05:00,Sun 2028-01-02 05:00"},
		{text: "cron(59 23 31 12 ? 2199)", want: "Tue 2199-12-31 23:59,never"},
		{text: "cron(0 0 1 1 ? 1970)", from: "1960-01-01 00:00", want: "Thu 1970-01-01 00:00,never"},
		{text: "rate(5 minutes)", want: "Wed 2026-07-01 12:05,Wed 2026-07-01 12:10"},
		{text: "rate(1 hour)", want: "Wed 2026-07-01 13:00"},
		{text: "rate(2 hours)", want: "Wed 2026-07-01 14:00"},
		{text: "rate(1 minutes)", want: "Wed 2026-07-01 12:01"}, // in the form that EventBridge Scheduler accepts
		{text: "rate(7 day)", want: "Wed 2026-07-08 12:00"},
		{text: "rate(3660 days)", want: "Tue 2036-07-08 12:00"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			if tt.from == "" {
				tt.from = "2026-07-01 12:00"
			}
			at, err := time.Parse("2006-01-02 15:04", tt.from)
			if err != nil {
				t.Fatal(err)
			}
			e := parse(t, tt.text)
			if e.String() != tt.text {
				t.Errorf("String is %q", e)
			}
			var got []string
			for range strings.Split(tt.want, ",") {
				var ok bool
				if at, ok = e.Next(at); !ok {
					got = append(got, "never")
					break
				}
				got = append(got, at.Format(layout))
			}
			if want := strings.Split(tt.want, ","); !slices.Equal(got, want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

// Input times may have any zone and seconds; output times are in UTC.
func TestNextIsUTC(t *testing.T) {
	from := time.Date(2026, 7, 1, 23, 30, 30, 5, time.FixedZone("", -2*60*60)) // 01:30:30 on the 2nd
	for text, want := range map[string]time.Time{
		"cron(0 23 * * ? *)": time.Date(2026, 7, 2, 23, 0, 0, 0, time.UTC),
		"cron(* * * * ? *)":  time.Date(2026, 7, 2, 1, 31, 0, 0, time.UTC),
		"rate(1 hour)":       time.Date(2026, 7, 2, 2, 30, 30, 5, time.UTC),
	} {
		if got, ok := parse(t, text).Next(from); !ok || got != want {
			t.Errorf("%s: got %s, %v; want %s", text, got, ok, want)
		}
	}
	if at, ok := (schedule.Expression{}).Next(from); ok {
		t.Errorf("no expression comes at %s", at)
	}
}

func TestEvery(t *testing.T) {
	if d, ok := parse(t, "rate(90 minutes)").Every(); !ok || d != 90*time.Minute {
		t.Errorf("a rate of 90 minutes comes every %s, %v", d, ok)
	}
	if d, ok := parse(t, "cron(0 23 * * ? *)").Every(); ok {
		t.Errorf("a cron expression comes every %s", d)
	}
}

func TestParseRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "must be rate(…) or cron(…)",
		"2 hours":                        "must be rate(…) or cron(…)",
		"0 23 * * ? *":                   "must be rate(…) or cron(…)",
		"every(2 hours)":                 "must be rate(…) or cron(…)",
		"rate(2 hours":                   "must be rate(…) or cron(…)",
		" rate(2 hours)":                 "must be rate(…) or cron(…)",
		"Rate(2 hours)":                  "must be rate(…) or cron(…)",
		"at(2026-01-01T00:00:00)":        "at(…) fires only once",
		"rate(2  hours)":                 `rate(…) must have a whole number and minutes, hours or days, such as rate(2 hours), not "2  hours"`,
		"rate(0 minutes)":                "the shortest is one minute",
		"rate(-1 hours)":                 "must have a whole number",
		"rate(1.5 hours)":                "must have a whole number",
		"rate(90 seconds)":               "minutes, hours or days",
		"rate(1 week)":                   "minutes, hours or days",
		"rate(5 Minutes)":                "minutes, hours or days",
		"rate(3661 days)":                "longer than ten years",
		"rate(99999999999999999999 day)": "longer than ten years",
		"cron(0 23 * * ?)":               "must have six fields (minutes, hours, day-of-month, month, day-of-week, year), not 5",
		"cron(0 0 23 * * ? *)":           "not 7",
		"cron(0\t23 * * ? *)":            "not 5",
		"cron(0 23 * * * *)":             "exactly one of day-of-month and day-of-week",
		"cron(0 23 ? * ? *)":             "exactly one of day-of-month and day-of-week",
		"cron(0 23 1 * MON *)":           "exactly one of day-of-month and day-of-week",
		"cron(60 23 * * ? *)":            `minutes: "60" is not valid: a value is from 0 to 59`,
		"cron(0 24 * * ? *)":             `hours: "24" is not valid`,
		"cron(0 0 0 * ? *)":              `day-of-month: "0" is not valid`,
		"cron(0 0 32 * ? *)":             `day-of-month: "32" is not valid`,
		"cron(0 0 1 13 ? *)":             `month: "13" is not valid: a value is from 1 to 12, or from JAN to DEC`,
		"cron(0 0 1 JUNE ? *)":           `month: "JUNE" is not valid`,
		"cron(0 0 ? * 0 *)":              `day-of-week: "0" is not valid: a value is from 1 to 7, or from SUN to SAT`,
		"cron(0 0 ? * 8 *)":              `day-of-week: "8" is not valid`,
		"cron(0 0 * * ? 1969)":           `year: "1969" is not valid: a value is from 1970 to 2199`,
		"cron(0 0 * * ? 2200)":           `year: "2200" is not valid`,
		"cron(0 0 * * ? 2199-2198)":      "a range must begin with the smaller value",
		"cron(0 22-2 * * ? *)":           "a range must begin with the smaller value",
		"cron(0 0 ? * FRI-MON *)":        "a range must begin with the smaller value",
		"cron(0,, 0 * * ? *)":            `minutes: "" is not valid`,
		"cron(+5 0 * * ? *)":             `minutes: "+5" is not valid`,
		"cron(/15 0 * * ? *)":            `minutes: "" is not valid`,
		"cron(*/0 0 * * ? *)":            `minutes: "*/0" is not valid: a step is a whole number from 1 to 59`,
		"cron(0/60 0 * * ? *)":           "a step is a whole number from 1 to 59",
		"cron(0/5/5 0 * * ? *)":          "a step is a whole number from 1 to 59",
		"cron(0-5-9 0 * * ? *)":          `minutes: "5-9" is not valid`,
		"cron(? 0 * * ? *)":              `minutes: "?" is not valid`,
		"cron(0 L * * ? *)":              `hours: "L" is not valid`,
		"cron(0 0 1,? * ? *)":            `day-of-month: "?" is not valid`,
		"cron(0 0 1,? * MON *)":          "exactly one of",
		"cron(0 0 L-3 * ? *)":            "and nothing else in the field",
		"cron(0 0 L,15 * ? *)":           "and nothing else in the field",
		"cron(0 0 1W,15W * ? *)":         "and nothing else in the field",
		"cron(0 0 W * ? *)":              "and nothing else in the field",
		"cron(0 0 1-5W * ? *)":           "and nothing else in the field",
		"cron(0 0 32W * ? *)":            "and nothing else in the field",
		"cron(0 0 ? * 3#1,6#3 *)":        "such as 3#2 for the second Tuesday",
		"cron(0 0 ? * 3#6 *)":            "such as 3#2 for the second Tuesday",
		"cron(0 0 ? * 3#0 *)":            "such as 3#2 for the second Tuesday",
		"cron(0 0 ? * #2 *)":             "such as 3#2 for the second Tuesday",
		"cron(0 0 ? * 2,6L *)":           "such as 6L for the last Friday",
		"cron(0 0 ? * 8L *)":             "such as 6L for the last Friday",
		"cron(0 0 ? * 2W *)":             `day-of-week: "2W" is not valid`,
		"cron(0 0 30 FEB ? *)":           "never fires",
		"cron(0 0 29 2 ? 2027)":          "never fires",
		"cron(0 0 31 4,6,9,11 ? *)":      "never fires",
		"cron(" + strings.Repeat("0,", 130) + "0 0 * * ? *)": "a schedule expression can have at most 256",
	} {
		e, err := schedule.Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: got %q, %v; want … %s …", text, e, err, want)
		}
	}
}
