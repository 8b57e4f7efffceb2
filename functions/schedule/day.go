package schedule

import (
	"strings"
	"time"
)

// month is a month of a year, with two facts that are needed often.
type month struct {
	year  int
	month time.Month
	days  int // how many it has
	first int // the day of the week of its first day, from 1 (SUN) to 7
}

func monthOf(year int, m time.Month) month {
	first := time.Date(year, m, 1, 0, 0, 0, 0, time.UTC)
	return month{year, m, first.AddDate(0, 1, -1).Day(), int(first.Weekday()) + 1}
}

// weekday returns the day of the week of a day, from 1 (SUN) to 7.
func (m month) weekday(day int) int { return (m.first-1+day-1)%7 + 1 }

// Days of the week, as in cron.
const (
	sunday   = 1
	saturday = 7
)

// nearestWeekday returns the day from Monday to Friday that is nearest to a day
// in the same month; 0 if the month does not have that day.
func (m month) nearestWeekday(day int) int {
	switch {
	case day > m.days:
		return 0
	case m.weekday(day) == saturday && day == 1:
		return 3 // the Friday before is in another month
	case m.weekday(day) == saturday:
		return day - 1
	case m.weekday(day) == sunday && day == m.days:
		return day - 2
	case m.weekday(day) == sunday:
		return day + 1
	}
	return day
}

// daysOfMonth is the field day-of-month. The zero value, "?", permits all days.
type daysOfMonth struct {
	set     set
	last    bool // "L", "LW"
	nearest int  // "15W": 15
	weekday bool // "LW": the last one from Monday to Friday
}

// parseDaysOfMonth parses the field. L and W must stand alone: AWS does not
// describe them in a list, so their meaning there would be a guess. LW comes from
// Quartz, whose syntax AWS uses.
func parseDaysOfMonth(text string) (daysOfMonth, error) {
	upper := strings.ToUpper(text)
	switch {
	case text == "?":
		return daysOfMonth{}, nil
	case upper == "L":
		return daysOfMonth{last: true}, nil
	case upper == "LW":
		return daysOfMonth{last: true, weekday: true}, nil
	case strings.ContainsAny(upper, "LW"):
		day, err := dayField.parseValue(strings.TrimSuffix(upper, "W"))
		if err != nil {
			return daysOfMonth{}, dayField.wrong(text, "use L for the last day, LW for the last weekday, or 15W for the weekday nearest the 15th, and nothing else in the field")
		}
		return daysOfMonth{nearest: day}, nil
	}
	days, err := dayField.parse(text)
	return daysOfMonth{set: days}, err
}

func (d daysOfMonth) has(m month, day int) bool {
	switch {
	case d.last && d.weekday:
		return day == m.nearestWeekday(m.days)
	case d.last:
		return day == m.days
	case d.nearest > 0:
		return day == m.nearestWeekday(d.nearest)
	}
	return d.set == nil || d.set[day]
}

// daysOfWeek is the field day-of-week. The zero value, "?", permits all days.
type daysOfWeek struct {
	set  set
	last int // "6L": 6
	nth  int // "3#2": the second …
	day  int // … Tuesday
}

// parseDaysOfWeek parses the field. A field with "#" has one expression only
// (AWS: "3#1,6#3" is not valid). So does a field with L after a day, for the same
// reason. L alone is the last day of the week.
func parseDaysOfWeek(text string) (daysOfWeek, error) {
	upper := strings.ToUpper(text)
	day, nth, counted := strings.Cut(upper, "#")
	switch {
	case text == "?":
		return daysOfWeek{}, nil
	case upper == "L":
		return daysOfWeek{set: set{saturday: true}}, nil
	case counted:
		d, err := weekField.parseValue(day)
		n, notNumber := parseNumber(nth)
		if err != nil || notNumber != nil || n < 1 || n > 5 {
			return daysOfWeek{}, weekField.wrong(text, "use a day, # and a number from 1 to 5, such as 3#2 for the second Tuesday, and nothing else in the field")
		}
		return daysOfWeek{day: d, nth: n}, nil
	case strings.HasSuffix(upper, "L"):
		d, err := weekField.parseValue(strings.TrimSuffix(upper, "L"))
		if err != nil {
			return daysOfWeek{}, weekField.wrong(text, "use a day and L, such as 6L for the last Friday, and nothing else in the field")
		}
		return daysOfWeek{last: d}, nil
	}
	days, err := weekField.parse(text)
	return daysOfWeek{set: days}, err
}

func (d daysOfWeek) has(m month, day int) bool {
	weekday := m.weekday(day)
	switch {
	case d.last > 0:
		return weekday == d.last && day+7 > m.days
	case d.nth > 0:
		return weekday == d.day && (day-1)/7+1 == d.nth
	}
	return d.set == nil || d.set[weekday]
}
