package schedule_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"sso-elevator/functions/schedule"
)

// permits reports whether a field permits a minute.
type permits func(time.Time) bool

// TestNextAgainstEveryMinute checks every minute after a time until all six fields of
// a random expression permit one. It defines what a field permits a second time,
// without calendar calculations.
func TestNextAgainstEveryMinute(t *testing.T) {
	const horizon = 70 * 24 * time.Hour
	r := rand.New(rand.NewPCG(1, 2))
	found := 0
	for range 400 {
		text, permitted := randomCron(r)
		e, err := schedule.Parse(text)
		if err != nil && !strings.Contains(err.Error(), "never fires") {
			t.Fatalf("%s: %v", text, err)
		} // otherwise e never comes, which must be true
		// The times are near the ends of months, where days are special.
		from := time.Date(2020+r.IntN(10), time.Month(1+r.IntN(12)), 25+r.IntN(10), r.IntN(24), r.IntN(60), r.IntN(2)*30, 0, time.UTC)
		want, end := from.Truncate(time.Minute).Add(time.Minute), from.Add(horizon)
		for want.Before(end) && !permitted(want) {
			want = want.Add(time.Minute)
		}
		got, ok := e.Next(from)
		if !want.Before(end) {
			if ok && got.Before(end) {
				t.Errorf("%s after %s: got %s, want none before %s", text, from, got, end)
			}
			continue
		}
		found++
		if !ok || got != want {
			t.Errorf("%s after %s: got %s, %v; want %s", text, from, got, ok, want)
		}
	}
	if found < 200 {
		t.Errorf("only %d of 400 expressions came at all", found)
	}
}

func randomCron(r *rand.Rand) (string, permits) {
	minutes, minute := randomList(r, 0, 59, nil, time.Time.Minute)
	hours, hour := randomList(r, 0, 23, nil, time.Time.Hour)
	months, month := randomList(r, 1, 12, strings.Fields("JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC"), func(t time.Time) int { return int(t.Month()) })
	years, year := "*", permits(func(time.Time) bool { return true })
	if r.IntN(3) == 0 {
		years, year = randomList(r, 2015, 2035, nil, time.Time.Year)
	}
	if r.IntN(2) == 0 {
		months, month = "*", func(time.Time) bool { return true }
	}
	days, weekdays := "?", "?"
	var day permits
	if r.IntN(2) == 0 {
		days, day = randomDays(r)
	} else {
		weekdays, day = randomWeekdays(r)
	}
	return fmt.Sprintf("cron(%s %s %s %s %s %s)", minutes, hours, days, months, weekdays, years), func(t time.Time) bool {
		return minute(t) && hour(t) && day(t) && month(t) && year(t)
	}
}

// randomList returns a field of one to three items.
func randomList(r *rand.Rand, least, most int, names []string, of func(time.Time) int) (string, permits) {
	name := func(v int) string {
		if names != nil && r.IntN(2) == 0 {
			return names[v-least]
		}
		return fmt.Sprint(v)
	}
	var texts []string
	var items []permits
	for range 1 + r.IntN(3) {
		a := least + r.IntN(most-least+1)
		b := a + r.IntN(most-a+1)
		step := 1 + r.IntN(min(most, 9))
		var text string
		var item permits
		switch r.IntN(5) {
		case 0:
			text, item = "*", func(time.Time) bool { return true }
		case 1:
			text, item = name(a), func(t time.Time) bool { return of(t) == a }
		case 2:
			text, item = name(a)+"-"+name(b), func(t time.Time) bool { return of(t) >= a && of(t) <= b }
		case 3:
			text, item = fmt.Sprintf("%s/%d", name(a), step), func(t time.Time) bool { return of(t) >= a && (of(t)-a)%step == 0 }
		case 4:
			text = fmt.Sprintf("%s-%s/%d", name(a), name(b), step)
			item = func(t time.Time) bool { return of(t) >= a && of(t) <= b && (of(t)-a)%step == 0 }
		}
		texts, items = append(texts, text), append(items, item)
	}
	return strings.Join(texts, ","), func(t time.Time) bool {
		for _, item := range items {
			if item(t) {
				return true
			}
		}
		return false
	}
}

func randomDays(r *rand.Rand) (string, permits) {
	switch r.IntN(5) {
	case 0:
		return "L", func(t time.Time) bool { return t.AddDate(0, 0, 1).Month() != t.Month() }
	case 1:
		// The day is a workday, and no later day of the month is one.
		return "LW", func(t time.Time) bool {
			for later := t.AddDate(0, 0, 1); later.Month() == t.Month(); later = later.AddDate(0, 0, 1) {
				if workday(later) {
					return false
				}
			}
			return workday(t)
		}
	case 2:
		n := 1 + r.IntN(31)
		// The day is a workday, and no other workday of the month is nearer to n.
		return fmt.Sprintf("%dW", n), func(t time.Time) bool {
			if !workday(t) || time.Date(t.Year(), t.Month(), n, 0, 0, 0, 0, time.UTC).Month() != t.Month() {
				return false
			}
			for d := 1; d <= 31; d++ {
				other := time.Date(t.Year(), t.Month(), d, 0, 0, 0, 0, time.UTC)
				if other.Month() == t.Month() && workday(other) && distance(d, n) < distance(t.Day(), n) {
					return false
				}
			}
			return true
		}
	}
	return randomList(r, 1, 31, nil, time.Time.Day)
}

func randomWeekdays(r *rand.Rand) (string, permits) {
	n := 1 + r.IntN(7)
	is := func(t time.Time) bool { return int(t.Weekday()) == n-1 }
	switch r.IntN(5) {
	case 0:
		return "L", func(t time.Time) bool { return t.Weekday() == time.Saturday }
	case 1:
		return fmt.Sprintf("%dL", n), func(t time.Time) bool { return is(t) && t.AddDate(0, 0, 7).Month() != t.Month() }
	case 2:
		nth := 1 + r.IntN(5)
		return fmt.Sprintf("%d#%d", n, nth), func(t time.Time) bool {
			return is(t) && t.AddDate(0, 0, -7*(nth-1)).Month() == t.Month() && t.AddDate(0, 0, -7*nth).Month() != t.Month()
		}
	}
	return randomList(r, 1, 7, strings.Fields("SUN MON TUE WED THU FRI SAT"), func(t time.Time) int { return int(t.Weekday()) + 1 })
}

func workday(t time.Time) bool { return t.Weekday() != time.Saturday && t.Weekday() != time.Sunday }

func distance(a, b int) int { return max(a-b, b-a) }
